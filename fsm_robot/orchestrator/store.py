"""What the orchestrator remembers, in one SQLite file that survives a restart. The only importer of sqlite3.

Any number of threads and processes may have the file open: the command line enqueues while the server serves.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

from fsm_robot.errors import RobotError
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.moves import refusal, status_after
from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.rows import (
    ABORTED,
    ABORTING,
    FINAL_STATUSES,
    IN_PROGRESS,
    PENDING,
    STOPPED,
    STOPPING,
    CallRow,
    JobRow,
    Order,
    RobotRow,
)

KEPT_CALLS = 100_000
# Of the tables below; a file with another one is refused instead of misread.
_FORM = 1
BUSY_WAIT_S = 30.0
LOOK_AGAIN_S = 0.01
# Named in the same way on every machine, so that a script has one version GUID wherever it is enqueued.
_VERSIONS = uuid.UUID("3f0f6c1e-7a54-4b0c-8a53-6f9b5c7d2e10")
_JOB_COLUMNS = ", ".join(f"jobs.{field.name}" for field in attrs.fields(JobRow) if field.name != "robot")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS robots (
    row_id INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, label TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1,
    machine TEXT NOT NULL DEFAULT '', ip TEXT NOT NULL DEFAULT '', mac TEXT NOT NULL DEFAULT '',
    status INTEGER NOT NULL DEFAULT 0, job_guid TEXT NOT NULL DEFAULT '', job_name TEXT NOT NULL DEFAULT '',
    last_heartbeat TEXT, paused INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS jobs (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, script TEXT NOT NULL,
    version_guid TEXT NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL, priority INTEGER NOT NULL,
    task_text TEXT, robot_id INTEGER,
    ordered TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, consumed_at TEXT, started_at TEXT, finished_at TEXT,
    updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (priority DESC, row_id) WHERE status = 1 AND consumed_at IS NULL;
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, monotonic_s REAL NOT NULL, robot TEXT NOT NULL,
    verb TEXT NOT NULL, path TEXT NOT NULL, fields TEXT NOT NULL, http_status INTEGER, code INTEGER,
    fault TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, times_left INTEGER, until_s REAL);
"""


class StoreError(RobotError):
    """The file cannot be used, or holds no such job or robot."""

    exit_code = 2


