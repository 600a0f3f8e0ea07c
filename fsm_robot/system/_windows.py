"""What the robot process itself asks of Windows; `_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
import msvcrt
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import wintypes
from typing import TYPE_CHECKING, NoReturn

from fsm_robot.system import threads

if TYPE_CHECKING:
    from fsm_robot.system._session_end import SessionEnd
    from fsm_robot.system.seen_session import SeenSession

NEEDED_TO_THE_END: tuple[str, ...] = tuple(
    f"fsm_robot.system.{name}" for name in ("_held_file", "_private_file", "_session_end")
)
"""Modules of this one that are imported late, and at the latest before a script starts."""
_CONSOLE_SIGNALS = {0: "SIGINT", 1: "SIGBREAK"}
"""What the console sends for Ctrl-C and Ctrl-Break, and what Python calls it."""
_ConsoleHandler = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
_handlers: list[object] = []
# Far behind the content: a locked region cannot be read by others, and they want to read who holds it.
_LOCKED_BYTE = 1 << 30
_EWX_LOGOFF, _EWX_REBOOT, _EWX_FORCE = 0x0, 0x2, 0x4
_TOKEN_ADJUST_AND_QUERY, _SE_PRIVILEGE_ENABLED = 0x28, 0x2
_WTS_CONNECT_STATE, _WTS_SESSION_INFO_EX = 8, 25
_WTS_ACTIVE, _WTS_LOCKED = 0, 0
_PLANNED_BY_APPLICATION = 0x80040000
_CURRENT_SESSION = 0xFFFFFFFF
_ERROR_ALREADY_EXISTS = 183
_FIRST_HEARTBEAT_FIRST_S = 1.0
_WATCHED_WITHIN_S = 5.0
_OPEN_TRIES = 10
_SYNCHRONIZE, _WAIT_TIMEOUT, _ACCESS_DENIED = 0x00100000, 0x102, 5
_DESKTOP_SWITCHDESKTOP = 0x0100
_UOI_FLAGS, _WSF_VISIBLE = 1, 1
_EVENT_SOURCES = r"SYSTEM\CurrentControlSet\Services\EventLog\Application"


def set_inherited_right() -> None:
    """Undo what the starter of this process may have done to its signals: here nothing of the kind is inherited."""


def leave_session(how: str) -> str:
    """End (`log_off`) or leave (`disconnect`) the robot's own session, no other, or start Windows anew (`reboot`).

    Returns what went wrong, empty where nothing did. Not by `shutdown /l`: it says nothing when it did nothing.
    """
    if how == "disconnect":
        wtsapi32 = ctypes.WinDLL("wtsapi32", use_last_error=True)
        done = wtsapi32.WTSDisconnectSession(None, ctypes.c_uint32(_CURRENT_SESSION), False)
    else:
        if how == "reboot" and (problem := _right_to_shut_down()):
            return problem
        # By force, because nobody is there to answer a program that asks whether to save something.
        user32 = ctypes.WinDLL("user32", use_last_error=True)
        flags = (_EWX_REBOOT if how == "reboot" else _EWX_LOGOFF) | _EWX_FORCE
        done = user32.ExitWindowsEx(flags, ctypes.c_uint32(_PLANNED_BY_APPLICATION))
    return "" if done else str(ctypes.WinError(ctypes.get_last_error()))


def _right_to_shut_down() -> str:
    """Switch on the right to start Windows anew, which an account has and a process does not use by itself.

    Returns:
        Why this account does not have it, empty where it has.
    """

    class Luid(ctypes.Structure):
        _fields_ = (("low", wintypes.DWORD), ("high", wintypes.LONG))

    class Privilege(ctypes.Structure):
        _fields_ = (("count", wintypes.DWORD), ("luid", Luid), ("attributes", wintypes.DWORD))

    advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
    advapi32.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE)]
    advapi32.LookupPrivilegeValueW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR, ctypes.c_void_p]
    advapi32.AdjustTokenPrivileges.argtypes = [
        wintypes.HANDLE, wintypes.BOOL, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    token, luid = wintypes.HANDLE(), Luid()
    if not advapi32.OpenProcessToken(kernel32.GetCurrentProcess(), _TOKEN_ADJUST_AND_QUERY, ctypes.byref(token)):
        return str(ctypes.WinError(ctypes.get_last_error()))
    try:
        if not advapi32.LookupPrivilegeValueW(None, "SeShutdownPrivilege", ctypes.byref(luid)):
            return str(ctypes.WinError(ctypes.get_last_error()))
        wanted = Privilege(1, luid, _SE_PRIVILEGE_ENABLED)
        ctypes.set_last_error(0)
        done = advapi32.AdjustTokenPrivileges(token, False, ctypes.byref(wanted), 0, None, None)
        # It says that it has done it where the account has no such right, too.
        problem = ctypes.get_last_error()
        return "" if done and not problem else f"this account may not start Windows anew: {ctypes.WinError(problem)}"
    finally:
        kernel32.CloseHandle(token)


def may_log_off(*, scheduled: bool) -> bool:
    """Return whether the session may be ended that nobody has asked to end: not where a person is at the keyboard.

    Who starts the robot by hand does it in a console. Its window is no sign of one: it has none in some terminals.
    """
    kernel32 = ctypes.WinDLL("kernel32")
    return scheduled or not kernel32.GetConsoleProcessList(ctypes.byref(wintypes.DWORD()), 1)


def leaving_hindrance(how: str) -> str:  # noqa: ARG001 - the twin needs it
    """Return why `leave_session` cannot do it: an account may always leave its own session."""
    return ""


def listen(tell: Callable[[str], None]) -> None:
    """Let `tell` know from now on how this process is asked to leave: Ctrl-C and Ctrl-Break. Raises `OSError`.

    `tell` runs in a thread of the system's. Python's own handlers run in the main thread between two steps, and none
    comes while that waits for a lock or a socket, which Windows cannot interrupt.
    """

    def heard(event: int) -> bool:
        if event in _CONSOLE_SIGNALS:
            tell(_CONSOLE_SIGNALS[event])
        return event in _CONSOLE_SIGNALS

    handler = _ConsoleHandler(heard)
    # Windows may call it until the process ends, so it has to live as long.
    _handlers.append(handler)
    if not ctypes.WinDLL("kernel32", use_last_error=True).SetConsoleCtrlHandler(handler, True):
        raise ctypes.WinError(ctypes.get_last_error())


def watch_session(
    tell: Callable[[str], None], over: threads.Flag, failed: Callable[[BaseException], object]
) -> Callable[[], object]:
    """Let `tell` know when the session ends, in time to bring everything to an end; `over` says that this is done.

    Args:
        tell: Asks the robot to leave; a second call asks it to hurry.
        over: Set when there is nothing left to do.
        failed: Is told why the end may come unseen.

    Returns:
        What is called before a script starts, and returns when the session is watched: a script may use up whatever
        that needs. Without a call it begins a moment later.

    Raises:
        OSError: There is no thread left.
    """
    wanted, watched = threads.Flag(), threads.Flag()
    session_ends: list[SessionEnd] = []

    def watch() -> None:
        # Before the first heartbeat there is nothing to lose, and a wake-up without a job is over by then.
        wanted.wait(_FIRST_HEARTBEAT_FIRST_S)
        if over.is_set():
            return
        from fsm_robot.system import _session_end

        if not session_ends:
            session_ends.append(_session_end.SessionEnd(tell, over))
            _handlers.extend(session_ends)
        session_ends[0].watch(watched)

    def not_watched(error: BaseException) -> bool:
        failed(error)
        watched.set()  # the script has to start nevertheless
        return isinstance(error, MemoryError)  # anything else would fail again

    def watched_now() -> bool:
        wanted.set()
        return watched.wait(_WATCHED_WITHIN_S)

    # In a thread, because messages come to the one that has made the window.
    threads.start("session", watch, not_watched)
    return watched_now


def account_folder() -> str:
    """Return a folder that is the same for every process of this account, and that no other one can look into."""
    folder = os.path.join(os.path.expanduser("~"), "AppData", "Local", "fsm_robot")
    os.makedirs(folder, exist_ok=True)
    return folder


def browsers() -> list[str]:
    """Return the commands and paths under which a Chromium may be installed, the likeliest first."""
    roots = [os.environ.get(name, "") for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
    places = [r"Microsoft\Edge\Application\msedge.exe", r"Google\Chrome\Application\chrome.exe"]
    return ["msedge", "chrome", *(os.path.join(root, place) for place in places for root in roots if root)]


def browser_flags() -> list[str]:
    """Return what a browser needs here."""
    return []


def child_flags() -> int:
    """Return how a program is started that nobody is to see: from pythonw each would open a console window."""
    return subprocess.CREATE_NO_WINDOW


def open_lock_file(path: str) -> int:
    """Open or create the file behind a lock, not inherited by children; return the descriptor."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT | os.O_BINARY, 0o600)


