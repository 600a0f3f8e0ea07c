"""What the orchestrator remembers beside robots and jobs: queues, tasks, assets, files, logs, processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from fsm_robot.orchestrator.rows import iso

NEW, BUSY, DONE, FAILED_APPLICATION, FAILED_BUSINESS, POSTPONED, ABANDONED = range(7)
TASK_WORDS: Mapping[int, str] = {
    NEW: "New",
    BUSY: "In progress",
    DONE: "Success",
    FAILED_APPLICATION: "Failed (Application)",
    FAILED_BUSINESS: "Failed (Business)",
    POSTPONED: "Postponed",
    ABANDONED: "Abandoned",
}
ENDED_TASKS = frozenset({DONE, FAILED_APPLICATION, FAILED_BUSINESS, ABANDONED})
CREDENTIALS, TEXT, CALENDAR = 1, 2, 3
ASSET_WORDS: Mapping[int, str] = {CREDENTIALS: "credentials", TEXT: "text", CALENDAR: "calendar"}
ONE_ROBOT, ONE_GROUP, ALL_ROBOTS = 1, 2, 3
LONGEST_ASSET_TEXT = 10_000
LOW, NORMAL, HIGH = 0, 1, 2
"""Priorities of tasks. Only that a fresh one has 1 is published; the others are our reading of Low, Normal, High."""
PRIORITY_WORDS: Mapping[int, str] = {LOW: "low", NORMAL: "normal", HIGH: "high"}
LOG_LEVELS = ("Debug", "Info", "Notice", "Warning", "Error", "Critical")
"""From the lowest to the highest."""


@attrs.frozen
class QueueRow:
    """A queue.

    Attributes:
        row_id: Number in the order of creation.
        guid: Its name among programs.
        name: Its name among people.
        description: Free text.
        unique_tasks: Whether a second task of the same name is refused.
        auto_change_status: Whether a task In progress fails with its job.
        retries: How often a task that failed (Application) is put in again.
        abandon_new_min: Minutes after which a New task is Abandoned; 0 for never.
        abandon_busy_min: The same for one In progress.
        created: When it was made.
        updated: Last change.
    """

    row_id: int
    guid: str
    name: str
    description: str
    unique_tasks: bool
    auto_change_status: bool
    retries: int
    abandon_new_min: int
    abandon_busy_min: int
    created: datetime
    updated: datetime

    def to_json(self, counts: Mapping[int, int]) -> dict[str, object]:
        """Return what the command line and the page show of it: its settings and how many tasks have which status."""
        return {
            "guid": self.guid,
            "name": self.name,
            "description": self.description,
            "unique_tasks": self.unique_tasks,
            "auto_change_status": self.auto_change_status,
            "retries": self.retries,
            "abandon_new_min": self.abandon_new_min,
            "abandon_busy_min": self.abandon_busy_min,
            "tasks": {word: counts.get(status, 0) for status, word in TASK_WORDS.items()},
        }


@attrs.frozen
class TaskRow:
    """A task.

    Attributes:
        row_id: Number in the order of creation.
        guid: Its name among programs.
        queue_id: Row of its queue.
        queue: Name of that queue.
        name: Its name among people; the only one in a queue of unique tasks.
        description: Free text.
        status: 0 to 6, see `TASK_WORDS`.
        job_id: Row of the job that has it or had it last, or None.
        job_guid: That job, or empty.
        robot: Label of the robot that set its status last, or empty.
        priority: 0 low, 1 normal, 2 high.
        created: When it was made.
        started: When it was last taken into work, or None.
        postponed: When it is New again, or None.
        deadline: After it the task goes before all that have none behind them, or None.
        finished: When it got a status that ends it, or None.
        updated: Last change.
        comment: What the robot said of it.
        tags: Separated by `;`.
        retries: How often it may still be put in again.
        parent_task: GUID of the task that it repeats, or None.
        parameters: JSON text.
    """

    row_id: int
    guid: str
    queue_id: int
    queue: str
    name: str
    description: str
    status: int
    job_id: int | None
    job_guid: str
    robot: str
    priority: int
    created: datetime
    started: datetime | None
    postponed: datetime | None
    deadline: datetime | None
    finished: datetime | None
    updated: datetime
    comment: str
    tags: str
    retries: int
    parent_task: str | None
    parameters: str = attrs.field(repr=False)

    @property
    def status_word(self) -> str:
        """The status as people read it."""
        return TASK_WORDS[self.status]

    def to_json(self) -> dict[str, object]:
        """Return what the command line and the page show of it; the parameters stay out."""
        return {
            "guid": self.guid,
            "queue": self.queue,
            "name": self.name,
            "status": self.status,
            "status_word": self.status_word,
            "priority": PRIORITY_WORDS[self.priority],
            "tags": self.tags,
            "job": self.job_guid,
            "robot": self.robot,
            "comment": self.comment,
            "retries": self.retries,
            "parent_task": self.parent_task,
            "created": iso(self.created),
            "started": iso(self.started),
            "postponed": iso(self.postponed),
            "deadline": iso(self.deadline),
            "finished": iso(self.finished),
        }


@attrs.frozen
class MoveRow:
    """A change of a task's status: when, from what (None when it was made), to what, by whom, for which job and why."""

    at: datetime
    before: int | None
    after: int
    robot: str
    job_guid: str
    reason: str

    def to_json(self) -> dict[str, object]:
        """Return what the command line and the page show of it."""
        return {
            "at": iso(self.at),
            "before": None if self.before is None else TASK_WORDS[self.before],
            "after": TASK_WORDS[self.after],
            "robot": self.robot,
            "job": self.job_guid,
            "reason": self.reason,
        }


