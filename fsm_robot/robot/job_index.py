"""Every job that this robot has had, on disk, for as long as its folder lives: a look-up costs the same at any size.

SQLite of the standard library: what it has committed survives a power loss, and a look-up reads a few pages. It is
imported when there is something to look up, so that a wake-up without a job does not pay for it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.system.held import PATIENCE, Patience

if TYPE_CHECKING:
    import sqlite3

VERSION = 1
KEY_BYTES = 16
BUSY_S = 10.0
LOOK_UP = "SELECT outcome FROM jobs WHERE job = ?"
_TABLE = "CREATE TABLE IF NOT EXISTS jobs (job BLOB PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID"
# A later entry says how a job ended; one without an end takes nothing back.
_ENTER = (
    "INSERT INTO jobs VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET outcome = excluded.outcome"
    " WHERE excluded.outcome <> ''"
)


@attrs.frozen(eq=False, repr=False)
class JobIndex:
    """`ports.JobIndex` in a SQLite file. A job is kept as the beginning of a hash: under 100 bytes."""

    path: Path
    patience: Patience = PATIENCE

    def exists(self) -> bool:
        """See `ports.JobIndex.exists`."""
        # An empty file is what a crash leaves of the first commit: nothing was cut from the list for it.
        return self.path.exists() and self.path.stat().st_size > 0

    def outcome(self, job_guid: str) -> str | None:
        """See `ports.JobIndex.outcome`."""
        if not self.exists():
            return None
        self._wait_for_it()
        with self._opened() as db:
            if not _version(db):
                return None  # the first commit was rolled back
            row = db.execute(LOOK_UP, (key_of(job_guid),)).fetchone()
        return None if row is None else str(row[0])

    def take_over(self, entries: Iterable[tuple[str, str]]) -> None:
        """See `ports.JobIndex.take_over`."""
        # Made here for this account only; what SQLite writes beside it gets the same permissions.
        self._wait_for_it(os.O_CREAT)
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_TABLE)
            db.executemany(_ENTER, ((key_of(job_guid), outcome) for job_guid, outcome in entries))
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")

    def _wait_for_it(self, flags: int = 0) -> None:
        """Wait until nobody else holds the file: SQLite waits for a second or so, and does not say why it failed."""
        flags |= os.O_RDWR | getattr(os, "O_CLOEXEC", 0)
        os.close(self.patience.until_free(self.path, lambda: os.open(self.path, flags, 0o600)))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            try:
                # The list of jobs is cut right after a commit, so that must not be rolled back by a power loss:
                # EXTRA syncs the folder too when the rollback journal is deleted.
                db.execute("PRAGMA synchronous = EXTRA")
                if _version(db) > VERSION:
                    raise OSError(f"it is of a newer version ({_version(db)}) of this program")
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise OSError(f"{error}; {_ADVICE}") from error


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


_ADVICE = "put a whole one in its place, or delete it: a job that no journal tells of could then be run twice"


def key_of(job_guid: str) -> bytes:
    """Return what a job is kept under; a GUID is the same in any case."""
    return hashlib.sha256(job_guid.lower().encode(errors="surrogatepass")).digest()[:KEY_BYTES]