def is_held(path: str, error: OSError) -> bool:
    """Return whether an error at a file or an empty folder came of another program that has it open."""
    from fsm_robot.system import _held_file

    return _held_file.is_held(path, error)


def holders(path: str) -> tuple[str, ...]:
    """Return the programs that have a file open, as far as the system says so."""
    from fsm_robot.system import _held_file

    return _held_file.holders(path)


def make_private_folder(path: str) -> None:
    """Make a folder for this account, the system and administrators, with all that will lie in it; see the twin."""
    if os.path.isdir(path):
        return
    from fsm_robot.system import _private_file

    try:
        _private_file.make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):  # else another process was first
            raise


def let_read(path: str, groups: Sequence[str], *, within: bool) -> None:
    """Let the accounts of some groups read a file, or list a folder, and what will lie `within` it; see the twin."""
    from fsm_robot.system import _private_file

    _private_file.let_read(path, groups, is_folder=os.path.isdir(path), within=within)


def let_nobody_read(path: str) -> None:
    """Take back what `let_read` has given. Raises `OSError`."""
    from fsm_robot.system import _private_file

    _private_file.let_read(path, (), is_folder=os.path.isdir(path), within=False)


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


def sync_data(descriptor: int) -> None:
    """Return when what a file holds survives a power loss."""
    os.fsync(descriptor)


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


