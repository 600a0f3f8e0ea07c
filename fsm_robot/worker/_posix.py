"""The process tree of a script under POSIX; `_windows.py` has the same names.

How nothing gets away: under Linux the robot is the subreaper of everything below it, so a process whose parent ends
becomes a child of the robot and not of init, whatever session, group or environment it has given itself. The tree is
then all that descends from the robot. What an earlier life of the robot has left is no descendant any more; it is known
by the run token in its environment, or by the pid and creation time of the script itself.

Where there is no /proc (other systems than Linux) only the script's process group is seen.
"""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

import attrs

from fsm_robot.worker.process import Process

RUN_TOKEN = "FSM_ROBOT_RUN_TOKEN"  # noqa: S105 - the name of a variable
_PR_SET_CHILD_SUBREAPER = 36
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


@attrs.define
class Tree:
    """A script's process and everything that it has started.

    Attributes:
        created: When the script's own process was created, in the system's own words.
        weakness: Why not everything that the script starts is seen, or empty.
    """

    _popen: subprocess.Popen[bytes]
    _strangers: frozenset[tuple[int, str]]
    created: str
    weakness: str = ""

    @property
    def pid(self) -> int:
        """Number of the script's own process."""
        return self._popen.pid

    def resume(self) -> None:
        """Let the script run; here it does so from its start, and is found by its run token if nobody wrote it down."""

    def wait(self) -> None:
        """Wait until the script's own process has ended; it is not reaped, so its pid stays its own."""
        try:
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return  # reaped already

    def has_exited(self) -> bool:
        """Return whether the script's own process has ended."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except ChildProcessError:
            return True

    def reap(self) -> int:
        """Return the exit code of an ended script, negative for a signal."""
        return self._popen.wait()

    def interrupt(self) -> str:
        """Ask the script to stop; return how. The host makes it a KeyboardInterrupt where the script has no handler."""
        _signal(self.pid, signal.SIGTERM)
        return "SIGTERM"

    def interrupt_again(self) -> str:
        """Ask in a second way; return how, or empty. A signal reaches every program, so there is none."""
        return ""

    def kill(self) -> None:
        """Kill everything that is alive now; what is started at this moment needs another call."""
        if not self.has_exited():
            _signal(self.pid, signal.SIGKILL, group=True)
        kill(self.others())
        if not self.has_exited():
            _signal(self.pid, signal.SIGKILL)

    def others(self) -> list[Process]:
        """Return what else is alive of the tree."""
        below = [each for each in _children() if each.pid != self.pid]
        return [each for each in below if (each.pid, each.created) not in self._strangers and not _reaped(each)]

    def close(self) -> None:
        """Give the system back what the tree has taken: nothing here, once it is reaped."""


def adopt_orphans() -> str:
    """Make the robot the parent of whatever loses its own; return why that is not so, or empty."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return ""  # not Linux: there the process group is all that is seen, as the head of this file says
    return "" if prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 else "processes may escape, prctl refuses"


def start(command: Sequence[str], environment: Mapping[str, str], directory: str, output: int) -> Tree:
    """Start a script in a session of its own, with stdout and stderr going to the descriptor `output`.

    Raises:
        OSError: The system could not start it.
    """
    strangers = frozenset((each.pid, each.created) for each in _children())
    popen = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )
    return Tree(popen, strangers, created_at(popen.pid))


def created_at(pid: int) -> str:
    """Return when a process was created, in the system's own words, or empty where that is not known."""
    ticks = _stat(str(pid)).created
    return f"{_boot_id()}:{ticks}" if ticks else ""


def is_alive(process: Process) -> bool:
    """Return whether this very process has not ended."""
    return _stat(str(process.pid)).state not in ("", "Z", "X") and created_at(process.pid) == process.created


def remains(run_token: str, pid: int, created: str) -> list[Process]:
    """Return what an earlier life has left: by run token, by the script's pid and creation time, and what descends.

    A process whose number was given away again is not among them.
    """
    processes = _processes()
    mark = f"{RUN_TOKEN}={run_token}".encode()
    roots = {each.pid for each in processes.values() if run_token and mark in _environment(each.pid)}
    found = processes.get(pid)
    if found is not None and created and found.created == created:
        roots.add(pid)
    roots.discard(os.getpid())
    alive = {each.pid: each for each in _below(processes, roots)}
    alive.update({root: processes[root] for root in roots})
    return [each for each in alive.values() if _stat(str(each.pid)).state not in ("", "Z")]


def kill(processes: Iterable[Process]) -> None:
    """Kill these processes, and none that has got one of their numbers since."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:
            continue  # gone
        try:
            # The descriptor holds this very process, so the look and the signal mean the same one.
            if created_at(process.pid) == process.created:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except OSError:
            continue  # gone, or another account's: it stays alive and is named as a survivor
        finally:
            os.close(descriptor)


def open_pipe() -> tuple[int, int]:
    """Return both ends of a pipe, with room enough that a chatty script waits seldom; no child inherits them."""
    import fcntl

    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # not this system's, or above the account's limit: it only costs speed
    return reader, writer


def died_of(exit_code: int) -> str:
    """Return what an exit code says beyond its number, or empty."""
    if exit_code >= 0:
        return ""
    try:
        return f"ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"ended by signal {-exit_code}"


def legacy_encodings() -> tuple[str, ...]:
    """Return what old programs print in that do not print UTF-8: none that could be told here."""
    return ()


@attrs.frozen
class _Stat:
    state: str = ""
    parent: int = 0
    created: str = ""
    name: str = ""


@cache
def _boot_id() -> str:
    # Creation times count from the start of the system, so they alone repeat after a restart.
    try:
        with open(_BOOT_ID, encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _stat(pid: str) -> _Stat:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            data = stream.read().decode(errors="replace")
    except OSError:
        return _Stat()
    # The name stands in brackets and may hold blanks and brackets itself.
    before, _, after = data.rpartition(")")
    values = after.split()
    return _Stat(values[0], int(values[1]), values[19], before.partition("(")[2])


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return []  # another account's, or gone


def _processes() -> dict[int, Process]:
    """Return every process of the system, ended ones that nobody has reaped included."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    stats = ((name, _stat(name)) for name in names if name.isdecimal())
    boot = _boot_id()
    return {
        int(name): Process(int(name), f"{boot}:{stat.created}", stat.name, stat.parent)
        for name, stat in stats
        if stat.state
    }


def _below(processes: Mapping[int, Process], roots: set[int]) -> Iterator[Process]:
    """Yield what descends from `roots`, without them."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    waiting = list(roots)
    while waiting:
        for process in children.get(waiting.pop(), ()):
            if process.pid not in roots:
                yield process
                waiting.append(process.pid)


def _children() -> list[Process]:
    """Return everything that is below the robot."""
    return [] if _has_no_child() else list(_below(_processes(), {os.getpid()}))


def _has_no_child() -> bool:
    """Return whether nothing at all is below the robot: one system call, in the usual case the only one."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def _reaped(process: Process) -> bool:
    """Return whether a process has ended; if it is a child of ours it is reaped."""
    if _stat(str(process.pid)).state not in ("", "Z"):
        return False
    if process.parent == os.getpid():
        try:
            os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:
            return True
    return True


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, number)
    except ProcessLookupError:
        return  # it has just ended
    except PermissionError:
        return  # it has become another account's: it is named as a survivor
