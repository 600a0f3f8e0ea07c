"""The journal on disk: append and sync, read back, find what was left open."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.disk import SystemDisk
from fsm_robot.errors import JournalError
from fsm_robot.journal.record import Record, line_of, read_lines, step_values
from fsm_robot.journal.unsettled import has_looked_back, unsettled_in
from fsm_robot.machine.core import Step
from fsm_robot.ports import AppendedFile, Clock, Disk, Unsettled
from fsm_robot.redact import Redactor

SUFFIX = ".jsonl"
SYSTEM_DISK = SystemDisk()


@attrs.define
class JournalFile:
    """The journal of one run. The file appears with its first record."""

    directory: Path
    header: Mapping[str, Any]
    clock: Clock
    redactor: Redactor
    disk: Disk = SYSTEM_DISK
    path: Path | None = None
    _file: AppendedFile | None = None
    _whole_bytes: int = 0
    _torn: bool = False
    _chain: str = ""
    _started_s: float = 0.0

    def append(self, step: Step) -> None:
        """Write one step and return when it is on disk.

        Raises:
            JournalError: The disk is full, read-only or gone.
        """
        with _disk_errors(self.path or self.directory, "written"):
            file = self._file or self._open()
            self._write(file, "step", step_values(step, self.clock.utc_now(), self.clock.monotonic() - self._started_s))

    def end(self, exit_code: int) -> None:
        """Write the end record, so that a whole journal is told from a cut one, and close the file."""
        if self._file is None:
            return
        with _disk_errors(self.path or self.directory, "written"):
            self._write(self._file, "end", {"at": self.clock.utc_now(), "exit_code": exit_code})
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> AppendedFile:
        self._started_s = self.clock.monotonic()
        stamp = self.clock.utc_now()
        # The number, not the clock, gives the order: clocks are set back.
        number = max((_number(path) for path in journals(self.directory, self.disk)), default=0) + 1
        compact = stamp[:19].replace("-", "").replace(":", "")
        self.path = self.directory / f"{number:06d}-{compact}Z{SUFFIX}"
        self._torn, self._whole_bytes, self._chain = False, 0, ""
        file = self.disk.append(self.path, new=True)
        try:
            self._write(file, "header", {**self.header, "started_at": stamp})
        except OSError:
            file.close()
            raise
        self._file = file
        return file

    def _write(self, file: AppendedFile, kind: str, values: Mapping[str, Any]) -> None:
        self._mend(file)
        line, chain = line_of(kind, values, self._chain, self.redactor.text)
        data = line.encode()
        self._torn = True
        file.write(data)
        if kind != "header":
            # The header reaches the disk together with the step that follows it at once.
            file.sync()
        self._torn, self._whole_bytes, self._chain = False, self._whole_bytes + len(data), chain

    def _mend(self, file: AppendedFile) -> None:
        # A reader stops at a line that is not whole: what comes behind one would be lost.
        if self._torn:
            file.cut(self._whole_bytes)


def journals(directory: Path, disk: Disk = SYSTEM_DISK) -> list[Path]:
    """Return the journals of a folder, oldest first; an absent folder has none."""
    return sorted((directory / name for name in disk.names(directory) if name.endswith(SUFFIX)), key=_number)


def read_journal(path: Path, disk: Disk = SYSTEM_DISK) -> tuple[list[Record], str]:
    """Return the whole records of a journal and what is wrong behind them, empty where nothing is.

    Raises:
        JournalError: The file cannot be read.
    """
    with _disk_errors(path, "read"):
        text = disk.read(path).decode("utf-8", "replace")
    return read_lines(io.StringIO(text, newline=""))


def find_unsettled(directory: Path, disk: Disk = SYSTEM_DISK) -> Unsettled | None:
    """Return the job that earlier runs left open, or None.

    The last run that looked back answers for all before it: it took over what it found.
    """
    with _disk_errors(directory, "read"):
        paths = journals(directory, disk)
    for path in reversed(paths):
        records, _ = read_journal(path, disk)
        found = unsettled_in(records)
        if found is not None or has_looked_back(records):
            return found
    return None


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


@contextmanager
def _disk_errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be {done}: {error}") from error
