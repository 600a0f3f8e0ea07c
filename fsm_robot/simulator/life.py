"""One life of the robot process: its inbox, timers, gateway and log on virtual time. A dead life does nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from fsm_robot.engine.logs import Log, story_of
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Answer, Wait, words_until
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import BeatsEndedError, GatewayError, LeavingError
from fsm_robot.gateway import payloads
from fsm_robot.gateway.reading import Reading
from fsm_robot.robot.ports import ConsumeAnswer, HeartbeatAnswer, Job
from fsm_robot.simulator.disk import SimulatedDisk
from fsm_robot.simulator.network import Flight, Network
from fsm_robot.simulator.orchestrator import Reply, SimulatedOrchestrator
from fsm_robot.simulator.processes import Note, Processes
from fsm_robot.simulator.schedule import Entry, Schedule

HEARTBEAT, CONSUME, UPDATE = payloads.HEARTBEAT_PATH, payloads.CONSUME_PATH, payloads.UPDATE_PATH


class CrashError(BaseException):
    """The robot's process ends here and now. No `except` of the robot's code may catch it."""


class NotYetError(BaseException):
    """A call beside the owner thread has left and is not back; `resume` gives its answer to the second try."""

    def __init__(self, flight: Flight, resume: Callable[[], None]) -> None:
        super().__init__()
        self.flight, self.resume = flight, resume


@attrs.define
class Life:
    """Whether the process still lives."""

    number: int
    dead: bool = False

    def when_alive(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return `action`, which happens only while this life lasts."""

        def lived() -> None:
            if not self.dead:
                action()

        return lived


@attrs.define
class LifeInbox:
    """`ports.Inbox`: waiting lets the world go on."""

    schedule: Schedule
    events: list[Event] = attrs.field(factory=list)
    told_to_leave: int = 0

    def post(self, event: Event) -> None:
        """See `ports.Inbox.post`."""
        self.events.append(event)

    def take(self) -> Event:
        """See `ports.Inbox.take`."""
        while not self.events:
            self.schedule.run_next()
        return self.events.pop(0)

    def tell_to_leave(self) -> None:
        """Ask the robot to leave, as Ctrl-C does."""
        self.told_to_leave += 1
        self.post(Event("interrupted" if self.told_to_leave == 1 else "interrupted_again", {"reason": "SIGTERM"}))

    def pause(self, seconds: float) -> bool:
        """See `ports.Inbox.pause`."""
        self.schedule.run_until(self.schedule.now_s + seconds, self.leaving)
        return self.leaving()

    def leaving(self) -> bool:
        """See `ports.Inbox.leaving`."""
        return self.told_to_leave > 0

    def wait_for(self, call: Callable[[], Answer], how_long: Wait) -> Answer:
        """See `ports.Inbox.wait_for`: what a call did is done, also where nobody has waited for the answer."""
        enough = words_until(how_long, self.told_to_leave)
        try:
            answer = call()
        except GatewayError:
            if self.told_to_leave >= enough:
                raise LeavingError from None
            raise
        if self.told_to_leave >= enough:
            raise LeavingError
        return answer


@attrs.define
class LifeTimers:
    """`ports.Timers` on virtual time.

    In production an action waits in its own thread for the answer to its call. Here it is begun, left when the call
    has gone out (`NotYetError`), and begun again when the answer is there: so a call comes before anything else.
    """

    schedule: Schedule
    life: Life

    def prepare(self, calls: int) -> None:
        """See `ports.Timers.prepare`: the queue of virtual time needs nothing."""

    def after(self, wait_s: float, action: Callable[[], float | None]) -> Callable[[], None]:
        """See `ports.Timers.after`."""
        waiting: list[Entry] = []
        cancelled: list[bool] = []

        def wait(seconds: float) -> None:
            waiting[:] = [self.schedule.after(seconds, self.life.when_alive(act))]

        def act() -> None:
            try:
                again_s = action()
            except NotYetError as gone_out:
                gone_out.flight.landed = self.life.when_alive(_one_after_the_other(gone_out.resume, act))
                return
            if again_s is not None and not cancelled:
                wait(again_s)

        def cancel() -> None:
            # The entry alone is not enough: an action that waits for its answer would enter itself anew after it.
            cancelled.append(True)
            waiting[0].cancel()

        wait(wait_s)
        return cancel


