"""What may bite a robot in its surroundings, under Windows."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import os
import tempfile

from fsm_robot.system import _windows

_DRIVE_REMOTE = 4


def warnings(scripts: str, python: str) -> list[str]:
    """Return what works, but not as one would think: a sentence each, with what to do."""
    _, hindrance = _windows.session()
    checks = (
        (
            hindrance != "",
            f"{hindrance}; let the task run only while the account is logged on (`fsm-robot schedule install` does)",
        ),
        (
            _is_store_stub(python),
            f"{python} is the Microsoft Store's stub, which starts another program; install Python from its own"
            " installer, for all users",
        ),
        (not _can_write(scripts), f"{scripts} cannot be written, so its modules are compiled anew for each job"),
        (
            _is_remote(scripts),
            f"{scripts} is on a network drive: a drive letter may be missing after the log-on, and a job then fails;"
            " keep the scripts on this machine",
        ),
    )
    return [text for applies, text in checks if applies]


def _is_store_stub(python: str) -> bool:
    """Return whether an interpreter is only an alias for one that the Microsoft Store would install."""
    return "\\windowsapps\\" in os.path.abspath(python).lower()


def _can_write(folder: str) -> bool:
    """Return whether a file can be made there; the read-only mark of a folder says nothing about that."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_remote(path: str) -> bool:
    """Return whether a path is on another machine."""
    drive = os.path.splitdrive(os.path.abspath(path))[0]
    if drive.startswith("\\\\"):
        return True
    return bool(ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == _DRIVE_REMOTE)
