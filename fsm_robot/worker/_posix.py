"""The processes below the robot under POSIX; `_windows.py` has the same names.

How nothing gets away: under Linux the robot is the subreaper of everything below it, so a process whose parent ends
becomes a child of the robot and not of init, whatever session, group or environment it has given itself. Whatever a
script has started is then below a child of the robot, and there is no such child exactly when the system says so.

How that is proved: `waitid` answers ECHILD when the robot has no child at all. Where it has children that are not the
job's (a callback's own, those of a job that could not be killed), the list of all processes is read while nobody is
reaped. Numbers of processes are given in rising order, so a process that hands over to a child and ends cannot slip
past a reader that goes upwards, except where the numbers begin anew, and that is looked for. A list by itself would
prove nothing.

Whose an ended child is: a script runs in a session of its own, and nobody can enter the session of somebody else, so
what is in the robot's session was started by a callback, and belongs to it.

What an earlier life of the robot has left is no descendant any more; it is known by its control group, by the run token
in its environment, by a mark that it cannot lose (`_mark.py`), by its session, and by the pid and creation time of the
script itself.

Where there is no /proc (other systems than Linux) only the script's process group is seen.
"""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

import ctypes
import errno
import gc
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from queue import Empty, SimpleQueue

import attrs

from fsm_robot.robot.ports import Limits
from fsm_robot.system import threads
from fsm_robot.worker import _cgroup, _mark
from fsm_robot.worker.environment import HOST_VARIABLE
from fsm_robot.worker.process import Moment, Note, Process

