"""Everything outside the owner thread, as fakes: an orchestrator that follows a list, a clock that jumps, scripts that never ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from fsm_robot import machine_file
from fsm_robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.errors import GatewayUnreachableError, JournalError
from fsm_robot.logs import Log
from fsm_robot.machine.core import RobotMachine, Step
from fsm_robot.machine.definition import Definition
from fsm_robot.machine.events import Event
from fsm_robot.patience import Patience
from fsm_robot.ports import ConsumeAnswer, Ending, HeartbeatAnswer, Job, Unsettled
from fsm_robot.runner import Runner
from fsm_robot.timers import ThreadTimers

JOB = Job(
    "5c1e0000-0000-4000-8000-00000000000a", "отчёты\\сводка", "pv", {"task": {"Parameters": {"month": "2026-10"}}}
)
NO_JOB = HeartbeatAnswer(0, has_new_job=0)
JOB_FOUND = HeartbeatAnswer(0, has_new_job=1)
GONE = ConsumeAnswer(102, "new job not found")


def lost(kind: str = "no_answer", retry_after_s: float | None = None) -> GatewayUnreachableError:
    """A call that failed in the given way."""
    return GatewayUnreachableError("/api", kind, f"it was {kind}", retry_after_s)  # type: ignore[arg-type]


@attrs.define
class FakeClock:
    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def utc_now(self) -> str:
        return f"2026-11-23T00:00:{self.now_s % 60:09.6f}Z"


@attrs.define
class FakeInbox:
    """Waiting jumps the clock; `when_empty` is asked for the next event."""

    clock: FakeClock
    events: list[Event] = attrs.field(factory=list)
    pauses: list[float] = attrs.field(factory=list)
    when_empty: Callable[[], Event] | None = None
    leave_after_pauses: int | None = None
    left: bool = False

    def post(self, event: Event) -> None:
        self.events.append(event)
        self.left = self.left or event.name == "interrupted"

    def take(self) -> Event:
        if self.events:
            return self.events.pop(0)
        assert self.when_empty is not None, "the robot waits for an event that never comes"
        return self.when_empty()

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.clock.now_s += seconds
        if self.leave_after_pauses is not None and len(self.pauses) > self.leave_after_pauses:
            self.post(Event("interrupted", {"reason": "SIGTERM"}))
        return self.left

    def leaving(self) -> bool:
        return self.left


@attrs.define
class FakeGateway:
    """Answers from lists, a call at a time; an exception in a list is raised. The last entry repeats."""

    announces: list[Any] = attrs.field(factory=lambda: [NO_JOB])
    consumes: list[Any] = attrs.field(factory=lambda: [GONE])
    updates: list[Any] = attrs.field(factory=lambda: [None])
    calls: list[tuple[Any, ...]] = attrs.field(factory=list)
    beating: bool = False

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        return self._answer(self.announces, "announce", last_job.guid if last_job else "")

    def consume_job(self) -> ConsumeAnswer:
        return self._answer(self.consumes, "consume")

    def update_job(self, job_guid: str, status: int) -> None:
        self._answer(self.updates, "update", job_guid, status)

    def begin_beats(self, job: Job) -> None:
        self.beating = True

    def beat(self, job: Job) -> HeartbeatAnswer:
        raise AssertionError("the fake pulse never beats")

    def end_beats(self) -> None:
        self.beating = False

    def close(self) -> None:
        self.calls.append(("close",))

    def _answer(self, answers: list[Any], *call: Any) -> Any:
        self.calls.append((*call, "beating") if self.beating else call)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def statuses(self) -> list[int]:
        return [call[2] for call in self.calls if call[0] == "update"]


@attrs.define
class FakeWorker:
    """Runs nothing; `on_start`, `on_stop` and `on_kill` say how the script ends."""

    on_start: Ending | Exception | None = None
    on_stop: Ending | None = None
    on_kill: Ending | None = None
    done: list[Any] = attrs.field(factory=list)
    remains: tuple[str, ...] = ()
    ended: Callable[[Ending], None] | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        self.done.append(("start", job.guid))
        self.ended = ended
        if isinstance(self.on_start, Exception):
            raise self.on_start
        self._end(self.on_start)

    def ask_to_stop(self) -> None:
        self.done.append(("ask_to_stop",))
        self._end(self.on_stop)

    def kill(self, outcome: str) -> None:
        self.done.append(("kill", outcome))
        self._end(attrs.evolve(self.on_kill, outcome=outcome) if self.on_kill else None)

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        self.done.append(("end_remains", run_token))
        return self.remains

    def _end(self, ending: Ending | None) -> None:
        if ending is not None and self.ended is not None:
            tell, self.ended = self.ended, None
            tell(ending)


@attrs.define
class FakePulse:
    gateway: FakeGateway
    started: list[tuple[str, int]] = attrs.field(factory=list)

    def start(self, job: Job, job_run: int) -> None:
        self.gateway.begin_beats(job)
        self.started.append((job.guid, job_run))

    def stop(self) -> None:
        self.gateway.end_beats()


@attrs.define
class FakeJournal:
    steps: list[Step] = attrs.field(factory=list)
    broken_from: int | None = None
    ended_with: int | None = None

    def append(self, step: Step) -> None:
        if self.broken_from is not None and step.seq >= self.broken_from:
            raise JournalError("no space left on device")
        self.steps.append(step)

    def end(self, exit_code: int) -> None:
        self.ended_with = exit_code


@attrs.define
class FakeLedger:
    jobs: dict[str, str] = attrs.field(factory=dict)

    def known(self, job_guid: str) -> bool:
        return job_guid in self.jobs

    def outcome(self, job_guid: str) -> str:
        return self.jobs.get(job_guid, "")

    def add(self, job_guid: str, outcome: str = "") -> None:
        self.jobs[job_guid] = outcome or self.jobs.get(job_guid, "")


@attrs.define
class FakePast:
    left: Unsettled | None = None

    def unsettled(self) -> Unsettled | None:
        return self.left


@attrs.define
class Lines:
    """The robot's log as a list."""

    lines: list[str] = attrs.field(factory=list)

    def log(self) -> Log:
        lines = self.lines

        class Listed(Log):
            def write(self, level: str, sentence: str, **values: Any) -> None:
                lines.append(f"{level} {sentence} {values}")

        return Listed(None, "DEBUG", str)


