"""The journal on disk: append and sync, read back."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from fsm_robot.engine.disk import SystemDisk
from fsm_robot.engine.journal.record import (
    LONGEST_LINE_BYTES,
    MakeRecord,
    Reading,
    Record,
    bounded,
    line_of,
    read,
    record_of,
    step_values,
)
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.ports import AppendedFile, Clock, Disk
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import JournalError
from fsm_robot.system.readers import NOBODY_ELSE, Readers

SUFFIX = ".jsonl"
IDLE = ".idle"
"""Stands before the suffix in the name of a run that had no job, from its end on: a listing tells which runs count."""
SYSTEM_DISK = SystemDisk()
_LONGEST_NUMBER = 18
_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_MOST_WAITING = 1000


@attrs.define(eq=False, repr=False)
class JournalFile:
    """The journal of one run. The file appears with its first record.

    Attributes:
        make_room: Called when the disk is full; gives something up and returns True, or has nothing left to give.
        earlier: Names the journals that are there already, so that a wake-up lists ten thousand of them once.
        readers: Who else may read it.
        repeatable: Callbacks that may be called once more if a power loss takes their step away: it is not synced.
    """

    directory: Path
    header: Mapping[str, object]
    clock: Clock
    redactor: Redactor
    disk: Disk = SYSTEM_DISK
    make_room: Callable[[], bool] = lambda: False
    earlier: Callable[[], Sequence[str]] | None = None
    repeatable: frozenset[str] = frozenset()
    readers: Readers = NOBODY_ELSE
    path: Path | None = None
    _file: AppendedFile | None = None
    _whole_bytes: int = 0
    _torn: bool = False
    _chain: str = ""
    _started_s: float | None = None
    _waiting: list[tuple[str, Mapping[str, object]]] = attrs.field(factory=list)
    _name_is_safe: bool = False
    _first_of_folder: bool = False

    def append(self, step: Step) -> None:
        """Write one step, and return when it is on disk if what comes now cannot be taken back or asked again.

        An event that another process has posted is on disk before that process is told so.

        What could not be written is kept, and written with the next step: a disk that has room again gets it all.

        Raises:
            JournalError: The disk is full, read-only or gone; or it was full, and the last reserve was used.
        """
        now_s = self.clock.monotonic()
        self._started_s = now_s if self._started_s is None else self._started_s
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(
                ("step", step_values(step, self.clock.utc_now(), now_s - self._started_s, self.redactor.text))
            )
        self._flush(sync=step.callback not in self.repeatable or step.came_from == "post")
        if step.callback == "consume_job" or "job" in step.event.data:
            self._keep_name()

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        """Write the end record, so that a whole journal is told from a cut one, and close the file.

        It is synced after a crash only: else the step before it tells as much, and an idle wake-up need not wait for
        the disk again.
        """
        if self._file is None:
            return
        values: dict[str, object] = {"at": self.clock.utc_now(), "exit_code": exit_code}
        if crash is not None:
            # Redacted before it is cut: the beginning of a secret is no longer known as one.
            values["crash"] = bounded(dict(crash), self.redactor.text)
        self._waiting.append(("end", values))
        try:
            self._flush(sync=crash is not None)
        finally:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self, *, sync: bool) -> None:
        place = self.path or self.directory
        try:
            self._write(sync)
        except OSError as error:
            with disk_errors(place, "written"):
                if error.errno not in _FULL or not self.make_room():
                    raise
                self._write(sync)
                raise OSError(
                    error.errno, "the disk is full; this record was written into space that the robot had reserved"
                ) from error

    def _write(self, sync: bool) -> None:
        file = self._file or self._open()
        # A reader stops at a line that is not whole: what comes behind one would be lost.
        if self._torn:
            file.cut(self._whole_bytes)
        chain, text = self._chain, ""
        for kind, values in self._waiting:
            line, chain = line_of(kind, values, chain, self.redactor.text)
            text += line
        data = text.encode()
        self._torn = True
        file.write(data)
        if sync:
            file.sync()
        self._torn, self._whole_bytes, self._chain = False, self._whole_bytes + len(data), chain
        self._waiting.clear()

    def _open(self) -> AppendedFile:
        stamp = self.clock.utc_now()
        # The number, not the clock, gives the order: clocks are set back.
        # A second try may find the file of the first one there.
        known = self.earlier() if self.earlier is not None and self.path is None else None
        names = journal_names(self.directory, self.disk) if known is None else known
        number = _number(names[-1]) + 1 if names else 1
        compact = stamp[:19].replace("-", "").replace(":", "")
        self.path = self.directory / f"{number:06d}-{compact}Z{SUFFIX}"
        self._torn, self._whole_bytes, self._chain, self._first_of_folder = False, 0, "", number == 1
        self._file = self.disk.append(self.path, new=True)
        self.readers.let(self.directory, within=True)
        self.readers.let(self.path)
        # The header reaches the disk together with the step that follows it at once.
        if not self._waiting or self._waiting[0][0] != "header":
            self._waiting.insert(0, ("header", {**self.header, "started_at": stamp}))
        return self._file

    def _keep_name(self) -> None:
        """Sync the folder once, with the first step that speaks of a job, or right before one is asked for.

        A power loss may take a new file's name away although its content was synced. Before there is a job, nothing
        is lost with the file, and a wake-up that finds none does not pay for it. A folder that cannot be synced must
        show itself while the job is still the orchestrator's.
        """
        if self._name_is_safe:
            return
        with disk_errors(self.directory, "written"):
            self.disk.sync_names(self.directory)
            if self._first_of_folder:
                self.disk.sync_names(self.directory.parent)
                self.disk.sync_names(self.directory.parent.parent)
        self._name_is_safe = True


def journals(directory: Path, disk: Disk = SYSTEM_DISK) -> list[Path]:
    """Return every file of a folder that is named like a journal, in the order of the runs; for readers."""
    names = [name for name in disk.names(directory) if name.endswith(SUFFIX)]
    return [directory / name for name in sorted(names, key=lambda name: (_number(name), name))]


def journal_names(directory: Path, disk: Disk = SYSTEM_DISK) -> list[str]:
    """Return the names of the robot's own journals in its folder, oldest run first; an absent folder has none."""
    names = [name for name in disk.names(directory) if name.endswith(SUFFIX) and _is_numbered(name)]
    names.sort()
    # Numbers of one width sort like texts, which is all that a wake-up beside ten thousand kept runs can afford.
    if names and len({name.index("-") for name in names}) > 1:
        names.sort(key=lambda name: (_number(name), name))
    return names


