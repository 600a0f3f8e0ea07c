"""Queues: taking tasks one after the other, adding them, looking at them."""

from __future__ import annotations

import time

from fsm_robot.sdk import _transport
from fsm_robot.sdk._errors import ApplicationError
from fsm_robot.sdk._screen import should_stop
from fsm_robot.sdk._tasks import Task, TaskRow, check_status
from fsm_robot.sdk._values import FAILED_APPLICATION, as_json, chosen, moment_text, priority_number, tag_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import List  # `list` is a method here

    from fsm_robot.sdk._values import Moment, Tags

LOOK_EVERY_S = 5.0
"""How often a queue that is empty is asked again while `idle_wait` lasts."""
LARGEST_CALL_BYTES = 400_000
MOST_ROWS = 500


def queue(name: str) -> Queue:
    """Return a queue by its name or GUID; nothing is asked yet."""
    return Queue(name)


class Queue:
    """A queue of the orchestrator.

    Attributes:
        name: Its name or GUID.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"the name or GUID of a queue must be a text, not {name!r}")
        self.name = name

    def __repr__(self) -> str:
        return f"<Queue {self.name!r}>"

    # ---- taking

    def tasks(
        self,
        *,
        tags: Tags = None,
        name: str | None = None,
        priority: str | int | None = None,
        created_after: Moment = None,
        limit: int | None = None,
        max_failures: int | None = None,
        idle_wait: float = 0,
        on_stop: str = "fail",
    ) -> Tasks:
        """Take one task after the other, for a `for` loop.

        Args:
            tags: Those that it must have, `pdf;-foreign`: with a minus, must not have.
            name: Its name; `*` stands for any text.
            priority: `low`, `normal` or `high`.
            created_after: Only those added later.
            limit: At most so many.
            max_failures: End with the exception when so many in a row are Failed (Application).
            idle_wait: For how many seconds to go on looking when the queue is empty.
            on_stop: What becomes of the task in hand when the script is told to stop in it: `fail`, or `give_back`.

        Raises:
            NotFoundError: There is no such queue; told with the first task, as are the other errors.
        """
        if on_stop not in ("fail", "give_back"):
            raise ValueError(f"on_stop must be fail or give_back, not {on_stop!r}")
        for what, number in (("limit", limit), ("max_failures", max_failures)):
            if number is not None and (not isinstance(number, int) or number < 1):
                raise ValueError(f"{what} must be a number from 1, not {number!r}")
        return Tasks(
            self,
            _filters(tags, name, priority, created_after),
            limit=limit,
            max_failures=max_failures,
            idle_wait_s=idle_wait,
            on_stop=on_stop,
        )

    def take(
        self,
        *,
        tags: Tags = None,
        name: str | None = None,
        priority: str | int | None = None,
        created_after: Moment = None,
    ) -> Task | None:
        """Take one task, or return None where there is none; several may be open at a time. Raises `SdkError`."""
        row = self._taken(_filters(tags, name, priority, created_after))
        return Task(row, self.name) if row else None

    def _taken(self, filters: Mapping[str, object]) -> Mapping[str, object] | None:
        row: Mapping[str, object] | None = _transport.call("task.take", queue=self.name, **filters).get("task")
        return row

    # ---- adding

    def add(
        self,
        parameters: object = None,
        *,
        name: str = "",
        tags: Tags = None,
        deadline: Moment = None,
        priority: str | int | None = None,
        comment: str = "",
        on_duplicate: str = "raise",
    ) -> str:
        """Add a task, and return its GUID; with `on_duplicate="skip"` empty where one of its name is there.

        Raises:
            ConflictError: The queue allows each name once, and has this one.
            MaybeDoneError: The answer was lost, and the task has no name to look for.
        """
        row = _new_row(
            parameters, "parameters", name=name, tags=tags, deadline=deadline, priority=priority, comment=comment
        )
        return self._added([row], on_duplicate)[0]

    def add_many(
        self,
        rows: Iterable[object],
        *,
        name: str = "",
        tags: Tags = None,
        deadline: Moment = None,
        priority: str | int | None = None,
        comment: str = "",
        on_duplicate: str = "raise",
    ) -> List[str]:
        """Add a task per row, and return the GUIDs of those that were added.

        Args:
            rows: Of parameters: dictionaries, as `csv.DictReader` gives them.
            name: Of each, made of its row: `"{number}"`.
            tags: Of each; so are the others.
            deadline: Of each.
            priority: Of each.
            comment: Of each.
            on_duplicate: `raise`, or `skip` those whose name the queue has.

        Raises:
            ConflictError: As for `add`; the rows before it are added.
            MaybeDoneError: As for `add`; so does it.
        """
        made: List[str] = []
        waiting: List[Mapping[str, object]] = []
        size = 0
        for index, row in enumerate(rows):
            named = _name_of(name, row, index)
            fields = _new_row(
                row, f"rows[{index}]", name=named, tags=tags, deadline=deadline, priority=priority, comment=comment
            )
            length = _length(fields)
            if waiting and (size + length > LARGEST_CALL_BYTES or len(waiting) >= MOST_ROWS):
                made += self._added(waiting, on_duplicate)
                waiting, size = [], 0
            waiting.append(fields)
            size += length
        if waiting:
            made += self._added(waiting, on_duplicate)
        return [guid for guid in made if guid]

    def _added(self, rows: List[Mapping[str, object]], on_duplicate: str) -> List[str]:
        if on_duplicate not in ("raise", "skip"):
            raise ValueError(f"on_duplicate must be raise or skip, not {on_duplicate!r}")
        answer = _transport.call("task.add", queue=self.name, rows=rows, on_duplicate=on_duplicate)
        return [str(guid or "") for guid in answer["guids"]]

    # ---- looking

    def list(
        self,
        status: str | int | None = None,
        *,
        tags: Tags = None,
        name: str | None = None,
        priority: str | int | None = None,
        created_after: Moment = None,
        limit: int = 100,
    ) -> List[TaskRow]:
        """Return the tasks as they are, without taking any; see `tasks` for the filters. Raises `SdkError`."""
        filters = _filters(tags, name, priority, created_after)
        wanted = check_status(status)
        if wanted is not None:
            filters["status"] = wanted
        rows = _transport.call("task.list", queue=self.name, limit=limit, **filters)["tasks"]
        return [TaskRow(row, self.name) for row in rows]

    def find(self, name: str) -> TaskRow | None:
        """Return the task of a name, the newest where there are several, or None. Raises `SdkError`."""
        found = self.list(name=name)
        return found[-1] if found else None


class Tasks:
    """Takes one task after the other: what `Queue.tasks` returns.

    An iterator of its own, for a generator is closed in the same way after `break` and after an error.
    """

    def __init__(
        self,
        queue: Queue,
        filters: Mapping[str, object],
        *,
        limit: int | None,
        max_failures: int | None,
        idle_wait_s: float,
        on_stop: str,
    ) -> None:
        self._queue = queue
        self._filters = filters
        self._left = limit
        self._max_failures = max_failures
        self._idle_wait_s = idle_wait_s
        self._on_stop = on_stop
        self._failures = 0
        self._task: Task | None = None
        self._counted: Task | None = None

    def __iter__(self) -> Tasks:
        return self

    def __next__(self) -> Task:
        before, self._task = self._task, None
        if before is not None and before.is_open:
            before.done()  # the loop has come back for the next one
        if before is not None and self._count(before):
            many = "1 task has failed" if self._failures == 1 else f"{self._failures} tasks failed one after the other"
            raise ApplicationError(f"{many}, the last with: {before.comment}")
        if self._left == 0 or should_stop():
            raise StopIteration
        row = self._next_row()
        if row is None:
            raise StopIteration
        if self._left is not None:
            self._left -= 1
        self._task = Task(row, self._queue.name, self, on_stop=self._on_stop)
        return self._task

    def _next_row(self) -> Mapping[str, object] | None:
        until_s = time.monotonic() + self._idle_wait_s
        while True:
            row = self._queue._taken(self._filters)
            if row is not None:
                return row
            look_s = min(until_s, time.monotonic() + LOOK_EVERY_S)
            while time.monotonic() < look_s:
                if should_stop():
                    return None
                time.sleep(max(0.0, min(0.2, look_s - time.monotonic())))
            if time.monotonic() >= until_s:
                return None

    def _count(self, task: Task) -> bool:
        """Count a task that has its end; return whether too many have failed in a row."""
        if task is not self._counted:
            self._counted = task
            self._failures = self._failures + 1 if task.status == FAILED_APPLICATION else 0
        return self._max_failures is not None and self._failures >= self._max_failures


def _filters(tags: Tags, name: str | None, priority: str | int | None, created_after: Moment) -> dict[str, object]:
    fields = chosen({"tags": tag_list(tags), "name": name})
    if priority is not None:
        fields["priority"] = priority_number(priority)
    if created_after is not None:
        fields["created_after"] = moment_text(created_after, "created_after")
    return fields


def _new_row(
    parameters: object,
    what: str,
    *,
    name: str,
    tags: Tags,
    deadline: Moment,
    priority: str | int | None,
    comment: str,
) -> dict[str, object]:
    row = chosen(
        {
            "name": str(name),
            "tags": tag_list(tags),
            "deadline": moment_text(deadline, "deadline"),
            "comment": comment,
        }
    )
    if priority is not None:
        row["priority"] = priority_number(priority)
    row["parameters"] = {} if parameters is None else as_json(parameters, what)
    return row


def _name_of(pattern: str, row: object, index: int) -> str:
    if not pattern:
        return ""
    try:
        if hasattr(row, "keys") and hasattr(row, "__getitem__"):
            return pattern.format_map(row)
        return pattern.format(row)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"rows[{index}] has no {error} for its name {pattern!r}") from None


def _length(row: Mapping[str, object]) -> int:
    from json import dumps

    return len(dumps(row))
