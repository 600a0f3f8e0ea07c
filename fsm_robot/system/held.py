"""Files that another program holds open without sharing: waited for, and in the end named together with their holder.

Only Windows has them. A scanner, a backup or an index holds a file for moments, so whoever opens one tries again; a
program that keeps it is for a person to close. Nothing tells when a file becomes free, so it is looked at from time to
time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LONGEST_S = 10.0
LOOK_AGAIN_S = 0.05

Opened = TypeVar("Opened")


class HeldFileError(OSError):
    """Another program did not let go of a file; the text names both."""


class Patience(NamedTuple):
    """How long files are waited for that somebody else holds. No attrs class, which costs each start a little more.

    Attributes:
        monotonic: The clock that the wait is counted on, in seconds.
        pause: Waits so many seconds. Not an event: under Windows no Ctrl-C ends the main thread's wait for one.
    """

    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] = time.sleep

    def until_free(self, path: str | os.PathLike[str], work: Callable[[], Opened]) -> Opened:
        """Return what `work` returns, called again while another program holds the file; for `LONGEST_S` at most.

        Raises:
            HeldFileError: It was held all the time.
            OSError: Whatever else `work` raises.
        """
        deadline_s: float | None = None
        while True:
            try:
                return work()
            except OSError as error:
                if not system.is_held(os.fspath(path), error):
                    raise
                now_s = self.monotonic()
                deadline_s = now_s + LONGEST_S if deadline_s is None else deadline_s
                if now_s >= deadline_s:
                    raise HeldFileError(_sentence(os.fspath(path))) from error
            self.pause(LOOK_AGAIN_S)


PATIENCE = Patience()


def _sentence(path: str) -> str:
    by = ", ".join(system.holders(path)) or "another program"
    return (
        f"{path} is held open by {by}, and was not free within {LONGEST_S:g} s;"
        " close it there, or leave this folder out of what that program looks into"
    )
