"""The process tree of a script under Windows; `_posix.py` has the same names.

How nothing gets away: the robot is in a job object of its own, and each script in another one inside it. Both kill what
they hold when their last handle closes, so nothing outlives the robot, however it dies; neither lets a process break
away. The script is created suspended, put into its job, written down and only then let run.

Where a job object cannot be had the tree is walked by parent and creation time, and `Tree.caveat` says so. What COM
starts for a script (Excel, Word) is a child of the system's own launcher and in no tree of ours.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import attrs

from fsm_robot.worker import _win32

RUN_TOKEN = "FSM_ROBOT_RUN_TOKEN"  # noqa: S105 - the name of a variable
TAKEN_SUFFIX = ".taken"
"""The script host makes a file of this name beside the stop flag when it has interrupted the script."""
HOST_PATIENCE_S = 3.0
"""How long the host gets to take the stop; it looks ten times a second."""
BREAK_SENDER = Path(__file__).with_name("send_break.py")
BREAK_PATIENCE_S = 10.0
LOOK_EVERY_S = 0.05
# What CREATE_NO_WINDOW gives is a console without a window: of its own, so that no event of the robot's reaches it.
_START_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | _win32.CREATE_SUSPENDED
_DEATHS = {
    0x80000003: "hit a breakpoint",
    0xC0000005: "crashed: access violation",
    0xC0000017: "crashed: no memory",
    0xC000001D: "crashed: illegal instruction",
    0xC00000FD: "crashed: stack overflow",
    0xC0000135: "could not start: a DLL was not found",
    0xC000013A: "ended by a console event",
    0xC0000142: "could not start: a DLL failed, or the session is ending",
    0xC0000374: "crashed: heap corruption",
    0xC0000409: "crashed: fail fast",
}


@attrs.frozen
class Process:
    """A process that is alive.

    Attributes:
        pid: Its number, which the system may give to another one later.
        created: When it was created, in the system's own words; with the pid it names one process only.
        name: For people.
        parent: Number of the process that it belongs to.
    """

    pid: int
    created: str
    name: str
    parent: int = 0

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name})"


@attrs.define
class Tree:
    """A script's process and everything that it has started.

    Attributes:
        created: When the script's own process was created, in the system's own words.
        caveat: Why something of the tree may get away, or empty.
    """

    _popen: subprocess.Popen[bytes]
    _job: _win32.JobObject | None
    created: str
    caveat: str = ""
    _seen: dict[int, Process] = attrs.field(factory=dict)

    @property
    def pid(self) -> int:
        """Number of the script's own process; behind a launcher of a virtual environment that is the launcher."""
        return self._popen.pid

    def release(self) -> None:
        """Let the script run; until then nothing of it has. Raises `OSError`."""
        try:
            _win32.resume(_handle(self._popen))
        except OSError:
            self.kill()
            self.close()
            raise

    def wait(self) -> None:
        """Wait until the script's own process has ended; its handle is kept, so its pid stays its own."""
        self._popen.wait()

    def has_exited(self) -> bool:
        """Return whether the script's own process has ended."""
        return self._popen.poll() is not None

    def reap(self) -> int:
        """Return the exit code of an ended script."""
        return self._popen.wait()

    def interrupt(self, stop_flag: str, tell: Callable[[str], None]) -> None:
        """Ask the script to stop; the flag that the host waits for is there already.

        A process that has no host to look for it (its interpreter is something else) gets a console event.
        """
        threading.Thread(target=self._interrupt, args=(stop_flag, tell), name="interrupt", daemon=True).start()

    def kill(self) -> None:
        """Kill everything that is alive now; what is started at this moment needs another call."""
        if self._job is not None:
            try:
                self._job.terminate()
            except OSError:
                pass  # one by one, then
            else:
                return
        kill(self.others())
        if not self.has_exited():
            try:
                self._popen.kill()
            except PermissionError:
                return  # it is just ending

    def others(self) -> list[Process]:
        """Return what else is alive of the tree."""
        if self._job is None:
            return self._walked()
        try:
            if self._job.alive() == 0:
                return []
            return _named([pid for pid in self._job.pids() if pid != self.pid])
        except OSError:
            return self._walked()

    def close(self) -> None:
        """Let go of the job object; what is still in it dies."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def _walked(self) -> list[Process]:
        root = Process(self.pid, self.created, "")
        below = _below(_processes(), [root, *self._seen.values()])
        # A child outlives its parent, and is found again only by who remembers the parent.
        self._seen.update({each.pid: each for each in below})
        return [each for each in below if each.pid != self.pid and created_at(each.pid) == each.created]

    def _interrupt(self, stop_flag: str, tell: Callable[[str], None]) -> None:
        never, looks = threading.Event(), int(HOST_PATIENCE_S / LOOK_EVERY_S)
        for _ in range(looks):
            if self.has_exited():
                return
            if os.path.exists(stop_flag + TAKEN_SUFFIX):
                tell("its host has interrupted the script")
                return
            never.wait(LOOK_EVERY_S)
        tell(_send_break(self.pid))


@cache
def adopt_orphans() -> _win32.JobObject | None:
    """Put the robot into a job object, so that nothing outlives it; scripts come below it in priority.

    The Task Scheduler starts tasks below normal, and what they start inherits that.
    """
    _win32.set_own_priority(subprocess.ABOVE_NORMAL_PRIORITY_CLASS)
    try:
        job = _win32.JobObject.create()
        job.add_this_process()
    except OSError:
        return None  # the script's own job object does it, too, and tells when it cannot be had either
    return job  # kept by the cache: its handle closes when the robot ends


def watch_argument(stop_flag: str) -> str:
    """Return how the script host learns of a stop: it looks for the flag."""
    return stop_flag


def start(command: Sequence[str], environment: Mapping[str, str], directory: str, output: int) -> Tree:
    """Create a script, suspended, in a job object of its own; stdout and stderr go to the descriptor `output`.

    Raises:
        OSError: The system could not start it.
    """
    popen = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        cwd=directory,
        close_fds=True,  # the three of them in a list of handles, and no other
        creationflags=_START_FLAGS | subprocess.NORMAL_PRIORITY_CLASS,
    )
    created = created_at(popen.pid)
    try:
        job = _win32.JobObject.create()
    except OSError as error:
        return Tree(popen, None, created, _caveat(error))
    try:
        job.add(_handle(popen))
    except OSError as error:
        job.close()
        return Tree(popen, None, created, _caveat(error))
    return Tree(popen, job, created)


def created_at(pid: int) -> str:
    """Return when a living process was created, in the system's own words, or empty where that is not known."""
    created = _win32.created(pid)
    return str(created) if created else ""


