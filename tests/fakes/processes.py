"""Which processes are alive, on every system."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes

    _SYNCHRONIZE, _STILL_WAITING = 0x00100000, 0x102

    def alive(pid: int) -> bool:
        handle = ctypes.windll.kernel32.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:
            return False
        try:
            return ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == _STILL_WAITING
        finally:
            ctypes.windll.kernel32.CloseHandle(handle)

else:

    def alive(pid: int) -> bool:
        """Return whether a process is there and is more than a zombie."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] not in ("Z", "X")
