"""Sends CTRL_BREAK to the process group of a script under Windows: `python send_break.py PID`, run by path.

A process of its own, because only who is attached to a console may send an event there: the robot may have none, and
attached to the script's it would be hit itself. The exit code is the system's error number, 0 when the event was sent.
"""

import sys

assert sys.platform == "win32", "run on Windows only"  # and type-checked for Windows only

CTRL_BREAK_EVENT = 1


def main() -> int:
    """Attach to the console of the process and send the event to its group, of which we are no member."""
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    pid = int(sys.argv[1])
    kernel32.FreeConsole()
    if not kernel32.AttachConsole(pid) or not kernel32.GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid):
        return ctypes.get_last_error() or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
