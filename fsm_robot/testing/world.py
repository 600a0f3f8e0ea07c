"""Everything outside the owner thread, as fakes.

An orchestrator that follows a list, a clock that jumps, scripts that never ran.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Answer, Journal, Wait
from fsm_robot.errors import BeatsEndedError, FailureKind, GatewayUnreachableError, JournalError
from fsm_robot.robot.assemble import assemble
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.machine import built_in, load
from fsm_robot.robot.ports import ConsumeAnswer, Ending, HeartbeatAnswer, Job, Ledger, Options, Past, Ports, Unsettled
from fsm_robot.robot.settings import times

JOB = Job(
    "5c1e0000-0000-4000-8000-00000000000a", "отчёты\\сводка", "pv", {"task": {"Parameters": {"month": "2026-10"}}}
)
NO_JOB = HeartbeatAnswer(0, has_new_job=0)
JOB_FOUND = HeartbeatAnswer(0, has_new_job=1)
TAKEN = ConsumeAnswer(0, job=JOB)
GONE = ConsumeAnswer(102, "new job not found")
FINE = HeartbeatAnswer(0)
STOP = HeartbeatAnswer(20, "stop")
ABORT = HeartbeatAnswer(10, "abort")
LONGEST_SILENCE_S = 7 * 86400.0
"""Virtual seconds after which a robot that hears nothing but its own heartbeats counts as waiting for ever."""


def lost(kind: FailureKind = "no_answer", retry_after_s: float | None = None) -> GatewayUnreachableError:
    """Return a call that failed in the given way."""
    return GatewayUnreachableError("/api", kind, f"it was {kind}", retry_after_s)


@attrs.define
class FakeClock:
    """A clock that stands still until somebody waits."""

    now_s: float = 1000.0

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self.now_s

    def utc_now(self) -> str:
        """See `ports.Clock.utc_now`."""
        # Always the same day: the recorded journals are made with these fakes, and have to be equal to the byte.
        moment = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.now_s)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@attrs.define
class FakeTimers:
    """`ports.Timers` on the fake clock: what is due runs when the robot waits for it, in the caller's thread."""

    clock: FakeClock
    _entries: list[tuple[float, int, Callable[[], float | None]]] = attrs.field(factory=list)
    _count: int = 0

    def prepare(self, calls: int) -> None:
        """See `ports.Timers.prepare`: the clock needs nothing."""

    def after(self, wait_s: float, action: Callable[[], float | None]) -> Callable[[], None]:
        """See `ports.Timers.after`."""
        self._count += 1
        number = self._count
        self._entries.append((self.clock.now_s + wait_s, number, action))

        def cancel() -> None:
            self._entries = [entry for entry in self._entries if entry[1] != number]

        return cancel

    def run_next(self) -> bool:
        """Jump to what is due next and run it; return whether there was anything."""
        if not self._entries:
            return False
        entry = min(self._entries, key=lambda entry: entry[:2])
        self.clock.now_s = max(self.clock.now_s, entry[0])
        again_s = entry[2]()
        if entry in self._entries:  # it was not cancelled by what it did
            self._entries.remove(entry)
            if again_s is not None:
                self._entries.append((self.clock.now_s + again_s, entry[1], entry[2]))
        return True


@attrs.define
class FakeInbox:
    """Waiting jumps the clock to the next timer; `when_empty`, where it is given, makes the next event instead."""

    clock: FakeClock
    timers: FakeTimers = attrs.field(default=attrs.Factory(lambda self: FakeTimers(self.clock), takes_self=True))
    events: list[Event] = attrs.field(factory=list)
    pauses: list[float] = attrs.field(factory=list)
    when_empty: Callable[[], Event] | None = None
    leave_after_pauses: int | None = None
    left: bool = False

    def post(self, event: Event) -> None:
        """See `ports.Inbox.post`."""
        self.events.append(event)
        self.left = self.left or event.name == "interrupted"

    def take(self) -> Event:
        """See `ports.Inbox.take`."""
        if not self.events and self.when_empty is not None:
            return self.when_empty()
        began_s = self.clock.now_s
        while not self.events:
            silent = self.clock.now_s - began_s > LONGEST_SILENCE_S
            comes = not silent and self.timers.run_next()
            assert comes, "the robot waits for an event that never comes"
        return self.events.pop(0)

    def pause(self, seconds: float) -> bool:
        """See `ports.Inbox.pause`."""
        self.pauses.append(seconds)
        self.clock.now_s += seconds
        if self.leave_after_pauses is not None and len(self.pauses) > self.leave_after_pauses:
            self.post(Event("interrupted", {"reason": "SIGTERM"}))
        return self.left

    def leaving(self) -> bool:
        """See `ports.Inbox.leaving`."""
        return self.left

    def wait_for(self, call: Callable[[], Answer], how_long: Wait) -> Answer:
        """See `ports.Inbox.wait_for`."""
        return call()


