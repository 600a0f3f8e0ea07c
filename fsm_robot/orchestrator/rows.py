"""What the orchestrator remembers of a robot, a job and a call; its other things are in `objects`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import attrs

PENDING, ABORTING, ABORTED, SUCCESS, FAILED, STOPPING, STOPPED, IN_PROGRESS = 1, 2, 3, 4, 5, 6, 7, 8
FINAL_STATUSES = frozenset({ABORTED, SUCCESS, FAILED, STOPPED})
STATUS_WORDS: Mapping[int, str] = {
    0: "Created",
    PENDING: "Pending",
    ABORTING: "Aborting",
    ABORTED: "Aborted",
    SUCCESS: "Success",
    FAILED: "Failed",
    STOPPING: "Stopping",
    STOPPED: "Stopped",
    IN_PROGRESS: "In progress",
}
READY, WORKING = 2, 3
SILENT_AFTER_S = 60.0
"""A robot that was not heard for so long is shown as Disconnected."""

Order = Literal["", "stop", "abort"]


def iso(moment: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC with milliseconds and a `Z`, None for None."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@attrs.frozen(cache_hash=True)
class JobRow:
    """A job.

    Attributes:
        row_id: Number in the order of creation.
        guid: What the robot calls it by.
        script: `ProcessVersion.Name`, exactly as it was enqueued.
        version_guid: `ProcessVersion.GUID`; the same for the same script.
        name: What a person called it; may be empty.
        status: 0 to 8.
        priority: 1 low, 2 normal, 3 high.
        task_text: The task's parameters as JSON text, or None where the job has no task.
        robot_id: Row of the robot that has it, or that alone may have it; None while any robot may.
        robot: Label of that robot, or empty.
        ordered: The order that was given for it: `stop`, `abort` or empty.
        created_at: When it was enqueued.
        consumed_at: When a robot took it.
        started_at: When the robot claimed it (status 8).
        finished_at: When it got its final status.
        updated_at: Last change.
        task_id: Row of its task, or None.
        version_id: Row of its process version.
        source: `GUI` (a person here), `API` or `Trigger`.
        stop_after: When it is asked to stop, or None.
        abort_after: When it is aborted, or None.
        last_message: What its robot logged last for it.
    """

    row_id: int
    guid: str
    script: str
    version_guid: str
    name: str
    status: int
    priority: int
    task_text: str | None = attrs.field(repr=False)
    robot_id: int | None
    robot: str
    ordered: Order
    created_at: datetime
    consumed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    task_id: int | None = None
    version_id: int = 0
    source: str = "GUI"
    stop_after: datetime | None = None
    abort_after: datetime | None = None
    last_message: str = ""

    @property
    def status_word(self) -> str:
        """The status as people read it."""
        return STATUS_WORDS[self.status]

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in FINAL_STATUSES

    def to_json(self) -> dict[str, object]:
        """Return what the admin calls and the page show of it; the task's content stays out."""
        return {
            "guid": self.guid,
            "script": self.script,
            "name": self.name,
            "status": self.status,
            "status_word": self.status_word,
            "priority": self.priority,
            "has_task": self.task_text is not None,
            "robot": self.robot,
            "ordered": self.ordered,
            "created_at": iso(self.created_at),
            "consumed_at": iso(self.consumed_at),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "source": self.source,
            "last_message": self.last_message,
        }


@attrs.frozen
class RobotRow:
    """A robot. Its GUID, being its password, is not here: `label` is made from a salted digest of it.

    Attributes:
        row_id: Number in the order of first contact.
        label: `robot-` and eight hexadecimal digits.
        machine: Computer name that it reported.
        ip: Address that it reported.
        mac: Hardware address that it reported.
        status: 2 Ready, 3 Working, 0 before the first heartbeat.
        job_guid: Job that it reported last, or empty.
        job_name: That job's script name, or empty.
        last_heartbeat: When it last sent a heartbeat, or None.
        active: Whether it is known; 101 is the answer to one that is not.
        paused: Whether it gets no new job.
        group_id: Number of its group, or None.
        public_guid: Names it in rows; its GUID, the password, is not known here.
        created: When it was first seen, or None where that was not kept.
    """

    row_id: int
    label: str
    machine: str
    ip: str
    mac: str
    status: int
    job_guid: str
    job_name: str
    last_heartbeat: datetime | None
    active: bool = True
    paused: bool = False
    group_id: int | None = None
    public_guid: str = ""
    created: datetime | None = None

    def status_number(self, now: datetime, silent_after_s: float) -> int:
        """Return the status as the vendor's rows have it: 0 for one that fell silent or was never heard."""
        return self.status if self.status_word(now, silent_after_s) in ("Ready", "Working") else 0

    def status_word(self, now: datetime, silent_after_s: float) -> str:
        """Return the status as people read it; a robot that fell silent is Disconnected."""
        if self.last_heartbeat is None:
            return "Never seen"
        if not self.active:
            return "Forgotten"
        if (now - self.last_heartbeat).total_seconds() > silent_after_s:
            return "Disconnected"
        return "Working" if self.status == WORKING else "Ready"

    def to_json(self, now: datetime) -> dict[str, object]:
        """Return what the page and the command line show of it."""
        return {
            "label": self.label,
            "status": self.status_word(now, SILENT_AFTER_S),
            "paused": self.paused,
            "machine": self.machine,
            "job_name": self.job_name,
            "last_heartbeat": iso(self.last_heartbeat),
        }


@attrs.frozen
class CallRow:
    """One call of a robot, as it arrived.

    Attributes:
        seq: Number in the order of arrival.
        at: UTC stamp of the arrival, ISO 8601 with microseconds and a `Z`.
        monotonic_s: The same moment on the machine's monotonic clock, for spacing.
        robot: Label of the robot, or empty where the credential was missing.
        verb: `POST`, `PUT`, …
        path: `/api/…`; anything that looks like a GUID is masked, a job GUID is among the fields.
        fields: Parameters by folded name (`jobguid`, `status`, …), the robot's GUID taken out in every form.
        http_status: What was answered, or None where nothing was (yet).
        code: HeartbeatErrorCode or ConsumeJobErrorCode that was answered, or None.
        fault: The fault that struck, in text form, or empty.
    """

    seq: int
    at: str
    monotonic_s: float
    robot: str
    verb: str
    path: str
    fields: Mapping[str, str]
    http_status: int | None = None
    code: int | None = None
    fault: str = ""
