"""Jobs: which waits, which robot has which, and how each ended."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import lru_cache

import attrs

from fsm_robot.orchestrator.moves import refusal, status_after
from fsm_robot.orchestrator.rows import (
    ABORTED,
    ABORTING,
    FINAL_STATUSES,
    IN_PROGRESS,
    PENDING,
    STOPPED,
    STOPPING,
    JobRow,
    Order,
)
from fsm_robot.orchestrator.tables.database import (
    Connection,
    Database,
    NoSuchError,
    Row,
    StoreError,
    text_of,
)
from fsm_robot.orchestrator.tables.rows import value_of

_COMPUTED = {
    "robot": "COALESCE(robots.label, '')",
    "task_text": "tasks.parameters",
    "version_id": "COALESCE(versions.row_id, 0)",
}
_COLUMNS = ", ".join(
    f"{_COMPUTED.get(field.name, f'jobs.{field.name}')} AS {field.name}" for field in attrs.fields(JobRow)
)
_NAMES = tuple(field.name for field in attrs.fields(JobRow))
# A job for a group is for whoever of it comes first. Four look-ups of one row each, and not one condition with `OR`:
# that would walk through every job that waits for somebody else, a million of them at each heartbeat.
_KINDS = [
    "SELECT row_id, guid, priority FROM jobs INDEXED BY jobs_waiting"  # noqa: S608 - our own words
    f" WHERE status = 1 AND consumed_at IS NULL AND is_deleted = 0 AND robot_id {robot} AND group_id {group}"
    # The first two are the same in all of these rows; PostgreSQL sees only so that the index has them in their order.
    " ORDER BY robot_id, group_id, priority DESC, row_id LIMIT 1"
    for robot in ("IS NULL", "= :robot")
    for group in ("IS NULL", "= (SELECT group_id FROM robots WHERE row_id = :robot)")
]
_FIRST = " UNION ALL ".join(
    f"SELECT {kind} AS kind, first.* FROM ({query}) AS first"  # noqa: S608 - our own words
    for kind, query in enumerate(_KINDS)
)


@attrs.frozen
class JobTable:
    """Jobs in the order of their creation."""

    file: Database

    def add(
        self,
        script: str,
        *,
        version_guid: str,
        name: str = "",
        priority: int = 2,
        robot_id: int | None = None,
        group_id: int | None = None,
        task_id: int | None = None,
        source: str = "GUI",
        stop_after: datetime | None = None,
        abort_after: datetime | None = None,
    ) -> str:
        """Add a job and return its GUID."""
        guid, now = str(uuid.uuid4()), self.file.now()
        values = {
            "guid": guid, "script": script, "version_guid": version_guid, "name": name, "status": PENDING,
            "priority": priority, "robot_id": robot_id, "group_id": group_id, "task_id": task_id, "source": source,
            "stop_after": text_of(stop_after), "abort_after": text_of(abort_after), "created_at": now,
            "updated_at": now,
        }  # fmt: skip
        self.file.insert("jobs", values)
        return guid

    def all(self) -> list[JobRow]:
        """Return every job, oldest first."""
        return self._select("WHERE jobs.is_deleted = 0 ORDER BY jobs.row_id")

    def newest(self, count: int) -> list[JobRow]:
        """Return the youngest jobs, youngest first."""
        return self._select("WHERE jobs.is_deleted = 0 ORDER BY jobs.row_id DESC LIMIT ?", count)

    def count(self) -> int:
        """Return how many jobs there are."""
        if self.file.engine.leaves_gaps:
            return int(self.file.rows("SELECT COUNT(*) AS found FROM jobs WHERE is_deleted = 0")[0]["found"])
        # Numbers are given once and rows stay, so the last number is the count; to count a million takes 20 ms.
        query = "SELECT COALESCE(MAX(row_id), 0) - (SELECT COUNT(*) FROM jobs WHERE is_deleted != 0) AS found FROM jobs"
        return int(self.file.rows(query)[0]["found"])

    def get(self, guid: str) -> JobRow:
        """Return one job; `last` is the youngest. Raises `NoSuchError`."""
        if guid == "last":
            found = self.newest(1)
        else:
            found = self._select("WHERE jobs.guid = ? AND jobs.is_deleted = 0", guid.lower())
        if not found:
            raise NoSuchError(f"{self.file.name}: there is no job {guid}; `fsm-robot orchestrator jobs` lists them")
        return found[0]

    def held(self, guid: str) -> JobRow | None:
        """Return a job that nobody else changes until this transaction is over, or None."""
        found = self._select(f"WHERE jobs.guid = ? AND jobs.is_deleted = 0 {self.file.engine.locked}", guid.lower())
        return found[0] if found else None

    def find(self, name: str) -> JobRow:
        """Return the job with this GUID or number. Raises `NoSuchError`."""
        found = self._select("WHERE CAST(jobs.row_id AS TEXT) = ? AND jobs.is_deleted = 0", name)
        return found[0] if found else self.get(name)

    def order(self, guid: str, order: Order) -> JobRow:
        """Ask for a stop or an abort; a job that no robot has yet has ended with it. Raises `StoreError`."""
        now = self.file.now()
        with self.file.transaction():
            job = self.get(guid)
            if job.ended:
                raise StoreError(f"job {job.guid} has already ended as {job.status_word}")
            if job.consumed_at is None:
                status = STOPPED if order == "stop" else ABORTED
                self._change(job, status=status, ordered=order, finished_at=now)
            elif job.ordered != "abort":
                status = STOPPING if order == "stop" else ABORTING
                self._change(job, status=status, ordered=order)
        return self.get(job.guid)

    def order_overdue(self) -> list[JobRow]:
        """Stop and abort the jobs whose time for it has come, and return those that this has ended."""
        now = self.file.now()
        # The first line is word for word that of the index `jobs_limited`: without it every heartbeat reads all jobs.
        query = (
            "SELECT guid, abort_after <= ? AS abort FROM jobs"
            " WHERE finished_at IS NULL AND (stop_after IS NOT NULL OR abort_after IS NOT NULL) AND is_deleted = 0"
            " AND (stop_after <= ? AND ordered = '' OR abort_after <= ? AND ordered != 'abort')"
        )
        if self.file.row(query, now, now, now) is None:
            return []
        with self.file.transaction():
            rows = self.file.rows(query, now, now, now)
            ordered = [self.order(row["guid"], "abort" if row["abort"] else "stop") for row in rows]
        return [job for job in ordered if job.ended]

    def take(self, robot_id: int) -> JobRow | None:
        """Give the next job to a robot: the highest priority first, then the oldest; None where there is none."""
        now = self.file.now()
        with self.file.transaction(alone=False) as db:
            row = self._first(db, robot_id)
            if row is None:
                return None
            values = {"robot_id": robot_id, "consumed_at": now, "updated_at": now}
            self.file.update("jobs", row["row_id"], values)
            return self.get(row["guid"])

    def taken_last(self, robot_id: int) -> JobRow | None:
        """Return the job that a robot was given last, or None."""
        found = self._select(
            "WHERE jobs.robot_id = ? AND consumed_at IS NOT NULL ORDER BY consumed_at DESC LIMIT 1", robot_id
        )
        return found[0] if found else None

    def waits_for(self, robot_id: int) -> bool:
        """Return whether a job waits that this robot may take."""
        with self.file.reading() as db:
            return db.execute(f"{_FIRST} LIMIT 1", {"robot": robot_id}).fetchone() is not None

    def set_status(self, job: JobRow, robot_id: int | None, status: int, *, lax: bool = False) -> tuple[str, int]:
        """Set what a robot says of a job; return why it may not, or an empty text, and what the status is then."""
        now = self.file.now()
        problem = "" if lax or robot_id is None else refusal(job, robot_id, status)
        if problem or job.ended:
            return problem, job.status
        new = status_after(job, status)
        started = text_of(job.started_at) or (now if status == IN_PROGRESS else None)
        self._change(job, status=new, started_at=started, finished_at=now if new in FINAL_STATUSES else None)
        return "", new

    def said(self, guid: str, message: str) -> None:
        """Keep what a robot logged last for a job."""
        with self.file.reading() as db:
            db.execute("UPDATE jobs SET last_message = ? WHERE guid = ?", (message, guid.lower()))

    def delete(self, job: JobRow) -> None:
        """Let a job be gone; whoever has it is told that there is no such job."""
        self._change(job, is_deleted=1)

    def _first(self, db: Connection, robot_id: int) -> Row | None:
        """Return the job whose turn it is, held for this transaction; one that another gives away is passed over."""
        values = {"robot": robot_id}
        for first in db.execute(f"{_FIRST} ORDER BY priority DESC, row_id", values).fetchall():
            row: Row | None = db.execute(f"{_KINDS[first['kind']]} {self.file.engine.skip_locked}", values).fetchone()
            if row is not None:
                return row
        return None

    def _change(self, job: JobRow, **values: object) -> None:
        self.file.update("jobs", job.row_id, {**values, "updated_at": self.file.now()})

    def _select(self, where: str, *values: object) -> list[JobRow]:
        query = (
            f"SELECT {_COLUMNS} FROM jobs LEFT JOIN robots ON robots.row_id = jobs.robot_id"  # noqa: S608 - our own words
            " LEFT JOIN tasks ON tasks.row_id = jobs.task_id LEFT JOIN versions ON versions.guid = jobs.version_guid"
            f" {where}"
        )
        values_of = self.file.engine.values_of
        return [_job(values_of(row)) for row in self.file.rows(query, *values)]


# The open page asks for the same two hundred again and again: seven moments of each are read once.
@lru_cache(maxsize=1024)
def _job(row: tuple[object, ...]) -> JobRow:
    return value_of(JobRow, dict(zip(_NAMES, row, strict=True)))
