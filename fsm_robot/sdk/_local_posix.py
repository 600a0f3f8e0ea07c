"""How a script reaches its robot: a socket among the files. `_local_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import fcntl
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

PIECE_BYTES = 65536
CONNECTED_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.02


class Connection:
    """A connection to the robot; a message is a line."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, message: bytes, within_s: float | None) -> None:
        """Send a message. Raises `OSError`, and of that `TimeoutError` where it took longer."""
        self._socket.settimeout(within_s)
        try:
            self._socket.sendall(message + b"\n")
        except socket.timeout:  # no `TimeoutError` before Python 3.10
            raise TimeoutError("the robot does not read what it is told") from None

    def receive(self, largest_bytes: int) -> bytes:
        """Wait for a message. Raises `OSError`."""
        self._socket.settimeout(None)
        pieces, size = [], 0
        while True:
            piece = self._socket.recv(PIECE_BYTES)
            size += len(piece)
            if not piece or size > largest_bytes + 1:
                raise ConnectionResetError("it has gone")
            pieces.append(piece)
            if piece.endswith(b"\n"):
                return b"".join(pieces)[:-1]

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def connect(address: str) -> Connection:
    """Connect to the robot. Raises `OSError`."""
    deadline_s = time.monotonic() + CONNECTED_WITHIN_S
    while True:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(CONNECTED_WITHIN_S)
            connecting.connect(address)
            return Connection(connecting)
        except BlockingIOError:
            # So many connect at this moment that the system has no room for one more to wait.
            connecting.close()
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_LOOK_EVERY_S)
        except BaseException:
            connecting.close()
            raise


def lock(stream: IO[bytes]) -> None:
    """Wait until no other process holds the lock of a file; it ends when the file is closed."""
    fcntl.flock(stream, fcntl.LOCK_EX)
