"""The process tree of a script under Windows; `_posix.py` has the same names.

How nothing gets away: the robot puts itself into a job object that the system ends together with the robot, and each
script into one of its own inside it. A script is created suspended, put into its job object, written down and only then
let run, so not even its first child is outside, and no crash leaves one that nobody has written down.

Where a job object cannot be had the tree is what descends from the script by parent number and creation time. A child
whose parent has ended is not seen then, so the log says that supervision is weaker.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import _winapi
import msvcrt
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import PureWindowsPath

import attrs

from fsm_robot.robot.ports import Limits
from fsm_robot.system import program, threads
from fsm_robot.worker import _win32 as windows
from fsm_robot.worker.process import Moment, Note, Process

RUN_TOKEN = "FSM_ROBOT_RUN_TOKEN"  # noqa: S105 - the name of a variable
_PIPE_BYTES = 1 << 20
_HELPER_PATIENCE_S = 10.0
_PRIORITIES = {
    "normal": 0,
    "below_normal": subprocess.BELOW_NORMAL_PRIORITY_CLASS,
    "idle": subprocess.IDLE_PRIORITY_CLASS,
}
_CONSOLE_HOSTS = ("conhost.exe", "openconsole.exe")
_PYTHON_NAMES = ("python", "py.exe", "pyw.exe")
_DEADLY_CODES = {
    0xC0000005: "an access violation",
    0xC000001D: "an illegal instruction",
    0xC00000FD: "a stack overflow",
    0xC0000135: "a missing DLL",
    0xC0000139: "a DLL of another version",
    0xC000013A: "Ctrl-C, Ctrl-Break or the end of its console",
    0xC0000142: "a DLL that could not start (the session was ending, or there is no desktop)",
    0xC0000374: "a damaged heap",
    0xC0000409: "a program that ended itself after a stack overrun or abort()",
    0xE06D7363: "a C++ exception that nobody caught",
}


@attrs.define(eq=False, repr=False)
class Children:
    """Every process that the robot has started for a job, for as long as the robot lives.

    Attributes:
        weakness: Why processes may get away here, or empty.
    """

    weakness: str = ""

    def tree(self, run_token: str, exited: Callable[[int | None], None], log: Callable[..., None]) -> Tree:
        """Return the tree of a job, which has no process yet, but what its end needs.

        Args:
            run_token: Mark in the environment of the tree.
            exited: Is told the exit code of the script's own process, or None if the system does not know it. It comes
                from another thread, and may come twice.
            log: Writes a line: level, sentence, values.

        Raises:
            OSError: There is no thread left.
        """
        tree = Tree(run_token, exited, log, self.weakness)
        threads.start("script's end", tree._wait, tree._failed)
        return tree


@cache
def children() -> Children:
    """Return the one owner of this process's children. Raises `OSError`: there is no thread left."""
    return Children(_bound_to_robot())


