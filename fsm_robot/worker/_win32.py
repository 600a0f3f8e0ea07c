"""The few Windows calls that supervision needs, typed: job objects, processes, the console of another process."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

import attrs

KILL_ON_CLOSE = 0x2000
DIE_ON_UNHANDLED_EXCEPTION = 0x400
CREATE_SUSPENDED = 0x4
ABOVE_NORMAL_PRIORITY = 0x8000
KILLED = 1
"""Exit code of a process that was killed."""

_BASIC_ACCOUNTING, _PROCESS_IDS, _EXTENDED_LIMITS = 1, 3, 9
_PRIORITY_CLASS, _JOB_MEMORY = 0x20, 0x200
_QUERY, _TERMINATE, _SYNCHRONIZE = 0x1000, 0x1, 0x100000
_STILL_WAITING = 0x102
_ERROR_MORE_DATA = 234
_SNAPSHOT_PROCESSES = 0x2
_CTRL_BREAK_EVENT = 1
_WM_CLOSE = 0x10
_LONGEST_PATH = 32768

# With a copy of the error of each call: between the call and a look at it the interpreter makes calls of its own.
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_ntdll = ctypes.WinDLL("ntdll")


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("flags", wintypes.DWORD),
        ("minimum_working_set", ctypes.c_size_t),
        ("maximum_working_set", ctypes.c_size_t),
        ("active_process_limit", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority_class", wintypes.DWORD),
        ("scheduling_class", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


class _ProcessMemory(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("page_faults", wintypes.DWORD),
        ("peak_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
        ("quotas", ctypes.c_size_t * 4),
        ("page_file", ctypes.c_size_t),
        ("peak_page_file", ctypes.c_size_t),
        ("private", ctypes.c_size_t),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("times", ctypes.c_int64 * 4),
        ("page_faults", wintypes.DWORD),
        ("processes", wintypes.DWORD),
        ("active", wintypes.DWORD),
        ("terminated", wintypes.DWORD),
    )


class _ProcessEntry(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("name", wintypes.WCHAR * 260),
    )


def _declare(name: str, result: type, *arguments: object) -> None:
    # A handle is as wide as a pointer, and what is not declared ctypes takes for an int of 32 bits.
    function = getattr(_kernel32, name)
    function.restype, function.argtypes = result, arguments


_declare("CreateJobObjectW", wintypes.HANDLE, wintypes.LPVOID, wintypes.LPCWSTR)
_declare("SetInformationJobObject", wintypes.BOOL, wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
_declare(
    "QueryInformationJobObject",
    wintypes.BOOL,
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
    wintypes.LPDWORD,
)
_declare("AssignProcessToJobObject", wintypes.BOOL, wintypes.HANDLE, wintypes.HANDLE)
_declare("TerminateJobObject", wintypes.BOOL, wintypes.HANDLE, wintypes.UINT)
_declare("CloseHandle", wintypes.BOOL, wintypes.HANDLE)
_declare("GetCurrentProcess", wintypes.HANDLE)
_declare("SetPriorityClass", wintypes.BOOL, wintypes.HANDLE, wintypes.DWORD)
_declare("OpenProcess", wintypes.HANDLE, wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
_declare("TerminateProcess", wintypes.BOOL, wintypes.HANDLE, wintypes.UINT)
_declare("WaitForSingleObject", wintypes.DWORD, wintypes.HANDLE, wintypes.DWORD)
_declare("GetProcessTimes", wintypes.BOOL, wintypes.HANDLE, *[ctypes.POINTER(ctypes.c_uint64)] * 4)
_declare(
    "QueryFullProcessImageNameW", wintypes.BOOL, wintypes.HANDLE, wintypes.DWORD, wintypes.LPWSTR, wintypes.LPDWORD
)
_declare("K32GetProcessMemoryInfo", wintypes.BOOL, wintypes.HANDLE, wintypes.LPVOID, wintypes.DWORD)
_declare("CreateToolhelp32Snapshot", wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD)
_declare("Process32FirstW", wintypes.BOOL, wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
_declare("Process32NextW", wintypes.BOOL, wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
_ntdll.NtResumeProcess.restype = ctypes.c_long
_ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)


@attrs.define
class JobObject:
    """Holds processes and everything that they start; whoever is in it ends when it is closed, or when we die.

    Nothing leaves it: the breakaway flags stay unset. A crash ends a process without a dialogue that waits for a click.
    """

    _handle: int

    @classmethod
    def create(cls) -> JobObject:
        """Return an empty one whose handle no child inherits. Raises `OSError`."""
        handle = _kernel32.CreateJobObjectW(None, None)
        if not handle:
            raise _last_error()
        job = cls(handle)
        limits = _ExtendedLimits()
        limits.basic.flags = KILL_ON_CLOSE | DIE_ON_UNHANDLED_EXCEPTION
        done = _kernel32.SetInformationJobObject(handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        if not done:
            error = _last_error()
            job.close()
            raise error
        return job

    def add(self, process: int) -> None:
        """Put the process behind a handle into it. Raises `OSError`."""
        if not _kernel32.AssignProcessToJobObject(self._handle, process):
            raise _last_error()

    def add_this_process(self) -> None:
        """Put the calling process into it. Raises `OSError`."""
        self.add(_kernel32.GetCurrentProcess())

    def terminate(self) -> None:
        """End everything in it; it is over when `active` says 0. Raises `OSError`."""
        if not _kernel32.TerminateJobObject(self._handle, KILLED):
            raise _last_error()

    def active(self) -> int:
        """Return how many processes in it are alive, in the system's own accounting. Raises `OSError`."""
        accounting = _Accounting()
        if not _kernel32.QueryInformationJobObject(
            self._handle, _BASIC_ACCOUNTING, ctypes.byref(accounting), ctypes.sizeof(accounting), None
        ):
            raise _last_error()
        return int(accounting.active)

    def limit(self, memory_bytes: int, priority_class: int) -> None:
        """Let all in it have so much memory together, and this priority; 0 for no such limit. Raises `OSError`."""
        limits = self._limits()
        if memory_bytes:
            limits.basic.flags |= _JOB_MEMORY
            limits.job_memory = memory_bytes
        if priority_class:
            limits.basic.flags |= _PRIORITY_CLASS
            limits.basic.priority_class = priority_class
        if not _kernel32.SetInformationJobObject(
            self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            raise _last_error()

    def peak_memory(self) -> int:
        """Return the most memory that everything in it has had together, in bytes. Raises `OSError`."""
        return int(self._limits().peak_job_memory)

    def _limits(self) -> _ExtendedLimits:
        limits = _ExtendedLimits()
        if not _kernel32.QueryInformationJobObject(
            self._handle, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits), None
        ):
            raise _last_error()
        return limits

    def pids(self) -> list[int]:
        """Return the numbers of the processes in it. Raises `OSError`."""
        room = 64
        while True:
            # Two counts, how many are there and how many follow, and then the numbers.
            numbers = (ctypes.c_size_t * (room + 1))()
            if _kernel32.QueryInformationJobObject(
                self._handle, _PROCESS_IDS, ctypes.byref(numbers), ctypes.sizeof(numbers), None
            ):
                counts = ctypes.cast(numbers, ctypes.POINTER(wintypes.DWORD))
                return [int(number) for number in numbers[1 : counts[1] + 1]]
            if ctypes.get_last_error() != _ERROR_MORE_DATA:
                raise _last_error()
            room *= 4

    def close(self) -> None:
        """Close it, which ends whatever is still in it."""
        _kernel32.CloseHandle(self._handle)


