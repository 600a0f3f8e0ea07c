"""The calls of the Windows API that the worker makes, typed; nothing else in this room knows ctypes."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import ctypes
from ctypes import wintypes

import attrs

CREATE_SUSPENDED = 0x4
_KILL_ON_JOB_CLOSE, _DIE_ON_UNHANDLED_EXCEPTION = 0x2000, 0x400
_BASIC_ACCOUNTING, _PROCESS_ID_LIST, _EXTENDED_LIMIT = 1, 3, 9
_ERROR_MORE_DATA = 234
_MOST_PIDS = 4096
_SNAPSHOT_OF_PROCESSES = 0x2
_INVALID_HANDLE = ctypes.c_void_p(-1).value
_MAY_TERMINATE, _MAY_ASK, _MAY_WAIT = 0x1, 0x1000, 0x100000
_WAIT_TIMEOUT = 258
_KILLED_EXIT_CODE = 1


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("Times", ctypes.c_int64 * 4),
        ("TotalPageFaultCount", wintypes.DWORD),
        ("TotalProcesses", wintypes.DWORD),
        ("ActiveProcesses", wintypes.DWORD),
        ("TotalTerminatedProcesses", wintypes.DWORD),
    )


class _ProcessIds(ctypes.Structure):
    _fields_ = (
        ("NumberOfAssignedProcesses", wintypes.DWORD),
        ("NumberOfProcessIdsInList", wintypes.DWORD),
        ("ProcessIdList", ctypes.c_size_t * _MOST_PIDS),
    )


class _ProcessEntry(ctypes.Structure):
    _fields_ = (
        ("dwSize", wintypes.DWORD),
        ("cntUsage", wintypes.DWORD),
        ("th32ProcessID", wintypes.DWORD),
        ("th32DefaultHeapID", ctypes.c_size_t),
        ("th32ModuleID", wintypes.DWORD),
        ("cntThreads", wintypes.DWORD),
        ("th32ParentProcessID", wintypes.DWORD),
        ("pcPriClassBase", wintypes.LONG),
        ("dwFlags", wintypes.DWORD),
        ("szExeFile", wintypes.WCHAR * 260),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_ntdll = ctypes.WinDLL("ntdll")
# Without these a handle would be cut to 32 bits.
for _name, _result, _parameters in (
    ("CreateJobObjectW", wintypes.HANDLE, (wintypes.LPVOID, wintypes.LPCWSTR)),
    ("SetInformationJobObject", wintypes.BOOL, (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)),
    (
        "QueryInformationJobObject",
        wintypes.BOOL,
        (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD, wintypes.LPDWORD),
    ),
    ("AssignProcessToJobObject", wintypes.BOOL, (wintypes.HANDLE, wintypes.HANDLE)),
    ("TerminateJobObject", wintypes.BOOL, (wintypes.HANDLE, wintypes.UINT)),
    ("CloseHandle", wintypes.BOOL, (wintypes.HANDLE,)),
    ("GetCurrentProcess", wintypes.HANDLE, ()),
    ("SetPriorityClass", wintypes.BOOL, (wintypes.HANDLE, wintypes.DWORD)),
    ("OpenProcess", wintypes.HANDLE, (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)),
    ("TerminateProcess", wintypes.BOOL, (wintypes.HANDLE, wintypes.UINT)),
    ("WaitForSingleObject", wintypes.DWORD, (wintypes.HANDLE, wintypes.DWORD)),
    ("GetProcessTimes", wintypes.BOOL, (wintypes.HANDLE, *[ctypes.POINTER(ctypes.c_uint64)] * 4)),
    ("CreateToolhelp32Snapshot", wintypes.HANDLE, (wintypes.DWORD, wintypes.DWORD)),
    ("Process32FirstW", wintypes.BOOL, (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))),
    ("Process32NextW", wintypes.BOOL, (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))),
):
    _function = getattr(_kernel32, _name)
    _function.restype, _function.argtypes = _result, _parameters
_ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)
_ntdll.NtResumeProcess.restype = ctypes.c_uint32


@attrs.define(eq=False)
class JobObject:
    """Processes that are counted and killed as one: a child is born into the job of its parent and cannot leave it."""

    _handle: int

    @classmethod
    def create(cls) -> JobObject:
        """Return a job whose processes die when its last handle closes, however that happens. Raises `OSError`."""
        job = cls(_checked(_kernel32.CreateJobObjectW(None, None)))
        limits = _ExtendedLimits()
        # A crash must end the process and not leave a dialog behind that waits for a click.
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE | _DIE_ON_UNHANDLED_EXCEPTION
        try:
            _checked(
                _kernel32.SetInformationJobObject(
                    job._handle, _EXTENDED_LIMIT, ctypes.byref(limits), ctypes.sizeof(limits)
                )
            )
        except OSError:
            job.close()
            raise
        return job

    def add(self, process_handle: int) -> None:
        """Put a process in. Raises `OSError`."""
        _checked(_kernel32.AssignProcessToJobObject(self._handle, process_handle))

    def add_this_process(self) -> None:
        """Put the calling process in. Raises `OSError`."""
        self.add(_kernel32.GetCurrentProcess())

    def alive(self) -> int:
        """Return how many processes are in it, by its accounting. Raises `OSError`."""
        counts = _Accounting()
        self._ask(_BASIC_ACCOUNTING, counts)
        return int(counts.ActiveProcesses)

    def pids(self) -> list[int]:
        """Return the numbers of the processes in it. Raises `OSError`."""
        ids = _ProcessIds()
        self._ask(_PROCESS_ID_LIST, ids)
        return [int(pid) for pid in ids.ProcessIdList[: ids.NumberOfProcessIdsInList]]

    def terminate(self) -> None:
        """Kill all that is in it. Raises `OSError`."""
        _checked(_kernel32.TerminateJobObject(self._handle, _KILLED_EXIT_CODE))

    def close(self) -> None:
        """Let go of it; where this was the last handle, what is still in it dies."""
        _kernel32.CloseHandle(self._handle)

    def _ask(self, kind: int, answer: ctypes.Structure) -> None:
        size_bytes = ctypes.sizeof(answer)
        if not _kernel32.QueryInformationJobObject(self._handle, kind, ctypes.byref(answer), size_bytes, None):
            error = ctypes.get_last_error()
            if (
                error != _ERROR_MORE_DATA
            ):  # more processes than the list holds: it is full, and they are asked for again
                raise ctypes.WinError(error)


@attrs.frozen
class Entry:
    """A process in a list of all."""

    pid: int
    parent: int
    name: str


def entries() -> list[Entry]:
    """Return every process of the system, empty where it does not tell."""
    snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAPSHOT_OF_PROCESSES, 0)
    if snapshot in (None, _INVALID_HANDLE):
        return []
    found = []
    entry = _ProcessEntry(dwSize=ctypes.sizeof(_ProcessEntry))
    try:
        there = _kernel32.Process32FirstW(snapshot, ctypes.byref(entry))
        while there:
            found.append(Entry(int(entry.th32ProcessID), int(entry.th32ParentProcessID), str(entry.szExeFile)))
            there = _kernel32.Process32NextW(snapshot, ctypes.byref(entry))
    finally:
        _kernel32.CloseHandle(snapshot)
    return found


def created(pid: int) -> int:
    """Return when a living process was created, in 100 ns since 1601, or 0 where it is gone or another account's."""
    handle = _kernel32.OpenProcess(_MAY_ASK | _MAY_WAIT, False, pid)
    if not handle:
        return 0
    try:
        return _created(handle)
    finally:
        _kernel32.CloseHandle(handle)


