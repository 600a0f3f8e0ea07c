"""Scripts and tasks of one robot: built with its wiring, made ready with the first script that asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.redact import Secrets
from fsm_robot.robot.ports import Job

if TYPE_CHECKING:
    from fsm_robot.jobapi.hands import Hands
    from fsm_robot.jobapi.operations import Operations
    from fsm_robot.jobapi.ports import Objects
    from fsm_robot.jobapi.server import JobServer

LEDGER_NAME = "tasks.jsonl"
RECOVERING_S = 10.0
"""How long a start waits until the tasks of an earlier life have their end; what takes longer is tried again."""
HURRY_S = 0.0
DRAINED_S = 1.0
"""How long it may take to read what a script has sent before it ended: it is in the system's memory."""


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
    _server: JobServer | None = None
    _hands: Hands | None = None
    _made: Operations | None = None

    # ---- for the worker

    def offer(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask; return how, None where the channel could not be opened."""
        if self._server is None:
            from fsm_robot.jobapi.server import JobServer

            self._server = JobServer(self.listen, self._operations, self.secrets.hide_as_it_is)
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

    def job_ended(self, outcome: str, *, in_a_hurry: bool) -> None:
        """See `robot.ports.Tasks.job_ended`."""
        within_s = HURRY_S if in_a_hurry else self.settle_s
        if self._server is not None:
            self.drained(min(within_s, DRAINED_S))
        operations = self._made
        if operations is None:
            return
        from fsm_robot.jobapi.hands import LEFT, STOPPED

        comment = STOPPED if outcome in ("stopped", "stop_ran_out", "aborted") else LEFT
        operations.wind_up(comment, within_s)

    @property
    def progress(self) -> Mapping[str, object]:
        """What the script in hand has told of its progress."""
        return {} if self._made is None else self._made.progress

    # ---- made late

    def _operations(self, job: Job) -> Operations:
        from fsm_robot.jobapi.lines import Lines
        from fsm_robot.jobapi.operations import Operations

        hands = self._in_hand()
        hands.begin(job)
        about = {"robot_guid": self.robot_guid, "process_version_guid": job.process_version_guid, "job_guid": job.guid}
        named = {name: value for name, value in about.items() if value}
        self._made = Operations(
            job=job,
            objects=hands.objects,
            hands=hands,
            secrets=self.secrets,
            lines=Lines(lambda level, message: hands.objects.log(level, message, **named), self.log),
            allow=self.allow,
            take=self.take,
            patience_s=self.patience_s,
            log=self.log,
        )
        return self._made

    def _in_hand(self) -> Hands:
        if self._hands is None:
            from fsm_robot.jobapi.hands import Hands
            from fsm_robot.jobapi.ledger import TaskLedger

            self._hands = Hands(self.objects(), TaskLedger(self.jobs_directory / LEDGER_NAME), self.log)
        return self._hands


def zone_of(server_time: str) -> tzinfo | None:
    """Return the zone of a server by its setting; None is that of this machine."""
    return UTC if server_time == "utc" else None
