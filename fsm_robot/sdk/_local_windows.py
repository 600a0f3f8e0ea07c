"""How a script reaches its robot: a named pipe. `_local_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import msvcrt
import time
from multiprocessing import connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Protocol

    class Pipe(Protocol):
        """A connection of `multiprocessing`, as far as it is used."""

        def send_bytes(self, buf: bytes, /) -> None: ...
        def recv_bytes(self, maxlength: int, /) -> bytes: ...
        def close(self) -> None: ...


_LOOK_EVERY_S = 0.05


class _Connection:
    """A connection to the robot."""

    def __init__(self, connected: Pipe) -> None:
        self._pipe = connected

    def send(self, message: bytes, within_s: float | None) -> None:  # noqa: ARG002 - a pipe has no time-out for it
        """Send a message. Raises `OSError`."""
        self._pipe.send_bytes(message)

    def receive(self, largest_bytes: int) -> bytes:
        """Wait for a message. Raises `OSError`."""
        try:
            # Bytes, never objects: those would be code of who sends them.
            received: bytes = self._pipe.recv_bytes(largest_bytes)
        except EOFError as error:
            raise ConnectionResetError("it has gone") from error
        return received

    def close(self) -> None:
        """End the connection."""
        self._pipe.close()


def connect(address: str) -> _Connection:
    """Connect to the robot. Raises `OSError`."""
    return _Connection(connection.Client(address, "AF_PIPE"))


def lock(stream: IO[bytes]) -> None:
    """Wait until no other process holds the lock of a file; it ends when the file is closed."""
    stream.seek(0)
    while True:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
            return
        except OSError:
            time.sleep(_LOOK_EVERY_S)  # another process of the same try is at it for milliseconds
