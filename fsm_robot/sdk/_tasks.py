"""One task of a queue, and what settles it."""

from __future__ import annotations

from fsm_robot.sdk import _open_tasks, _transport
from fsm_robot.sdk._errors import BusinessError, ConflictError, GiveBack, Postpone
from fsm_robot.sdk._values import (
    FAILED_APPLICATION,
    FAILED_BUSINESS,
    NEW,
    NORMAL,
    POSTPONED,
    SUCCESS,
    as_json,
    as_mapping,
    chosen,
    moment,
    moment_text,
    now_text,
    priority_number,
    priority_word,
    status_number,
    status_word,
    tag_list,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Any, Protocol

    from fsm_robot.sdk._values import Moment, Tags

    class Loop(Protocol):
        """The loop that a task came out of: see `_queues.Tasks`."""

        def _count(self, task: Task) -> bool: ...


LONGEST_COMMENT = 2000
"""What a comment keeps at most, in characters: the server has a column of that size."""
SHOWN_PARAMETERS = 20


class TaskRow:
    """A task as it stands in its queue; reading one takes nothing.

    Attributes:
        guid: Its GUID.
        name: Its name.
        parameters: As a dictionary; what is none comes as `{"parameters": value}`.
        tags: Its tags.
        priority: `low`, `normal` or `high`.
        status: From 0 New to 6 Abandoned.
        comment: What was last said about it.
        queue: The queue that was asked, empty where the task is the job's own.
        parent_guid: The task that this one repeats, or empty.
        row: Everything that the orchestrator told, as it came.
    """

    def __init__(self, row: Mapping[str, Any], queue: str = "") -> None:
        self.guid: str = str(row.get("guid") or "")
        self.name: str = str(row.get("name") or "")
        self.parameters: dict[str, Any] = as_mapping(row.get("parameters"))
        self.tags: tuple[str, ...] = tuple(row.get("tags") or ())
        self.priority: str = priority_word(int(row.get("priority", NORMAL)))
        self.status: int = int(row.get("status") or 0)
        self.comment: str = str(row.get("comment") or "")
        self.queue: str = queue or str(row.get("queue") or "")
        self.parent_guid: str = str(row.get("parent_guid") or "")
        self.row: Mapping[str, Any] = row.get("row") or row
        self._moments = {key: row.get(key) for key in ("created", "deadline", "postponed", "started", "finished")}

    @property
    def status_word(self) -> str:
        """The status as the orchestrator's pages show it, such as `Failed (Business)`."""
        return status_word(self.status)

    @property
    def created(self) -> datetime | None:
        """When it was added, in UTC, or None."""
        return moment(self._moments["created"])

    @property
    def deadline(self) -> datetime | None:
        """When it should be done, in UTC, or None."""
        return moment(self._moments["deadline"])

    @property
    def postponed(self) -> datetime | None:
        """Until when it was put off, in UTC, or None."""
        return moment(self._moments["postponed"])

    @property
    def started(self) -> datetime | None:
        """When it was taken, in UTC, or None."""
        return moment(self._moments["started"])

    @property
    def finished(self) -> datetime | None:
        """When it was settled, in UTC, or None."""
        return moment(self._moments["finished"])

    def __getitem__(self, key: str) -> Any:
        if key in self.parameters:
            return self.parameters[key]
        names = ", ".join(list(self.parameters)[:SHOWN_PARAMETERS]) or "none"
        raise KeyError(f"task {self.name or self.guid} has no parameter {key!r}; it has {names}")

    def __contains__(self, key: object) -> bool:
        return key in self.parameters

    def get(self, key: str, default: object = None) -> Any:
        """Return a parameter, or `default` where there is none of that name."""
        return self.parameters.get(key, default)

    def __repr__(self) -> str:
        # Without the parameters: they may be personal data, and this gets into logs.
        return f"<{type(self).__name__} {self.name or self.guid!r}: {self.status_word}>"


class Task(TaskRow):
    """A task in hand, which gets exactly one end: see docs/sdk.md, "What sets the status"."""

    # Said again: type checkers infer anew what a class assigns, each in its own way.
    parameters: dict[str, Any]
    tags: tuple[str, ...]
    priority: str
    status: int
    comment: str

    def __init__(
        self,
        row: Mapping[str, Any],
        queue: str = "",
        loop: Loop | None = None,
        *,
        on_stop: str = "fail",
        is_of_job: bool = False,
    ) -> None:
        super().__init__(row, queue)
        self._loop = loop
        self._on_stop = on_stop
        self._is_of_job = is_of_job
        self._end = ""
        if not is_of_job:
            _open_tasks.add(self)

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its end."""
        return not self._end

    # ---- its end

    def done(self, comment: str = "", tags: Tags = ()) -> None:
        """Set Success. Raises `ConflictError` where the task has its end already, `RefusedError`."""
        self._settle(SUCCESS, comment, tags=tag_list(tags))

    def fail(self, reason: str, *, business: bool = False, code: str = "") -> None:
        """Set Failed (Application), or Failed (Business): for a reason that lies in the task itself.

        Raises `ConflictError` where the task has its end already, `RefusedError`.
        """
        self._settle(FAILED_BUSINESS if business else FAILED_APPLICATION, reason, code=code)

    def postpone(
        self,
        until: Moment = None,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        comment: str = "",
    ) -> None:
        """Put it off until a moment, or for a time; then it is New again.

        Raises `ConflictError` where the task has its end already, `RefusedError`; `ValueError` without a time.
        """
        after_s = 86400 * days + 3600 * hours + 60 * minutes + seconds
        if (until is None) == (not after_s):
            raise ValueError("postpone needs a moment, or a time such as hours=4")
        moment_ = now_text(after_s) if until is None else moment_text(until, "until")
        self._settle(POSTPONED, comment, until=moment_)

    def give_back(self, comment: str = "") -> None:
        """Let it be New again, for whoever takes it next. Raises `ConflictError`, `RefusedError`."""
        self._settle(NEW, comment)

    # ---- while it is open

    def update(
        self,
        *,
        parameters: object = None,
        comment: str | None = None,
        deadline: Moment = None,
        priority: str | int | None = None,
    ) -> None:
        """Change what is given. Raises `ConflictError` where the task has its end already, `RefusedError`."""
        self._must_be_open("changed")
        fields = chosen({"comment": comment, "deadline": moment_text(deadline, "deadline")})
        if priority is not None:
            fields["priority"] = priority_number(priority)
        if parameters is not None:
            fields["parameters"] = as_json(parameters, "parameters")
        _transport.call("task.update", task=self.guid, **fields)
        if parameters is not None:
            self.parameters = as_mapping(fields["parameters"])
        self.comment = self.comment if comment is None else comment
        if priority is not None:
            self.priority = priority_word(priority_number(priority))
        self._moments["deadline"] = fields.get("deadline", self._moments["deadline"])

    def tag(self, *tags: str) -> None:
        """Add tags. Raises `ConflictError`, `RefusedError`."""
        self._must_be_open("tagged")
        named = tag_list(tags)
        _transport.call("task.tag", task=self.guid, tags=named)
        self.tags = tuple(dict.fromkeys([*self.tags, *named]))

    def untag(self, *tags: str) -> None:
        """Remove tags. Raises `ConflictError`, `RefusedError`."""
        self._must_be_open("tagged")
        named = tag_list(tags)
        _transport.call("task.untag", task=self.guid, tags=named)
        self.tags = tuple(tag for tag in self.tags if tag not in named)

    # ---- `with task:`

    def __enter__(self) -> Task:
        self._must_be_open("worked on")
        if self._is_of_job:
            _transport.call("job.task.begin", task=self.guid)
            _open_tasks.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            # `break` looks like the end of the block: within a loop Success waits until the next task is asked for.
            if not self._end and self._loop is None:
                self.done()
            return False
        self._tell_failure(error)
        if not self._end:
            self._settle_for(error)
        if not isinstance(error, Exception):
            return False
        if self._loop is not None:
            return not self._loop._count(self)
        # The outcome of the job's own task is that of the job.
        return not self._is_of_job or isinstance(error, (BusinessError, Postpone, GiveBack))

    def _tell_failure(self, error: BaseException) -> None:
        from fsm_robot.sdk._records import write

        name = self.name or self.guid
        if isinstance(error, (Postpone, GiveBack)) or not isinstance(error, Exception):
            return
        if isinstance(error, BusinessError):
            code = f"{error.code}: " if error.code else ""
            write("WARNING", f"task {name} cannot be done: {code}{error}", fields={"task": name})
            return
        write("ERROR", f"task {name} failed: {_shown(error)}", fields={"task": name}, error=error)
        if not self._end:
            from fsm_robot.sdk._screen import on_failure

            on_failure(f"task {name}")

    def _settle_for(self, error: BaseException) -> None:
        """Give it the end that an exception means."""
        if isinstance(error, BusinessError):
            self._settle(FAILED_BUSINESS, str(error), code=error.code)
        elif isinstance(error, Postpone):
            until = now_text(error.after_s) if error.until is None else moment_text(error.until, "until")
            self._settle(POSTPONED, error.comment, until=until)
        elif isinstance(error, GiveBack):
            self._settle(NEW, error.comment)
        elif isinstance(error, Exception):
            self._settle(FAILED_APPLICATION, _shown(error), code=str(getattr(error, "code", "") or ""))
        else:
            self._stopped()

    def _end_of_script(self) -> None:
        from fsm_robot.sdk._screen import should_stop

        if should_stop():
            self._stopped()
        else:
            self._settle(FAILED_APPLICATION, _open_tasks.LEFT)

    def _stopped(self) -> None:
        self._settle(NEW if self._on_stop == "give_back" else FAILED_APPLICATION, _open_tasks.STOPPED)

    def _settle(self, status: int, comment: str, code: str = "", **fields: object) -> None:
        self._must_be_open("settled")
        comment = f"{code}: {comment}" if code and comment else comment or code
        if len(comment) > LONGEST_COMMENT:
            comment = f"{comment[: LONGEST_COMMENT - 1]}…"
        _transport.call("task.end", task=self.guid, status=status, **chosen({"comment": comment, **fields}))
        self._end = status_word(status)
        self.status, self.comment = status, comment or self.comment
        _open_tasks.remove(self)

    def _must_be_open(self, what: str) -> None:
        if self._end:
            raise ConflictError(f"task {self.name or self.guid} is {self._end} already; it cannot be {what} any more")


def _shown(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return name
    return f"{name}: {text}" if text else name


def job_task() -> Task | None:
    """Return the job's own task, or None where it has none.

    It is the script's to settle, with `with job_task() as task:` or by its methods; one that is only read stays as it
    is. Raises `SdkError`.
    """
    row = _transport.call("job.task").get("task")
    return Task(row, is_of_job=True) if row else None


def check_status(status: object) -> int | None:
    """Return the number of a status to look for, or None for any. Raises `ValueError`."""
    return None if status is None else status_number(status)
