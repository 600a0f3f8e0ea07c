"""Files that another program holds open without sharing: waited for, and in the end named together with their holder.

Only Windows has them. A scanner, a backup or an index holds a file for moments, so whoever opens one tries again; a
program that keeps it is for a person to close. Nothing tells when a file becomes free, so it is looked at from time to
time.

What others read at any moment is put in its place whole (`put_whole`): here, because that has to wait for them as well.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LONGEST_S = 10.0
LOOK_AGAIN_S = 0.05
_NEW = ".new"
_PRIVATE = 0o600
_LONGEST_PID = 9
_AS_IT_IS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

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

    def content(self, path: Path) -> bytes:
        """Return what is in a file that another process may just be putting in its place. Raises as `until_free`."""
        return self.until_free(path, path.read_bytes)


PATIENCE = Patience()


def put_whole(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    ready: Callable[[Path], object] = lambda _new: None,
    lasting: bool = False,
) -> None:
    """Give a file new content, whole at once for whoever reads it; nothing else stays, whenever a writer was killed.

    Args:
        path: In a folder that is there.
        content: All of it.
        mode: Of the file, from before it has content.
        ready: Told the new file before it gets its name.
        lasting: Whether it has to survive a power loss; else it may be the old one then, or torn.

    Raises:
        OSError: It could not be written; the old one is as it was.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}{_NEW}")
    _sweep(path)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _AS_IT_IS, 0o600)
        with open(descriptor, "wb") as stream:
            if mode != _PRIVATE:
                os.chmod(new, mode)  # whatever the umask of this process leaves of it
            stream.write(content)
            if lasting:
                stream.flush()
                system.sync_data(stream.fileno())
        ready(new)
        PATIENCE.until_free(path, lambda: os.replace(new, path))
        if lasting:
            system.sync_directory(str(path.parent))
    finally:
        new.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Take away what writers of a file have left that were killed before they gave it its name."""
    begin = f".{path.name}."
    with os.scandir(path.parent) as found:
        names = [entry.name for entry in found if entry.name.startswith(begin) and entry.name.endswith(_NEW)]
    for name in names:
        pid = name[len(begin) : -len(_NEW)]
        if pid.isdecimal() and len(pid) <= _LONGEST_PID and not system.process_lives(int(pid)):
            with contextlib.suppress(OSError):  # held, or another account's: it is for the next one who writes
                path.with_name(name).unlink()


def _sentence(path: str) -> str:
    by = ", ".join(system.holders(path)) or "another program"
    return (
        f"{path} is held open by {by}, and was not free within {LONGEST_S:g} s;"
        " close it there, or exclude this folder from its scan"
    )
