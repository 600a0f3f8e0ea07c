"""Jobs of the orchestrator: `jobs.create`, `jobs.read`, `jobs.stop`."""

from __future__ import annotations

from fsm_robot.sdk import _transport
from fsm_robot.sdk._values import as_json, chosen, moment_text, now_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from typing import Union

    from fsm_robot.sdk._queues import Queue
    from fsm_robot.sdk._tasks import TaskRow
    from fsm_robot.sdk._values import Moment

    When = Union[Moment, timedelta]

__all__ = ["JobRef", "create", "read", "stop"]

JOB_PRIORITIES = ("low", "normal", "high")
"""From 1 on, as the orchestrator counts them."""
STATUS_WORDS = (
    *("Created", "Pending", "Aborting", "Aborted", "Success", "Failed", "Stopping", "Stopped", "In progress"),
)


class JobRef:
    """A job of the orchestrator, as it was when it was asked for.

    Attributes:
        guid: Its GUID.
        status: From 0 Created to 8 In progress, or None where it was not told.
        row: Everything that the orchestrator told.
    """

    def __init__(self, row: Mapping[str, object]) -> None:
        self.guid: str = str(row.get("guid") or "")
        status = row.get("status")
        self.status: int | None = None if status is None else int(str(status))
        told = row.get("row")
        self.row: Mapping[str, object] = told if isinstance(told, dict) and told else row

    @property
    def status_word(self) -> str:
        """The status in words, such as `In progress`; empty where it was not told."""
        if self.status is None:
            return ""
        return STATUS_WORDS[self.status] if 0 <= self.status < len(STATUS_WORDS) else f"Status {self.status}"

    def __repr__(self) -> str:
        return f"<JobRef {self.guid}{f': {self.status_word}' if self.status_word else ''}>"


def create(
    process: str,
    *,
    parameters: object = None,
    queue: str | Queue | None = None,
    task: str | TaskRow | None = None,
    robot: str | None = None,
    group: str | None = None,
    priority: str = "normal",
    stop_after: When = None,
    abort_after: When = None,
) -> JobRef:
    """Have a process run, and return its job.

    Args:
        process: Its name or GUID.
        parameters: What the script gets: a task is made of them first, in `queue`.
        queue: Where that task is made.
        task: A task that is there already, instead of parameters.
        robot: Which robot has to do it; or
        group: Of which group one has to.
        priority: `low`, `normal` or `high`.
        stop_after: A moment, or a time from now, when it is asked to stop.
        abort_after: The same, when it is killed.

    Raises:
        NotFoundError: There is no such process, robot or queue.
        NotSupportedError: This orchestrator is not known to have the call.
        MaybeDoneError: The answer was lost: look there before you create it again.
        ValueError: What was given contradicts itself.
    """
    if priority not in JOB_PRIORITIES:
        raise ValueError(f"priority must be low, normal or high, not {priority!r}")
    if robot and group:
        raise ValueError("a job is for a robot, or for a group, not for both")
    if parameters is not None and (task is not None or queue is None):
        raise ValueError("parameters are sent as a new task: name its queue, and leave out `task`")
    fields = {
        "process": process,
        "parameters": None if parameters is None else as_json(parameters, "parameters"),
        "queue": getattr(queue, "name", queue),
        "task": getattr(task, "guid", task),
        "robot": robot,
        "group": group,
        "priority": JOB_PRIORITIES.index(priority) + 1,
        "stop_after": _moment(stop_after, "stop_after"),
        "abort_after": _moment(abort_after, "abort_after"),
    }
    return JobRef(_transport.call("job.create", **chosen(fields))["job"])


def read(job: str | JobRef) -> JobRef:
    """Return a job as it is now. Raises `NotFoundError`."""
    return JobRef(_transport.call("job.read", job=_guid(job))["job"])


def stop(job: str | JobRef) -> None:
    """Ask a job to stop. Raises `NotFoundError`, `NotSupportedError`."""
    _transport.call("job.stop", job=_guid(job))


def _guid(job: str | JobRef) -> str:
    guid = job.guid if isinstance(job, JobRef) else job
    if not isinstance(guid, str) or not guid.strip():
        raise ValueError(f"a job is named by its GUID, not by {guid!r}")
    return guid


def _moment(value: When, what: str) -> str | None:
    total = getattr(value, "total_seconds", None)
    if total is not None:
        return now_text(total())
    return moment_text(value, what)  # type: ignore[arg-type]
