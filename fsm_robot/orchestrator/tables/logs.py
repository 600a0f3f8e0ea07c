"""What robots logged. Old lines are dropped."""

from __future__ import annotations

import uuid
from datetime import timedelta

import attrs

from fsm_robot.orchestrator.objects import LogRow
from fsm_robot.orchestrator.tables.database import Database, NoSuchError
from fsm_robot.orchestrator.tables.rows import value_of

KEPT_LOGS = 100_000
LISTED_LOGS = 1000
_SELECT = (
    "SELECT logs.row_id, logs.guid, logs.robot_id, COALESCE(robots.label, '') AS robot, logs.version_guid,"
    " versions.row_id AS version_id, logs.job_guid, jobs.row_id AS job_id, level, message, received FROM logs"
    " LEFT JOIN robots ON robots.row_id = logs.robot_id LEFT JOIN jobs ON jobs.guid = logs.job_guid"
    " LEFT JOIN versions ON versions.guid = logs.version_guid"
)


@attrs.frozen
class LogTable:
    """Lines in the order of their arrival."""

    file: Database

    def add(
        self, message: str, level: str, *, robot_id: int | None = None, version_guid: str = "", job_guid: str = ""
    ) -> str:
        """Add a line and return its GUID."""
        guid = str(uuid.uuid4())
        with self.file.transaction(alone=False) as db:
            self.file.engine.in_order("logs")
            row_id = self.file.insert("logs", {
                "guid": guid, "robot_id": robot_id, "version_guid": version_guid, "job_guid": job_guid, "level": level,
                "message": message, "received": self.file.now(),
            })  # fmt: skip
            if row_id % 1000 == 0:
                db.execute("DELETE FROM logs WHERE row_id <= ?", (row_id - KEPT_LOGS,))
        return guid

    def find(self, guid: str) -> LogRow:
        """Return a line. Raises `NoSuchError`."""
        query = f"{_SELECT} WHERE logs.guid = ? OR CAST(logs.row_id AS TEXT) = ?"
        row = self.file.row(query, guid.lower(), guid)
        if row is None:
            raise NoSuchError(f"{self.file.name}: there is no line {guid!r}")
        return value_of(LogRow, row)

    def newest(
        self, count: int = LISTED_LOGS, *, after: int = 0, job: str = "", levels: tuple[str, ...] = ()
    ) -> list[LogRow]:
        """Return the youngest lines, oldest of them first.

        Args:
            count: How many at most.
            after: Only lines with a number above it.
            job: Only lines of a job, by its GUID or the beginning of it.
            levels: Only lines of these levels; empty for all.
        """
        where, values = ["logs.row_id > ?"], [after]
        if job:
            where.append("substr(logs.job_guid, 1, ?) = ?")
            values += [len(job), job.lower()]  # type: ignore[list-item]
        if levels:
            where.append(f"level IN ({', '.join('?' * len(levels))})")
            values += levels  # type: ignore[arg-type]
        query = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY logs.row_id DESC LIMIT ?"
        return [value_of(LogRow, row) for row in self.file.rows(query, *values, count)][::-1]

    def count_since(self, seconds: float, robot_id: int | None) -> int:
        """Return how many lines a robot has sent within the last seconds."""
        since = (self.file.clock() - timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        whose, values = ("IS NULL", []) if robot_id is None else ("= ?", [robot_id])
        query = f"SELECT COUNT(*) AS found FROM logs WHERE robot_id {whose} AND received > ?"  # noqa: S608 - our own words
        return int(self.file.rows(query, *values, since)[0]["found"])

    def purge(self, before_s: float) -> int:
        """Delete what is older than a Unix time; return how many lines that were."""
        from datetime import UTC, datetime

        before = datetime.fromtimestamp(before_s, UTC).isoformat(timespec="microseconds")
        with self.file.transaction() as db:
            return int(db.execute("DELETE FROM logs WHERE received < ?", (before,)).rowcount)
