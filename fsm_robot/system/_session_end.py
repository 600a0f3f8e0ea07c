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

from fsm_robot.system.threads import Flag

POLITE_S = 2.0
"""What a script gets before it is killed, so that seconds are left for the report."""
LONGEST_S = 4.5
CONSOLE_EVENTS = {2: "its console was closed", 5: "the account is logged off", 6: "Windows shuts down"}
CLOSE, QUERY_END, END = 0x10, 0x11, 0x16
LOGOFF_FLAG = 0x80000000
_CLASS_NAME = "fsm_robot session end"
_ERROR_CLASS_ALREADY_EXISTS = 1410
_GWLP_WNDPROC = -4

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

    Windows may call it until the process ends, so it has to live as long.

    Attributes:
        tell: Asks the robot to leave; a second call asks it to hurry.
        over: Set when the robot has written and reported everything.
        handler: What Windows calls with a console event.
        procedure: What it calls with a message to our window.
    """

    tell: Callable[[str], None]
    over: Flag
    _first: threading.Lock = attrs.field(factory=threading.Lock)
    handler: object = attrs.field(init=False)
    procedure: object = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.handler, self.procedure = _Handler(self.on_console_event), _WindowProcedure(self.on_message)

    def came(self, reason: str) -> None:
        """Tell the robot and wait until it is done, or until Windows waits no longer."""
        if not self._first.acquire(blocking=False):
            # The other way brings the same news, and Windows ends the process when either returns.
            self.over.wait(LONGEST_S)
            return
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
        if message == CLOSE:
            return 0  # by default the window would go, and nothing would hear of the end any more
        if message == QUERY_END:
            return 1  # nothing of ours speaks against it, and another program may still do so
        if message == END:
            if first:
                self.came("the account is logged off" if second & LOGOFF_FLAG else "Windows shuts down")
            return 0
        return int(_user32().DefWindowProcW(window, message, first, second))

    def watch(self, watched: Flag) -> None:
        """Look for the end of the session until the process ends; in a thread of its own, where it may begin anew.

        Args:
            watched: Is set once nothing can be missed any more.

        Raises:
            OSError: The end may come unseen.
        """
        if not ctypes.WinDLL("kernel32", use_last_error=True).SetConsoleCtrlHandler(self.handler, True):
            raise ctypes.WinError(ctypes.get_last_error())
        _make_window(self.procedure)
        watched.set()
        message = wintypes.MSG()
        while _user32().GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            _user32().DispatchMessageW(ctypes.byref(message))
        raise OSError("the messages to the robot's window have ended")


def _make_window(procedure: object) -> None:
    """Make a window that is never shown; not one for messages only, which is not told of the session's end."""
    kind = _WindowClass(procedure=procedure, name=_CLASS_NAME)
    user32 = _user32()
    if not user32.RegisterClassW(ctypes.byref(kind)) and ctypes.get_last_error() != _ERROR_CLASS_ALREADY_EXISTS:
        raise ctypes.WinError(ctypes.get_last_error())
    window = user32.CreateWindowExW(0, kind.name, "fsm_robot", 0, 0, 0, 0, 0, None, None, None, None)
    if not window:
        raise ctypes.WinError(ctypes.get_last_error())
    # Where there was a class of this name it has the procedure of who was before us in this process.
    user32.SetWindowLongPtrW(window, _GWLP_WNDPROC, procedure)


def _user32() -> ctypes.WinDLL:
    user32 = ctypes.WinDLL("user32", use_last_error=True)
    user32.DefWindowProcW.argtypes = (wintypes.HWND, wintypes.UINT, ctypes.c_size_t, ctypes.c_ssize_t)
    user32.DefWindowProcW.restype = ctypes.c_ssize_t
    user32.CreateWindowExW.restype = wintypes.HWND
    user32.SetWindowLongPtrW.argtypes = (wintypes.HWND, ctypes.c_int, _WindowProcedure)
    user32.SetWindowLongPtrW.restype = ctypes.c_ssize_t
    return user32