def is_terminal(descriptor: int) -> bool:
    """Return whether a person sits behind an open file; the device NUL calls itself a terminal and is none."""
    mode = wintypes.DWORD()
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetConsoleMode.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)]
    return bool(kernel.GetConsoleMode(msvcrt.get_osfhandle(descriptor), ctypes.byref(mode)))


def let_open(wanted: int) -> int:
    """See `_posix.py`; here nothing limits it."""
    return wanted


def hold_standard_descriptors() -> None:
    """Do nothing: here the standard streams are handles, which no file takes over."""


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


def desktop_hindrance() -> str:
    """Return why a script cannot use windows now, empty where nothing is known that speaks against it."""
    _, problem = session()
    if problem:
        return problem
    user = ctypes.WinDLL("user32", use_last_error=True)
    user.OpenInputDesktop.restype = wintypes.HANDLE
    user.OpenInputDesktop.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    user.CloseDesktop.argtypes = [wintypes.HANDLE]
    # Behind the lock and in a disconnected session another desktop has the input, which no program of an account opens.
    desktop = user.OpenInputDesktop(0, False, _DESKTOP_SWITCHDESKTOP)
    if not desktop:
        return "the session is locked or disconnected, so no program can use windows in it"
    user.CloseDesktop(desktop)
    return ""


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


