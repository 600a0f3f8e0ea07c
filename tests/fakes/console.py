"""A robot with a console of its own, and a person who presses Ctrl-C there: a real key press, on every system."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    # A process has one console: who wants to send into another one's leaves its own.
    _PRESS = """
import ctypes, sys
kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
kernel32.FreeConsole()
if not kernel32.AttachConsole(int(sys.argv[1])):
    raise ctypes.WinError(ctypes.get_last_error())
kernel32.SetConsoleCtrlHandler(None, True)
if not kernel32.GenerateConsoleCtrlEvent(0, 0):
    raise ctypes.WinError(ctypes.get_last_error())
"""

    def start_in_console(folder: RobotFolder, *arguments: str) -> subprocess.Popen[str]:
        """Start the robot in a console of its own; what it prints is read through pipes."""
        return folder.start(*arguments, how={"creationflags": subprocess.CREATE_NEW_CONSOLE})

    def press_ctrl_c(process: subprocess.Popen[Any]) -> None:
        """Press Ctrl-C in the console of a process."""
        subprocess.run([sys.executable, "-I", "-c", _PRESS, str(process.pid)], check=True)

else:
    import fcntl
    import pty
    import termios

    _keyboards: dict[int, int] = {}

    def start_in_console(folder: RobotFolder, *arguments: str) -> subprocess.Popen[str]:
        """Start the robot in a console of its own; what it prints is read through pipes."""
        keyboard, terminal = pty.openpty()
        how = {
            "stdin": terminal,
            "start_new_session": True,
            "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        }
        process = folder.start(*arguments, how=how)
        os.close(terminal)
        _keyboards[process.pid] = keyboard
        return process

    def press_ctrl_c(process: subprocess.Popen[Any]) -> None:
        """Press Ctrl-C in the console of a process."""
        os.write(_keyboards[process.pid], b"\x03")