@attrs.frozen
class AssetRow:
    """A resource of the orchestrator: credentials, a text or a calendar.

    Attributes:
        row_id: Number in the order of creation.
        guid: Its name among programs.
        name: Its name among people.
        description: Free text.
        type: 1 credentials, 2 text, 3 calendar.
        text: The login, the text, or the dates as JSON.
        password: Of credentials.
        password_expiration: When the password expires, or None.
        robot_type: Who may read it: 1 one robot, 2 one group, 3 all.
        robot_id: That robot, or None.
        robot_group_id: That group, or None.
        created: When it was made.
        updated: Last change.
    """

    row_id: int
    guid: str
    name: str
    description: str
    type: int
    text: str = attrs.field(repr=False)
    password: str = attrs.field(repr=False)
    password_expiration: datetime | None
    robot_type: int
    robot_id: int | None
    robot_group_id: int | None
    created: datetime
    updated: datetime

    def is_for(self, robot_id: int | None, group_id: int | None) -> bool:
        """Return whether a robot of that row and group may read it."""
        if self.robot_type == ONE_ROBOT:
            return self.robot_id is not None and self.robot_id == robot_id
        if self.robot_type == ONE_GROUP:
            return self.robot_group_id is not None and self.robot_group_id == group_id
        return True

    def to_json(self, robot: str) -> dict[str, object]:
        """Return what the command line and the page show of it, never its value.

        Args:
            robot: Label of the only robot that may read it.
        """
        scope = {ONE_ROBOT: f"robot {robot}", ONE_GROUP: f"group {self.robot_group_id}"}
        return {
            "guid": self.guid,
            "name": self.name,
            "description": self.description,
            "type": ASSET_WORDS[self.type],
            "scope": scope.get(self.robot_type, "all robots"),
            "expires": iso(self.password_expiration),
            "updated": iso(self.updated),
        }


@attrs.frozen
class FolderRow:
    """A folder of the storage."""

    row_id: int
    guid: str
    name: str
    description: str
    created: datetime
    updated: datetime


@attrs.frozen
class FileRow:
    """A file of the storage, without its content.

    Attributes:
        row_id: Number in the order of creation.
        guid: Its name among programs.
        folder_id: Row of its folder, or None.
        folder: Name of that folder, or empty.
        name: Its name among people.
        size: In bytes.
        sha256: Of the content, in hexadecimal digits.
        created: When it was made.
        updated: Last change.
    """

    row_id: int
    guid: str
    folder_id: int | None
    folder: str
    name: str
    size: int
    sha256: str
    created: datetime
    updated: datetime

    def to_json(self) -> dict[str, object]:
        """Return what the command line and the page show of it."""
        return {
            "guid": self.guid,
            "folder": self.folder,
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "updated": iso(self.updated),
        }


@attrs.frozen
class LogRow:
    """A line that a robot sent.

    Attributes:
        row_id: Number in the order of arrival.
        guid: Its name among programs.
        robot_id: Row of the robot, or None.
        robot: Label of the robot, or empty.
        version_guid: Process version that it named, or empty.
        version_id: Row of that version, or None.
        job_guid: Job that it named, or empty.
        job_id: Row of that job, or None.
        level: `Debug`, `Info`, `Notice`, `Warning`, `Error` or `Critical`.
        message: The text.
        received: When it came.
    """

    row_id: int
    guid: str
    robot_id: int | None
    robot: str
    version_guid: str
    version_id: int | None
    job_guid: str
    job_id: int | None
    level: str
    message: str
    received: datetime

    def to_json(self) -> dict[str, object]:
        """Return what the command line and the page show of it."""
        return {
            "seq": self.row_id,
            "at": iso(self.received),
            "robot": self.robot,
            "job": self.job_guid,
            "level": self.level,
            "message": self.message,
        }


@attrs.frozen
class ProcessRow:
    """A process: what jobs are made of; here it is a script's name and nothing that could be downloaded."""

    row_id: int
    guid: str
    name: str
    description: str
    min_version_to_run: str
    process_type: int
    version_id: int | None
    version_guid: str
    created: datetime
    updated: datetime


@attrs.frozen
class VersionRow:
    """A version of a process; its name is the script that a robot starts."""

    row_id: int
    guid: str
    process_id: int
    name: str
    description: str
    process_file_name: str
    created: datetime
    updated: datetime


def tag_list(text: str) -> list[str]:
    """Return the tags of a text in their order, each once."""
    return list(dict.fromkeys(tag.strip() for tag in text.split(";") if tag.strip()))


def fits_tags(tags: str, wanted: str) -> bool:
    """Return whether tags fit a filter such as `+a;-b`: all that are wanted are there, none that is not."""
    found = set(tag_list(tags))
    return all((word.lstrip("+-") in found) != word.startswith("-") for word in tag_list(wanted))