@attrs.define(eq=False)
class Store:
    """Jobs, robots, calls and ordered faults.

    Attributes:
        path: The SQLite file; created when it is not there.
    """

    path: Path = attrs.field(converter=Path)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _file: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    _salt: str = attrs.field(default="", init=False, repr=False)

    # ---- jobs

    def enqueue(
        self,
        script: str,
        task: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        priority: int = 2,
        robot: str = "",
    ) -> str:
        """Add a job and return its GUID.

        Args:
            script: `ProcessVersion.Name`, whatever it is.
            task: Its parameters; None for a job without a task.
            name: What people call it.
            priority: 1 low, 2 normal, 3 high.
            robot: Label or GUID of the only robot that may take it; a GUID that is new here is known from now on.

        Raises:
            StoreError: There is no such robot, or a text is none that JSON and UTF-8 can carry.
        """
        guid, now = str(uuid.uuid4()), _now()
        text = None if task is None else _task_text(task)
        for each in (script, name):
            if not _is_utf8(each):
                raise StoreError(f"{each!r} cannot be written as UTF-8, so no robot can be sent it")
        with self._transaction() as db:
            robot_id = self._robot_id(db, robot) if robot else None
            db.execute(
                "INSERT INTO jobs (guid, script, version_guid, name, status, priority, task_text, robot_id,"
                " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (guid, script, str(uuid.uuid5(_VERSIONS, script)), name, PENDING, priority, text, robot_id, now, now),
            )
        return guid

    def jobs(self) -> list[JobRow]:
        """Return every job, oldest first."""
        return self._jobs("ORDER BY jobs.row_id")

    def newest_jobs(self, count: int) -> list[JobRow]:
        """Return the youngest jobs, youngest first."""
        return self._jobs("ORDER BY jobs.row_id DESC LIMIT ?", count)

    def job_count(self) -> int:
        """Return how many jobs there are."""
        with self._reading() as db:
            return int(db.execute("SELECT COUNT(*) FROM jobs").fetchone()[0])

    def job(self, guid: str) -> JobRow:
        """Return one job; `last` is the youngest. Raises `StoreError`."""
        if guid == "last":
            found = self._jobs("ORDER BY jobs.row_id DESC LIMIT 1")
        else:
            found = self._jobs("WHERE jobs.guid = ?", guid.lower())
        if not found:
            raise StoreError(f"{self.path}: there is no job {guid}; `fsm-robot orchestrator jobs` lists them")
        return found[0]

    def order_stop(self, guid: str) -> JobRow:
        """Ask for a soft stop; a job that no robot has yet is Stopped at once. Raises `StoreError`."""
        return self._order(guid, "stop")

    def order_abort(self, guid: str) -> JobRow:
        """Ask for a hard stop, which overrides a soft one. Raises `StoreError`."""
        return self._order(guid, "abort")

    def take(self, robot_id: int) -> JobRow | None:
        """Give the next job to a robot: the highest priority first, then the oldest; None where there is none."""
        now = _now()
        with self._transaction() as db:
            row = db.execute(
                "SELECT guid FROM jobs WHERE status = 1 AND consumed_at IS NULL AND (robot_id IS NULL OR robot_id = ?)"
                " ORDER BY priority DESC, row_id LIMIT 1",
                (robot_id,),
            ).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE jobs SET robot_id = ?, consumed_at = ?, updated_at = ? WHERE guid = ?",
                (robot_id, now, now, row["guid"]),
            )
        return self.job(row["guid"])

    def taken_last(self, robot_id: int) -> JobRow | None:
        """Return the job that a robot was given last, or None."""
        found = self._jobs(
            "WHERE jobs.robot_id = ? AND consumed_at IS NOT NULL ORDER BY consumed_at DESC LIMIT 1", robot_id
        )
        return found[0] if found else None

    def waits_for(self, robot_id: int) -> bool:
        """Return whether a job waits that this robot may take."""
        query = (
            "SELECT 1 FROM jobs WHERE status = 1 AND consumed_at IS NULL AND (robot_id IS NULL OR robot_id = ?) LIMIT 1"
        )
        with self._reading() as db:
            return db.execute(query, (robot_id,)).fetchone() is not None

    def set_status(self, guid: str, robot_id: int, status: int, *, lax: bool = False) -> str | None:
        """Set what a robot says of a job; return why it may not, or empty; None where there is no such job."""
        now = _now()
        with self._transaction():
            found = self._jobs("WHERE jobs.guid = ?", guid.lower())
            if not found:
                return None
            job = found[0]
            problem = "" if lax else refusal(job, robot_id, status)
            if problem or job.ended:
                return problem
            new = status_after(job, status)
            self._update(
                job.guid,
                status=new,
                updated_at=now,
                started_at=_text(job.started_at) or (now if status == IN_PROGRESS else None),
                finished_at=now if new in FINAL_STATUSES else None,
            )
        return ""

    # ---- robots

    def robots(self) -> list[RobotRow]:
        """Return every robot in the order of its first contact."""
        with self._reading() as db:
            return [_robot(row) for row in db.execute("SELECT * FROM robots ORDER BY row_id")]

    def robot(self, guid: str, *, known_only: bool = False) -> RobotRow | None:
        """Return the robot with this credential, registered at its first contact; None where it is unknown.

        The credential itself is not kept: a robot is known by a salted digest of it.
        """
        digest = self._digest(guid)
        with self._reading() as db:
            row = db.execute("SELECT * FROM robots WHERE digest = ?", (digest,)).fetchone()
        if row is None and not known_only:
            row = self._registered(guid)
        return None if row is None or not row["active"] else _robot(row)

    def set_active(self, robot: str, active: bool) -> str:
        """Let the orchestrator know a robot, or deny it (code 101); return its label. Raises `StoreError`.

        Args:
            robot: Label or GUID; a GUID that is new here is known from now on.
            active: Whether it is known.
        """
        return self._set_robot(robot, "active", active)

    def set_paused(self, robot: str, paused: bool) -> str:
        """Let a robot have no new job, or have them again; what it does goes on. Raises `StoreError`."""
        return self._set_robot(robot, "paused", paused)

    def heard(self, robot_id: int, fields: Mapping[str, str], status: int) -> None:
        """Write down what a heartbeat said."""
        with self._transaction() as db:
            db.execute(
                "UPDATE robots SET machine = ?, ip = ?, mac = ?, status = ?, job_guid = ?, job_name = ?,"
                " last_heartbeat = ? WHERE row_id = ?",
                (
                    *(fields.get(name, "")[:500] for name in ("machine", "ip", "mac")),
                    status,
                    *(fields.get(name, "")[:500] for name in ("jobguid", "jobname")),
                    _now(),
                    robot_id,
                ),
            )

    # ---- calls

    def add_call(self, call: CallRow) -> None:
        """Write down a call; the number of `call` is given by the file. Old ones are dropped."""
        values = attrs.asdict(call) | {"fields": json.dumps(dict(call.fields), ensure_ascii=False)}
        del values["seq"]
        marks = ", ".join(f":{name}" for name in values)
        with self._transaction() as db:
            cursor = db.execute(f"INSERT INTO calls ({', '.join(values)}) VALUES ({marks})", values)  # noqa: S608
            if (cursor.lastrowid or 0) % 1000 == 0:
                db.execute("DELETE FROM calls WHERE seq <= ?", ((cursor.lastrowid or 0) - KEPT_CALLS,))

    def calls(self, after: int = 0) -> list[CallRow]:
        """Return the calls with a number above `after`, in the order of their arrival."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM calls WHERE seq > ? ORDER BY at, seq", (after,)).fetchall()
        return [CallRow(**{**dict(row), "fields": json.loads(row["fields"])}) for row in rows]

    # ---- faults

    def order_fault(self, fault: Fault) -> None:
        """Let the orchestrator misbehave from now on."""
        until_s = None if fault.for_s is None else time.time() + fault.for_s
        with self._transaction() as db:
            db.execute(
                "INSERT INTO faults (text, times_left, until_s) VALUES (?, ?, ?)", (fault.text, fault.times, until_s)
            )

    def clear_faults(self) -> None:
        """Let the orchestrator behave again."""
        with self._transaction() as db:
            db.execute("DELETE FROM faults")

    def faults(self) -> list[tuple[Fault, int | None]]:
        """Return the faults in force and how many times each will still strike, None for ever."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM faults WHERE until_s IS NULL OR until_s > ?", (time.time(),)).fetchall()
        return [(Fault.parse(row["text"]), row["times_left"]) for row in rows]

    def next_fault(self, endpoints: tuple[str, ...], chance: float) -> Fault | None:
        """Return the fault that strikes a call now, used up by one, or None.

        Args:
            endpoints: Every name that the call goes by, such as `heartbeat` and `beat`.
            chance: A random number from 0 to 1, for faults with a probability.
        """
        with self._reading() as db:
            rows = db.execute("SELECT * FROM faults ORDER BY row_id").fetchall()
        for row in rows:
            fault = Fault.parse(row["text"])
            if fault.endpoint not in endpoints or chance >= fault.probability or not self._use_up(row):
                continue
            return fault
        return None

    def _use_up(self, row: sqlite3.Row) -> bool:
        if row["until_s"] is not None and row["until_s"] <= time.time():
            return False
        if row["times_left"] is None:
            return True
        with self._transaction() as db:
            query = "UPDATE faults SET times_left = times_left - 1 WHERE row_id = ? AND times_left > 0"
            used = db.execute(query, (row["row_id"],)).rowcount > 0
            db.execute("DELETE FROM faults WHERE times_left <= 0")
        return used

    # ---- the file

    def check(self) -> None:
        """Raise `StoreError` where the file that is open is no longer the one that others find under its name."""
        with self._lock:
            if self._connection is not None and _identity(self.path) != self._file:
                raise StoreError(
                    f"{self.path}: was deleted or replaced while it was in use; start `fsm-robot orchestrator serve`"
                    " again: what is enqueued from now on goes into the new file, and what was in the old one is gone"
                )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _order(self, guid: str, order: Order) -> JobRow:
        now = _now()
        with self._transaction():
            job = self.job(guid)
            if job.ended:
                raise StoreError(f"job {job.guid} has already ended as {job.status_word}")
            if job.consumed_at is None:
                status = STOPPED if order == "stop" else ABORTED
                self._update(job.guid, status=status, ordered=order, finished_at=now, updated_at=now)
            elif job.ordered != "abort":
                status = STOPPING if order == "stop" else ABORTING
                self._update(job.guid, status=status, ordered=order, updated_at=now)
        return self.job(job.guid)

    def _update(self, guid: str, **values: Any) -> None:
        marks = ", ".join(f"{name} = :{name}" for name in values)
        with self._transaction() as db:
            db.execute(f"UPDATE jobs SET {marks} WHERE guid = :guid", {**values, "guid": guid})  # noqa: S608 - own names

    def _jobs(self, where: str, *values: object) -> list[JobRow]:
        query = (
            f"SELECT {_JOB_COLUMNS}, COALESCE(robots.label, '') AS robot FROM jobs"  # noqa: S608 - our own words
            f" LEFT JOIN robots ON robots.row_id = jobs.robot_id {where}"
        )
        with self._reading() as db:
            return [_job(row) for row in db.execute(query, values)]

    def _set_robot(self, robot: str, column: str, value: bool) -> str:
        with self._transaction() as db:
            row_id = self._robot_id(db, robot)
            db.execute(f"UPDATE robots SET {column} = ? WHERE row_id = ?", (value, row_id))  # noqa: S608 - own names
            return str(db.execute("SELECT label FROM robots WHERE row_id = ?", (row_id,)).fetchone()["label"])

    def _robot_id(self, db: sqlite3.Connection, robot: str) -> int:
        guid = plain_guid(robot)
        if guid:
            return int(self._registered(guid)["row_id"])
        row = db.execute("SELECT row_id FROM robots WHERE label = ?", (robot,)).fetchone()
        if row is None:
            raise StoreError(
                f"{self.path}: there is no robot {robot!r}; it is known by its label after its first heartbeat,"
                " by its GUID before"
            )
        return int(row["row_id"])

    def _registered(self, guid: str) -> sqlite3.Row:
        digest = self._digest(guid)
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO robots (digest, label) VALUES (?, ?)", (digest, f"robot-{digest[:8]}"))
            row: sqlite3.Row = db.execute("SELECT * FROM robots WHERE digest = ?", (digest,)).fetchone()
        return row

    def _digest(self, guid: str) -> str:
        return hashlib.sha256(f"{self._get_salt()}{guid.lower()}".encode()).hexdigest()

    def _get_salt(self) -> str:
        if not self._salt:
            with self._transaction() as db:
                db.execute("INSERT OR IGNORE INTO meta VALUES ('salt', ?)", (os.urandom(16).hex(),))
                self._salt = db.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()["value"]
        return self._salt

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: cannot be used as the orchestrator's file: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for writing; inside another transaction of this thread it is a part of that one."""
        with self._reading() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        self.check()
        if self._connection is None:
            self._refuse_remains()
            _make_private(self.path)
            db = sqlite3.connect(self.path, timeout=BUSY_WAIT_S, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(db)
            except (sqlite3.Error, StoreError):
                db.close()
                raise
            self._connection, self._file = db, _identity(self.path)
        return self._connection

    def _refuse_remains(self) -> None:
        """Refuse to make the file anew beside what belongs to the old one, which somebody still has open."""
        remains = [path for path in (Path(f"{self.path}-wal"), Path(f"{self.path}-shm")) if path.exists()]
        if remains and not self.path.exists():
            raise StoreError(
                f"{self.path}: was deleted while a `serve` or another command had it open ({remains[0].name} is still"
                " there), and no server would see what is put into a new one; end that server, delete"
                f" {' and '.join(path.name for path in remains)}, and start it again"
            )

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.row_factory = sqlite3.Row
        _use_write_ahead_log(db)
        # Enough for a crash of the process; a power loss may cost the last moments of a tool for trying things out.
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone()[0] == _FORM:
            return
        db.execute("BEGIN IMMEDIATE")  # two processes may make the file at once: the second one finds it made
        form, tables = (
            db.execute(query).fetchone()[0] for query in ("PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master")
        )
        if form != _FORM and tables:
            raise StoreError(f"{self.path}: was not made by this version of fsm_robot; name another file with --db")
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_FORM}")
        db.execute("COMMIT")


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Switch the file over; SQLite does not wait here by itself where another process does the same at this moment."""
    deadline_s, never = time.monotonic() + BUSY_WAIT_S, threading.Event()
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # The lower byte is the kind of error; above it stands which one of that kind.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
        never.wait(LOOK_AGAIN_S)


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _task_text(task: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(task, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the task cannot be written as JSON: {error}") from error
    # A lone surrogate has no UTF-8 form, but an escape that JSON knows.
    return text if _is_utf8(text) else json.dumps(task)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _moment(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def _job(row: sqlite3.Row) -> JobRow:
    values = dict(row)
    for name in ("created_at", "consumed_at", "started_at", "finished_at", "updated_at"):
        values[name] = _moment(values[name])
    return JobRow(**values)


def _robot(row: sqlite3.Row) -> RobotRow:
    values = dict(row)
    del values["digest"]
    flags = {name: bool(values[name]) for name in ("active", "paused")}
    return RobotRow(**{**values, **flags, "last_heartbeat": _moment(values["last_heartbeat"])})


def _make_private(path: Path) -> None:
    """Let nobody else read the Tasks of the jobs; what SQLite makes beside the file gets its permissions."""
    try:
        os.close(system.open_private(str(path), 0))
    except OSError:
        return  # SQLite finds the same, and its error says what it is