def run_name(path: Path) -> str:
    """Return what a run is called: the name of its journal, which is the same during the run and behind it."""
    return path.name.removesuffix(SUFFIX).removesuffix(IDLE)


def _number(name: str) -> int:
    return int(name.partition("-")[0]) if name.endswith(SUFFIX) and _is_numbered(name) else 0


def _is_numbered(name: str) -> bool:
    """Return whether a name begins like a journal's: a file that somebody put beside the journals is none of them."""
    number, dash, _ = name.partition("-")
    # `isdigit` alone takes digits of other scripts. No pattern: it would be compiled at each start.
    return dash == "-" and len(number) <= _LONGEST_NUMBER and number.isascii() and number.isdigit()


def read_journal(path: Path, disk: Disk = SYSTEM_DISK, make: MakeRecord = record_of) -> tuple[list[Record], str]:
    """Return the whole records of a journal and what is wrong behind them, empty where nothing is.

    Raises:
        JournalError: The file cannot be read.
    """
    reading = read_run(path, disk, make)
    return reading.records, reading.wrong


def read_run(path: Path, disk: Disk = SYSTEM_DISK, make: MakeRecord = record_of) -> Reading:
    """Return everything that can be read of a journal.

    Raises:
        JournalError: The file cannot be read.
    """
    with disk_errors(path, "read"):
        return read(io.BytesIO(disk.read(path)), make)


def read_file(path: Path, make: MakeRecord = record_of) -> Reading:
    """Return what a file holds that may be no journal at all; never takes in more than a line at a time.

    Raises:
        JournalError: The file cannot be read.
    """
    with disk_errors(path, "read"), path.open("rb") as stream:
        return read(_short_lines(stream), make)


def _short_lines(stream: IO[bytes]) -> Iterable[bytes]:
    while line := stream.readline(LONGEST_LINE_BYTES + 1):
        yield line
        if not line.endswith(b"\n"):
            return


@contextmanager
def disk_errors(path: Path, done: str) -> Iterator[None]:
    """Turn a refusal of the operating system into one sentence: `done` is `written` or `read`."""
    try:
        yield
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be {done}: {error.strerror or error}") from error