@attrs.define
class World:
    """A robot among fakes."""

    gateway: FakeGateway = attrs.field(factory=FakeGateway)
    worker: FakeWorker = attrs.field(factory=FakeWorker)
    clock: FakeClock = attrs.field(factory=FakeClock)
    journal: FakeJournal = attrs.field(factory=FakeJournal)
    ledger: FakeLedger = attrs.field(factory=FakeLedger)
    past: FakePast = attrs.field(factory=FakePast)
    inbox: FakeInbox = attrs.field(default=attrs.Factory(lambda self: FakeInbox(self.clock), takes_self=True))
    log: Lines = attrs.field(factory=Lines)
    left_session: list[str] = attrs.field(factory=list)
    callbacks: Callbacks | None = None

    def run(self) -> int:
        definition = definition_of_the_robot()
        log = self.log.log()
        self.callbacks = Callbacks(
            definition=definition,
            gateway=self.gateway,
            worker=self.worker,
            pulse=FakePulse(self.gateway),  # type: ignore[arg-type]
            inbox=self.inbox,
            timers=ThreadTimers(),
            log=log,
            ledger=self.ledger,
            past=self.past,
            patience=Patience(self.inbox, self.clock, log, lambda: 0.5),
            leave=lambda: self.left_session.append(self.journal.steps[-1].dest),
        )
        runner = Runner(RobotMachine(definition), self.journal, self.callbacks, self.inbox, log)
        return runner.run()

    def path(self) -> list[str]:
        return [step.dest for step in self.journal.steps]

    def events(self) -> list[str]:
        return [step.event.name for step in self.journal.steps]


def definition_of_the_robot() -> Definition:
    return machine_file.load(machine_file.built_in(), callback_names(Callbacks), OUTCOMES)
