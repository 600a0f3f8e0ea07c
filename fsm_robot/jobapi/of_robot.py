"""Scripts and tasks of one robot: built with its wiring, made ready with the first script that asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.redact import Secrets
from fsm_robot.jobapi.lines import Lines
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.shipping.spool import is_there

if TYPE_CHECKING:
    from fsm_robot.jobapi.hands import Hands
    from fsm_robot.jobapi.operations import Operations
    from fsm_robot.jobapi.pictures import Pictures
    from fsm_robot.jobapi.ports import Objects
    from fsm_robot.jobapi.server import JobServer
    from fsm_robot.shipping.shipper import Shipper

LEDGER_NAME = "tasks.jsonl"
SHIPPED_BY = ("fsm_robot.shipping.shipper", "fsm_robot.shipping.spool", "fsm_robot.shipping.line")
"""Imported before a script begins, after which an upgrade may take the files away: the end of a job tells its lines."""
RECOVERING_S = 10.0
"""How long a start waits until the tasks of an earlier life have their end; what takes longer is tried again."""
HURRY_S = 0.0
DRAINED_S = 1.0
"""How long it may take to read what a script has sent before it ended: it is in the system's memory."""


@attrs.frozen
class Shipping:
    """How lines are sent to the orchestrator's log.

    Attributes:
        folder: Where those are that wait.
        least: Level of the least line of a script that is sent.
        level_numbers: See `shipping.line.LEVEL_NUMBERS`.
        output: Whether what scripts print is sent, too.
        per_s: Messages a second.
        room_bytes: How much may wait.
        exit_s: How long a robot that leaves goes on sending.
        zone: That of the server.
    """

    folder: Path
    least: str = "INFO"
    level_numbers: str = ""
    output: bool = False
    per_s: float = 5.0
    room_bytes: int = 16 << 20
    exit_s: float = 10.0
    zone: tzinfo | None = UTC


