"""The orchestrator's tables, wherever they are kept: what asks them is written once, for SQLite and for PostgreSQL.

Any number of threads and processes may use them: the command line enqueues while servers serve.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs

from fsm_robot.errors import RobotError


class StoreError(RobotError):
    """The tables cannot be used, or what was asked of them cannot be done."""

    exit_code = 2


class NoSuchError(StoreError):
    """The tables hold no such thing."""


class DuplicateError(StoreError):
    """A name that must be the only one is taken; `guid` is what has it."""

    def __init__(self, text: str, guid: str) -> None:
        super().__init__(text)
        self.guid = guid


class Row(Protocol):
    """A row that a query has found, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a column."""

    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""


class Cursor(Protocol):
    """What a statement has found."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""


class Connection(Protocol):
    """What runs statements: `?` and `:name` stand for values."""

    def execute(self, query: str, values: Sequence[object] | Mapping[str, object] = ..., /) -> Cursor:
        """Run a statement."""


class Engine(Protocol):
    """Where the tables are kept, and what is said differently there.

    Attributes:
        name: The file or the database, for people; no password stands in it.
        glob: Operator that compares a name with a pattern.
        locked: What a query ends with that holds its rows of `jobs` until the transaction is over.
        is_near: Whether a statement takes microseconds, so that a thread that serves many may wait for it.
        skip_locked: The same, and rows that another transaction holds are passed over.
        leaves_gaps: Whether there are numbers that no row has got.
    """

    name: str
    glob: str
    locked: str
    skip_locked: str
    is_near: bool
    leaves_gaps: bool

    def pattern(self, text: str) -> str:
        """Return a name in which `*` and `?` stand for others as `glob` takes it."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Hold a connection. Raises `StoreError`."""

    def transaction(self, *, alone: bool) -> AbstractContextManager[Connection]:
        """Hold a connection for writing; see `Database.transaction`."""

    def together(self) -> AbstractContextManager[None]:
        """Let transactions of this thread be written at once where that is cheaper; see `Database.together`."""

    def one_call(self) -> AbstractContextManager[object]:
        """Keep what this thread uses until the block ends, where it costs something to get it."""

    def insert(self, query: str, values: Mapping[str, object], key: str) -> int:
        """Add a row and return its number, which the column `key` holds."""

    def values_of(self, row: Row) -> tuple[object, ...]:
        """Return the values of a row in the order in which its query names them."""

    def in_order(self, table: str) -> None:
        """Let rows that this transaction adds to a table be seen in the order of their numbers."""

    def write_content(self, row_id: int, size: int, pieces: Iterator[bytes]) -> None:
        """Set the content of a file, a piece at a time."""

    def copy_content(self, row_id: int, take: Callable[[bytes], object]) -> None:
        """Hand the content of a file on, a piece at a time."""

    def check(self) -> None:
        """Raise `StoreError` where it is no longer what others find under its name."""

    def close(self) -> None:
        """Close it; the next use opens it again."""


@attrs.define(eq=False)
class Database:
    """The tables.

    Attributes:
        engine: Where they are kept.
        clock: What time it is, in UTC.
    """

    engine: Engine
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _salt: str = attrs.field(default="", init=False, repr=False)

    @property
    def name(self) -> str:
        """What people call it: the file, or the database without a password."""
        return self.engine.name

    def now(self) -> str:
        """Return the time as the tables keep it, ISO 8601 in UTC with microseconds."""
        return text_of(self.clock()) or ""

    def rows(self, query: str, *values: object) -> list[Row]:
        """Return every row that a query finds."""
        with self.reading() as db:
            return db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> Row | None:
        """Return the first row that a query finds, or None."""
        with self.reading() as db:
            found: Row | None = db.execute(query, values).fetchone()
        return found

    def insert(self, table: str, values: Mapping[str, object], key: str = "row_id") -> int:
        """Add a row and return its number."""
        marks = ", ".join(f":{name}" for name in values)
        query = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own names
        return self.engine.insert(query, values, key)

    def update(self, table: str, row_id: int, values: Mapping[str, object]) -> None:
        """Change columns of a row."""
        marks = ", ".join(f"{name} = :{name}" for name in values)
        with self.reading() as db:
            query = f"UPDATE {table} SET {marks} WHERE row_id = :row_id"  # noqa: S608 - our own names
            db.execute(query, {**values, "row_id": row_id})

    def digest(self, secret: str) -> str:
        """Return what a credential is known by: salted, so that a list of digests helps nobody."""
        return hashlib.sha256(f"{self._get_salt()}{secret.lower()}".encode()).hexdigest()

    def reading(self) -> AbstractContextManager[Connection]:
        """Hold a connection; a single statement may write, too. Raises `StoreError`."""
        return self.engine.reading()

    def transaction(self, *, alone: bool = True) -> AbstractContextManager[Connection]:
        """Hold the tables for writing; inside another transaction of this thread it is a part of that one.

        Args:
            alone: Whether nothing else is written meanwhile, as is needed where what is written depends on what was
                read. Where it is False, the locks of rows have to see to that; a file is written to by one at a time.
        """
        return self.engine.transaction(alone=alone)

    def together(self) -> AbstractContextManager[None]:
        """Let all transactions of this thread be written at once when the block ends: a commit costs as much as a call.

        Each is taken back alone where it fails; none of them counts for others before the end of the block.
        """
        return self.engine.together()

    def check(self) -> None:
        """Raise `StoreError` where it is no longer what others find under its name."""
        self.engine.check()

    def close(self) -> None:
        """Close it; the next use opens it again."""
        self.engine.close()

    def _get_salt(self) -> str:
        if not self._salt:
            with self.transaction(alone=False) as db:
                db.execute("INSERT INTO meta VALUES ('salt', ?) ON CONFLICT DO NOTHING", (os.urandom(16).hex(),))
                self._salt = db.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()["value"]
        return self._salt


def text_of(moment: datetime | None) -> str | None:
    """Return a moment as the tables keep it: texts of one form, so that they sort like moments."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_of(text: str | None) -> datetime | None:
    """Return the moment that a column holds, or None."""
    return None if not text else datetime.fromisoformat(text)


def is_utf8(text: str) -> bool:
    """Return whether a text can be kept and sent: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
