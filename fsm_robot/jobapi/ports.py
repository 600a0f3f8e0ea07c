"""What the operations of a script need from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from fsm_robot.gateway.object_rows import TaskRead

Row = dict[str, object]


class Objects(Protocol):
    """The object API of the orchestrator. Every method makes one attempt and may raise `GatewayError`.

    Attributes:
        server_time: What the server's clock said with the last answer, or None.
    """

    server_time: datetime | None

    def take(self, queue: str, job_guid: str) -> TaskRead | None:
        """Have the server give a task to a job, by a call of its own, or None."""

    def last_task(self, queue: str) -> TaskRead | None:
        """Return the New task whose turn it is, or None; nothing is reserved."""

    def tasks(self, queue: str, filters: Mapping[str, object], limit: int = 100) -> list[TaskRead]:
        """Return tasks of a queue, filtered or not."""

    def task(self, guid: str) -> TaskRead | None:
        """Return a task, with or without its parameters, or None."""

    def create_task(self, queue: str, fields: Mapping[str, object]) -> str:
        """Add a task and return its GUID."""

    def update_task(self, guid: str, fields: Mapping[str, object], job_guid: str = "") -> None:
        """Change a task."""

    def add_tag(self, guid: str, tags: str) -> None:
        """Add tags, such as `a;b`."""

    def remove_tag(self, guid: str, tags: str) -> None:
        """Take tags away."""

    def asset(self, name: str) -> Row | None:
        """Return an asset as it is, or None."""

    def shown_asset(self, row: Mapping[str, object]) -> Row:
        """Return an asset as scripts know it."""

    def update_asset(self, row: Mapping[str, object], changes: Mapping[str, object]) -> None:
        """Change an asset."""

    def upload(self, folder: str, name: str, path: str) -> None:
        """Put a file into the storage."""

    def download(self, folder: str, name: str, path: str) -> bool:
        """Fetch a file; False where there is none."""

    def delete_file(self, folder: str, name: str) -> None:
        """Remove a file."""

    def create_job(self, fields: Mapping[str, object]) -> str:
        """Have a process run; return the job's GUID."""

    def job(self, guid: str) -> Row | None:
        """Return a job, or None."""

    def order_job(self, guid: str, status: int) -> None:
        """Ask a job to stop (6) or to be aborted (2)."""

    def log(self, level: str, message: str, **about: str) -> None:
        """Add a line."""