def remains(run_token: str, pid: int, created: str) -> list[Process]:  # noqa: ARG001 - the twin needs the token
    """Return what an earlier life has left: the script by its pid and creation time, and what descends from it.

    A process whose number was given away again is not among them. As a rule there is nothing: the job objects of that
    life died with it.
    """
    if not created:
        return []
    root = Process(pid, created, "")
    found = {each.pid: each for each in _below(_processes(), [root])}
    if created_at(pid) == created:
        found.update({each.pid: each for each in _named([pid])})
    return list(found.values())


def kill(processes: Iterable[Process]) -> None:
    """Kill these processes, and none that has got one of their numbers since."""
    for process in processes:
        if process.created:
            _win32.terminate(process.pid, int(process.created))


def widen_pipe(descriptor: int) -> None:
    """Do nothing: the size of a pipe is settled when it is made."""
    del descriptor


def died_of(exit_code: int) -> str:
    """Return what an exit code says beyond its number, or empty."""
    code = exit_code & 0xFFFFFFFF
    if code < 0x80000000:
        return ""
    return f"{_DEATHS.get(code, 'ended by the system')} (0x{code:08X})"


def _caveat(error: OSError) -> str:
    return f"there is no job object for the script ({error}), so its processes are found by parent and creation time"


def _handle(popen: subprocess.Popen[bytes]) -> int:
    return int(popen._handle)  # type: ignore[attr-defined]


def _send_break(pid: int) -> str:
    """Send a console event to the script's group from another process, for ours would be hit; return how it went."""
    command = [sys.executable, "-I", "-S", str(BREAK_SENDER), str(pid)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=BREAK_PATIENCE_S,
            check=False,
            creationflags=subprocess.DETACHED_PROCESS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no host answers, and no console event could be sent: {error}"
    if done.returncode:
        return f"no host answers, and no console event could be sent: system error {done.returncode}"
    return "no host answers, so a console event was sent to the group of the script"


def _processes() -> list[Process]:
    return [Process(each.pid, created_at(each.pid), each.name, each.parent) for each in _win32.entries()]


def _named(pids: Sequence[int]) -> list[Process]:
    if not pids:
        return []
    known = {each.pid: each for each in _win32.entries()}
    unknown = _win32.Entry(0, 0, "unknown")
    return [Process(pid, created_at(pid), known.get(pid, unknown).name, known.get(pid, unknown).parent) for pid in pids]


def _below(processes: Iterable[Process], roots: Iterable[Process]) -> list[Process]:
    """Return what descends from `roots`: born of one of them, and not before it, as one with a borrowed number is."""
    children: dict[int, list[Process]] = {}
    for process in processes:
        if process.created:
            children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    waiting = list(roots)
    while waiting:
        parent = waiting.pop()
        for child in children.get(parent.pid, ()):
            if child.pid not in found and parent.created and int(child.created) >= int(parent.created):
                found[child.pid] = child
                waiting.append(child)
    return list(found.values())
