"""What the robot process itself asks of Windows; `_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import msvcrt
import os
import signal

LEAVE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
"""Signals that tell the robot to leave politely."""

# Far behind the content: a locked region cannot be read by others, and they want to read who holds it.
LOCKED_BYTE = 1 << 30


def log_off_command() -> list[str]:
    """Return the command that logs this account off: the session it runs in, no other."""
    return [os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "shutdown.exe"), "/l", "/f"]


def account_file(name: str) -> str:
    """Return a path that is the same for every process of this account, whatever its environment says."""
    return os.path.join(os.path.expanduser("~"), "AppData", "Local", f"fsm_robot-{name}")


def browsers() -> list[str]:
    """Return the commands and paths under which a Chromium may be installed, the likeliest first."""
    roots = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
    places = [r"Microsoft\Edge\Application\msedge.exe", r"Google\Chrome\Application\chrome.exe"]
    return ["msedge", "chrome", *(os.path.join(root, place) for place in places for root in roots if root)]


def browser_flags() -> list[str]:
    """Return what a browser needs here."""
    return []


def open_lock_file(path: str) -> int:
    """Open or create the file behind a lock, not inherited by children; return the descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT | os.O_BINARY, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; the system frees it when the process dies."""
    os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True


def sync_directory(path: str) -> None:
    """Do nothing: Windows has no call for it, and NTFS writes names to its own journal with the file's first flush."""