@attrs.define
class FakeGateway:
    """A scripted orchestrator: answers from lists, a call at a time; the last entry repeats, an exception is raised.

    Attributes:
        announces: Answers to the Ready heartbeat.
        consumes: Answers to consumeNextJob.
        updates: Answers to job/update: None, or an exception.
        beats: Answers to the Working heartbeat.
        calls: What arrived: `("announce", last GUID)`, `("consume",)`, `("update", GUID, status)`, `("beat", GUID)`.
    """

    announces: list[Any] = attrs.field(factory=lambda: [NO_JOB])
    consumes: list[Any] = attrs.field(factory=lambda: [GONE])
    updates: list[Any] = attrs.field(factory=lambda: [None])
    beats: list[Any] = attrs.field(factory=lambda: [FINE])
    calls: list[tuple[Any, ...]] = attrs.field(factory=list)
    beating: bool = False

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        """See `ports.Gateway.announce`."""
        answer: HeartbeatAnswer = self._answer(self.announces, "announce", last_job.guid if last_job else "")
        return answer

    def consume_job(self) -> ConsumeAnswer:
        """See `ports.Gateway.consume_job`."""
        answer: ConsumeAnswer = self._answer(self.consumes, "consume")
        return answer

    def update_job(self, job_guid: str, status: int) -> None:
        """See `ports.Gateway.update_job`."""
        self._answer(self.updates, "update", job_guid, status)

    def begin_beats(self, job: Job) -> None:
        """See `ports.Gateway.begin_beats`."""
        self.beating = True

    def beat(self, job: Job) -> HeartbeatAnswer:
        """See `ports.Gateway.beat`."""
        if not self.beating:
            raise BeatsEndedError
        self.calls.append(("beat", job.guid))
        answer: HeartbeatAnswer = _next(self.beats)
        return answer

    def end_beats(self) -> None:
        """See `ports.Gateway.end_beats`."""
        self.beating = False

    def close(self) -> None:
        """See `ports.Gateway.close`."""
        self.calls.append(("close",))

    def statuses(self) -> list[int]:
        """Return every status that was sent, in order."""
        return [call[2] for call in self.calls if call[0] == "update"]

    def _answer(self, answers: list[Any], *call: Any) -> Any:
        # Marked where Working heartbeats may still leave: the final status must be no such call.
        self.calls.append((*call, "beating") if self.beating else call)
        return _next(answers)


def _next(answers: list[Any]) -> Any:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


@attrs.define
class FakeWorker:
    """Runs nothing; `on_start`, `on_stop` and `on_kill` say how the script ends, None: it goes on.

    Attributes:
        takes_s: Virtual seconds from its start to `on_start`.
        timers: Needed where `takes_s` is not 0; a `World` gives its own.
        done: What the robot asked for, in order.
    """

    on_start: Ending | Exception | None = None
    on_stop: Ending | None = None
    on_kill: Ending | None = None
    takes_s: float = 0.0
    timers: FakeTimers | None = None
    done: list[Any] = attrs.field(factory=list)
    remains: tuple[str, ...] = ()
    ended: Callable[[Ending], None] | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""
        self.done.append(("start", job.guid))
        if isinstance(self.on_start, Exception):
            raise self.on_start
        self.ended = ended
        if self.takes_s and self.timers is not None:
            ending = self.on_start
            # A script that was ended before its time does not end once more, nor in the place of the next one.
            self.timers.after(self.takes_s, lambda: self._end(ending) if self.ended is ended else None)
        else:
            self._end(self.on_start)

    def ask_to_stop(self) -> None:
        """See `ports.Worker.ask_to_stop`."""
        self.done.append(("ask_to_stop",))
        self._end(self.on_stop)

    def kill(self, outcome: str) -> None:
        """See `ports.Worker.kill`."""
        self.done.append(("kill", outcome))
        self._end(attrs.evolve(self.on_kill, outcome=outcome) if self.on_kill else None)

    def close(self) -> None:
        """See `ports.Worker.close`."""
        self.kill("aborted")

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """See `ports.Worker.end_remains`."""
        self.done.append(("end_remains", run_token))
        return self.remains

    def _end(self, ending: Ending | None) -> None:
        if ending is not None and self.ended is not None:
            tell, self.ended = self.ended, None
            tell(ending)


@attrs.define
class FakeJournal:
    """A journal in memory, which breaks at step `broken_from` where that is given."""

    steps: list[Step] = attrs.field(factory=list)
    broken_from: int | None = None
    ended_with: int | None = None
    crash: Mapping[str, str] | None = None

    def append(self, step: Step) -> None:
        """See `ports.Journal.append`."""
        if self.broken_from is not None and step.seq >= self.broken_from:
            raise JournalError("no space left on device")
        self.steps.append(step)

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        """See `ports.Journal.end`."""
        self.ended_with, self.crash = exit_code, crash


