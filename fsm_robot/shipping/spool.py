"""The lines that are on their way, on disk, so that a restart loses none: files that are appended to, and a cursor.

Nothing is synced: a power loss may take the newest lines, or send some twice; the end of the robot does neither. Only
one thread uses it, which may hang with the disk.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from fsm_robot.shipping.line import Line

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

SEGMENT_BYTES = 1 << 20
LARGEST_READ_BYTES = 8 << 20
"""Of one file: a larger one is none of ours."""
SUFFIX, CURSOR_NAME = ".jsonl", "sent"


@attrs.define(eq=False, repr=False)
class Spool:
    """A folder with lines in files that are named by the number of their first line. Every method may raise `OSError`.

    Attributes:
        directory: The folder, for this account only.
    """

    directory: Path
    _segments: list[tuple[int, Path]] = attrs.field(factory=list)
    _descriptor: int = -1
    _size: int = 0
    _torn: bool = False
    _cursor: int = -1
    _marked: int = 0

    def load(self) -> tuple[list[Line], int]:
        """Return the lines that an earlier life has left, and how many could not be read."""
        lines, torn, last = list[Line](), 0, self._read_cursor()
        names = os.listdir(self.directory) if self.directory.is_dir() else []
        for name in sorted(name for name in names if name.endswith(SUFFIX) and name[: -len(SUFFIX)].isdecimal()):
            path = self.directory / name
            self._segments.append((int(name[: -len(SUFFIX)]), path))
            with open(path, "rb") as stream:
                content = stream.read(LARGEST_READ_BYTES)
            line: Line | None = None
            for data in content.splitlines():
                if not data.strip():
                    continue
                line = Line.parsed(data)
                # One that is there twice was written again, after the disk was full in the midst of it.
                if line is not None and line.number > last:
                    last = line.number
                    lines.append(line)
            # In the midst of a file a full disk has cut it, and it stands whole behind.
            torn += line is None and bool(content.strip())
        self._marked = max(self._marked, lines[0].number - 1 if lines else last)
        return lines, torn

    @property
    def last_known(self) -> int:
        """The largest number that is known to be used, besides those of the lines that were loaded."""
        return max([self._marked, *(first for first, _ in self._segments)])

    def append(self, lines: Sequence[Line]) -> None:
        """Add lines, which have numbers."""
        for line in lines:
            data = line.as_json()
            if self._descriptor < 0 or self._size >= SEGMENT_BYTES:
                self._begin(line.number)
            # A full disk may have cut the last line.
            data, self._torn = (b"\n" + data if self._torn else data), True
            while data:
                written = os.write(self._descriptor, data)
                self._size += written
                data = data[written:]
            self._torn = False

    def mark(self, number: int) -> None:
        """Keep that all lines up to this number were sent or given up."""
        if number <= self._marked:
            return
        if self._cursor < 0:
            self._make_folder()
            # In place and in a fixed length, so that it needs no room on a full disk, and is never cut.
            self._cursor = system.open_private(str(self.directory / CURSOR_NAME), 0)
        os.lseek(self._cursor, 0, os.SEEK_SET)
        os.write(self._cursor, f"{number:020d}\n".encode("ascii"))
        self._marked = number
        while len(self._segments) > 1 and self._segments[1][0] <= number + 1:
            self._segments[0][1].unlink(missing_ok=True)
            del self._segments[0]

    def close(self, *, is_empty: bool) -> None:
        """Close the files; with `is_empty` they and the folder go, so that the next start looks at nothing."""
        for descriptor in (self._descriptor, self._cursor):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._cursor = -1
        if is_empty:
            for _, path in self._segments:
                path.unlink(missing_ok=True)
            self._segments.clear()
            (self.directory / CURSOR_NAME).unlink(missing_ok=True)
            if self.directory.is_dir() and not os.listdir(self.directory):
                self.directory.rmdir()

    def _begin(self, number: int) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
        self._make_folder()
        path = self.directory / f"{number:012d}{SUFFIX}"
        self._descriptor = system.open_private(str(path), os.O_APPEND)
        self._size, self._torn = os.fstat(self._descriptor).st_size, False
        if (number, path) not in self._segments:
            self._segments.append((number, path))

    def _make_folder(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.directory.mkdir(mode=0o700, exist_ok=True)

    def _read_cursor(self) -> int:
        try:
            return int((self.directory / CURSOR_NAME).read_bytes()[:21])
        except (FileNotFoundError, ValueError):
            return 0  # nothing was sent yet, or a power loss took what was written: then lines are sent twice


def left_in(directory: Path) -> list[Line]:
    """Return the lines that wait there, whether a robot is at it or not; nothing is changed. May raise `OSError`."""
    return Spool(directory).load()[0]


def is_there(directory: Path) -> bool:
    """Return whether an earlier life has left something: asked at each start, so it opens nothing."""
    try:
        with os.scandir(directory) as entries:
            return any(entry.name.endswith(SUFFIX) for entry in entries)
    except OSError:
        return False
