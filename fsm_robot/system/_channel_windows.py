"""How processes of one account reach each other: named pipes. `_channel_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import secrets
from multiprocessing import connection
from pathlib import Path

import attrs

from fsm_robot.sdk._pipe import send_within

_SENT_WITHIN_S = 5.0


@attrs.frozen(eq=False)
class _Connection:
    """One end of a connection."""

    _pipe: connection.Connection | connection.PipeConnection

    def send(self, message: bytes) -> None:
        """Send a message. Raises `OSError`, and of that `TimeoutError` where the other end does not read it."""
        send_within(self._pipe.fileno(), message, _SENT_WITHIN_S, "the other end does not read what it is sent")

    def receive(self, within_s: float, largest_bytes: int) -> bytes | None:
        """Return a message; None where the other end has sent none within so many seconds. Raises `OSError`."""
        try:
            # Bytes, never objects: those would be code of who sends them.
            return self._pipe.recv_bytes(largest_bytes) if self._pipe.poll(within_s) else None
        except EOFError as error:
            raise ConnectionResetError("the other end has gone") from error

    def close(self) -> None:
        """End the connection."""
        self._pipe.close()


@attrs.frozen(eq=False)
class Listener:
    """Where others connect to.

    Attributes:
        address: What they need to know.
    """

    address: str
    _pipe: connection.Listener

    def accept(self) -> _Connection:
        """Wait for the next one. Raises `OSError`."""
        return _Connection(self._pipe.accept())

    def close(self) -> None:
        """Listen no more."""
        self._pipe.close()


def listen(folder: Path) -> Listener:  # noqa: ARG001 - the twin needs it
    """Listen for processes of this account, at a name that nobody can know in advance, and so nobody can take."""
    address = rf"\\.\pipe\fsm-robot-{secrets.token_hex(16)}"
    return Listener(address, connection.Listener(address, "AF_PIPE"))


def connect(address: str) -> _Connection:
    """Connect to who listens. Raises `OSError`, at once where nobody does."""
    return _Connection(connection.Client(address, "AF_PIPE"))
