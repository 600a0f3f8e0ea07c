"""Which jobs this robot has already had, so that none is ever run twice.

Two files. `ledger.jsonl` takes what happens now, a line at a time through the disk port, and is never long: when it
has `FOLD_AT` lines and no job is open, they are handed over to the index (`job_index.py`), and when that has them on
disk they are cut off here. Whatever stands in `ledger.jsonl` counts, also what an older version of this program wrote
there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

from fsm_robot.engine.disk import SystemDisk
from fsm_robot.engine.ports import Disk
from fsm_robot.errors import JournalError
from fsm_robot.robot.job_index import JobIndex
from fsm_robot.robot.ports import JobIndex as JobIndexPort

FOLD_AT = 128
INDEX_NAME = "taken.sqlite"
FOLDED = b'{"index": "taken.sqlite"}\n'
"""First line of a list whose older entries are in the index: so an index that was deleted is told from none yet."""
SYSTEM_DISK = SystemDisk()


@attrs.define(eq=False, repr=False)
class JobLedger:
    """An append-only file of JSON lines: `{"job": GUID}` when a job is taken, with `"outcome"` when it is over.

    Attributes:
        path: The file; the index stands beside it.
        index: Where older entries are.
        fold_at: With so many lines they are handed over to it.
        from_journals: Job and outcome, or an empty text, of every job that a journal tells of: all that is left to go
            by when somebody deleted the index.
        warn: Told by event id, sentence and values what a person should know.
    """

    path: Path
    disk: Disk = SYSTEM_DISK
    index: JobIndexPort = attrs.field(
        default=attrs.Factory(lambda self: JobIndex(self.path.with_name(INDEX_NAME)), takes_self=True)
    )
    fold_at: int = FOLD_AT
    from_journals: Callable[[], Iterable[tuple[str, str]]] = lambda: ()
    warn: Callable[..., None] = lambda *_, **__: None
    _sure_whole: bool = False

    def make_ready(self) -> None:
        """See `ports.Ledger.make_ready`. Here older entries go to the index, which needs that no job is open."""
        try:
            content = self._content()
            if content.startswith(FOLDED) and not self.index.exists():
                self.warn(
                    "ledger.index_missing",
                    "the index of earlier jobs is missing and is rebuilt from the journals;"
                    " a job that none of them mentions would be run twice if it were given again",
                    file=self.path.with_name(INDEX_NAME),
                )
                self.index.take_over(self.from_journals())
            # Looked into for nothing: one that cannot be read must show itself while the job is the orchestrator's.
            self.index.outcome("")
            if content.count(b"\n") >= self.fold_at:
                self._fold(content)
            self.disk.append(self.path).close()
            self.disk.try_room(self.path.parent)
        except OSError as error:
            raise JournalError(f"{self.path.parent}: no job could be kept here: {error}") from error

    def known(self, job_guid: str) -> bool:
        """Return whether the job was taken before."""
        return bool(self._outcomes(job_guid)) or self._indexed(job_guid) is not None

    def outcome(self, job_guid: str) -> str:
        """Return how the job ended, or empty where that is not known."""
        told = next((outcome for outcome in reversed(self._outcomes(job_guid)) if outcome), "")
        return told or self._indexed(job_guid) or ""

    def last_open(self) -> str:
        """Return the job that was taken last, if no entry says how it ended; else an empty text."""
        return _last_open(self._told())

    def add(self, job_guid: str, outcome: str = "") -> None:
        """Write that the job was taken, or how it ended; the latter is on disk when this returns.

        That a job was taken is not waited for: the journal's own record of it, synced before, tells the same, and the
        entry reaches the disk with the next one.

        Raises:
            JournalError: The disk is full, read-only or gone.
        """
        entry = {"job": job_guid, "outcome": outcome} if outcome else {"job": job_guid}
        line = json.dumps(entry).encode("ascii") + b"\n"
        try:
            start = b"" if self._ends_whole() else b"\n"
            # Not to be believed again before this one is whole: a write that fails may leave half a line.
            self._sure_whole = False
            file = self.disk.append(self.path)
            try:
                file.write(start + line)
                if outcome:
                    file.sync()
            finally:
                file.close()
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be written: {error}") from error
        self._sure_whole = True

    def _fold(self, content: bytes) -> None:
        """Hand everything over to the index; the lines go when it has them on disk, and not before.

        What a power loss brings back of them is handed over once more, which changes nothing.
        """
        entries = _entries_in(content)
        if _last_open(entries):
            return
        folded = content.startswith(FOLDED)
        self.index.take_over(entries)
        # The index may be new: a power loss may take a file's name away although its content was synced.
        self.disk.sync_names(self.path.parent)
        self._sure_whole = False
        file = self.disk.append(self.path)
        try:
            file.cut(len(FOLDED) if folded else 0)
            if not folded:
                file.write(FOLDED)
            file.sync()
        finally:
            file.close()

    def _ends_whole(self) -> bool:
        """Return whether the next entry begins on its own line: a power loss or a full disk may cut the last one."""
        return self._sure_whole or self._content()[-1:] in (b"", b"\n")

    def _outcomes(self, job_guid: str) -> list[str]:
        # A GUID is the same in any case; `key_of` of the index holds it alike.
        wanted = job_guid.lower()
        content = self._read()
        # Most jobs are new. A text that has no escapes holds a job as it is spelled, or does not hold it.
        if content.isascii() and b"\\" not in content and wanted.encode("utf-8", "replace") not in content.lower():
            return []
        return [outcome for job, outcome in _entries_in(content) if job.lower() == wanted]

    def _indexed(self, job_guid: str) -> str | None:
        try:
            return self.index.outcome(job_guid)
        except OSError as error:
            raise JournalError(f"{self.path.with_name(INDEX_NAME)}: cannot be read: {error}") from error

    def _told(self) -> list[tuple[str, str]]:
        return _entries_in(self._read())

    def _read(self) -> bytes:
        try:
            return self._content()
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be read: {error}") from error

    def _content(self) -> bytes:
        try:
            return self.disk.read(self.path)
        except FileNotFoundError:
            return b""


def _entries_in(content: bytes) -> list[tuple[str, str]]:
    """Return job and outcome, or an empty text, of every line that is one of ours."""
    entries = map(_parsed, content.decode("utf-8", "replace").splitlines())
    return [entry for entry in entries if entry is not None]


def _last_open(entries: list[tuple[str, str]]) -> str:
    last = entries[-1][0] if entries else ""
    return "" if any(outcome for job, outcome in entries if job == last) else last


def _parsed(line: str) -> tuple[str, str] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None  # the last line of a power loss, or no line of ours
    if not isinstance(entry, dict) or not isinstance(entry.get("job"), str):
        return None
    outcome = entry.get("outcome", "")
    return entry["job"], outcome if isinstance(outcome, str) else ""
