"""Windows: whether an error means that somebody else has a file open, and who that is."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import _winapi
import ctypes
from ctypes import wintypes

_SHARING_VIOLATION, _LOCK_VIOLATION, _DIRECTORY_NOT_EMPTY = 32, 33, 145
_READ_AND_WRITE, _SHARE_ALL, _OPEN_EXISTING = 0xC0000000, 0x7, 3
_SESSION_KEY_CHARACTERS = 33
_MOST_HOLDERS = 16


class _ProcessInfo(ctypes.Structure):
    """RM_PROCESS_INFO of restartmanager.h."""

    _fields_ = (
        ("pid", wintypes.DWORD),
        ("started", wintypes.FILETIME),
        ("name", wintypes.WCHAR * 256),
        ("service", wintypes.WCHAR * 64),
        ("kind", ctypes.c_int),
        ("status", wintypes.ULONG),
        ("session", wintypes.DWORD),
        ("restartable", wintypes.BOOL),
    )


def is_held(path: str, error: OSError) -> bool:
    """Return whether an error at a file or an empty folder came of another program that has it open.

    The C library tells "held" and "not allowed" by one number, so the system is asked once more.
    """
    if error.winerror in (_SHARING_VIOLATION, _LOCK_VIOLATION, _DIRECTORY_NOT_EMPTY):
        return True
    if not isinstance(error, PermissionError):
        return False
    try:
        handle = _winapi.CreateFile(path, _READ_AND_WRITE, _SHARE_ALL, 0, _OPEN_EXISTING, 0, 0)
    except OSError as refused:
        return refused.winerror in (_SHARING_VIOLATION, _LOCK_VIOLATION)
    _winapi.CloseHandle(handle)
    return True  # it was, and is free by now


def holders(path: str) -> tuple[str, ...]:
    """Return the programs that have a file open, as far as the system's Restart Manager says so."""
    try:
        manager = ctypes.WinDLL("rstrtmgr")
    except OSError:
        return ()  # a Windows without it, as a small container
    session, key = wintypes.DWORD(), ctypes.create_unicode_buffer(_SESSION_KEY_CHARACTERS)
    if manager.RmStartSession(ctypes.byref(session), 0, key):
        return ()
    try:
        files = (wintypes.LPCWSTR * 1)(path)
        if manager.RmRegisterResources(session, 1, files, 0, None, 0, None):
            return ()
        found, reasons = (_ProcessInfo * _MOST_HOLDERS)(), wintypes.DWORD()
        needed, count = wintypes.UINT(), wintypes.UINT(_MOST_HOLDERS)
        if manager.RmGetList(session, ctypes.byref(needed), ctypes.byref(count), found, ctypes.byref(reasons)):
            return ()
        return tuple(f"{each.name or each.service} (pid {each.pid})" for each in found[: count.value])
    finally:
        manager.RmEndSession(session)