@attrs.define
class FakeLedger:
    """A list of jobs in memory: GUID -> outcome, empty while the job is open."""

    jobs: dict[str, str] = attrs.field(factory=dict)

    def known(self, job_guid: str) -> bool:
        """See `ports.Ledger.known`."""
        return job_guid in self.jobs

    def outcome(self, job_guid: str) -> str:
        """See `ports.Ledger.outcome`."""
        return self.jobs.get(job_guid, "")

    def add(self, job_guid: str, outcome: str = "") -> None:
        """See `ports.Ledger.add`."""
        self.jobs[job_guid] = outcome or self.jobs.get(job_guid, "")

    def make_ready(self) -> None:
        """See `ports.Ledger.make_ready`."""


@attrs.define
class FakePast:
    """What earlier runs left, as a value."""

    left: Unsettled | None = None
    outcomes: dict[str, str] = attrs.field(factory=dict)
    tidied: list[str] = attrs.field(factory=list)

    def unsettled(self) -> Unsettled | None:
        """See `ports.Past.unsettled`."""
        return self.left

    def outcome(self, job_guid: str) -> str:
        """See `ports.Past.outcome`."""
        return self.outcomes.get(job_guid, "")

    def tidy(self, job_guid: str) -> None:
        """See `ports.Past.tidy`."""
        self.tidied.append(job_guid)


@attrs.define
class Lines:
    """The robot's log as a list."""

    lines: list[str] = attrs.field(factory=list)

    def log(self) -> Log:
        """Return a log that writes into the list."""
        lines = self.lines

        class Listed(Log):
            def write(self, level: str, event: str, sentence: str = "", /, **values: object) -> None:
                lines.append(f"{level} {sentence or event} {values}")

        return Listed(None, "DEBUG", str)


@attrs.define
class World:
    """A robot among fakes.

    Attributes:
        definition: The machine; None is the built-in one, of which `machine` may name another file.
        callbacks_class: What acts.
        steps: What the machine decided in the last run.
        left_session: The state in which the session was left, empty where it was not.
        callbacks: The callbacks of the last run.
        settings: Times in seconds that `after` of a state names, where they are not the default.
        paused: Says why no job may be asked for, empty where one may.
        my: What your callbacks find as `self.my`: an object of their class `Settings`.
    """

    gateway: FakeGateway = attrs.field(factory=FakeGateway)
    worker: FakeWorker = attrs.field(factory=FakeWorker)
    clock: FakeClock = attrs.field(factory=FakeClock)
    journal: Journal = attrs.field(factory=FakeJournal)
    ledger: Ledger = attrs.field(factory=FakeLedger)
    past: Past = attrs.field(factory=FakePast)
    inbox: FakeInbox = attrs.field(default=attrs.Factory(lambda self: FakeInbox(self.clock), takes_self=True))
    log: Lines = attrs.field(factory=Lines)
    left_session: list[str] = attrs.field(factory=list)
    callbacks: Callbacks | None = None
    machine: str | Path | None = None
    definition: Definition | None = None
    callbacks_class: type[Callbacks] = Callbacks
    contact_lost_after_s: float | None = None
    keep_task: bool = False
    idle_wait_s: float = 0.0
    settings: Mapping[str, float] = attrs.field(factory=dict)
    my: Any = None
    paused: Callable[[], str] = str
    steps: list[Step] = attrs.field(factory=list)

    def run(self) -> int:
        """Run the robot until its machine has finished; return the exit code."""
        definition = self.definition or definition_of_the_robot(self.machine, self.callbacks_class)
        log, timers = self.log.log(), self.inbox.timers
        self.worker.timers = timers
        self.steps = []
        tokens = iter(range(1, 1000))
        ports = Ports(
            gateway=self.gateway,
            worker=self.worker,
            inbox=self.inbox,
            clock=self.clock,
            timers=timers,
            log=log,
            journal=_Recorder(self.journal, self.steps),
            ledger=self.ledger,
            past=self.past,
            leave=lambda: self.left_session.append(self.steps[-1].dest),
            new_token=lambda: f"token-{next(tokens)}",
            fraction=lambda: 0.5,
            paused=self.paused,
        )
        options = Options(
            contact_lost_after_s=self.contact_lost_after_s,
            idle_wait_s=self.idle_wait_s,
            keep_task=self.keep_task,
            times={**times(), **self.settings},
            my=self.my,
        )
        runner = assemble(RobotMachine(definition), self.callbacks_class, ports, options)
        self.callbacks = runner.callbacks
        return runner.run()

    def path(self) -> list[str]:
        """Return the state after each step."""
        return [step.dest for step in self.steps]

    def events(self) -> list[str]:
        """Return the event of each step."""
        return [step.event.name for step in self.steps]


@attrs.define
class _Recorder:
    """Passes everything on to a journal, and keeps the steps that it took."""

    journal: Journal
    steps: list[Step]

    def append(self, step: Step) -> None:
        self.steps.append(step)
        self.journal.append(step)

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        self.journal.end(exit_code, crash)


def definition_of_the_robot(
    machine: str | Path | None = None, callbacks_class: type[Callbacks] = Callbacks
) -> Definition:
    """Return a machine, checked against the callbacks: the built-in one, or that of a file."""
    return load(Path(machine) if machine else built_in(), callbacks_class)
