"""Tasks, and the rules for them, which are evaluated whenever somebody asks: nothing here runs by itself.

Postponed tasks are New again at their time; New ones and those In progress are Abandoned after the minutes of their
queue; one that fails (Application) is put in again while its retries last; one In progress fails with its job where its
queue says so; a past deadline goes before priority, priority before age.
"""

from __future__ import annotations

import json
import threading
import uuid
from datetime import datetime, timedelta

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.orchestrator.objects import (
    ABANDONED,
    BUSY,
    ENDED_TASKS,
    FAILED_APPLICATION,
    NEW,
    NORMAL,
    POSTPONED,
    MoveRow,
    QueueRow,
    TaskRow,
    fits_tags,
    tag_list,
)
from fsm_robot.orchestrator.tables.database import Database, DuplicateError, is_utf8, text_of
from fsm_robot.orchestrator.tables.naming import find_row
from fsm_robot.orchestrator.tables.rows import value_of

LIST_LIMIT = 100
"""How many tasks a list has where nobody says how many; the vendor's visual robot has the same number."""
RACY_WINDOW_S = 0.02
_COMPUTED = {
    "queue": "queues.name",
    "job_guid": "COALESCE(jobs.guid, '')",
    "robot": "COALESCE(robots.label, '')",
}
_COLUMNS = ", ".join(
    f"{_COMPUTED.get(field.name, f'tasks.{field.name}')} AS {field.name}" for field in attrs.fields(TaskRow)
)
_JOINS = (
    "JOIN queues ON queues.row_id = tasks.queue_id LEFT JOIN jobs ON jobs.row_id = tasks.job_id"
    " LEFT JOIN robots ON robots.row_id = tasks.robot_id"
)
_TAKING_ORDER = "(tasks.deadline IS NOT NULL AND tasks.deadline < ?) DESC, tasks.priority DESC, tasks.row_id"


@attrs.frozen
class TaskFilter:
    """Which tasks are meant.

    Attributes:
        queue_id: Row of their queue, None for all.
        status: Their status, None for all.
        name: Their name, `*` and `?` stand for others; empty for all.
        priority: Their priority, None for all.
        tags: `+a;-b`: with a, without b.
        created_after: Made after it, None for all.
        job_id: Row of the job that has them, None for all.
        offset: How many to leave out first.
        limit: How many at most.
    """

    queue_id: int | None = None
    status: int | None = None
    name: str = ""
    priority: int | None = None
    tags: str = ""
    created_after: datetime | None = None
    job_id: int | None = None
    offset: int = 0
    limit: int = LIST_LIMIT


@attrs.frozen
class Author:
    """Who changes a task: rows of a robot and of its job, each None where there is none, and why."""

    robot_id: int | None = None
    job_id: int | None = None
    reason: str = ""


NOBODY = Author()