@attrs.define(eq=False, repr=False)
class Tree:
    """A script's process and everything that it has started.

    Attributes:
        weakness: Why not everything that the script starts is seen, or empty.
        created: When the script's own process was created, in the system's own words.
        ended: Whether the script's own process has ended.
        exit_code: Its exit code; None where that is not known.
    """

    _run_token: str
    _exited: Callable[[int | None], None]
    _log: Callable[..., None]
    weakness: str
    created: str = ""
    ended: bool = False
    exit_code: int | None = None
    _popen: subprocess.Popen[bytes] | None = None
    _job: windows.JobObject | None = None
    _memory_limit: int = 0
    _closed: bool = False
    _begun: threads.Flag = attrs.field(factory=threads.Flag)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    @property
    def pid(self) -> int:
        """Number of the script's own process, or of the launcher before it (venv, `py.exe`); 0 before the start."""
        return self._popen.pid if self._popen is not None else 0

    def note(self) -> Note:
        """Return what a later life of the robot needs to find this tree."""
        return Note(self._run_token, self.pid, self.created)

    def start(self, command: Sequence[str], environment: Mapping[str, str], directory: str, output: int) -> None:
        """Create the script's process, suspended, with stdout and stderr going to the descriptor `output`.

        It has a console of its own without a window: events of the robot's console do not reach it, none pops up when
        the robot has no console, and its own children find one.

        Args:
            command: Interpreter, script host, and what the host is told.
            environment: All variables of the script, the run token among them.
            directory: Working directory.
            output: Descriptor.

        Raises:
            OSError: The system could not start it.
        """
        flags = (
            windows.CREATE_SUSPENDED
            | subprocess.CREATE_NO_WINDOW
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.NORMAL_PRIORITY_CLASS
        )
        # With close_fds, which is the default, the child gets a list of exactly these three handles.
        self._popen = popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=directory,
            creationflags=flags,
        )
        self._job, weakness = _job_for(popen)
        self.weakness = self.weakness or weakness
        self.created = str(windows.created(_handle_of(popen)))
        self._begun.set()

    def resume(self) -> None:
        """Let the script run; until then it has not executed anything. Raises `OSError`."""
        assert self._popen is not None, "resume comes after start"
        windows.resume(_handle_of(self._popen))

    def limit(self, limits: Limits) -> str:
        """Hold what runs to its limits, as far as the system does that; return what it does not, or empty.

        Time is for who looks after the tree, and so is memory besides: see `memory_bytes`.
        """
        priority = _PRIORITIES[limits.cpu_priority]
        # A little above what is looked for: who looks has the better words, and the system is the faster.
        memory = limits.memory_bytes + limits.memory_bytes // 8
        with self._lock:
            if self._job is None:
                return "there is no job object for the limits of memory and priority"
            try:
                self._job.limit(memory, priority)
            except OSError as error:
                return f"the job object takes no limits: {error}"
        self._memory_limit = memory
        return ""

    def memory_bytes(self) -> int:
        """Return how much memory the tree has been promised (private bytes)."""
        return sum(windows.private_bytes(each) for each in [self.pid, *(other.pid for other in self.others())])

    def hit_memory_limit(self) -> bool:
        """Return whether the tree has come to the end of the memory that the system lets it have."""
        with self._lock:
            try:
                peak = self._job.peak_memory() if self._job is not None else 0
            except OSError:
                return False
        # Whoever is refused has not got what he asked for, so the peak lies a little below.
        return bool(self._memory_limit) and peak >= self._memory_limit - self._memory_limit // 8

    def has_exited(self) -> bool:
        """Return whether the script's own process has ended."""
        return self.ended or self._popen is None or self._popen.poll() is not None

    def interrupt(self) -> str:
        """Ask the script to stop; return how. The host looks for the stop flag and acts inside the script's process."""
        return "the script host raises SIGBREAK where the script handles it, else KeyboardInterrupt"

    def interrupt_again(self) -> str:
        """Ask in a second way what no script host can reach, a program that is not Python; return how, or empty.

        Python itself never gets a console event from us: without a handler it would die of it in the midst of its work.
        """
        names = [PureWindowsPath(each.name).name.lower() for each in [*self.others(), *_look(self.pid)]]
        if not names or any(name.startswith(_PYTHON_NAMES) for name in names):
            return ""
        # From a process of its own: it has to leave its console for the script's, and a robot without one would die.
        command = [*program.module(windows.__name__), str(self.pid)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                # Not pipes, which need two threads: a script may have used up what those want.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_HELPER_PATIENCE_S,
                check=False,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"a console event could not be sent: {error}"
        return "a console event (CTRL_BREAK)" if done.returncode == 0 else "a console event could not be sent"

    def kill(self) -> list[Process]:
        """Kill everything that is alive now, and return it; what is started meanwhile needs another call."""
        alive = [*_look(self.pid), *self.others()] if self.pid else []
        with self._lock:
            if self._job is not None:
                try:
                    self._job.terminate()
                except OSError:
                    pass  # one by one, then
                else:
                    return alive
        kill(alive)
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
        return alive

    def others(self) -> list[Process]:
        """Return what else is alive of the tree."""
        with self._lock:
            if self._job is not None:
                try:
                    # Numbers of processes that are just ending are still listed when none counts as alive any more.
                    pids = self._job.pids() if self._job.active() else []
                except OSError:
                    pids = []
                found = [each for pid in pids if pid != self.pid for each in _look(pid)]
            else:
                found = list(_below({self.pid: self.created})) if self.created else []
        # The window behind a console belongs to the system, and goes with the last program that uses the console.
        return [each for each in found if each.name.lower() not in _CONSOLE_HOSTS]

    def is_empty(self) -> bool:
        """Return whether nothing of the tree is alive: where it has a job object, by the system's own count."""
        return self.has_exited() and not self.others()

    def doubt(self) -> str:
        """Return why it cannot be proved here that a tree is empty, or empty: a job object always proves it."""
        return ""

    def close(self) -> None:
        """Give the system back what the tree has taken; ends what is still alive of it."""
        self._closed = True
        self._begun.set()
        with self._lock:
            if self._job is not None:
                self._job.close()
                self._job = None

    def _wait(self) -> None:
        self._begun.wait()
        if self._popen is not None:
            code = self._popen.wait()
            self.exit_code, self.ended = code, True
            self._exited(code)

    def _failed(self, error: BaseException) -> bool:
        self._log(
            "error",
            "process.watch_failed",
            "watching the script's process failed, it starts again",
            error=repr(error),
        )
        return not self._closed


def limit_means() -> str:
    """Return by which means limits of scripts are kept here, in a sentence."""
    return (
        "time by the robot, the memory of a script by its job object and by a look twice a second,"
        " cpu_priority by the job object"
    )


def listed() -> str:
    """Return every process of the system, a line each: pid, parent, name; no command line, which may hold a secret."""
    lines = (f"{each.pid:>8} {each.parent:>8}  {each.name}" for each in windows.process_list())
    return "\n".join(["     pid   parent  name", *lines]) + "\n"


def open_pipe() -> tuple[int, int]:
    """Return both ends of a pipe, with room enough that a chatty script waits seldom; no child inherits them."""
    reader, writer = _winapi.CreatePipe(None, _PIPE_BYTES)
    return (
        msvcrt.open_osfhandle(reader, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT),
        msvcrt.open_osfhandle(writer, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT),
    )


def created_at(pid: int) -> str:
    """Return when a process was created, in the system's own words, or empty where that is not known."""
    with windows.opened(pid) as handle:
        moment = windows.created(handle) if handle else 0
    return str(moment) if moment else ""


def is_alive(process: Process) -> bool:
    """Return whether this very process has not ended."""
    return any(each.created == process.created for each in _look(process.pid))


def remains(left: Note) -> list[Process]:
    """Return what an earlier life has left: by the script's pid and creation time, and what descends.

    In the usual case that is nothing: the system ends a script together with the robot that runs it.
    A process whose number was given away again is not among them, and neither is this one.
    """
    if not left.created:
        return []
    there = list(_look(left.pid))
    script = [each for each in there if each.created == left.created]
    alive = [*script, *_below({left.pid: left.created})] if script or not there else []
    return [each for each in alive if each.pid != os.getpid()]


def end_group(left: Note) -> None:
    """End what else an earlier life has left: a job object ends with the robot, so there is nothing."""


def moment() -> Moment:
    """Return this moment, as the system tells when a process was created."""
    return Moment(windows.file_time(time.time()))


def opened_since(began: Moment) -> list[Process]:
    """Return the processes of this session that were created since a moment, and are not below this one.

    So what the system has started on somebody's behalf: by COM, or by the shell.
    """
    entries = {entry.pid: entry for entry in windows.process_list()}
    session, own = windows.session_of(os.getpid()), os.getpid()
    ours = {own, *(each.pid for each in _below({own: created_at(own)}))}
    found = []
    for entry in entries.values():
        if entry.pid in ours or windows.session_of(entry.pid) != session:
            continue
        with windows.opened(entry.pid) as handle:
            created = windows.created(handle) if handle and windows.is_alive(handle) else 0
        if created and created >= began.created:
            found.append(Process(entry.pid, str(created), entry.name, entry.parent))
    return found


def ask_to_close(processes: Iterable[Process]) -> None:
    """Ask programs to close, as a click on their cross does; whether they do is theirs."""
    windows.close_windows({each.pid for each in processes if is_alive(each)})


def write_within(descriptor: int, data: bytes, patience_s: float) -> bool:  # noqa: ARG001 - the twin needs it
    """Write a few bytes into a pipe; return False where that failed. The pump always makes room."""
    try:
        os.write(descriptor, data)
    except OSError:
        return False
    return True


def kill(processes: Iterable[Process]) -> None:
    """Kill these processes, and none that has got one of their numbers since."""
    for process in processes:
        # The handle holds this very process, so the look and the end mean the same one.
        with windows.opened(process.pid) as handle:
            if handle and str(windows.created(handle)) == process.created:
                windows.terminate(handle)


def died_of(exit_code: int) -> str:
    """Return what an exit code says beyond its number, or empty."""
    code = exit_code & 0xFFFFFFFF
    return f"ended by {_DEADLY_CODES[code]} (0x{code:08X})" if code in _DEADLY_CODES else ""


def legacy_encodings() -> tuple[str, ...]:
    """Return what old programs print in: the console's code page and the account's."""
    return "oem", "mbcs"


@cache
def _bound_to_robot() -> str:
    windows.raise_own_priority()
    try:
        job = windows.JobObject.create()
        # Never closed: the system does that when the robot ends, however it ends, and then ends everything in it.
        job.add_this_process()
    except OSError as error:
        return f"scripts may outlive a robot that is killed, it got no job object: {error}"
    return ""


def _job_for(popen: subprocess.Popen[bytes]) -> tuple[windows.JobObject | None, str]:
    job = None
    try:
        job = windows.JobObject.create()
        job.add(_handle_of(popen))
    except OSError as error:
        if job is not None:
            job.close()
        return None, f"it got no job object: {error}"
    return job, ""


def _handle_of(popen: subprocess.Popen[bytes]) -> int:
    # Not opened anew by number: this handle is what keeps the number from being given away.
    return int(popen._handle)  # type: ignore[attr-defined]


def _look(pid: int, parent: int = 0) -> Iterator[Process]:
    """Yield the process with this number if it is alive."""
    with windows.opened(pid) as handle:
        if not handle:
            return
        if windows.is_alive(handle):
            name = PureWindowsPath(windows.image(handle)).name or "?"
            yield Process(pid, str(windows.created(handle)), name, parent)


def _below(roots: Mapping[int, str]) -> Iterator[Process]:
    """Yield what descends from `roots` (pid -> when it was created), without them.

    Windows keeps the number of a parent that has ended and may give it away again: a child is younger than its parent.
    """
    children: dict[int, list[int]] = {}
    for entry in windows.process_list():
        children.setdefault(entry.parent, []).append(entry.pid)
    waiting = dict(roots)
    seen = set(roots)
    while waiting:
        parent, created = waiting.popitem()
        for pid in children.get(parent, ()):
            for child in _look(pid, parent) if pid not in seen else ():
                if int(child.created) >= int(created or 0):
                    seen.add(pid)
                    waiting[pid] = child.created
                    yield child