def terminate(pid: int, created_then: int) -> None:
    """Kill a process, unless its number belongs to another one by now; one that may not be killed stays alive."""
    handle = _kernel32.OpenProcess(_MAY_TERMINATE | _MAY_ASK | _MAY_WAIT, False, pid)
    if not handle:
        return
    try:
        # The handle holds this very process, so the look and the kill mean the same one.
        if _created(handle) == created_then:
            _kernel32.TerminateProcess(handle, _KILLED_EXIT_CODE)
    finally:
        _kernel32.CloseHandle(handle)


def resume(process_handle: int) -> None:
    """Let a process run that was created suspended. Raises `OSError`."""
    # subprocess drops the handle of the first thread, so ResumeThread cannot be had.
    status = _ntdll.NtResumeProcess(process_handle)
    if status:
        raise OSError(f"the process cannot be resumed: NTSTATUS 0x{status:08X}")


def set_own_priority(priority_class: int) -> None:
    """Set the priority class of the calling process; where that is refused it stays as it was."""
    _kernel32.SetPriorityClass(_kernel32.GetCurrentProcess(), priority_class)


def _created(handle: int) -> int:
    """Return the creation time behind a handle, or 0 where the process has ended."""
    if _kernel32.WaitForSingleObject(handle, 0) != _WAIT_TIMEOUT:
        return 0
    times = [ctypes.c_uint64() for _ in range(4)]
    if not _kernel32.GetProcessTimes(handle, *map(ctypes.byref, times)):
        return 0
    return times[0].value


def _checked(result: int | None) -> int:
    if not result:
        raise ctypes.WinError(ctypes.get_last_error())
    return result
