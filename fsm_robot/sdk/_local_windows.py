"""How a script reaches its robot: a named pipe. `_local_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import _winapi
import msvcrt
import time
from multiprocessing import connection

from fsm_robot.sdk._pipe import send_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Protocol, TypeVar

    Done = TypeVar("Done")

    class Pipe(Protocol):
        """A connection of `multiprocessing`, as far as it is used."""

        def fileno(self) -> int: ...
        def poll(self, timeout: float, /) -> bool: ...
        def send_bytes(self, buf: bytes, /) -> None: ...
        def recv_bytes(self, maxlength: int, /) -> bytes: ...
        def close(self) -> None: ...


_LOOK_EVERY_S = 0.05
_HELD_S = 5.0
_HELD = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
_READ_AND_WRITE, _SHARE_ALL = 0xC0000000, 0x7
_held_long: set[str] = set()


class _Connection:
    """A connection to the robot."""

    def __init__(self, connected: Pipe) -> None:
        self._pipe = connected

    def send(self, message: bytes, within_s: float | None) -> None:
        """Send a message. Raises `OSError`, and of that `TimeoutError` where it took longer."""
        if within_s is None:
            return self._pipe.send_bytes(message)
        send_within(self._pipe.fileno(), message, within_s, "the robot does not read the messages of this script")
        return None

    def receive(self, largest_bytes: int, within_s: float | None) -> bytes:
        """Wait for a message. Raises `OSError`, and of that `TimeoutError` where nothing came for so long."""
        if within_s is not None and not self._pipe.poll(within_s):
            raise TimeoutError("the robot has not answered in time")
        try:
            # Bytes, never objects: those would be code of who sends them.
            received: bytes = self._pipe.recv_bytes(largest_bytes)
        except EOFError as error:
            raise ConnectionResetError("the robot has closed the connection") from error
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
        except PermissionError:  # held; whatever else the system says would stay so
            time.sleep(_LOOK_EVERY_S)  # another process of the same try is at it for milliseconds


def until_free(path: str, work: Callable[[], Done]) -> Done:
    """Return what `work` returns, called again while somebody else has a file open; for some seconds at most.

    A scanner, a backup, or who looks at a file holds it for moments. One that is held for longer is waited for once.
    """
    deadline_s = time.monotonic() + (0 if path in _held_long else _HELD_S)
    while True:
        try:
            done = work()
        except PermissionError:
            if not _is_held(path):
                raise
            if time.monotonic() >= deadline_s:
                _held_long.add(path)
                raise
        else:
            _held_long.discard(path)
            return done
        time.sleep(_LOOK_EVERY_S)


def _is_held(path: str) -> bool:
    """Return whether another program keeps us from a file: the C library has one number for that and "not allowed"."""
    try:
        handle = _winapi.CreateFile(path, _READ_AND_WRITE, _SHARE_ALL, 0, _winapi.OPEN_EXISTING, 0, 0)
    except OSError as refused:
        return refused.winerror in _HELD
    _winapi.CloseHandle(handle)
    return True  # it was, and is free by now
