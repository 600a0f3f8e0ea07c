"""What the robot process itself asks of a POSIX system; `_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

import fcntl
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable

LEAVE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that tell the robot to leave politely."""
_LONGEST_S = 30.0


def leave_session(how: str) -> str:
    """End (`log_off`) the session that the robot runs in, no other; return what went wrong."""
    session_id = os.environ.get("XDG_SESSION_ID", "")
    if how == "disconnect":
        return "only a Windows session can be disconnected"
    if not session_id or not shutil.which("loginctl"):
        return "there is no session of its own; set session.log_off_command"
    done = subprocess.run(
        ["loginctl", "terminate-session", session_id],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LONGEST_S,
        check=False,
    )
    return done.stderr.decode(errors="replace").strip()[-300:] if done.returncode else ""


def watch_session(tell: Callable[[str], None], over: threading.Event) -> None:
    """Let `tell` know when the session ends: here that arrives as SIGHUP or SIGTERM."""


def account_file(name: str) -> str:
    """Return a path that is the same for every process of this account, whatever its environment says."""
    return f"/tmp/fsm_robot-{os.getuid()}-{name}"  # noqa: S108 - opened without following links


def open_lock_file(path: str) -> int:
    """Open or create the file behind a lock, for this account only, never through a link; return the descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; the system frees it when the process dies."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_name(name: str) -> int:  # noqa: ARG001 - the twin needs it
    """Take a name that one process of this session may have: the locks of the files do that here already."""
    return 1


def free_name(taken: int) -> None:
    """Give a name back."""


def create_private(path: str) -> int:
    """Create a file for this account only; return a descriptor that is written to.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
