"""The tables in a SQLite file: opened once, held for writing by one at a time, brought up to this version's form."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import cast

import attrs

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

from fsm_robot.orchestrator.tables.database import Row, StoreError
from fsm_robot.orchestrator.tables.schema import FORM, MIGRATIONS, SCHEMA

BUSY_WAIT_S = 30.0
LOOK_AGAIN_S = 0.01
_PIECE_BYTES = 1 << 20
_WHOLE = ("BEGIN IMMEDIATE", "ROLLBACK", "COMMIT")
_PART = ("SAVEPOINT part", "ROLLBACK TO part", "RELEASE part")


@attrs.define(eq=False)
class SqliteFile:
    """The file and the one connection to it.

    Attributes:
        path: The SQLite file; created when it is not there.
    """

    path: Path
    glob: str = "GLOB"
    locked: str = ""  # who writes is alone
    skip_locked: str = ""
    is_near: bool = True
    leaves_gaps: bool = False
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _file: tuple[int, int] = attrs.field(default=(0, 0), init=False)
    _is_together: bool = attrs.field(default=False, init=False)
    name: str = attrs.field(default=attrs.Factory(lambda self: str(self.path), takes_self=True), init=False)

    def pattern(self, text: str) -> str:
        """Return a name in which `*` and `?` stand for others as GLOB takes it, for which `[` begins a choice."""
        return text.replace("[", "[[]")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection. Raises `StoreError`."""
        with self._lock:
            try:
                yield self._open()
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: cannot be used as the orchestrator's file: {error}") from error

    @contextmanager
    def transaction(self, *, alone: bool) -> Iterator[sqlite3.Connection]:
        """Hold the file for writing; inside another transaction of this thread it is a part of that one."""
        with self.reading() as db:
            if db.in_transaction and not self._is_together:
                yield db
                return
            together, self._is_together = self._is_together, False
            begin, take_back, end = _PART if together else _WHOLE
            db.execute(begin)
            try:
                yield db
                db.execute(end)
            except BaseException:
                if db.in_transaction:  # SQLite takes some failures back by itself
                    db.execute(take_back)
                raise
            finally:
                self._is_together = together

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let all transactions of this thread be written at once when the block ends."""
        with self.transaction(alone=True):
            self._is_together = True
            try:
                yield
            finally:
                self._is_together = False

    def one_call(self) -> nullcontext[None]:
        """Do nothing: there is one connection, and who holds it keeps all others waiting."""
        return nullcontext()

    def insert(self, query: str, values: Mapping[str, object], key: str) -> int:
        """Add a row and return its number."""
        with self.reading() as db:
            return int(db.execute(query, values).lastrowid or 0)

    def values_of(self, row: Row) -> tuple[object, ...]:
        """Return the values of a row in the order in which its query names them."""
        return tuple(cast(sqlite3.Row, row))  # by name each would be looked for among the names of all columns

    def in_order(self, table: str) -> None:
        """Do nothing: who writes is alone."""

    def write_content(self, row_id: int, size: int, pieces: Iterator[bytes]) -> None:
        """Set the content of a file, a piece at a time."""
        with self.transaction(alone=True) as db:
            # An empty blob has no place that could be written to.
            db.execute("UPDATE files SET content = zeroblob(?) WHERE row_id = ?", (size, row_id))
            with db.blobopen("files", "content", row_id) as blob:
                for piece in pieces:
                    blob.write(piece)

    def copy_content(self, row_id: int, take: Callable[[bytes], object]) -> None:
        """Hand the content of a file on, a piece at a time."""
        with self.reading() as db, db.blobopen("files", "content", row_id, readonly=True) as blob:
            while piece := blob.read(_PIECE_BYTES):
                take(piece)

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

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or not self._connection.in_transaction:  # else it was looked at when that began
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
        db.execute("PRAGMA secure_delete = ON")  # a password that was changed does not stay in a free page
        if db.execute("PRAGMA user_version").fetchone()[0] == FORM:
            return
        db.execute("BEGIN IMMEDIATE")  # two processes may make the file at once: the second one finds it made
        form, tables = (
            db.execute(query).fetchone()[0] for query in ("PRAGMA user_version", "SELECT COUNT(*) FROM sqlite_master")
        )
        if form != FORM and tables and form not in MIGRATIONS:
            raise StoreError(
                f"{self.path}: was not made by this version of fsm_robot or an older one; name another file with --db"
            )
        steps = MIGRATIONS[form] if tables and form != FORM else [SCHEMA]
        for step in steps if form != FORM else []:
            if callable(step):
                step(db)
            else:
                _execute_all(db, step)
        db.execute(f"PRAGMA user_version = {FORM}")
        db.execute("COMMIT")


def _execute_all(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement)


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


def _make_private(path: Path) -> None:
    """Let nobody else read tasks and passwords; what SQLite makes beside the file gets its permissions."""
    try:
        os.close(system.open_private(str(path), 0))
    except OSError:
        return  # SQLite finds the same, and its error says what it is
