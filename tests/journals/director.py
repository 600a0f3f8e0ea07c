"""Makes the real robot take a given walk: everything outside answers so that the wanted event comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import GatewayRejectedError, JournalError, ScriptNotStartedError, ScriptRefusedError
from fsm_robot.robot.callbacks import IN_PROGRESS, Callbacks
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.look_back import find_outcome, find_unsettled
from fsm_robot.robot.ports import ConsumeAnswer, Ending, HeartbeatAnswer, Job, Past, Unsettled
from tests.fakes.world import JOB_FOUND, NO_JOB, FakeClock, FakeGateway, FakePast, FakeWorker, World, lost

ORDERS = {"stop_ordered": 20, "abort_ordered": 10, "robot_forgotten": 101}
CALL_S = 0.125
SCRIPT_S = 2.5
CONTACT_LOST_AFTER_S = 45.0
SCRIPTS = ("letters/birthday", "отчёты\\сводка", "invoices")
LEFT = Unsettled("5c1e0000-0000-4000-8000-000000000001", SCRIPTS[0], "token-0", "", "Working")


class Crash(BaseException):
    """The robot dies here. Not an `Exception`, so that nothing can catch it on the way."""


@attrs.define
class Director:
    """Knows the walk, and how far the robot has come.

    Attributes:
        crash_at: Number of the record at whose writing the robot dies, None for never.
        written: Whether that record still reaches the disk.
    """

    walk: list[str]
    first_job: int = 10
    crash_at: int | None = None
    written: bool = False
    position: int = 0
    jobs: int = 0
    last_code: int = 0

    def wanted(self) -> str:
        return self.walk[self.position] if self.position < len(self.walk) else ""

    def job(self) -> Job:
        number = self.first_job + self.jobs
        self.jobs += 1
        guid = f"5c1e0000-0000-4000-8000-{number:012x}"
        return Job(guid, SCRIPTS[number % 3], "pv", {"task": {"Parameters": {"number": number}}})


@attrs.define
class DirectedJournal:
    """The journal of the robot; the director hears of every step, and breaks or crashes it as the walk wants."""

    director: Director
    file: JournalFile
    world: World

    def append(self, step: Step) -> None:
        director = self.director
        crash = director.crash_at == step.seq
        if crash and not director.written:
            raise Crash
        self.file.append(step)
        if crash:
            raise Crash
        if step.kind in ("taken", "stayed"):
            assert step.event.name == director.wanted(), f"wanted {director.wanted()}, got {step.event.name}"
            director.position += 1
        if step.kind in ("taken", "started"):
            self._prepare(step.dest)

    def _prepare(self, state: str) -> None:
        wanted = self.director.wanted()
        if wanted == "interrupted" and state not in ("Working", "Stopping", "Aborting"):
            self.world.inbox.post(Event("interrupted", {"reason": "SIGTERM"}))
        if wanted == "storage_unusable":
            raise JournalError("the disk is full; this record was written into space that the robot had reserved")

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        self.file.end(exit_code, crash)


@attrs.define
class CountingGateway(FakeGateway):
    """Keeps which statuses the orchestrator really took, and which it refused for good."""

    accepted: list[tuple[str, int]] = attrs.field(factory=list)
    refused: list[tuple[str, int]] = attrs.field(factory=list)

    def update_job(self, job_guid: str, status: int) -> None:
        try:
            self.answer_update(job_guid, status)
        except GatewayRejectedError as error:
            if error.kind == "rejected":
                self.refused.append((job_guid, status))
            raise
        self.accepted.append((job_guid, status))

    def answer_update(self, job_guid: str, status: int) -> None:
        FakeGateway.update_job(self, job_guid, status)


@attrs.define
class DirectedGateway(CountingGateway):
    """Answers what leads to the wanted event; a failure that is asked again fails again."""

    director: Director = attrs.field(factory=lambda: Director([]))
    clock: FakeClock = attrs.field(factory=FakeClock)
    ledger: JobLedger | None = None

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        answers: dict[str, Any] = {
            "no_job": NO_JOB,
            "job_found": JOB_FOUND,
            "robot_unknown": HeartbeatAnswer(101, "robot not found"),
        }
        answer: HeartbeatAnswer = self._directed(answers, "announce", last_job.guid if last_job else "")
        return answer

    def consume_job(self) -> ConsumeAnswer:
        wanted = self.director.wanted()
        answers: dict[str, Any] = {
            "job_gone": ConsumeAnswer(102, "new job not found"),
            "robot_unknown": ConsumeAnswer(101, "robot not found"),
            "consume_answer_lost": lost("no_answer"),
        }
        if wanted in ("job_consumed", "job_repeated"):
            job = self.director.job()
            if wanted == "job_repeated" and self.ledger is not None:
                self.ledger.add(job.guid, "failed")
            answers[wanted] = ConsumeAnswer(0, job=job)
        answer: ConsumeAnswer = self._directed(answers, "consume")
        return answer

    def answer_update(self, job_guid: str, status: int) -> None:
        refusal = GatewayRejectedError("/api/job/update", "rejected", "HTTP 409", 409)
        answers: dict[str, Exception | None] = {
            "job_claimed": None,
            "claim_failed": refusal,
            "job_reported": None,
            "report_refused": refusal,
            "report_undelivered": lost("no_connection"),
        }
        self._directed(answers, "update", job_guid, status)

    def beat(self, job: Job) -> HeartbeatAnswer:
        wanted = self.director.wanted()
        self.calls.append(("beat", job.guid))
        if wanted == "contact_lost":
            raise lost("no_answer")
        self.director.last_code = ORDERS.get(wanted, 0)
        return HeartbeatAnswer(self.director.last_code, wanted.replace("_", " ") if wanted in ORDERS else "")

    def _directed(self, answers: Mapping[str, Any], *call: Any) -> Any:
        self.clock.now_s += CALL_S
        self.calls.append(call)
        wanted = self.director.wanted()
        if wanted == "credential_refused":
            raise GatewayRejectedError("/api", "refused", "HTTP 401", 401)
        if wanted == "interrupted":
            raise lost("no_connection")
        answer = answers.get(wanted, lost("no_connection"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@attrs.define
class DirectedWorker(FakeWorker):
    """Starts as the walk wants it."""

    director: Director = attrs.field(factory=lambda: Director([]))

    def start(self, job: Job, run_token: str, ended: Any) -> None:
        if self.director.wanted() == "script_not_started":
            refused = self.director.jobs % 2
            self.on_start = ScriptRefusedError("../x", "leaves the folder") if refused else ScriptNotStartedError("no")
        else:
            self.on_start = None
        super().start(job, run_token, ended)

    def finish(self) -> None:
        """End the script, as it fits what was asked of it before."""
        asked = [entry for entry in self.done if entry[0] in ("start", "ask_to_stop", "kill")][-1]
        odd = (self.director.first_job + self.director.jobs - 1) % 2
        by_itself = Ending("succeeded", exit_code=0) if odd else Ending("failed", exit_code=1)
        endings = {"start": by_itself, "ask_to_stop": Ending("stopped", exit_code=0)}
        ending = Ending(asked[1], exit_code=-9) if asked[0] == "kill" else endings[asked[0]]
        assert self.ended is not None
        tell, self.ended = self.ended, None
        tell(ending)


@attrs.define
class Stage:
    """A folder of the robot, and the world around it; the folder outlives the robot.

    Attributes:
        starts: GUIDs of the jobs whose script was started, over all lives.
        finals: Statuses other than 8 that the orchestrator took, by job, over all lives.
        refused: GUIDs of the jobs whose final status the orchestrator refused for good.
        warnings: What looking back said loudly.
    """

    folder: Path
    definition: Definition
    header: dict[str, Any]
    starts: list[str] = attrs.field(factory=list)
    finals: dict[str, list[int]] = attrs.field(factory=dict)
    refused: set[str] = attrs.field(factory=set)
    warnings: list[str] = attrs.field(factory=list)
    clock: FakeClock = attrs.field(factory=FakeClock)

    @property
    def journals(self) -> Path:
        return self.folder / "journal"

    def play(self, director: Director, past: Past | None = None) -> World:
        """Let the robot take the walk; returns when it has ended or crashed. `past` is what it looks back on."""
        ledger = JobLedger(self.folder / "jobs" / "ledger.jsonl")
        gateway = DirectedGateway(director=director, clock=self.clock, ledger=ledger)
        worker = DirectedWorker(director=director)
        world = self._world(gateway, worker, ledger)
        world.past = past or FakePast(LEFT if director.walk[0] == "result_left" else None)
        world.journal = DirectedJournal(director, self._file(), world)
        world.inbox.when_empty = lambda: _next_from_outside(world, director, worker)
        try:
            world.run()
            assert director.position == len(director.walk)
        except Crash:
            pass
        finally:
            world.journal.file.close()
        self._note(world)
        return world

    def past_of_the_folder(self) -> Past:
        """Return what looks back on the journals of the folder."""
        return _Past(self.journals, JobLedger(self.folder / "jobs" / "ledger.jsonl"), self.warnings)

    def start_again(self, **answers: Any) -> World:
        """Let the robot live once more, with an orchestrator that has no other job; `answers` are its lists."""
        ledger = JobLedger(self.folder / "jobs" / "ledger.jsonl")
        world = self._world(CountingGateway(**answers), FakeWorker(), ledger)
        file = self._file()
        world.journal, world.past = file, self.past_of_the_folder()
        world.run()
        file.close()
        self._note(world)
        return world

    def _world(self, gateway: CountingGateway, worker: FakeWorker, ledger: JobLedger) -> World:
        return World(
            gateway=gateway,
            worker=worker,
            clock=self.clock,
            ledger=ledger,
            definition=self.definition,
            callbacks_class=Callbacks,
            contact_lost_after_s=CONTACT_LOST_AFTER_S,
        )

    def _file(self) -> JournalFile:
        return JournalFile(self.journals, self.header, self.clock, Redactor())

    def _note(self, world: World) -> None:
        self.starts += [entry[1] for entry in world.worker.done if entry[0] == "start"]
        assert isinstance(world.gateway, CountingGateway)
        self.refused |= {job for job, status in world.gateway.refused if status != IN_PROGRESS}
        for job_guid, status in world.gateway.accepted:
            if status != IN_PROGRESS:
                self.finals.setdefault(job_guid, []).append(status)


@attrs.frozen
class _Past:
    directory: Path
    ledger: JobLedger
    warnings: list[str]

    def unsettled(self) -> Unsettled | None:
        return find_unsettled(self.directory, ledger=self.ledger, warn=self._warn)

    def _warn(self, _event: str, sentence: str, **_values: object) -> None:
        self.warnings.append(sentence)

    def outcome(self, job_guid: str) -> str:
        return find_outcome(self.directory, job_guid)

    def tidy(self, job_guid: str) -> None:
        return


def _next_from_outside(world: World, director: Director, worker: DirectedWorker) -> Event:
    """Return the next event while a callback waits: from the script, a heartbeat, the grace time or a signal."""
    assert world.callbacks is not None
    for event in _events(world, director, worker, world.callbacks.in_hand.number if world.callbacks.in_hand else 0):
        world.inbox.post(event)
    return world.inbox.events.pop(0)


def _events(world: World, director: Director, worker: DirectedWorker, job_run: int) -> Iterator[Event]:
    wanted, inbox = director.wanted(), world.inbox
    if wanted == "script_ended":
        world.clock.now_s += SCRIPT_S
        worker.finish()
    elif wanted in ("interrupted", "interrupted_again"):
        if wanted == "interrupted_again" and not inbox.left:
            yield Event("interrupted", {"reason": "SIGTERM"})
        yield Event(wanted, {"reason": "SIGTERM"})
    elif wanted in ORDERS and director.last_code == ORDERS[wanted]:
        # The heartbeat tells an order once; only another server could say it anew.
        yield Event(wanted, {"code": ORDERS[wanted]}, job_run)
    else:
        while not inbox.events:
            assert inbox.timers.run_next(), f"nothing brings {wanted}"
