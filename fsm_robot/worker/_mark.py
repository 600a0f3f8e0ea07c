"""A mark on every process of a script, which neither a new session nor an empty environment takes off.

Linux keeps a limit on file locks for each process and has not applied it since 2.4.25. Children inherit it, over `fork`
and over `exec`, and /proc shows it to everybody; so its soft value serves as a number that only this script's
processes have. The hard value stays as it is, and who wants the limit back can have it. Source: setrlimit(2),
RLIMIT_LOCKS; proc_pid_limits(5).

Rejected: a process of its own that outlives the robot and adopts what is left. It would cost each job a process.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

_RLIMIT_LOCKS = 10  # the same on every architecture; `resource` has no name for it
_FIRST = 1 << 62
"""No limit that anybody has set is so high."""
_LINE = b"Max file locks"


@contextmanager
def worn(run_token: str) -> Iterator[None]:
    """Let what this process starts within the block be marked, as far as the system has such a mark.

    A child that another thread starts at the same moment in a session of its own gets it too, and counts as the
    script's.
    """
    try:
        soft, hard = resource.getrlimit(_RLIMIT_LOCKS)
        resource.setrlimit(_RLIMIT_LOCKS, (_number(run_token), hard))
    except (ValueError, OSError, OverflowError):
        # Another system, or an administrator has set the limit: then the other marks have to do.
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(_RLIMIT_LOCKS, (soft, hard))


def is_worn_by(pid: int, run_token: str) -> bool:
    """Return whether a process, of whatever account, has the mark of this run token."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as stream:
            line = next((line for line in stream if line.startswith(_LINE)), b"")
    except OSError:
        return False  # it is gone, or there is no /proc
    return line[len(_LINE) :].split()[:1] == [b"%d" % _number(run_token)]


@cache
def _number(run_token: str) -> int:
    # Whoever has the number is ended with the script, so no two scripts of a host may have the same.
    return _FIRST | int.from_bytes(sha256(run_token.encode()).digest()[:7], "big")
