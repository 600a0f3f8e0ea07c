"""What the robot process itself asks of Windows; `_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import msvcrt
import os
import signal
import threading
from collections.abc import Callable

LEAVE_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
"""Signals that tell the robot to leave politely."""

# Far behind the content: a locked region cannot be read by others, and they want to read who holds it.
_LOCKED_BYTE = 1 << 30
_EWX_LOGOFF, _EWX_FORCE = 0x0, 0x4
_PLANNED_BY_APPLICATION = 0x80040000
_CURRENT_SESSION = 0xFFFFFFFF
_ERROR_ALREADY_EXISTS = 183


def leave_session(how: str) -> str:
    """End (`log_off`) or leave (`disconnect`) the session that the robot runs in, no other; return what went wrong.

    Not by `shutdown /l`: it says nothing when it did nothing.
    """
    import ctypes

    if how == "disconnect":
        wtsapi32 = ctypes.WinDLL("wtsapi32", use_last_error=True)
        done = wtsapi32.WTSDisconnectSession(None, ctypes.c_uint32(_CURRENT_SESSION), False)
    else:
        # By force, because nobody is there to answer a program that asks whether to save something.
        user32 = ctypes.WinDLL("user32", use_last_error=True)
        done = user32.ExitWindowsEx(_EWX_LOGOFF | _EWX_FORCE, ctypes.c_uint32(_PLANNED_BY_APPLICATION))
    return "" if done else str(ctypes.WinError(ctypes.get_last_error()))


def watch_session(tell: Callable[[str], None], over: threading.Event) -> None:
    """Let `tell` know when the session ends, in time to bring everything to an end; `over` says that this is done."""
    # In a thread, because it loads what the first heartbeat does not need.
    threading.Thread(target=_watch_session, args=[tell, over], name="session", daemon=True).start()


def account_file(name: str) -> str:
    """Return a path that is the same for every process of this account, whatever its environment says."""
    return os.path.join(os.path.expanduser("~"), "AppData", "Local", f"fsm_robot-{name}")


def open_lock_file(path: str) -> int:
    """Open or create the file behind a lock, not inherited by children; return the descriptor."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT | os.O_BINARY, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; the system frees it when the process dies."""
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True


def take_name(name: str) -> int:
    """Take a name that one process of this session may have; return what frees it, or 0 where another one has it."""
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.CreateMutexW.restype = ctypes.c_void_p
    handle = kernel32.CreateMutexW(None, False, ctypes.c_wchar_p(f"Local\\{name}"))
    if not handle:
        raise ctypes.WinError(ctypes.get_last_error())
    if ctypes.get_last_error() == _ERROR_ALREADY_EXISTS:
        free_name(handle)
        return 0
    return int(handle)


def free_name(taken: int) -> None:
    """Give a name back; the system does it when the process dies."""
    import ctypes

    ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(taken))


def create_private(path: str) -> int:
    """Create a file for this account and the system only; return a descriptor that is written to.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    from fsm_robot import _private_file

    return msvcrt.open_osfhandle(_private_file.create(path), os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT)


def _watch_session(tell: Callable[[str], None], over: threading.Event) -> None:
    from fsm_robot import _session_end

    _session_end.watch(tell, over)
