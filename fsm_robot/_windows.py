"""What the robot process itself asks of Windows; `_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import msvcrt
import os
import signal
from ctypes import wintypes

LEAVE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
"""Signals that tell the robot to leave politely."""

# Far behind the content: a locked region cannot be read by others, and they want to read who holds it.
LOCKED_BYTE = 1 << 30
_SYNCHRONIZE, _WAIT_TIMEOUT, _ACCESS_DENIED = 0x00100000, 0x102, 5
_UOI_FLAGS, _WSF_VISIBLE = 1, 1


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


def process_lives(pid: int) -> bool:
    """Return whether there is a process with this id, of whatever account."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = wintypes.HANDLE
    kernel.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        # A process of another account may not be opened, but it is there.
        return ctypes.get_last_error() == _ACCESS_DENIED
    try:
        # The id of a process that has ended stays valid while anybody holds a handle to it.
        return bool(kernel.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT)
    finally:
        kernel.CloseHandle(handle)


def session() -> tuple[str, str]:
    """Return what this process's session is, and what keeps a script from working in it, empty where nothing does."""
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    session_id = wintypes.DWORD()
    if not kernel.ProcessIdToSessionId(os.getpid(), ctypes.byref(session_id)):
        return "unknown session", "Windows does not tell the session of this process"
    shown = f"session {session_id.value}"
    if session_id.value == 0:
        return shown, "session 0 is that of services: it has no desktop, so a script cannot use windows there"
    if not _desktop_is_visible():
        return shown, "this session has no visible desktop, so a script cannot use windows in it"
    return f"{shown}, interactive", ""


def _desktop_is_visible() -> bool:
    class Flags(ctypes.Structure):
        _fields_ = (("inherit", wintypes.BOOL), ("reserved", wintypes.BOOL), ("flags", wintypes.DWORD))

    user = ctypes.WinDLL("user32", use_last_error=True)
    user.GetProcessWindowStation.restype = wintypes.HANDLE
    user.GetUserObjectInformationW.argtypes = [
        wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD),
    ]  # fmt: skip
    flags, needed = Flags(), wintypes.DWORD()
    told = user.GetUserObjectInformationW(
        user.GetProcessWindowStation(), _UOI_FLAGS, ctypes.byref(flags), ctypes.sizeof(flags), ctypes.byref(needed)
    )
    return bool(told and flags.flags & _WSF_VISIBLE)
