"""The end of a Windows session: log-off, shutdown, the closing of the console, seen in time.

Two ways, because Windows uses one or the other: a console event where the process has a console, and a message to its
windows as soon as it has loaded user32, which Python's TLS library does. Windows ends the process when the handler
returns, or after about five seconds, whatever happens; so the handler tells the robot and waits until it is done.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import threading
from collections.abc import Callable
from ctypes import wintypes

import attrs

POLITE_S = 2.0
"""What a script gets before it is killed, so that seconds are left for the report."""
LONGEST_S = 4.5
CONSOLE_EVENTS = {2: "its console was closed", 5: "the account is logged off", 6: "Windows shuts down"}
QUERY_END, END = 0x11, 0x16
LOGOFF_FLAG = 0x80000000

_Handler = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
_WindowProcedure = ctypes.WINFUNCTYPE(ctypes.c_ssize_t, wintypes.HWND, wintypes.UINT, ctypes.c_size_t, ctypes.c_ssize_t)


class _WindowClass(ctypes.Structure):
    _fields_ = (
        ("style", wintypes.UINT),
        ("procedure", _WindowProcedure),
        ("class_extra", ctypes.c_int),
        ("window_extra", ctypes.c_int),
        ("instance", wintypes.HINSTANCE),
        ("icon", wintypes.HANDLE),
        ("cursor", wintypes.HANDLE),
        ("background", wintypes.HANDLE),
        ("menu", wintypes.LPCWSTR),
        ("name", wintypes.LPCWSTR),
    )


@attrs.define(eq=False)
class SessionEnd:
    """Passes the end of the session on, once.

    Attributes:
        tell: Asks the robot to leave; a second call asks it to hurry.
        over: Set when the robot has written and reported everything.
    """

    tell: Callable[[str], None]
    over: threading.Event
    told: bool = False

    def came(self, reason: str) -> None:
        """Tell the robot and wait until it is done, or until Windows waits no longer."""
        if not self.told:
            self.told = True
            self.tell(reason)
            if not self.over.wait(POLITE_S):
                self.tell(reason)
        self.over.wait(LONGEST_S - POLITE_S)

    def on_console_event(self, event: int) -> bool:
        """Take a console event; Ctrl-C and Ctrl-Break are left to Python's own handler."""
        if event not in CONSOLE_EVENTS:
            return False
        self.came(CONSOLE_EVENTS[event])
        return True

    def on_message(self, window: int, message: int, first: int, second: int) -> int:
        """Take a message to our hidden window."""
        if message == QUERY_END:
            return 1  # nothing of ours speaks against it, and another program may still do so
        if message == END:
            if first:
                self.came("the account is logged off" if second & LOGOFF_FLAG else "Windows shuts down")
            return 0
        return int(_user32().DefWindowProcW(window, message, first, second))


def watch(tell: Callable[[str], None], over: threading.Event) -> None:
    """Look for the end of the session until the process ends; wants a thread of its own, and never returns."""
    session_end = SessionEnd(tell, over)
    # Both must live as long as Windows may call them, so this function keeps them, whatever fails below.
    handler = _Handler(session_end.on_console_event)
    procedure = _WindowProcedure(session_end.on_message)
    ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, True)
    if _make_window(procedure):
        message = wintypes.MSG()
        while _user32().GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            _user32().DispatchMessageW(ctypes.byref(message))
    threading.Event().wait()


def _make_window(procedure: object) -> bool:
    """Make a window that is never shown; not one for messages only, which is not told of the session's end."""
    kind = _WindowClass(procedure=procedure, name="fsm_robot session end")
    user32 = _user32()
    if not user32.RegisterClassW(ctypes.byref(kind)):
        return False
    return bool(user32.CreateWindowExW(0, kind.name, "fsm_robot", 0, 0, 0, 0, 0, None, None, None, None))


def _user32() -> ctypes.WinDLL:
    user32 = ctypes.windll.user32
    user32.DefWindowProcW.argtypes = (wintypes.HWND, wintypes.UINT, ctypes.c_size_t, ctypes.c_ssize_t)
    user32.DefWindowProcW.restype = ctypes.c_ssize_t
    user32.CreateWindowExW.restype = wintypes.HWND
    return user32
