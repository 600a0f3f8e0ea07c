"""Which processes are alive, and how one is told to leave, on every system."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    import ctypes

    from tests.fakes.waiting import until

    _WM_ENDSESSION, _LOGOFF = 0x16, 0x80000000
    _SYNCHRONIZE, _STILL_WAITING = 0x00100000, 0x102

    def alive(pid: int) -> bool:
        handle = ctypes.windll.kernel32.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:
            return False
        try:
            state: int = ctypes.windll.kernel32.WaitForSingleObject(handle, 0)
            return state == _STILL_WAITING
        finally:
            ctypes.windll.kernel32.CloseHandle(handle)

    def under_wine() -> bool:
        """Return whether this Windows is Wine's."""
        return hasattr(ctypes.windll.ntdll, "wine_get_version")

    def tell_to_leave(process: subprocess.Popen[Any], number: int = signal.SIGTERM) -> None:
        """Tell the robot that its session ends, as Windows does: a signal from another process would only kill it."""
        window = until(lambda: window_of(process.pid), "the robot's hidden window")
        post(window, _WM_ENDSESSION, 1, _LOGOFF)

    def post(window: int, message: int, first: int = 0, second: int = 0) -> None:
        """Put a message into the queue of a window."""
        ctypes.windll.user32.PostMessageW(ctypes.c_void_p(window), message, first, ctypes.c_ssize_t(second))

    def window_of(pid: int) -> int:
        """Return the window by which the robot in a process hears of the session's end; 0 where it has none."""
        user32 = ctypes.windll.user32
        user32.FindWindowExW.restype = ctypes.c_void_p
        window, owner = None, ctypes.c_uint32()
        while window := user32.FindWindowExW(None, ctypes.c_void_p(window), "fsm_robot session end", None):
            user32.GetWindowThreadProcessId(ctypes.c_void_p(window), ctypes.byref(owner))
            if owner.value == pid:
                return int(window)
        return 0

else:

    def under_wine() -> bool:
        """Return whether this Windows is Wine's: it is none at all."""
        return False

    def tell_to_leave(process: subprocess.Popen[Any], number: int = signal.SIGTERM) -> None:
        """Tell the robot to leave politely."""
        process.send_signal(number)

    def alive(pid: int) -> bool:
        """Return whether a process is there and is more than a zombie."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] not in ("Z", "X")