def _one_after_the_other(*actions: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        for action in actions:
            action()

    return act


@attrs.define
class LifeGateway:
    """`ports.Gateway` through the simulated network; answers are read by the code of the real one."""

    schedule: Schedule
    network: Network
    orchestrator: SimulatedOrchestrator
    processes: Processes
    reading: Reading
    note: Note
    effect: Callable[[str], None]
    _beating: str = ""
    _landed: Flight | None = None

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        """See `ports.Gateway.announce`."""
        guid = last_job.guid if last_job else ""
        self._leave("announce_sent")
        flight = self._exchange(lambda: self.orchestrator.heartbeat(guid, working=False))
        answer = self.reading.succeeded(HEARTBEAT, flight.answer(HEARTBEAT, self.reading))
        return self.reading.value(payloads.heartbeat_answer, answer)

    def consume_job(self) -> ConsumeAnswer:
        """See `ports.Gateway.consume_job`."""
        self._leave("consume_sent")
        flight = self._exchange(self.orchestrator.consume, consumes=True)
        answer = self.reading.succeeded(CONSUME, flight.answer(CONSUME, self.reading))
        consumed = self.reading.value(payloads.consume_answer, answer)
        if consumed.job is not None:
            self.note("job_heard", consumed.job.guid, 0, "")
        return consumed

    def update_job(self, job_guid: str, status: int) -> None:
        """See `ports.Gateway.update_job`."""
        self._leave("update_sent", job_guid, status)
        flight = self._exchange(lambda: self.orchestrator.update(job_guid, status))
        try:
            self.reading.updated(flight.answer(UPDATE, self.reading))
        except GatewayError as error:
            self.note("update_heard", job_guid, status, error.kind)
            raise
        self.note("update_heard", job_guid, status, "taken")

    def begin_beats(self, job: Job) -> None:
        """See `ports.Gateway.begin_beats`."""
        self._beating = job.guid

    def beat(self, job: Job) -> HeartbeatAnswer:
        """See `ports.Gateway.beat`."""
        flight, self._landed = self._landed, None
        if flight is None:
            if self._beating != job.guid:
                raise BeatsEndedError(f"heartbeats for job {job.guid} have ended")
            self._leave("beat_sent", job.guid)
            flight = self.network.send(self.orchestrator, lambda: self.orchestrator.heartbeat(job.guid, working=True))
            raise NotYetError(flight, lambda: self._give_back(flight))
        self.effect("hear")
        try:
            answer = self.reading.succeeded(HEARTBEAT, flight.answer(HEARTBEAT, self.reading))
        except GatewayError as error:
            if self._beating == job.guid:
                raise
            raise BeatsEndedError(f"heartbeats for job {job.guid} ended while one was under way") from error
        heard = self.reading.value(payloads.heartbeat_answer, answer)
        self.note("beat_heard", job.guid, heard.code, "")
        if heard.code in (10, 20):
            self.processes.order_heard(job.guid)
        return heard

    def end_beats(self) -> None:
        """See `ports.Gateway.end_beats`."""
        self._beating = ""

    def close(self) -> None:
        """See `ports.Gateway.close`."""

    def _leave(self, what: str, job: str = "", number: int = 0) -> None:
        self.effect("send")
        self.note(what, job, number, "")

    def _exchange(self, act: Callable[[], Reply], *, consumes: bool = False) -> Flight:
        flight = self.network.send(self.orchestrator, act, consumes=consumes)
        while flight.landing is None:
            self.schedule.run_next()
        self.effect("hear")
        return flight

    def _give_back(self, flight: Flight) -> None:
        self._landed = flight


@attrs.define
class LifeLog(Log):
    """robot.log at level INFO on the simulated disk, where nobody syncs it."""

    lines: bytearray = attrs.field(factory=bytearray)
    clock: Schedule = attrs.field(factory=Schedule)

    def write(self, level: str, event: str, sentence: str = "", /, **values: object) -> None:
        """See `logs.Log.write`."""
        if level != "debug":
            line = f"{self.clock.utc_now()} {level} {event} {story_of(sentence, values, self.redact)}\n"
            self.lines += line.encode(errors="backslashreplace")


def log_on(disk: SimulatedDisk, path: Path, schedule: Schedule, redactor: Redactor) -> LifeLog:
    """Return the robot's log at level INFO."""
    lines = disk.opened(path, new=False).data
    return LifeLog(path, "INFO", redactor.text, console=False, lines=lines, clock=schedule)
