"""A table of texts that takes no more memory the longer it gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import attrs

from fsm_robot.errors import RobotError

if TYPE_CHECKING:
    import sqlite3

MOST_IN_MEMORY = 10_000
_TABLE = "CREATE TABLE entries (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, text BLOB NOT NULL)"
# Nobody finds the file after a crash, so nothing is made safe in it; without a journal one transaction costs no memory.
_SETTINGS = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -4096", _TABLE, "BEGIN")
_ENTER = "INSERT INTO entries (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"


@attrs.define(eq=False, repr=False)
class LongTable:
    """Texts by name, in the order in which their names came first, as in a dictionary.

    They lie in a temporary file without a name, which goes with the table.

    Attributes:
        most_in_memory: Entries that are not written down yet; a table that never has so many opens no file.

    Raises:
        RobotError: That file cannot be written or read.
    """

    most_in_memory: int = MOST_IN_MEMORY
    _late: dict[str, str] = attrs.field(factory=dict, init=False)
    _db: sqlite3.Connection | None = attrs.field(default=None, init=False)

    def get(self, name: str, /) -> str | None:
        """Return a text, or None where there is none by that name."""
        text = self._late.get(name)
        if text is not None or self._db is None:
            return text
        with _readable():
            found = self._db.execute("SELECT text FROM entries WHERE name = ?", (_stored(name),)).fetchone()
        return None if found is None else _told(found[0])

    def __setitem__(self, name: str, text: str, /) -> None:
        """Enter a text, in the place of the one that had the name."""
        self._late[name] = text
        if len(self._late) >= self.most_in_memory:
            self._write()

    def items(self) -> Iterable[tuple[str, str]]:
        """Return every name with its text."""
        if self._db is None:
            return self._late.items()
        self._write()
        return self._written(self._db)

    def __enter__(self) -> Self:
        """Return the table."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file up."""
        if self._db is not None:
            self._db.close()

    def _write(self) -> None:
        with _readable():
            db = self._db = self._db or _opened()
            db.executemany(_ENTER, ((_stored(name), _stored(text)) for name, text in self._late.items()))
        self._late.clear()

    @staticmethod
    def _written(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
        with _readable():
            for name, text in db.execute("SELECT name, text FROM entries ORDER BY number"):
                yield _told(name), _told(text)


def _opened() -> sqlite3.Connection:
    import sqlite3

    db = sqlite3.connect("", isolation_level=None)
    for setting in _SETTINGS:
        db.execute(setting)
    return db


def _stored(text: str) -> bytes:
    # A journal may hold half of a surrogate pair, which SQLite's own texts cannot.
    return text.encode(errors="surrogatepass")


def _told(stored: bytes) -> str:
    return stored.decode(errors="surrogatepass")


@contextmanager
def _readable() -> Iterator[None]:
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        raise RobotError(
            f"a temporary file cannot be written: {error}; give the folder for temporary files more space"
        ) from error