@attrs.frozen
class Entry:
    """A line of the system's process list."""

    pid: int
    parent: int
    name: str


def process_list() -> list[Entry]:
    """Return every process of the system; a parent's number may belong to a younger process by now."""
    snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAPSHOT_PROCESSES, 0)
    # This call says -1 where it fails, and not 0 as those above.
    if snapshot in (None, wintypes.HANDLE(-1).value):
        return []
    found = []
    try:
        entry = _ProcessEntry(size=ctypes.sizeof(_ProcessEntry))
        more = _kernel32.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            found.append(Entry(entry.pid, entry.parent, entry.name))
            more = _kernel32.Process32NextW(snapshot, ctypes.byref(entry))
    finally:
        _kernel32.CloseHandle(snapshot)
    return found


@contextmanager
def opened(pid: int) -> Iterator[int]:
    """Open a process to look at it and to end it; 0 where that cannot be had.

    While the handle is open nobody else gets the process's number.
    """
    # One that we may not end, such as another account's, may still be looked at.
    handle = (
        _kernel32.OpenProcess(_QUERY | _SYNCHRONIZE | _TERMINATE, False, pid)
        or _kernel32.OpenProcess(_QUERY | _SYNCHRONIZE, False, pid)
        or 0
    )
    try:
        yield handle
    finally:
        if handle:
            _kernel32.CloseHandle(handle)