@attrs.define(eq=False, repr=False)
class ScriptsOfRobot:
    """`robot.ports.Tasks`, and what the worker offers to a script.

    Attributes:
        jobs_directory: Where the ledger of tasks in hand is.
        objects: Makes the calls; built with the first one.
        listen: Opens the robot's channel and returns its address.
        answering: Gives the channel what answers scripts.
        drained: Waits until everything was read that scripts have sent, at most so many seconds.
        secrets: Learns each secret before a script has it.
        log: Writes a line of the robot's own log.
        robot_guid: Named in lines of the log.
        allow: See `Operations`.
        take: The same.
        patience_s: The same.
        settle_s: How long the end of a job waits for its tasks and lines.
        shipping: What is sent of a job to the orchestrator's log, None: nothing.
        pictures_to: The folder of the storage that gets pictures of the screen; empty: they stay here.
        pictures_of: Returns where those of a job are.
        folder_of: Returns the folder of a job by its GUID, for what it does with tasks; None: nobody writes that down.
    """

    jobs_directory: Path
    objects: Callable[[], Objects]
    listen: Callable[[], str]
    answering: Callable[[JobServer], None]
    drained: Callable[[float], object]
    secrets: Secrets
    log: Callable[..., None]
    robot_guid: str = attrs.field(repr=False)
    allow: Sequence[str] = ("*",)
    take: str = "announce"
    patience_s: float = 120.0
    settle_s: float = 5.0
    shipping: Shipping | None = None
    pictures_to: str = ""
    pictures_of: Callable[[Job], Path] = lambda _: Path()
    folder_of: Callable[[str], Path] | None = None
    _pictures: Pictures | None = None
    _contact: bool = False
    _server_objects: Objects | None = None
    _shipper: Shipper | None = None
    _lines_now: Lines | None = None
    _server: JobServer | None = None
    _hands: Hands | None = None
    _made: Operations | None = None
    _making: threading.Lock = attrs.field(factory=threading.Lock)

    # ---- for the worker

    def offer(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask; return how, None where the channel could not be opened."""
        if self._server is None:
            from fsm_robot.jobapi.server import JobServer

            if self.shipping is not None:
                for name in SHIPPED_BY:
                    import_module(name)
            self._server = JobServer(self.listen, self._operations, self.secrets.hide_token, self.log)
            self.answering(self._server)
        self._made = None
        return self._server.begin(job)

    def withdraw(self) -> None:
        """Let it ask no more."""
        if self._server is not None:
            self._server.end()
        if self._made is not None:
            self._made.end()

    # ---- for the callbacks

    def settle_left(self) -> None:
        """See `robot.ports.Tasks.settle_left`."""
        try:
            if not os.stat(self.jobs_directory / LEDGER_NAME).st_size:
                return
        except OSError:
            return  # no script of this robot has taken a task
        from fsm_robot.jobapi.hands import LOST

        self._in_hand().settle(LOST, RECOVERING_S)

    def job_ended(self, job: Job, outcome: str, ending: Ending | None, *, in_a_hurry: bool) -> None:
        """See `robot.ports.Tasks.job_ended`.

        Tasks get their end while lines are on their way: both have threads of their own.
        """
        deadline_s = time.monotonic() + (HURRY_S if in_a_hurry else self.settle_s)
        if ending is not None and ending.pictures and self.pictures_to:
            self._storing().add(self._lines(job), ending.pictures)
        if self._server is not None:
            self.drained(min(_left_s(deadline_s), DRAINED_S))
        if self._made is not None:
            self._made.tell_progress()
        self._lines(job).add_ending(outcome, ending)
        if self._made is not None:
            from fsm_robot.jobapi.hands import LEFT, STOPPED

            comment = STOPPED if outcome in ("stopped", "stop_ran_out", "aborted") else LEFT
            self._made.wind_up(comment, _left_s(deadline_s))
        else:
            self._lines(job).flush(_left_s(deadline_s))
        if self._pictures is not None and self._pictures.flush(_left_s(deadline_s)):
            self._lines(job).flush(_left_s(deadline_s))

    def announced(self) -> None:
        """See `robot.ports.Tasks.announced`; there are lines of an earlier life, or of this one."""
        self.contact_made()
        if self.shipping is not None and (self._shipper is not None or is_there(self.shipping.folder)):
            self._ship().begin()

    def contact_made(self) -> None:
        """Let lines be sent at once, when there are any."""
        self._contact = True

    def leaving(self, *, in_a_hurry: bool) -> None:
        """See `robot.ports.Tasks.leaving`."""
        if in_a_hurry:
            return
        if self._hands is not None:
            # The end of an aborted job waits for nothing. A drained robot may not come back for hours.
            self._hands.settle_rest(self.settle_s)
        deadline_s = time.monotonic() + (self.shipping.exit_s if self.shipping is not None else self.settle_s)
        if self._pictures is not None:
            self._pictures.flush(_left_s(deadline_s))
        if self._shipper is not None:
            self._shipper.flush(_left_s(deadline_s))

    def close(self) -> None:
        """Stop sending lines; what is left is for the next run."""
        if self._server is not None and not self.drained(DRAINED_S):
            self.log(
                "warning",
                "sdk.not_read",
                "a script is still connected when the robot ends, its last lines and steps may be missing",
            )
        if self._pictures is not None:
            self._pictures.close()
        if self._shipper is not None:
            self._shipper.close(0)

    def printed(self, job: Job) -> Callable[[str], None] | None:
        """Return what takes each line that the script of a job prints, None where nobody wants them."""
        if self.shipping is None or not self.shipping.output:
            return None
        lines = self._lines(job)
        return lambda text: lines.add("INFO", text)

    @property
    def lines_waiting(self) -> int:
        """How many lines for the orchestrator's log wait."""
        return 0 if self._shipper is None else self._shipper.waiting

    @property
    def progress(self) -> Mapping[str, object]:
        """What the script in hand has told of its progress."""
        return {} if self._made is None else self._made.progress

    # ---- made late

    def _operations(self, job: Job) -> Operations:
        from fsm_robot.jobapi.operations import Operations

        hands = self._in_hand()
        hands.begin(job)
        self._made = Operations(
            job=job,
            objects=hands.objects,
            hands=hands,
            secrets=self.secrets,
            lines=self._lines(job),
            allow=self.allow,
            take=self.take,
            patience_s=self.patience_s,
            log=self.log,
            picture=lambda name: self._pictured(job, name),
        )
        return self._made

    def _pictured(self, job: Job, name: str) -> None:
        picture = self.pictures_of(job) / os.path.basename(name)
        if self.pictures_to and picture.suffix == ".png" and picture.is_file():
            self._storing().add(self._lines(job), [str(picture)])

    def _storing(self) -> Pictures:
        with self._making:
            if self._pictures is None:
                from fsm_robot.jobapi.pictures import Pictures

                hands = self._in_hand()

                def upload(folder: str, name: str, path: str) -> None:
                    hands.one_call(lambda: hands.objects.upload(folder, name, path))

                self._pictures = Pictures(self.pictures_to, upload, self.secrets.text, self.log)
            return self._pictures

    def _in_hand(self) -> Hands:
        if self._hands is None:
            from fsm_robot.jobapi.hands import Hands
            from fsm_robot.jobapi.ledger import TaskLedger
            from fsm_robot.jobapi.work import WorkLog

            work = WorkLog(self.folder_of, self.secrets.text, self.log)
            ledger = TaskLedger(self.jobs_directory / LEDGER_NAME)
            self._hands = Hands(self._orchestrator(), ledger, self.log, work=work)
        return self._hands

    def _orchestrator(self) -> Objects:
        if self._server_objects is None:
            self._server_objects = self.objects()
        return self._server_objects

    def _lines(self, job: Job) -> Lines:
        if self._lines_now is None or self._lines_now.job is not job:
            how = self.shipping
            self._lines_now = Lines(job, None) if how is None else Lines(job, self._ship, how.least)
        return self._lines_now

    def _ship(self) -> Shipper:
        with self._making:
            if self._shipper is None and self.shipping is not None:
                from fsm_robot.shipping.shipper import Shipper
                from fsm_robot.shipping.spool import Spool

                how = self.shipping
                self._shipper = Shipper(
                    Spool(how.folder), self._send_line, self.log, self.secrets.text, how.per_s, how.room_bytes, how.zone
                )
                if self._contact:
                    self._shipper.begin()
            assert self._shipper is not None, "asked for where lines are sent only"
            return self._shipper

    def _send_line(self, level: str, message: str, job: str, version: str) -> None:
        from fsm_robot.shipping.line import LEVEL_NUMBERS

        numbers = LEVEL_NUMBERS[self.shipping.level_numbers if self.shipping else ""]
        about = {"robot_guid": self.robot_guid, "process_version_guid": version, "job_guid": job}
        named = {name: value for name, value in about.items() if value}
        self._orchestrator().log(numbers.get(level, level), message, **named)


def _left_s(deadline_s: float) -> float:
    return max(0.0, deadline_s - time.monotonic())


def zone_of(server_time: str) -> tzinfo | None:
    """Return the zone of a server by its setting; None is that of this machine."""
    return UTC if server_time == "utc" else None
