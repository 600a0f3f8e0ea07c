"""robot.log on disk: for this account only, and turned when it is large, as soon as nobody holds it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.system.readers import NOBODY_ELSE, Readers

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LARGEST_BYTES = 10_000_000
TRIED_AGAIN_BYTES = 100_000
KEPT_FILES = 5


LINES_LOST = "log.lines_lost"
"""The event id of what the file itself has to say."""


@attrs.define(eq=False, repr=False)
class LogFile:
    """A file that lines are added to; a full one gets a name with the moment, and a new one is begun.

    On Windows a file that another program has open cannot be renamed. Then the log goes on in the same file, and the
    turn is tried again after some more of it.

    Attributes:
        path: robot.log.
        largest_bytes: Where a turn is due.
        kept: How many turned files stay.
        readers: Who else may read it.
        as_json: Whether lines are JSON, and so what the file itself has to say.
    """

    path: Path
    largest_bytes: int = LARGEST_BYTES
    kept: int = KEPT_FILES
    readers: Readers = NOBODY_ELSE
    as_json: bool = False
    _descriptor: int = -1
    _size: int = 0
    _turn_at: int = 0
    _lost: int = 0

    def open(self) -> None:
        """Open the file, made if it is not there. Raises `OSError`."""
        self._descriptor = system.open_private(str(self.path), os.O_APPEND)
        self.readers.let(self.path)  # each time: to open it has made it for this account only
        self._size = os.fstat(self._descriptor).st_size
        self._turn_at = self._turn_at or self.largest_bytes

    def write(self, line: str) -> None:
        """Add a line; one that has no room is counted, and the next one that has some says how many were lost."""
        data = line.encode(errors="backslashreplace")
        try:
            if self._descriptor < 0:
                self.open()
            if self._size + len(data) > self._turn_at:
                self._turn()
            if self._lost:
                data = self._missing().encode() + data
            self._add(data)
            self._lost = 0
        except OSError as error:
            self._lost += 1
            if self._lost == 1 and sys.stderr is not None:
                print(f"{self.path}: cannot be written: {error}", file=sys.stderr)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _missing(self) -> str:
        text = f"{counted(self._lost, 'line')} missing here, could not be written"
        return (json.dumps({"event": LINES_LOST, "sentence": text}) if self.as_json else text) + "\n"

    def _add(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            self._size += written
            data = data[written:]

    def _turn(self) -> None:
        self.close()
        try:
            self.path.rename(self._turned_name())
            self._turn_at = self.largest_bytes
        except OSError:
            # Held by an editor, a scanner or a backup: it will not be for ever.
            self._turn_at = self._size + TRIED_AGAIN_BYTES
        self.open()
        if self._turn_at == self.largest_bytes:
            self._delete_old()

    def _turned_name(self) -> Path:
        moment_ns = time.time_ns()
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime(moment_ns // 10**9))
        return self.path.with_name(f"{self.path.stem}.{stamp}_{moment_ns // 1000 % 10**6:06d}{self.path.suffix}")

    def _delete_old(self) -> None:
        turned = sorted(self.path.parent.glob(f"{self.path.stem}.*{self.path.suffix}"))
        for path in turned[: -self.kept]:
            try:
                path.unlink()
            except OSError:
                continue  # held; the next turn finds it again
