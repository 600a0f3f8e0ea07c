"""How processes of one account reach each other: sockets among the files. `_channel_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import contextlib
import hashlib
import os
import socket
from pathlib import Path

import attrs

from fsm_robot.system import _posix
from fsm_robot.system.sockets import Connection

_LONGEST_ADDRESS_BYTES = 100
_WAITING_CALLERS = 16
_SENT_WITHIN_S = 5.0


@attrs.frozen(eq=False)
class Listener:
    """Where others connect to.

    Attributes:
        address: What they need to know.
    """

    address: str
    _socket: socket.socket

    def accept(self) -> Connection:
        """Wait for the next one. Raises `OSError`."""
        return Connection(self._socket.accept()[0])

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.address)


def listen(folder: Path) -> Listener:
    """Listen for processes of this account; what a dead one has left there is replaced. Raises `OSError`."""
    address = _address(folder)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(address)
        # Nobody is let in before `listen`, so there is no moment in which another account could be.
        os.chmod(address, 0o600)
        listening.listen(_WAITING_CALLERS)
    except BaseException:
        listening.close()
        raise
    return Listener(address, listening)


def connect(address: str) -> Connection:
    """Connect to who listens. Raises `OSError`, at once where nobody does."""
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connecting.settimeout(_SENT_WITHIN_S)
        connecting.connect(address)
    except BaseException:
        connecting.close()
        raise
    return Connection(connecting)


def _address(folder: Path) -> str:
    address = str(folder / "channel.sock")
    if len(os.fsencode(address)) <= _LONGEST_ADDRESS_BYTES:
        return address
    # The system takes a hundred bytes and no more. The same name each time, so that nothing piles up.
    private = _posix.account_folder()
    if not private:
        raise OSError(f"{address} is too long for a socket, and this account has no folder of its own in /tmp")
    return os.path.join(private, f"{hashlib.sha256(os.fsencode(address)).hexdigest()[:24]}.sock")
