"""Queues."""

from __future__ import annotations

import uuid

import attrs

from fsm_robot.orchestrator.objects import QueueRow
from fsm_robot.orchestrator.tables.database import Database
from fsm_robot.orchestrator.tables.naming import find_row
from fsm_robot.orchestrator.tables.rows import value_of

FLAGS = ("unique_tasks", "auto_change_status")


@attrs.frozen
class QueueTable:
    """Queues in the order of their creation."""

    file: Database

    def add(self, name: str, **settings: object) -> QueueRow:
        """Add a queue; `settings` are columns. A name may be there more than once: the youngest is meant then."""
        now = self.file.now()
        guid = str(uuid.uuid4())
        self.file.insert("queues", {"guid": guid, "name": name, **settings, "created": now, "updated": now})
        return self.find(guid)

    def all(self) -> list[QueueRow]:
        """Return every queue."""
        query = "SELECT * FROM queues WHERE is_deleted = 0 ORDER BY row_id"
        return [value_of(QueueRow, row, FLAGS) for row in self.file.rows(query)]

    def find(self, name: str, *, by_name: bool = True) -> QueueRow:
        """Return the queue with this GUID, name or number. Raises `NoSuchError`."""
        return value_of(QueueRow, find_row(self.file, "queues", name, "queue", by_name=by_name), FLAGS)

    def named(self, name: str, **settings: object) -> QueueRow:
        """Return the queue of a name, made with `settings` where there is none."""
        with self.file.transaction():
            query = "SELECT guid FROM queues WHERE name = ? AND is_deleted = 0 ORDER BY row_id DESC"
            row = self.file.row(query, name)
            return self.add(name, **settings) if row is None else self.find(row["guid"])

    def change(self, queue: QueueRow, **settings: object) -> None:
        """Change columns of a queue."""
        self.file.update("queues", queue.row_id, {**settings, "updated": self.file.now()})

    def delete(self, queue: QueueRow) -> None:
        """Let a queue and its tasks be gone."""
        with self.file.transaction() as db:
            self.change(queue, is_deleted=1)
            db.execute("UPDATE tasks SET is_deleted = 1 WHERE queue_id = ?", (queue.row_id,))

    def counts(self) -> dict[int, dict[int, int]]:
        """Return row of a queue -> status -> how many tasks have it."""
        query = "SELECT queue_id, status, COUNT(*) AS count FROM tasks WHERE is_deleted = 0 GROUP BY queue_id, status"
        found: dict[int, dict[int, int]] = {}
        for row in self.file.rows(query):
            found.setdefault(row["queue_id"], {})[row["status"]] = row["count"]
        return found
