"""The journal on disk: append and sync, read back, find what was left open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.errors import JournalError
from fsm_robot.journal.record import Record, line_of, read_lines, step_values
from fsm_robot.journal.unsettled import has_looked_back, unsettled_in
from fsm_robot.machine.core import Step
from fsm_robot.ports import Clock, Unsettled
from fsm_robot.redact import Redactor

SUFFIX = ".jsonl"


@attrs.define
class JournalFile:
    """The journal of one run. The file appears with its first record."""

    directory: Path
    header: Mapping[str, Any]
    clock: Clock
    redactor: Redactor
    path: Path | None = None
    _descriptor: int = -1
    _chain: str = ""
    _started_s: float = 0.0

    def append(self, step: Step) -> None:
        """Write one step and return when it is on disk.

        Raises:
            JournalError: The disk is full, read-only or gone.
        """
        with _disk_errors(self.path or self.directory, "written"):
            if self._descriptor < 0:
                self._open()
            self._write("step", step_values(step, self.clock.utc_now(), self.clock.monotonic() - self._started_s))

    def end(self, exit_code: int) -> None:
        """Write the end record, so that a whole journal is told from a cut one, and close the file."""
        if self._descriptor < 0:
            return
        with _disk_errors(self.path or self.directory, "written"):
            self._write("end", {"at": self.clock.utc_now(), "exit_code": exit_code})
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._started_s = self.clock.monotonic()
        stamp = self.clock.utc_now()
        # The number, not the clock, gives the order: clocks are set back.
        number = max((_number(path) for path in journals(self.directory)), default=0) + 1
        compact = stamp[:19].replace("-", "").replace(":", "")
        self.path = self.directory / f"{number:06d}-{compact}Z{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self.path, flags | getattr(os, "O_BINARY", 0), 0o600)
        self._write("header", {**self.header, "started_at": stamp})

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        line, chain = line_of(kind, values, self._chain, self.redactor.text)
        data = line.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        if kind != "header":
            # The header reaches the disk together with the step that follows it at once.
            os.fsync(self._descriptor)
        self._chain = chain


def journals(directory: Path) -> list[Path]:
    """Return the journals of a folder, oldest first; an absent folder has none."""
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if path.name.endswith(SUFFIX)), key=_number)


def read_journal(path: Path) -> tuple[list[Record], str]:
    """Return the whole records of a journal and what is wrong behind them, empty where nothing is.

    Raises:
        JournalError: The file cannot be read.
    """
    with _disk_errors(path, "read"), path.open(encoding="utf-8", errors="replace", newline="") as stream:
        return read_lines(stream)


def find_unsettled(directory: Path) -> Unsettled | None:
    """Return the job that earlier runs left open, or None.

    The last run that looked back answers for all before it: it took over what it found.
    """
    with _disk_errors(directory, "read"):
        paths = journals(directory)
    for path in reversed(paths):
        records, _ = read_journal(path)
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