def is_alive(process: int) -> bool:
    """Return whether the process behind a handle has not ended."""
    # Not by its exit code: 259 says that it still runs, and a process may end with that, too.
    return bool(_kernel32.WaitForSingleObject(process, 0) == _STILL_WAITING)


def created(process: int) -> int:
    """Return when a process was created, in 100 ns since 1601, or 0 where that is not known."""
    times = [ctypes.c_uint64() for _ in range(4)]
    known = _kernel32.GetProcessTimes(process, *map(ctypes.byref, times))
    return times[0].value if known else 0


def file_time(seconds: float) -> int:
    """Return seconds since 1970 as Windows counts: in 100 ns since 1601."""
    return int(seconds * 10_000_000) + 116_444_736_000_000_000


def session_of(pid: int) -> int | None:
    """Return the number of the session that a process belongs to, None where that is not known."""
    number = wintypes.DWORD()
    return number.value if _kernel32.ProcessIdToSessionId(wintypes.DWORD(pid), ctypes.byref(number)) else None


def close_windows(pids: set[int]) -> None:
    """Ask each window at the top of the desktop that belongs to one of these processes to close."""
    user32 = ctypes.WinDLL("user32", use_last_error=True)
    user32.GetWindowThreadProcessId.argtypes = (wintypes.HWND, wintypes.LPDWORD)
    user32.PostMessageW.argtypes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)

    def ask(window: int, _: int) -> bool:
        owner = wintypes.DWORD()
        user32.GetWindowThreadProcessId(window, ctypes.byref(owner))
        if owner.value in pids:
            user32.PostMessageW(window, _WM_CLOSE, 0, 0)
        return True

    user32.EnumWindows(ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)(ask), 0)


def private_bytes(pid: int) -> int:
    """Return how much memory a process has for itself alone, in bytes; 0 where that is not known."""
    memory = _ProcessMemory(size=ctypes.sizeof(_ProcessMemory))
    with opened(pid) as process:
        known = process and _kernel32.K32GetProcessMemoryInfo(process, ctypes.byref(memory), memory.size)
    return int(memory.private) if known else 0


def image(process: int) -> str:
    """Return the path of the program that a process runs, or empty."""
    size = wintypes.DWORD(_LONGEST_PATH)
    text = ctypes.create_unicode_buffer(size.value)
    known = _kernel32.QueryFullProcessImageNameW(process, 0, text, ctypes.byref(size))
    return text.value if known else ""


def terminate(process: int) -> None:
    """End one process; nothing happens where that is not allowed."""
    _kernel32.TerminateProcess(process, KILLED)


def resume(process: int) -> None:
    """Let a process run that was created suspended: `subprocess` has thrown its thread's handle away.

    Raises:
        OSError: It would stay where it is.
    """
    status = _ntdll.NtResumeProcess(process)
    if status < 0:
        raise OSError(f"the process cannot be resumed: status 0x{status & 0xFFFFFFFF:08X}")


def raise_own_priority() -> None:
    """Let the robot run before the scripts, so that no heartbeat starves; the scheduler starts a task below normal."""
    _kernel32.SetPriorityClass(_kernel32.GetCurrentProcess(), ABOVE_NORMAL_PRIORITY)


def send_break(pid: int) -> bool:
    """Send CTRL_BREAK to the process group `pid` on that process's own console; for a helper process only.

    It gives up its own console for that, and its own handlers must not fire.
    """
    _kernel32.FreeConsole()
    if not _kernel32.AttachConsole(wintypes.DWORD(pid)):
        return False
    _kernel32.SetConsoleCtrlHandler(None, True)
    return bool(_kernel32.GenerateConsoleCtrlEvent(_CTRL_BREAK_EVENT, wintypes.DWORD(pid)))


def _last_error() -> OSError:
    return ctypes.WinError(ctypes.get_last_error())


if __name__ == "__main__":
    sys.exit(not send_break(int(sys.argv[1])))