RUN_TOKEN = "FSM_ROBOT_RUN_TOKEN"  # noqa: S105 - the name of a variable
_M_ARENA_MAX = -8
_PR_SET_CHILD_SUBREAPER = 36
_FORKS_IN_A_ROUND = 20_000
"""Fewer than the numbers that any system has: 32,768 at least."""
_FEW = 64
"""From how many numbers on all processes are listed, and not each number tried."""
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
_NOBODY_COMES_S = 1.0
"""How long an ended child in the robot's own session is left to whoever may have started it."""
_ANOTHERS_S = 0.05
"""How soon to look again while an ended child waits for the callback that started it."""
_YOUNGEST, _YOUNGEST_ROUNDS = 32, 10
"""How many numbers count as the last ones, and how often they are looked at before all others."""
_SHELL_SAYS = 128
"""A shell ends with this and the number of the signal that has ended its last command."""
_SPARE = 4
"""How many descriptors are kept for the end of a script: a kill, a look, and the reaper may each need one or two."""
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""With these the system says that it does not let us look, and nothing about what is there."""
_NICE = {"normal": 0, "below_normal": 10, "idle": 19}
_SHARE_FROM = 2
"""From how many processes on a tree may share memory that is counted more than once."""
_STOP_ROUNDS = 20
"""How often one `kill` looks for processes that are not stopped yet: each round finds what the last one had born."""


@attrs.define(eq=False, repr=False)
class Children:
    """Every process that this one has started for a job or has adopted, for as long as it lives: the only reaper.

    Attributes:
        weakness: Why processes may get away here, or empty.
    """

    weakness: str = ""
    _trees: list[Tree] = attrs.field(factory=list)
    _lock: threading.RLock = attrs.field(factory=threading.RLock)  # while it is held nobody is reaped
    _anothers: set[tuple[int, str]] = attrs.field(factory=set)  # ended, and `subprocess` will be asked for their ends
    _seen: dict[tuple[int, str], float] = attrs.field(factory=dict)  # since when an ended child of our session waits
    _more: SimpleQueue[None] = attrs.field(factory=SimpleQueue)

    def tree(self, run_token: str, exited: Callable[[int | None], None], log: Callable[..., None]) -> Tree:
        """Return the tree of a job, which has no process yet.

        Args:
            run_token: Mark in the environment of the tree.
            exited: Is told the exit code of the script's own process, or None if the system does not know it. It comes
                from another thread, and may come twice.
            log: Writes a line: level, sentence, values.

        Raises:
            OSError: There are not even the descriptors that its end will need.
        """
        with self._lock:
            strangers = _direct()
            known = frozenset((each.pid, each.created) for each in strangers)
            tree = Tree(self, run_token, exited, log, self.weakness, known)
            tree._keep_spare()
            self._trees.append(tree)
        if strangers:
            names = tuple(map(str, strangers))
            log(
                "info",
                "processes.not_of_job",
                "child processes of the robot that do not belong to this job are left alone",
                processes=names,
            )
        return tree

    def _begin(self) -> None:
        """Adopt and reap from now on. Raises `OSError`: there is no thread left."""
        _wait_for_children_again()
        self.weakness = _adopt_orphans()
        threads.start("reaper", self._reap, self._reaper_failed)

    def _has_another(self, tree: Tree, session: int, run_token: str) -> bool:
        """Return whether a process of this session, or with this mark, belongs to a job that could not be ended."""
        others = [each for each in self._trees if each is not tree]
        return any(session in each._sessions or run_token == each._run_token for each in others)

    def _forget(self, tree: Tree) -> None:
        """End the supervision of a tree that is empty."""
        with self._lock:
            if tree in self._trees:
                self._trees.remove(tree)

    def _collect(self) -> bool:
        """Reap what has ended and is ours; return False where all that has ended is somebody else's."""
        with self._lock:
            while (ended := _ended_child()) is not None:
                if not self._take_in(ended):
                    break
            else:
                return True
            # It hides what has ended behind it.
            waiting = _direct(ended=True)
            ours = self._ours_of(waiting)
            for each in ours:
                if (found := _ended_child(each.pid)) is None or not self._take_in(found):
                    _reap(each.pid)
            return bool(ours)

    def _reap(self) -> None:
        while True:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                self._none_is_left()
                self._more.get()
                continue
            if not self._collect():
                _pause(self._more)

    def _reaper_failed(self, error: BaseException) -> bool:
        for tree in self._trees:
            tree._log(
                "error", "processes.watch_failed", "watching the processes failed, it starts again", error=repr(error)
            )
        return True

    def _none_is_left(self) -> None:
        """Tell of scripts whose end somebody else has taken: else they would be waited for, for ever."""
        with self._lock:
            # Looked at again: a script may have been started in between.
            gone = [tree for tree in self._trees if tree.pid and not tree.ended] if _has_no_child() else []
            for tree in gone:
                tree._has_been_reaped()
                tree._has_ended(None)

    def _take_in(self, ended: os.waitid_result) -> bool:
        """Reap an ended child if it is ours."""
        pid = ended.si_pid
        tree = next((each for each in self._trees if each.pid == pid and not each._reaped), None)
        if tree is not None:
            # Known before it is reaped: nothing that happens in between can lose it.
            tree._has_ended(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
            _reap(pid)
            tree._has_been_reaped()
            return True
        if self._has(pid):
            _reap(pid)
            return True
        return False

    def _has(self, pid: int) -> bool:
        """Return whether an ended child is surely a script's: by its session, or by the mark."""
        session = _session(pid)
        return any(session in tree._sessions or tree._marks(pid) for tree in self._trees)

    def _ours_of(self, ended: Iterable[Process]) -> list[Process]:
        """Return those ended children that are scripts, or were adopted from a job."""
        scripts = [tree.pid for tree in self._trees if not tree._reaped]
        held = _Held()
        return [each for each in ended if each.pid in scripts or self._is_adopted(each, held)]

    def _is_adopted(self, process: Process, held: _Held) -> bool:
        known = (process.pid, process.created)
        if self._has(process.pid):
            return True
        if not self._trees or known in self._anothers or any(known in tree._strangers for tree in self._trees):
            return False
        if _session(process.pid) in (0, os.getsid(0)) or all(tree._is_marked for tree in self._trees):
            # A callback's child, which is the callback's to wait for, or what that has left, which is nobody's. It may
            # have ended before `subprocess` has got its number, so `held` is asked late.
            since_s = self._seen.setdefault(known, time.monotonic())
            if time.monotonic() - since_s < _NOBODY_COMES_S:
                return False
        if process.pid in held:
            self._anothers.add(known)
            return False
        return True


@cache
def children() -> Children:
    """Return the one owner of this process's children. Raises `OSError`: there is no thread left."""
    made = Children()
    made._begin()
    return made


@attrs.define(eq=False, repr=False)
class Tree:
    """A script's process and everything that it has started.

    Attributes:
        weakness: Why not everything that the script starts is seen, or empty.
        created: When the script's own process was created, in the system's own words.
        ended: Whether the script's own process has ended.
        exit_code: Its exit code, negative for a signal; None where that is not known.
    """

    _children: Children
    _run_token: str
    _exited: Callable[[int | None], None]
    _log: Callable[..., None]
    weakness: str
    _strangers: frozenset[tuple[int, str]]  # children of the robot, by pid and creation time, that were there before
    created: str = ""
    ended: bool = False
    _reaped: bool = False
    exit_code: int | None = None
    _popen: subprocess.Popen[bytes] | None = None
    _sessions: set[int] = attrs.field(factory=set)  # the script's own, and what its processes made and were seen in
    _group: _cgroup.ControlGroup | None = None
    _marker: bytes = b""
    _is_marked: bool = False  # whether the script got the mark of `_mark.py`, and so everything below it
    _spare: list[int] = attrs.field(factory=list)  # descriptors, free for whatever the end of the script needs

    @property
    def pid(self) -> int:
        """Number of the script's own process, 0 before it was started."""
        return self._popen.pid if self._popen is not None else 0

    def note(self) -> Note:
        """Return what a later life of the robot needs to find this tree."""
        return Note(self._run_token, self.pid, self.created, self._group.path if self._group is not None else "")

    def start(self, command: Sequence[str], environment: Mapping[str, str], directory: str, output: int) -> None:
        """Start the script in a session of its own, with stdout and stderr going to the descriptor `output`.

        Args:
            command: Interpreter, script host, and what the host is told.
            environment: All variables of the script, the run token among them.
            directory: Working directory.
            output: Descriptor.

        Raises:
            OSError: The system could not start it.
        """
        self._marker = os.fsencode(command[1])
        self._group = _cgroup.make(self._run_token)
        # Under the lock: a script that ends at once must not be reaped before it is known.
        with self._children._lock, _mark.worn(self._run_token):
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=directory,
                start_new_session=True,
            )
            self._sessions.add(self.pid)
            # An interpreter needs far longer to start than this call.
            if self._group is not None and not self._group.add(self.pid):
                self._group.remove()
                self._group = None
            self.created = created_at(self.pid)
            self._is_marked = _mark.is_worn_by(self.pid, self._run_token)
        self._children._more.put(None)

    def _keep_spare(self) -> None:
        try:
            for _ in range(_SPARE):
                self._spare.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            self._spend_spare()
            raise

    def _spend_spare(self) -> None:
        try:
            while True:  # another thread may be at it as well
                os.close(self._spare.pop())
        except IndexError:
            return

    def resume(self) -> None:
        """Let the script run; here it does so from its start, and is found by its run token if nobody wrote it down."""

    def limit(self, limits: Limits) -> str:
        """Hold what runs to its limits, as far as the system does that; return what it does not, or empty.

        Time is for who looks after the tree, and so is memory besides: see `memory_bytes`.
        """
        told = []
        if (nice := _NICE[limits.cpu_priority]) and not self._renice(nice):
            told.append(f"cpu_priority {limits.cpu_priority} cannot be set")
        # A little above what is looked for: who looks has the better words, and the kernel is the faster.
        if limits.memory_bytes and self._group is not None:
            self._group.limit_memory(limits.memory_bytes + limits.memory_bytes // 8)
        if limits.memory_bytes and not _shows_processes():
            told.append("the memory in use is not known without /proc")
        return "; ".join(told)

    def memory_bytes(self) -> int:
        """Return how much memory the tree uses, in memory and swapped out; what is shared counts once, roughly."""
        members = self._members()
        # Forked workers share most of theirs, and the sum counts it for each; the fair share is dear to read.
        read = _whole_memory if len(members) < _SHARE_FROM else _fair_memory
        return sum(read(each.pid) for each in members)

    def hit_memory_limit(self) -> bool:
        """Return whether the system has ended something of the tree for want of the memory that it may have."""
        return self._group is not None and self._group.hit_memory_limit()

    def _renice(self, nice: int) -> bool:
        try:
            os.setpriority(os.PRIO_PGRP, self.pid, os.getpriority(os.PRIO_PROCESS, 0) + nice)
        except OSError:
            return self.has_exited()
        return True

    def _has_ended(self, exit_code: int | None) -> None:
        """Take note of the end of the script's own process; for the reaper."""
        self._spend_spare()
        if not self.ended:
            self.exit_code, self.ended = exit_code, True
        self._exited(self.exit_code)

    def _has_been_reaped(self) -> None:
        """Take note that its number is free; for the reaper."""
        self._reaped = True
        if self._popen is not None:
            # Else `subprocess` would wait for this number itself some day, whoever has it then.
            self._popen.returncode = self.exit_code if self.exit_code is not None else -1

    def has_exited(self) -> bool:
        """Return whether the script's own process has ended, also where the reaper has not seen it yet."""
        if self.ended or not self.pid:
            return True
        try:
            return _ended_child(self.pid) is not None
        except ChildProcessError:
            # Somebody else has reaped it, and knows how it ended; we do not.
            with self._children._lock:
                if not self.ended:
                    self._has_been_reaped()
                    self._has_ended(None)
            return True

    def interrupt(self) -> str:
        """Ask the script to stop; return how. The host makes it a KeyboardInterrupt where the script has no handler."""
        self._spend_spare()
        _signal(self._host(), signal.SIGTERM)
        return "SIGTERM"

    def interrupt_again(self) -> str:
        """Ask in a second way; return how, or empty. A signal reaches every program, so there is none."""
        return ""

    def kill(self) -> list[Process]:
        """Stop, then kill everything that is alive now, and return it; what is started meanwhile needs another call.

        What is stopped first starts nothing any more, so a tree that grows while it is killed comes to its end.
        """
        self._spend_spare()
        self._to_own_group(signal.SIGSTOP)
        stopped: dict[tuple[int, str], Process] = {}
        for _ in range(_STOP_ROUNDS):
            new = [each for each in self._stop_direct() if (each.pid, each.created) not in stopped]
            stopped.update({(each.pid, each.created): each for each in new})
            new += [each for each in self._members() if (each.pid, each.created) not in stopped]
            if not new:
                break
            _send(new, signal.SIGSTOP)
            stopped.update({(each.pid, each.created): each for each in new})
        if self._group is not None:
            self._group.kill()
        self._to_own_group(signal.SIGKILL)
        kill(stopped.values())
        return list(stopped.values())

    def others(self) -> list[Process]:
        """Return what else is alive of the tree, as far as the list of processes shows it."""
        return [each for each in self._members() if each.pid != self.pid]

    def is_empty(self) -> bool:
        """Return whether it is proved that nothing of the tree is alive; see the head of this file."""
        if not self.has_exited():
            return False
        self._children._collect()
        if _has_no_child():
            return not _only_group_is_seen() or not _group_is_alive(self.pid)
        return not self.doubt() and self._only_strangers_live()

    def doubt(self) -> str:
        """Return why it cannot be proved here that a tree is empty, or empty."""
        if _has_no_child() or _shows_processes():
            return ""
        return "/proc does not show the processes of this system, and the robot has children of its own"

    def close(self) -> None:
        """Give the system back what the tree has taken, once it is empty."""
        self._spend_spare()
        if self._group is not None:
            self._group.remove()
        self._children._forget(self)

    def _only_strangers_live(self) -> bool:
        """Return whether no child is alive but those that are not the job's; see the head of this file."""
        with self._children._lock:
            before, refused = _last_pid(), _sight.refused
            held = _Held()
            mine = any(self._is_mine(each, held) for each in _direct())
            if mine or _last_pid() < before:
                return False
            # What has ended in between may have handed over; when it is reaped another look tells.
            return not self._children._ours_of(_direct(ended=True)) and _sight.refused == refused

    def _stop_direct(self) -> list[Process]:
        """Stop the youngest of this tree and the robot's own children, each as soon as it is seen, and return them.

        A process that starts its successor and ends may live for less than a look at all processes takes, and where its
        parent lives a little longer, it is not even a child of the robot. But whoever was just born has one of the last
        numbers, and there are few of those.
        """
        found, held = {}, _Held()
        with self._children._lock:  # nobody is reaped, so a child's number is its own, and the signal meets no other
            for youngest in (*([True] * _YOUNGEST_ROUNDS), False):
                for each in _youngest() if youngest else _direct():
                    if (each.pid, each.created) not in found and self._stopped(each, held):
                        found[each.pid, each.created] = each
        return list(found.values())

    def _stopped(self, process: Process, held: _Held) -> bool:
        """Stop a process if it belongs to this tree; return whether it does."""
        if process.parent == os.getpid():
            if is_mine := self._is_mine(process, held):
                _signal(process.pid, signal.SIGSTOP)
        elif is_mine := self._marks(process.pid):
            _send((process,), signal.SIGSTOP)
        return is_mine

    def _members(self) -> list[Process]:
        processes, held = _processes(), _Held()
        own = {each.pid for each in processes.values() if each.parent == os.getpid() and self._is_mine(each, held)}
        members = [processes[pid] for pid in own]
        members += _below(processes, own)
        return [each for each in members if _stat(str(each.pid)).state not in ("", "Z", "X")]

    def _is_mine(self, process: Process, held: _Held) -> bool:
        """Return whether a living child of the robot belongs to this tree."""
        if process.pid == self.pid and not self._reaped:
            return True
        session = _session(process.pid)
        if (process.pid, process.created) in self._strangers or session in (0, os.getsid(0)):
            return False
        if session in self._sessions:
            return True
        token = _token(process.pid)
        if self._children._has_another(self, session, token):
            return False
        if token != self._run_token and not self._marks(process.pid) and process.pid in held:
            return False
        self._sessions.add(session)
        return True

    def _marks(self, pid: int) -> bool:
        """Return whether a process, an ended one too, has the mark of this script."""
        return self._is_marked and _mark.is_worn_by(pid, self._run_token)

    def _host(self) -> int:
        """Return the process that runs the script host: the script's own, or what a wrapper before it has started.

        Each step of the way executes a command line of its own with the script's path in it; a child that was only
        forked has the line of its parent, and one that the script has started lacks the host's variable.
        """
        processes = _processes()
        pid, line = self.pid, _command_line(self.pid)
        while True:
            below = [each.pid for each in processes.values() if each.parent == pid]
            lines = ((child, _command_line(child)) for child in below)
            found = next(((child, its) for child, its in lines if its != line and self._is_step(child, its)), None)
            if found is None:
                return pid
            pid, line = found

    def _is_step(self, pid: int, line: Sequence[bytes]) -> bool:
        mark = f"{HOST_VARIABLE}=".encode()
        return self._marker in line and any(each.startswith(mark) for each in _environment(pid))

    def _to_own_group(self, number: int) -> None:
        with self._children._lock:
            if self.pid and not self._reaped:
                _signal(self.pid, number, group=True)


def limit_means() -> str:
    """Return by which means limits of scripts are kept here, in a sentence."""
    if _cgroup.limits_memory():
        memory = "the memory of a script by its control group (memory.max), and by a look twice a second"
    elif _shows_processes():
        memory = "the memory of a script by a look at its processes twice a second, the kernel has no part in it"
    else:
        memory = "the memory of a script is not limited, for this system shows no processes in /proc"
    return f"time by the robot, {memory}, cpu_priority by nice"


def listed() -> str:
    """Return every process of the system, a line each: pid, parent, name; no command line, which may hold a secret."""
    lines = (f"{each.pid:>8} {each.parent:>8}  {each.name}" for each in _processes().values())
    return "\n".join(["     pid   parent  name", *lines]) + "\n"


def created_at(pid: int) -> str:
    """Return when a process was created, in the system's own words, or empty where that is not known."""
    ticks = _stat(str(pid)).created
    return f"{_boot_id()}:{ticks}" if ticks else ""


def is_alive(process: Process) -> bool:
    """Return whether this very process has not ended."""
    return _stat(str(process.pid)).state not in ("", "Z", "X") and created_at(process.pid) == process.created


def remains(left: Note) -> list[Process]:
    """Return what an earlier life has left: by its marks, session, the script's pid and creation time, and descent.

    A process whose number was given away again is not among them, and neither is this one with all that is below it,
    which may carry the token when a script has started the robot.
    """
    processes = _processes()
    mark = f"{RUN_TOKEN}={left.run_token}".encode()
    roots = {each.pid for each in processes.values() if left.run_token and mark in _environment(each.pid, mark)}
    roots |= {pid for pid in processes if left.run_token and _mark.is_worn_by(pid, left.run_token)}
    roots |= _of_the_script(processes, left)
    if (group := _cgroup.left_behind(left.group, left.run_token)) is not None:
        roots |= group.members() & processes.keys()
    found = {root: processes[root] for root in roots}
    found.update({each.pid: each for each in _below(processes, roots)})
    if os.getpid() in found:
        for pid in (os.getpid(), *(each.pid for each in _below(processes, {os.getpid()}))):
            found.pop(pid, None)
    return [each for each in found.values() if _stat(str(each.pid)).state not in ("", "Z")]


def end_group(left: Note) -> None:
    """Kill the control group that an earlier life has left, if there is one."""
    group = _cgroup.left_behind(left.group, left.run_token)
    if group is not None:
        group.kill()
        group.remove()


def kill(processes: Iterable[Process]) -> None:
    """Kill these processes, and none that has got one of their numbers since."""
    _send(processes, signal.SIGKILL)


def moment() -> Moment:
    """Return this moment, as the system tells when a process was created."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    ticks = 0 if clock is None else int(time.clock_gettime(clock) * os.sysconf("SC_CLK_TCK"))
    return Moment(ticks, _last_pid(), _forks())


def opened_since(began: Moment) -> list[Process]:
    """Return the processes of this account that were created since a moment, and are neither this one's nor a script's.

    So what the account's own manager or D-Bus has started on somebody's behalf. What a script has started carries its
    token: it is the other robot's where this one has not ended it.
    """
    boot, found = _boot_id(), []
    for number in _numbers_since(began):
        pid = int(number)
        if pid == os.getpid() or not _is_own_account(pid):
            continue
        stat = _stat(number)
        if (
            stat.state in ("", "Z", "X")
            or int(stat.created) < began.created
            or _is_below_us(stat.parent)
            or _token(pid)
            or _is_thread(number)
        ):
            continue
        found.append(Process(pid, f"{boot}:{stat.created}", stat.name, stat.parent))
    return found


def _numbers_since(began: Moment) -> Iterable[str]:
    """Return the numbers that may have been given since a moment; some of them are nobody's any more, or threads'.

    Numbers rise until they begin anew. Where few were given they are tried one by one, for a list of all processes
    takes as long as the rest of a short job on a machine that has a thousand of them.
    """
    last = _last_pid()
    if not (0 <= _forks() - began.forks < _FORKS_IN_A_ROUND and began.last_pid <= last):
        return _numbers()
    if last - began.last_pid <= _FEW:
        return map(str, range(began.last_pid + 1, last + 1))
    return (number for number in _numbers() if int(number) > began.last_pid)


def _is_thread(number: str) -> bool:
    """Return whether a number is that of a thread beside a process's first: /proc has it, and lists it nowhere."""
    try:
        with open(f"/proc/{number}/status", "rb") as stream:
            return next((line.split()[1:] for line in stream if line.startswith(b"Tgid:")), []) != [number.encode()]
    except OSError:
        return True  # it has gone meanwhile


def _is_below_us(parent: int) -> bool:
    seen: set[int] = set()  # a number may be given away while we climb
    while parent > 1 and parent not in seen:
        if parent == os.getpid():
            return True
        seen.add(parent)
        parent = _stat(str(parent)).parent
    return False


def ask_to_close(processes: Iterable[Process]) -> None:
    """Ask programs to close, as the end of a session does; whether they do is theirs."""
    _send(processes, signal.SIGTERM)


def write_within(descriptor: int, data: bytes, patience_s: float) -> bool:
    """Write a few bytes into a pipe; return False where it had no room for so long.

    A script may have made its output non-blocking, and what it has is what we have.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        left_s = deadline_s - time.monotonic()
        if left_s < 0 or not room.poll(left_s * 1000):
            return False
        try:
            # Poll promises room for PIPE_BUF bytes, so this comes back, and all or nothing is written.
            os.write(descriptor, data)
        except BlockingIOError:
            continue
        except OSError:
            return False
        return True


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
    """Return what an exit code says beyond its number, or empty.

    An interpreter that is a shell script tells of a Python that was ended by a signal in a number of its own.
    """
    if exit_code < 0:
        return f"ended by {_signal_name(-exit_code)}"
    name = _signal_name(exit_code - _SHELL_SAYS) if exit_code > _SHELL_SAYS else ""
    return f"exit code {exit_code}, by which a shell reports {name}" if name.startswith("SIG") else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def legacy_encodings() -> tuple[str, ...]:
    """Return what old programs print in that do not print UTF-8: none that could be told here."""
    return ()


@attrs.define(eq=False)
class _Held:
    """The processes that a part of this program has started itself and has not waited for yet, as `subprocess` knows.

    Asked only about children in sessions that nobody knows. There is no list of them, so all objects are looked at,
    once and not before somebody asks.
    """

    _pids: frozenset[int] | None = None

    def __contains__(self, pid: int) -> bool:
        """Return whether one of them has this number."""
        if self._pids is None:
            # Those from before the first job count as well, and the collector was told to leave those alone.
            gc.unfreeze()
            popens = (each for each in gc.get_objects() if issubclass(type(each), subprocess.Popen))
            # One that another thread is just making has neither yet, and no process.
            self._pids = frozenset(each.pid for each in popens if getattr(each, "returncode", 0) is None)
        return pid in self._pids


@attrs.frozen
class _Stat:
    state: str = ""
    parent: int = 0
    created: str = ""
    name: str = ""
    session: int = 0


@attrs.define
class _Sight:
    """How often the system did not let us look: what was not seen then may be there all the same."""

    refused: int = 0

    def lost(self, error: OSError) -> None:
        """Take note of a look that has failed."""
        self.refused += error.errno in _NO_ROOM


_sight = _Sight()


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
    except OSError as error:
        _sight.lost(error)
        return _Stat()
    # The name stands in brackets and may hold blanks and brackets itself.
    before, _, after = data.rpartition(")")
    values = after.split()
    return _Stat(values[0], int(values[1]), values[19], before.partition("(")[2], int(values[3]))


def _memory(pid: int, name: str, keys: tuple[bytes, ...]) -> int:
    """Return the sum of some lines of a file in /proc that tell kB, in bytes; 0 where they cannot be read."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as stream:
            return sum(int(line.split()[1]) << 10 for line in stream if line.startswith(keys))
    except (OSError, ValueError, IndexError):
        return 0  # gone, or another account's


def _whole_memory(pid: int) -> int:
    return _memory(pid, "status", (b"VmRSS:", b"VmSwap:"))


def _fair_memory(pid: int) -> int:
    """Return a process's share of the memory that it uses with others, in bytes, or all of it where no share is told.

    All of it is read last: a process that is just ending has neither, and must not count with what it had before.
    """
    return _memory(pid, "smaps_rollup", (b"Pss:", b"SwapPss:")) or _whole_memory(pid)


def _environment(pid: int, wanted: bytes = b"") -> list[bytes]:
    """Return the variables of a process, none where none of them can begin with what is wanted."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            data = stream.read()
        return data.split(b"\0") if wanted in data else []
    except OSError:
        return []  # another account's, or gone


def _processes() -> dict[int, Process]:
    """Return every process of the system, ended ones that nobody has reaped included."""
    stats = ((name, _stat(name)) for name in _numbers())
    boot = _boot_id()
    return {
        int(name): Process(int(name), f"{boot}:{stat.created}", stat.name, stat.parent)
        for name, stat in stats
        if stat.state
    }


def _numbers() -> list[str]:
    """Return the numbers of all processes, in rising order as the system reads them."""
    try:
        return [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError as error:
        _sight.lost(error)
        return []


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


def _of_the_script(processes: Mapping[int, Process], left: Note) -> set[int]:
    """Return the script's own process, and what is still in its session.

    A session keeps the number of the process that has made it, and nobody gets that number before the session is empty.
    Where somebody has it who is not the script, the session is his.
    """
    if not left.created:
        return set()
    script = processes.get(left.pid)
    if script is not None and script.created != left.created:
        return set()
    boot, _, ticks = left.created.rpartition(":")
    members = (each for each in processes.values() if _session(each.pid) == left.pid and _is_own_account(each.pid))
    found = {each.pid for each in members if each.created.rpartition(":")[0] == boot}
    found = {pid for pid in found if int(processes[pid].created.rpartition(":")[2]) >= int(ticks)}
    return found | ({left.pid} if script is not None else set())


def _direct(*, ended: bool = False) -> list[Process]:
    """Return the robot's own children, the living or the ended ones, the youngest first."""
    if _has_no_child():
        return []
    found = []
    for name in sorted(_numbers(), key=int, reverse=True):
        stat = _stat(name)
        if stat.parent == os.getpid() and (stat.state in ("Z", "X")) == ended:
            found.append(Process(int(name), f"{_boot_id()}:{stat.created}", stat.name, stat.parent))
    return found


def _youngest() -> Iterator[Process]:
    """Yield the living processes with the last numbers that were given, each as soon as it is seen."""
    last = _last_pid()
    for pid in range(last + 2, max(0, last - _YOUNGEST), -1):
        stat = _stat(str(pid))
        if stat.state not in ("", "Z", "X"):
            yield Process(pid, f"{_boot_id()}:{stat.created}", stat.name, stat.parent)


def _pause(more: SimpleQueue[None]) -> None:
    try:
        more.get(timeout=_ANOTHERS_S)
    except Empty:
        return


def _has_no_child() -> bool:
    """Return whether nothing at all is below the robot: one system call, in the usual case the only one."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def _ended_child(pid: int = 0) -> os.waitid_result | None:
    """Return an ended child that nobody has reaped, any or this one, and leave it so.

    Raises:
        ChildProcessError: This one is no child of ours, or was reaped.
    """
    try:
        return os.waitid(os.P_PID if pid else os.P_ALL, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        if pid:
            raise
        return None


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # somebody was faster


def _session(pid: int) -> int:
    """Return the session of a process, ended ones included, or 0. It needs no /proc."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _is_own_account(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def _token(pid: int) -> str:
    start = f"{RUN_TOKEN}=".encode()
    return next((os.fsdecode(each[len(start) :]) for each in _environment(pid, start) if each.startswith(start)), "")


def _command_line(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return []


def _last_pid() -> int:
    """Return the number that was given to the youngest process of the system."""
    try:
        with open("/proc/loadavg", "rb") as stream:
            return int(stream.read().split()[4])
    except OSError as error:
        _sight.lost(error)
        return 0
    except (ValueError, IndexError):
        return 0


def _forks() -> int:
    """Return how many processes this machine has had since its start, 0 where it does not say."""
    try:
        with open("/proc/stat", "rb") as stream:
            # Not line by line: one of them has a number for each interrupt that the machine may have.
            return int(stream.read().partition(b"\nprocesses ")[2].split(None, 1)[0])
    except (OSError, ValueError, IndexError):
        return 0


def _shows_processes() -> bool:
    return os.path.exists(f"/proc/{os.getpid()}/stat")  # it needs no descriptor


def _only_group_is_seen() -> bool:
    """Return whether orphans of a script do not come to the robot here."""
    return getattr(ctypes.CDLL(None), "prctl", None) is None


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wait_for_children_again() -> None:
    """Let children be waited for: whoever starts the robot may have had the system throw their ends away.

    `run` has set all of its signals right by now. A program that embeds the worker keeps its own but for this one: an
    ignored SIGCHLD would make each script a success.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _share_the_heap() -> None:
    """Let the threads that supervise a script use the heap that is there.

    The GNU C library reserves 64 MiB for a heap of each thread. Under a limit of the address space (`ulimit -v`) that
    is what a kill would need, and under any other it is nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


@cache
def _adopt_orphans() -> str:
    """Make the robot the parent of whatever loses its own; return why that is not so, or empty."""
    _share_the_heap()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        return "only the process group of the script is seen by this system"
    return "" if prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 else "processes may escape, prctl refuses"


def _send(processes: Iterable[Process], number: int) -> None:
    """Send a signal to these processes, and to none that has got one of their numbers since."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError as error:
            # Ending a job must not depend on a free descriptor; then the number has to do.
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS) and is_alive(process):
                _signal(process.pid, number)
            continue
        try:
            # The descriptor holds this very process, so the look and the signal mean the same one.
            if created_at(process.pid) == process.created:
                signal.pidfd_send_signal(descriptor, number)
        except OSError:
            continue  # gone, or another account's: it stays alive and is named as a survivor
        finally:
            os.close(descriptor)


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    try:
        (os.killpg if group else os.kill)(pid, number)
    except ProcessLookupError:
        return  # it has just ended
    except PermissionError:
        return  # it has become another account's: it is named as a survivor
