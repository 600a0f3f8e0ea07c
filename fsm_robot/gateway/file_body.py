"""The request body that is a file: imported with the first file that is sent."""

from __future__ import annotations

from typing import IO

import attrs

PIECE_BYTES = 64 * 1024


@attrs.define(eq=False, repr=False)
class FileBody:
    """A request body that is a file with something before and behind it, read while it is sent."""

    _file: IO[bytes] = attrs.field(repr=False)
    _size_bytes: int
    _before: bytes
    _behind: bytes
    handed_over: bool = False

    def __len__(self) -> int:
        return len(self._before) + self._size_bytes + len(self._behind)

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, nothing at the end."""
        self.handed_over = True
        if self._before:
            piece, self._before = self._before, b""
            return piece
        if self._size_bytes:
            most = PIECE_BYTES if size < 0 else max(size, 1)
            piece = self._file.read(min(most, self._size_bytes))
            if not piece:
                raise OSError("the file became shorter while it was sent")
            self._size_bytes -= len(piece)
            return piece
        piece, self._behind = self._behind, b""
        return piece

    def release(self) -> None:
        """Nothing is held."""