@attrs.frozen
class TaskTable:
    """Tasks in the order of their creation."""

    file: Database

    def add(
        self,
        queue: QueueRow,
        name: str,
        parameters: str = "{}",
        *,
        author: Author = NOBODY,
        guid: str = "",
        repeats: TaskRow | None = None,
        **values: object,
    ) -> TaskRow:
        """Add a task.

        Args:
            queue: Where.
            name: What people call it.
            parameters: JSON text.
            author: Who does it.
            guid: Its GUID where that is not free.
            repeats: The task that it repeats: it may have the name of that.
            values: Other columns.

        Raises:
            DuplicateError: The queue takes each name once, and has this one.
        """
        now = self.file.now()
        with self.file.transaction():
            if queue.unique_tasks and repeats is None:
                self._refuse_duplicate(queue, name)
            found = {
                "guid": guid or str(uuid.uuid4()), "queue_id": queue.row_id, "name": name, "parameters": parameters,
                "retries": queue.retries, "priority": NORMAL, "parent_task": repeats.guid if repeats else None,
                "created": now, "updated": now, "since": now, **_texts(values),
            }  # fmt: skip
            row_id = self.file.insert("tasks", found)
            self._note(row_id, None, NEW, author)
            return self._select("WHERE tasks.row_id = ?", row_id)[0]

    def find(self, name: str, *, by_name: bool = True) -> TaskRow:
        """Return the task with this GUID, name or number. Raises `NoSuchError`."""
        self.evaluate()
        return value_of(
            TaskRow, find_row(self.file, "tasks", name, "task", by_name=by_name, columns=_COLUMNS, joins=_JOINS)
        )

    def by_row(self, row_id: int | None) -> TaskRow | None:
        """Return the task of a row, also a deleted one, or None."""
        found = self._select("WHERE tasks.row_id = ?", row_id)
        return found[0] if found else None

    def next(self, queue: QueueRow, taken_by: Author | None = None) -> TaskRow | None:
        """Return the New task whose turn it is; nothing is reserved by that unless `taken_by` says for whom."""
        if taken_by is not None:
            with self.file.transaction():
                turn = self.next(queue)
                return turn and self.change(turn, {"status": BUSY}, taken_by)
        self.evaluate()
        waiting = "WHERE tasks.queue_id = ? AND tasks.status = 0 AND tasks.is_deleted = 0"
        order = "ORDER BY tasks.priority DESC, tasks.row_id LIMIT 1"
        # Two questions, each with an index of its own, in the place of one that sorts all tasks.
        late = f"{waiting} AND tasks.deadline IS NOT NULL AND tasks.deadline < ? {order}"
        found = self._select(late, queue.row_id, self.file.now()) or self._select(f"{waiting} {order}", queue.row_id)
        return found[0] if found else None

    def fitting(self, wanted: TaskFilter, *, youngest_first: bool = False) -> list[TaskRow]:
        """Return tasks in the order in which they are due, or the youngest first."""
        self.evaluate()
        where, values = ["tasks.is_deleted = 0"], []
        for column, value in (
            ("queue_id = ?", wanted.queue_id),
            ("status = ?", wanted.status),
            ("priority = ?", wanted.priority),
            ("job_id = ?", wanted.job_id),
            ("created > ?", text_of(wanted.created_after)),
            (f"name {self.file.engine.glob} ?", self.file.engine.pattern(wanted.name) or None),
        ):
            if value is not None:
                where.append(f"tasks.{column}")
                values.append(value)
        order = "tasks.row_id DESC" if youngest_first else _TAKING_ORDER
        values += [] if youngest_first else [self.file.now()]
        query = f"WHERE {' AND '.join(where)} ORDER BY {order}"
        if not wanted.tags:
            return self._select(f"{query} LIMIT ? OFFSET ?", *values, wanted.limit, wanted.offset)
        kept = [task for task in self._select(query, *values) if fits_tags(task.tags, wanted.tags)]
        return kept[wanted.offset : wanted.offset + wanted.limit]

    def moves(self, task: TaskRow) -> list[MoveRow]:
        """Return every change of a task's status, oldest first."""
        query = (
            "SELECT moves.at, before, after, COALESCE(robots.label, '') AS robot, COALESCE(jobs.guid, '') AS job_guid,"
            " reason FROM moves LEFT JOIN robots ON robots.row_id = moves.robot_id"
            " LEFT JOIN jobs ON jobs.row_id = moves.job_id WHERE moves.task_id = ? ORDER BY moves.row_id"
        )
        return [value_of(MoveRow, row) for row in self.file.rows(query, task.row_id)]

    def change(self, task: TaskRow, values: dict[str, object], author: Author = NOBODY) -> TaskRow:
        """Change columns of a task; a status that is set has its consequences.

        Raises:
            DuplicateError: The new name is taken in a queue that takes each once.
        """
        status = values.get("status")
        with self.file.transaction():
            now = self.file.now()
            if isinstance(status, int):
                values = {**values, **self._move(task, status, values, author, now)}
            self.file.update("tasks", task.row_id, {**_texts(values), "updated": now})
            return self._select("WHERE tasks.row_id = ?", task.row_id)[0]

    def repeat(self, task: TaskRow, reason: str = "put in again by hand") -> TaskRow:
        """Put a task in again: a New one with the same content that names it as its parent."""
        queue = _queue_of(self.file, task.queue_id)
        return self.add(
            queue, task.name, task.parameters, author=Author(reason=reason), repeats=task, tags=task.tags,
            description=task.description, priority=task.priority, deadline=task.deadline, retries=task.retries,
        )  # fmt: skip

    def delete(self, task: TaskRow) -> None:
        """Let a task be gone."""
        self.file.update("tasks", task.row_id, {"is_deleted": 1, "updated": self.file.now()})

    def tag(self, name: str, add: str = "", remove: str = "", *, racy: bool = False) -> None:
        """Change the tags of a task; `racy` reads and writes in two steps, as a careless server does."""
        if racy:
            task = self.find(name)
            threading.Event().wait(RACY_WINDOW_S)  # others get in between
            self._write_tags(task, add, remove)
            return
        with self.file.transaction():
            self._write_tags(self.find(name), add, remove)

    def job_ended(self, job_id: int, job_word: str) -> None:
        """Let the tasks In progress of a job fail with it, in the queues that say so."""
        query = "WHERE tasks.job_id = ? AND tasks.status = 1 AND tasks.is_deleted = 0 AND queues.auto_change_status = 1"
        for task in self._select(query, job_id):
            author = Author(_robot_of(self.file, task), job_id, f"its job ended as {job_word}")
            self.change(task, {"status": FAILED_APPLICATION}, author)

    def evaluate(self) -> None:
        """Do what time has made due."""
        # Looked at twice: who only reads must not ask for the file's lock, and who has it may find that another process
        # has done it meanwhile.
        if not self._due():
            return
        with self.file.transaction():
            for task, status, reason in self._due():
                self.change(task, {"status": status}, Author(reason=reason))

    def _due(self) -> list[tuple[TaskRow, int, str]]:
        now = self.file.clock()
        found: list[tuple[TaskRow, int, str]] = []
        back = self._select("WHERE tasks.status = 5 AND tasks.postponed <= ? AND tasks.is_deleted = 0", text_of(now))
        found += [(task, NEW, "its time has come") for task in back]
        query = (
            "SELECT row_id, abandon_new_min, abandon_busy_min FROM queues WHERE is_deleted = 0"
            " AND (abandon_new_min > 0 OR abandon_busy_min > 0)"
        )
        for queue in self.file.rows(query):
            for status, minutes in ((NEW, queue["abandon_new_min"]), (BUSY, queue["abandon_busy_min"])):
                if minutes > 0:
                    left = self._select(
                        "WHERE tasks.queue_id = ? AND tasks.status = ? AND tasks.since <= ? AND tasks.is_deleted = 0",
                        *(queue["row_id"], status, text_of(now - timedelta(minutes=minutes))),
                    )
                    found += [(task, ABANDONED, f"left alone for {counted(minutes, 'minute')}") for task in left]
        return found

    def _move(
        self, task: TaskRow, status: int, values: dict[str, object], author: Author, now: str
    ) -> dict[str, object]:
        """Write down a change of status and return the columns that change with it."""
        self._note(task.row_id, task.status, status, author)
        moved: dict[str, object] = {"status": status, "since": now}
        if author.robot_id is not None:
            moved["robot_id"] = author.robot_id
        if author.job_id is not None:
            moved["job_id"] = author.job_id
        if status == BUSY:
            moved |= {"started": now, "finished": None}
        elif status == NEW:
            moved |= {"started": None, "finished": None, "job_id": None, "postponed": None}
        elif status == POSTPONED:
            moved |= {"finished": None}
        else:
            moved["finished"] = now
        if status == FAILED_APPLICATION and task.status not in ENDED_TASKS:
            retries = values.get("retries")
            self._put_in_again(attrs.evolve(task, retries=retries) if isinstance(retries, int) else task)
        return moved

    def _put_in_again(self, task: TaskRow) -> None:
        if task.retries > 0:
            self.repeat(attrs.evolve(task, retries=task.retries - 1), "it failed")

    def _write_tags(self, task: TaskRow, add: str, remove: str) -> None:
        gone = set(tag_list(remove))
        tags = [tag for tag in tag_list(f"{task.tags};{add}") if tag not in gone]
        self.file.update("tasks", task.row_id, {"tags": ";".join(tags), "updated": self.file.now()})

    def _refuse_duplicate(self, queue: QueueRow, name: str) -> None:
        query = "SELECT guid FROM tasks WHERE queue_id = ? AND name = ? AND is_deleted = 0 LIMIT 1"
        row = self.file.row(query, queue.row_id, name)
        if row is not None:
            raise DuplicateError(
                f"queue {queue.name} accepts each name only once and already has a task {name!r}", row["guid"]
            )

    def _note(self, task_id: int, before: int | None, after: int, author: Author) -> None:
        self.file.insert("moves", {
            "task_id": task_id, "at": self.file.now(), "before": before, "after": after, "robot_id": author.robot_id,
            "job_id": author.job_id, "reason": author.reason,
        })  # fmt: skip

    def _select(self, where: str, *values: object) -> list[TaskRow]:
        query = f"SELECT {_COLUMNS} FROM tasks {_JOINS} {where}"  # noqa: S608 - our own words
        return [value_of(TaskRow, row) for row in self.file.rows(query, *values)]


def _queue_of(file: Database, row_id: int) -> QueueRow:
    """Return the queue of a row, also a deleted one."""
    row = file.rows("SELECT * FROM queues WHERE row_id = ?", row_id)[0]
    return value_of(QueueRow, row, ("unique_tasks", "auto_change_status"))


def _robot_of(file: Database, task: TaskRow) -> int | None:
    """Return the row of the robot that set a task's status last, or None."""
    row = file.row("SELECT robot_id FROM tasks WHERE row_id = ?", task.row_id)
    return None if row is None else row["robot_id"]


def json_text(value: object) -> str:
    """Return parameters as they are kept, JSON text.

    A lone surrogate has no UTF-8 form, but an escape that JSON knows.

    Raises:
        ValueError: JSON cannot say it.
        TypeError: The same.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if is_utf8(text) else json.dumps(value)


def _texts(values: dict[str, object]) -> dict[str, object]:
    return {name: text_of(value) if isinstance(value, datetime) else value for name, value in values.items()}