def seen_session() -> SeenSession:
    """Return what Windows says of this process's session."""
    from fsm_robot.system.seen_session import ACTIVE, DISCONNECTED, LOCKED, SeenSession

    unknown = []
    connected = _told_of_session(_WTS_CONNECT_STATE, 4)
    state = ""
    if connected is None:
        unknown.append("whether the session is connected")
    else:
        state = ACTIVE if int.from_bytes(connected, "little") == _WTS_ACTIVE else DISCONNECTED
    # WTSINFOEXW: the level, padding, then session, state and flags.
    more = _told_of_session(_WTS_SESSION_INFO_EX, 20)
    locked = None if more is None else int.from_bytes(more[16:20], "little", signed=True)
    if locked not in (0, 1):
        unknown.append("whether it is locked")
    elif locked == _WTS_LOCKED and state == ACTIVE:
        state = LOCKED
    idle_s = _idle_s()
    if idle_s is None:
        unknown.append("when the last input was")
    user = ctypes.WinDLL("user32")
    width, height = user.GetSystemMetrics(0), user.GetSystemMetrics(1)
    told = f"Windows does not tell {', '.join(unknown)}" if unknown else ""
    return SeenSession(state, idle_s, f"{width}x{height}" if width and height else "", told)


def _told_of_session(kind: int, least: int) -> bytes | None:
    """Return at least so many bytes of what Windows keeps of this session; None where it does not say."""
    wtsapi32 = ctypes.WinDLL("wtsapi32", use_last_error=True)
    wtsapi32.WTSQuerySessionInformationW.argtypes = [
        wintypes.HANDLE, wintypes.DWORD, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(wintypes.DWORD),
    ]  # fmt: skip
    wtsapi32.WTSFreeMemory.argtypes = [ctypes.c_void_p]
    data, size = ctypes.c_void_p(), wintypes.DWORD()
    done = wtsapi32.WTSQuerySessionInformationW(None, _CURRENT_SESSION, kind, ctypes.byref(data), ctypes.byref(size))
    if not done or not data.value:
        return None
    try:
        return ctypes.string_at(data.value, size.value) if size.value >= least else None
    finally:
        wtsapi32.WTSFreeMemory(data)


def _idle_s() -> float | None:
    class LastInput(ctypes.Structure):
        _fields_ = (("size", wintypes.UINT), ("tick", wintypes.DWORD))

    last = LastInput(ctypes.sizeof(LastInput), 0)
    if not ctypes.WinDLL("user32").GetLastInputInfo(ctypes.byref(last)):
        return None
    ticks = ctypes.WinDLL("kernel32").GetTickCount() & 0xFFFFFFFF
    return float((ticks - last.tick) & 0xFFFFFFFF) / 1000  # both begin anew after 49 days


def take_name(name: str) -> int:
    """Take a name that one process of this session may have; return what frees it, or 0 where another one has it."""
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
    ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(taken))


def create_private(path: str) -> int:
    """Create a file for this account and the system only; return a descriptor that is written to.

    Raises:
        OSError: It is there already, or cannot be made.
    """
    from fsm_robot.system import _private_file

    return msvcrt.open_osfhandle(_private_file.create(path), os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT)


def open_private(path: str, flags: int) -> int:
    """Open a file to write, made for this account, the system and administrators if it is not there; see the twin."""
    from fsm_robot.system import _private_file

    for tries_left in reversed(range(_OPEN_TRIES)):
        try:
            handle = _private_file.create(path, administrators=True)
            break
        except FileExistsError:
            try:
                # Never made here: one that goes between the two would come back for whoever its folder lets in.
                return os.open(path, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT | flags)
            except FileNotFoundError:
                if not tries_left:
                    raise  # a link that leads nowhere is there, and cannot be opened, for ever
    return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT | (flags & os.O_APPEND))


def put_in_place(new: str, path: str) -> None:
    """Give a whole file its name, unless there is one of that name: then that one stays. `new` is gone."""
    try:
        os.rename(new, path)
    except FileExistsError:
        os.unlink(new)  # another process was first


