"""How a script reaches its robot: a socket among the files. `_local_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import fcntl
import socket
import time

from fsm_robot.sdk._sockets import CONNECTED_WITHIN_S, Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, TypeVar

    Done = TypeVar("Done")

_LOOK_EVERY_S = 0.02


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


def until_free(path: str, work: Callable[[], Done]) -> Done:  # noqa: ARG001 - the twin needs it
    """Return what `work` returns: nobody keeps others from a file by having it open."""
    return work()
