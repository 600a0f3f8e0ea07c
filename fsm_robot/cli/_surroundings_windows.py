"""What may bite a robot in its surroundings, under Windows."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import os
import tempfile
from ctypes import wintypes

_DRIVE_REMOTE = 4
_UOI_FLAGS, _WSF_VISIBLE = 1, 0x1


class _ObjectFlags(ctypes.Structure):
    _fields_ = (("inherit", wintypes.BOOL), ("reserved", wintypes.BOOL), ("flags", wintypes.DWORD))


def warnings(scripts: str, python: str) -> list[str]:
    """Return what works, but not as one would think: a sentence each, with what to do."""
    checks = (
        (
            _session_number() == 0,
            "this is session 0, where services run: no window is ever seen there; let the task run only while the"
            " account is logged on (`fsm-robot schedule install` does)",
        ),
        (not _has_desktop(), "this session has no desktop that shows windows; scripts that use them will hang or fail"),
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


def _session_number() -> int:
    """Return the number of the session of this process, -1 where it is not known."""
    number = wintypes.DWORD()
    known = ctypes.windll.kernel32.ProcessIdToSessionId(os.getpid(), ctypes.byref(number))
    return number.value if known else -1


def _has_desktop() -> bool:
    """Return whether windows of this process can be seen by anybody."""
    user32 = ctypes.windll.user32
    user32.GetProcessWindowStation.restype = wintypes.HANDLE
    station = wintypes.HANDLE(user32.GetProcessWindowStation())
    flags = _ObjectFlags()
    known = user32.GetUserObjectInformationW(station, _UOI_FLAGS, ctypes.byref(flags), ctypes.sizeof(flags), None)
    return bool(known and flags.flags & _WSF_VISIBLE)


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