def booted_at() -> float:
    """Return when this machine was started, in seconds since 1970; 0 where the system does not say."""
    kernel32 = ctypes.WinDLL("kernel32")
    kernel32.GetTickCount64.restype = ctypes.c_uint64
    return time.time() - int(kernel32.GetTickCount64()) / 1000


def restart_reason() -> str:
    """Return why this machine was started anew, in the system's own words; empty where it says nothing."""
    # 1074: somebody, or an update, asked for it. 41 and 6008: it was not shut down at all.
    events = "*[System[(EventID=1074 or EventID=41 or EventID=6008)]]"
    program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "wevtutil.exe")
    try:
        done = subprocess.run(
            [program, "qe", "System", f"/q:{events}", "/c:1", "/rd:true", "/f:text"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = done.stdout.decode("oem", "replace")
    return " ".join(said.partition("Description:")[2].split())[:300]


def killed_for_memory(pid: int) -> str:  # noqa: ARG001 - the twin needs it
    """Return the system's line that it has ended a process because memory ran out: Windows ends none for that."""
    return ""


def system_log(name: str, address: str = "") -> Callable[[str, str, int], None]:
    """Return what puts a line into the event log: level, text, number of its kind; on the machine `address`.

    Raises:
        OSError: The source is not registered: its events would have no text. See `register_system_log`.
    """
    import winreg

    winreg.CloseKey(winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_EVENT_SOURCES}\{name}"))
    advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    advapi32.RegisterEventSourceW.restype = wintypes.HANDLE
    advapi32.RegisterEventSourceW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR]
    advapi32.ReportEventW.argtypes = [
        wintypes.HANDLE, wintypes.WORD, wintypes.WORD, wintypes.DWORD, wintypes.LPVOID,
        wintypes.WORD, wintypes.DWORD, ctypes.POINTER(wintypes.LPCWSTR), wintypes.LPVOID,
    ]  # fmt: skip
    source = advapi32.RegisterEventSourceW(address or None, name)
    if not source:
        raise ctypes.WinError(ctypes.get_last_error())
    kinds = {"error": 1, "warning": 2}

    def put(level: str, text: str, number: int) -> None:
        texts = (wintypes.LPCWSTR * 1)(text[:30000])
        if not advapi32.ReportEventW(source, kinds.get(level, 4), 0, number, None, 1, 0, texts, None):
            raise ctypes.WinError(ctypes.get_last_error())

    return put


def register_system_log(name: str) -> str:
    """Make the event log know a program; return what was done.

    Raises:
        OSError: This prompt is not an administrator's.
    """
    import winreg

    # A program of Windows itself whose messages 1 to 1000 are "%1": no file of ours has to be installed for them.
    messages = r"%SystemRoot%\System32\EventCreate.exe"
    with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, rf"{_EVENT_SOURCES}\{name}") as key:
        winreg.SetValueEx(key, "EventMessageFile", 0, winreg.REG_EXPAND_SZ, messages)
        winreg.SetValueEx(key, "TypesSupported", 0, winreg.REG_DWORD, 7)
    return f"the event log of applications knows the source {name}"


def put_in_the_place_of(new: str, path: str) -> None:
    """Replace a file by a new one with the owner and the rights of the old one. Raises `OSError`."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.ReplaceFileW.argtypes = [wintypes.LPCWSTR] * 3 + [wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p]
    if not kernel32.ReplaceFileW(path, new, None, 0, None, None):
        raise ctypes.WinError(ctypes.get_last_error())


def environment_python(folder: str) -> str:
    """Return where a virtual environment has its Python."""
    return os.path.join(folder, "Scripts", "python.exe")


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Be another program from now on: as its parent, with its exit code. Raises `OSError`."""
    sys.stdout.flush()
    process = subprocess.Popen(list(command), env=dict(environment))
    while True:
        try:
            # `os._exit` takes the code as it is, such as 0xC0000005; `sys.exit` would cut it.
            os._exit(process.wait())
        except KeyboardInterrupt:
            continue  # it is the other program's
