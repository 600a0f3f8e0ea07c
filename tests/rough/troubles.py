"""What is rough in each kind: how it is drawn, what it does to the world, how its effect is shown, what it allows."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import attrs

from tests.fakes.pythons import other_python
from tests.rough.case import Trouble
from tests.rough.moments import Moment
from tests.rough.wire import CALLS, NOT_FOR_UPDATES, TRICKS

if TYPE_CHECKING:
    from tests.rough.stage import Launch, Stage

Values = dict[str, Any]
THREADS = (
    "main",
    "loop",
    "starting",
    "starting",
    "calls",
    "timer",
    "timer",
    "timer",
    "reaper",
    "script",
    "script",
    "output",
    "output file",
    "console",
    "signals",
)
FIRST_ACCOUNT = 21_000
"""Accounts of nobody, one a case: a limit on processes counts an account's."""


def _no_values(chance: Random) -> Values:
    return {}


def _nothing(stage: Stage, values: Values) -> None:
    return None


def _as_it_is(stage: Stage, values: Values, launch: Launch) -> None:
    return None


def _scripts_ran(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("noted"))


@attrs.frozen
class Effect:
    """One roughness.

    Attributes:
        draw: Its numbers.
        prepare: Changes folder and settings, before the first life.
        launch: Changes how a life is started.
        after_life: Looks, or repairs, between two lives.
        evidence: Whether it took effect: else the case does not count.
        scripts: What it needs among the jobs.
        any_script_of_kind: Whether the jobs are scripts of its kind.
        every_life: Whether it strikes every life, and not only until the robot failed once.
        exits: Exit codes that it allows besides 0.
        statuses: Final statuses that it allows for any job.
        console: Whether the console can be read afterwards.
        never_runs: Whether no script runs, and each ends with exit code 0.
        stays: Whether the account may stay logged on.
        in_order: Whether the first job is aborted, and the others come as they are named.
        secrets: What no file and no console may hold.
    """

    kind: str
    name: str
    draw: Callable[[Random], Values] = _no_values
    prepare: Callable[[Stage, Values], None] = _nothing
    launch: Callable[[Stage, Values, Launch], None] = _as_it_is
    after_life: Callable[[Stage, Values], None] = _nothing
    evidence: Callable[[Stage, Values], bool] = _scripts_ran
    scripts: tuple[str, ...] = ()
    any_script_of_kind: bool = False
    every_life: bool = True
    exits: tuple[int, ...] = ()
    statuses: tuple[int, ...] = ()
    console: bool = True
    never_runs: bool = False
    stays: bool = False
    in_order: bool = False
    secrets: tuple[str, ...] = ()


# ---- processes


def _wrapped(stage: Stage, values: Values) -> None:
    wrapper = stage.folder / "python-wrapper"
    python = stage.settings["scripts"]["python"] or "python3"
    wrapper.write_text(f'#!/bin/sh\n{python} "$@"\ncode=$?\nexit $code\n')
    wrapper.chmod(0o755)
    stage.settings["scripts"]["python"] = str(wrapper)


_CALLBACKS = """\
import subprocess
from fsm_robot.robot import callbacks


def child():
    code = subprocess.run(["sh", "-c", "(true &) ; sleep 0.05; exit 3"]).returncode
    with open({seen!r}, "a") as stream:
        stream.write(f"callback code {{code}} 0\\n")


class Callbacks(callbacks.Callbacks):
    def announce(self, step):
        child()
        return super().announce(step)

    def run_script(self, step):
        answer = super().run_script(step)
        child()
        return answer
"""


def _with_callbacks(stage: Stage, values: Values) -> None:
    (stage.folder / "own_callbacks.py").write_text(_CALLBACKS.format(seen=str(stage.seen_file)))
    stage.settings["machine"]["callbacks"] = "own_callbacks.py"


def _callback_ran(stage: Stage, values: Values) -> bool:
    return any(fact.job == "callback" for fact in stage.facts.of("noted"))


def _born_before(stage: Stage, values: Values, launch: Launch) -> None:
    """Start the robot by a shell that has a child already: it stays the robot's, and is nobody's to kill.

    It ignores SIGHUP: the system sends that to all in the foreground when a terminal hangs up.
    """
    file = stage.folder / "stranger"
    launch.command = [
        "sh",
        "-c",
        '(trap "" HUP; exec sleep 300) & echo $! > "$0"; exec "$@"',
        str(file),
        *launch.command,
    ]

    def remember() -> None:
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError, ValueError):
                stage.strangers.add(int(file.read_text()))
                file.unlink()
                return
            time.sleep(0.005)

    launch.after.append(remember)


def _stranger_lives(stage: Stage, values: Values) -> None:
    for pid in stage.strangers:
        try:
            os.kill(pid, 0)
        except OSError:
            stage.facts.add("stranger_killed", number=pid)


_PTRACE_SEIZE, _PTRACE_DETACH, _PTRACE_CONT = 0x4206, 17, 7


def _holds_the_killed(stage: Stage, values: Values, launch: Launch) -> None:
    """Trace the first job's script, so that a kill has no effect until it is let go, as on a dead network disk."""
    if stage.facts.life == 1:
        threading.Thread(target=_trace, args=[stage], daemon=True).start()


def _trace(stage: Stage) -> None:
    first, second = stage.server.jobs[0].guid, stage.server.jobs[1].guid
    pid = _noted_pid(stage, first)
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if not pid or ptrace(_PTRACE_SEIZE, pid, None, None) != 0:
        return
    stage.facts.add("held", first, pid)
    if _noted_pid(stage, second):
        time.sleep(values_after_s := 0.2)
        stage.facts.add("let_go", first, pid, f"{values_after_s} s after the next script began")
    ptrace(_PTRACE_DETACH, pid, None, None)
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG | 0x40000000)  # __WALL: a tracer waits for what it traces


def _noted_pid(stage: Stage, guid: str) -> int:
    deadline_s = time.monotonic() + 40
    while time.monotonic() < deadline_s:
        for fact in stage.facts.of("noted"):
            if fact.job == guid and fact.text == "waiting":
                return fact.number
        time.sleep(0.01)
    return 0


def _was_held(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("let_go"))


# ---- inherited


def _ignores(*numbers: signal.Signals) -> Callable[[Stage, Values, Launch], None]:
    def launch_with(stage: Stage, values: Values, launch: Launch) -> None:
        launch.before += [functools.partial(signal.signal, number, signal.SIG_IGN) for number in numbers]

    return launch_with


def _blocks(stage: Stage, values: Values, launch: Launch) -> None:
    numbers = [getattr(signal, name) for name in values["signals"]]
    launch.before.append(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, numbers))


def _mask_holds(place: int, names: Callable[[Values], list[str]]) -> Callable[[Stage, Values], bool]:
    """Return whether the robot was seen with these signals in its mask: 0 what it blocks, 1 what it ignores."""

    def holds(stage: Stage, values: Values) -> bool:
        wanted = sum(1 << (getattr(signal, name) - 1) for name in names(values))
        masks = [fact.text.split() for fact in stage.facts.of("inherits")]
        return any(len(each) == 2 and int(each[place], 16) & wanted == wanted for each in masks)

    return holds


def _hangs_up(stage: Stage, values: Values, launch: Launch) -> None:
    launch.before.append(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    stage.moments.append(Moment(values["after_s"], lambda: _send(stage, signal.SIGHUP, "hung_up")))


def _send(stage: Stage, number: int, what: str) -> None:
    assert stage.robot is not None
    stage.facts.add(what, number=number)
    with contextlib.suppress(ProcessLookupError):
        os.kill(stage.robot.pid, number)


def _closes(stage: Stage, values: Values, launch: Launch) -> None:
    launch.before += [functools.partial(os.close, number) for number in values["descriptors"]]


# ---- limits


def _account(stage: Stage, values: Values) -> None:
    if os.getuid() != 0:
        return  # a limit bites whoever is not root
    if not os.access("/usr/bin/python3", os.X_OK):
        stage.skipped = "no interpreter that another account could run"
        return
    stage.account = FIRST_ACCOUNT + os.getpid() % 30_000


def _limits(which: int, factor: int = 1) -> Callable[[Stage, Values, Launch], None]:
    def launch_with(stage: Stage, values: Values, launch: Launch) -> None:
        limit = values["limit"] * factor
        launch.before.append(lambda: resource.setrlimit(which, (limit, limit)))

    return launch_with


def _bites(stage: Stage, values: Values) -> bool:
    return any(fact.text == "bites" for fact in stage.facts.of("noted"))


# ---- disk


def _fifo_at(stage: Stage, path: Path, pause_s: float, bytes_at_once: int) -> None:
    """Put a FIFO where a file would be: a disk that hangs, or one that is slow."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.mkfifo(path, 0o600)
    end = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    stage.cleanups.append(lambda: os.close(end))
    if bytes_at_once:
        threading.Thread(target=_read_slowly, args=[end, pause_s, bytes_at_once], daemon=True).start()


def _read_slowly(end: int, pause_s: float, bytes_at_once: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            time.sleep(pause_s)
            with contextlib.suppress(BlockingIOError):
                os.read(end, bytes_at_once)


def _output_stalls(stage: Stage, values: Values) -> None:
    for job in stage.server.jobs:
        if job.script in ("flood", "nonblocking"):
            _fifo_at(stage, stage.state / "jobs" / job.guid / "output.log", 0.05, values["bytes"])


def _robot_log_is_full(stage: Stage, values: Values) -> None:
    (stage.state / "robot.log").symlink_to("/dev/full")


def _console_stalls(stage: Stage, values: Values, launch: Launch) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, 1031, 4096)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 1000)
    os.set_blocking(writer, True)
    launch.stderr = os.fdopen(writer, "wb", 0)
    stage.cleanups.append(lambda: os.close(reader))


def _quietly(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _small_disk(stage: Stage, values: Values) -> None:
    if not _quietly("mount", "-t", "tmpfs", "-o", f"size={values['kib']}k,mode=700", "rough", str(stage.state)):
        stage.skipped = "no file system can be mounted here"
        return
    stage.cleanups.append(lambda: _quietly("umount", "-l", str(stage.state)))


def _fills(stage: Stage, values: Values, launch: Launch) -> None:
    def fill() -> None:
        stage.facts.add("disk_full")
        with contextlib.suppress(OSError), (stage.state / "ballast").open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass

    stage.moments.append(Moment(values["after_s"], fill))


def _has_filled(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("disk_full"))


def _empties(stage: Stage, values: Values) -> None:
    """Do what a person does: take away what is in the way, and get a larger disk."""
    _quietly("mount", "-o", "remount,size=64m", str(stage.state))
    with contextlib.suppress(OSError):
        (stage.state / "ballast").unlink()
    stage.calm = True


def _turns_read_only(stage: Stage, values: Values, launch: Launch) -> None:
    def turn() -> None:
        # A remount is refused while files are open for writing; a bind mount over it is not.
        stage.facts.add("read_only")
        _quietly("mount", "--bind", str(stage.state), str(stage.state))
        _quietly("mount", "-o", "remount,ro,bind", str(stage.state))

    stage.moments.append(Moment(values["after_s"], turn))


def _turns_back(stage: Stage, values: Values) -> None:
    # Once only, whatever ended how many lives: the second one would take the disk away with all that is on it.
    if Path("/proc/self/mounts").read_text("utf-8").count(f" {stage.state} ") > 1:
        _quietly("umount", "-l", str(stage.state))
    _quietly("mount", "-o", "remount,size=64m", str(stage.state))  # what scripts print has filled it meanwhile
    stage.calm = True


def _goes_away(stage: Stage, values: Values, launch: Launch) -> None:
    def go() -> None:
        stage.facts.add("gone")
        shutil.rmtree(stage.state / "jobs", ignore_errors=True)

    stage.moments.append(Moment(values["after_s"], go))


def _may_only_be_passed(stage: Stage, values: Values, launch: Launch) -> None:
    """Take the right to look into the folder: its files can be used, and its names cannot be synced by themselves."""
    os.chown(stage.folder, 0, 0)
    stage.folder.chmod(0o733)


def _as_another_account(stage: Stage, values: Values) -> None:
    if os.getuid() == 0:
        _account(stage, values)
    else:
        stage.skipped = "only root can give a folder to another account"


# ---- wire


def _draw_wire(chance: Random) -> Values:
    strikes = []
    for _ in range(chance.choice([1, 1, 2, 3, 4])):
        call = chance.choice(CALLS)
        names = [name for name in TRICKS if call not in ("claim", "report") or name not in NOT_FOR_UPDATES]
        strikes.append({"call": call, "nth": chance.randint(1, 4), "trick": chance.choice(names)})
    return {"strikes": strikes}


def _draw_front_end(chance: Random) -> Values:
    return {"trick": chance.choice([name for name, trick in TRICKS.items() if trick.legible])}


def _front_end(stage: Stage, values: Values) -> None:
    stage.server.always = values["trick"]


def _strikes(stage: Stage, values: Values) -> None:
    stage.server.strikes_left += [dict(strike) for strike in values["strikes"]]


def _has_struck(stage: Stage, values: Values) -> bool:
    return stage.server.struck > 0


_PROXY_SECRET = "s3cr3t-of-the-proxy"
_PROXIES = {
    "slash": f"http://robot:{_PROXY_SECRET}/x@127.0.0.1:9",
    "hash": f"http://robot:{_PROXY_SECRET}#x@127.0.0.1:9",
    "question": f"http://robot:{_PROXY_SECRET}?x@127.0.0.1:9",
    "port": f"http://robot:{_PROXY_SECRET}@127.0.0.1:99999",
    "cyrillic": f"http://robot:{_PROXY_SECRET}@прокси..рф:8080",
    "bracket": f"http://robot:{_PROXY_SECRET}@[127.0.0.1:8080",
    "no host": f"http://robot:{_PROXY_SECRET}@:8080",
}
_NO_PROXIES = ("127.0.0.1:{port}", "*,x", "a;127.0.0.1", "[::1],127.0.0.1", "127.0.0.0/8", " 127.0.0.1 ", "*")


def _bad_proxy(stage: Stage, values: Values, launch: Launch) -> None:
    if stage.facts.life == 1:
        launch.environment["HTTP_PROXY" if values["upper"] else "http_proxy"] = _PROXIES[values["address"]]


def _no_proxy(stage: Stage, values: Values, launch: Launch) -> None:
    port = stage.server.url.rpartition(":")[2]
    launch.environment["http_proxy"] = f"http://robot:{_PROXY_SECRET}@127.0.0.1:9"
    launch.environment["no_proxy"] = values["no_proxy"].format(port=port)


# ---- threads


_OWNERS_CALLS = {"main": 100_000, "loop": 28_000, "starting": 4_000}
"""How many calls the owner thread makes until it loops, then for four jobs, and while the first script starts and runs.

Counted by a profile of a first run, which compiles the machine and the patterns that it needs. Where the numbers are too
low, what comes late is never reached.
"""


def _draw_death(chance: Random) -> Values:
    which = chance.choice(THREADS)
    call = chance.uniform(0, _OWNERS_CALLS[which]) if which in _OWNERS_CALLS else 2 ** chance.uniform(0, 7)
    return {
        "which": which,
        "call": 1 + int(call),
        "error": chance.choice(["MemoryError", "OSError", "RuntimeError"]),
    }


def _dies(stage: Stage, values: Values, launch: Launch) -> None:
    if stage.facts.life == 1:
        plan = f"{values['which']}:{values['call']}:{values['error']}:{stage.folder / 'death'}"
        launch.environment["ROUGH_DEATH"] = plan


def _has_died(stage: Stage, values: Values) -> bool:
    return (stage.folder / "death").exists()


def _tell_death(stage: Stage, values: Values) -> None:
    if stage.facts.of("raised"):
        return
    with contextlib.suppress(OSError):
        at_s, text = (stage.folder / "death").read_text().strip().split(" ", 1)
        passed_s = float(at_s) - stage.facts.began_s
        jobs = [fact.job for fact in stage.facts.of("consumed") if fact.at_s <= passed_s]
        stage.facts.add("raised", jobs[-1] if jobs else "", text=text)


# ---- killed


def _draw_kills(chance: Random) -> Values:
    after_s = [round(chance.uniform(0.0, 1.0), 3) for _ in range(chance.choice([1, 2, 3]))]
    return {"after_s": after_s, "early": chance.random() < 0.2}


def _is_killed(stage: Stage, values: Values, launch: Launch) -> None:
    if stage.facts.life <= len(values["after_s"]):
        after_s = values["after_s"][stage.facts.life - 1]
        early = values["early"]
        stage.moments.append(Moment(after_s, lambda: _send(stage, signal.SIGKILL, "killed"), announced=not early))


def _was_killed(stage: Stage, values: Values) -> bool:
    return any(fact.number < 0 for fact in stage.facts.of("life_ended"))


def _draw_leave(chance: Random) -> Values:
    first_s = round(chance.uniform(0.0, 1.0), 3)
    after_s = [first_s] if chance.random() < 0.6 else [first_s, round(first_s + chance.uniform(0, 0.6), 3)]
    return {"after_s": after_s, "signal": chance.choice([2, 15, 1]), "early": chance.random() < 0.2}


def _is_told_to_leave(stage: Stage, values: Values, launch: Launch) -> None:
    if stage.facts.life == 1:
        for after_s in values["after_s"]:
            moment = Moment(
                after_s, lambda: _send(stage, values["signal"], "told_to_leave"), announced=not values["early"]
            )
            stage.moments.append(moment)


def _was_told(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("told_to_leave"))


def _script_told(stage: Stage, values: Values) -> bool:
    return any(fact.text == "cleaned" for fact in stage.facts.of("noted"))


# ---- script


_SHADOW = """\
import os, sys
if os.path.basename(sys.argv[0]) == "shadowed.py":
    with open(os.environ["ROUGH_SEEN"], "a") as stream:
        stream.write("shadow {name}.py 0\\n")
else:  # the other scripts of the case import it themselves, and need what it is
    folder = sys.path.pop(0)
    del sys.modules[__name__]
    import {name}
    sys.path.insert(0, folder)
"""


def _shadows(stage: Stage, values: Values) -> None:
    for name in values["modules"]:
        (stage.folder / "scripts" / f"{name}.py").write_text(_SHADOW.format(name=name))


def _other_interpreter(stage: Stage, values: Values) -> None:
    found = other_python(values["version"])
    if found is None or stage.account is not None:
        stage.skipped = f"there is no Python {values['version']} here"
    else:
        stage.settings["scripts"]["python"] = found


def _draw_interpreter(chance: Random) -> Values:
    return {"version": chance.choice(["3.8", "3.9", "3.10", "3.12", "3.13"])}


def _true_is_python(stage: Stage, values: Values) -> None:
    stage.settings["scripts"]["python"] = shutil.which("true") or "/bin/true"


def _own_encoding(stage: Stage, values: Values, launch: Launch) -> None:
    launch.environment |= {"PYTHONIOENCODING": "latin-1:replace", "ROUGH_ENCODING": "latin-1:replace"}


_WRONG_CALLBACKS = """\
from fsm_robot.robot import callbacks
from fsm_robot.engine.machine.events import Event


class Callbacks(callbacks.Callbacks):
    def announce(self, step):
        {does}
"""
_WRONG = {
    "nothing": "return None",
    "text": "return 'no_job'",
    "unknown event": "return Event('holiday')",
    "not an answer": "return Event('job_claimed')",
    "raises OSError": "open('/nowhere/at/all')",
    "raises KeyError": "return {}['day']",
    "raises SystemExit": "raise SystemExit(3)",
    "coroutine": "async def later(): pass\n        return later()",
}


def _wrong_callback(stage: Stage, values: Values) -> None:
    does = values["does"][stage.facts.life]  # that of the next life
    (stage.folder / "own_callbacks.py").write_text(_WRONG_CALLBACKS.format(does=_WRONG[does]))
    stage.settings["machine"]["callbacks"] = "own_callbacks.py"


def _next_wrong_callback(stage: Stage, values: Values) -> None:
    if stage.facts.life < len(values["does"]):
        _wrong_callback(stage, values)
    else:
        stage.settings["machine"].pop("callbacks", None)
    stage.write_settings()


# ---- job api


def _took_tasks(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("task"))


# ---- terminal


def _pipe_without_a_reader(stage: Stage, values: Values, launch: Launch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    launch.stdout = os.fdopen(writer, "wb", 0)
    launch.environment |= {"PYTHONUNBUFFERED": "1"} if values["unbuffered"] else {}
    if values["both"]:
        launch.stderr = os.fdopen(os.dup(writer), "wb", 0)


def _full_device(stage: Stage, values: Values, launch: Launch) -> None:
    launch.environment |= {"PYTHONUNBUFFERED": "1"} if values["unbuffered"] else {}
    launch.stdout = open("/dev/full", "wb", 0)  # noqa: SIM115 - closed when the robot has it
    if values["both"]:
        launch.stderr = open("/dev/full", "wb", 0)  # noqa: SIM115


def _pty(stage: Stage, values: Values, launch: Launch) -> None:
    if stage.facts.life > 1:
        return
    master, slave = os.openpty()
    launch.stdin = launch.stdout = launch.stderr = os.fdopen(slave, "r+b", 0)
    launch.new_session = True
    # TIOCSCTTY: it is the robot's own terminal. First of all, for the descriptor may be one that is closed.
    launch.before.insert(0, lambda: fcntl.ioctl(0, 0x540E, 0))

    def hang_up() -> None:
        stage.facts.add("told_to_leave" if not values["ignored"] else "hung_up", number=signal.SIGHUP)
        os.close(master)

    if values["ignored"]:
        launch.before.append(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    stage.moments.append(Moment(values["after_s"], hang_up))


def _encoding(stage: Stage, values: Values, launch: Launch) -> None:
    launch.environment["PYTHONIOENCODING"] = values["encoding"]


def _was_hung_up(stage: Stage, values: Values) -> bool:
    return bool(stage.facts.of("told_to_leave", "hung_up"))


def _after_s(low_s: float, high_s: float) -> Callable[[Random], Values]:
    return lambda chance: {"after_s": round(chance.uniform(low_s, high_s), 3)}


def _one_of(**choices: list[Any]) -> Callable[[Random], Values]:
    return lambda chance: {name: chance.choice(values) for name, values in choices.items()}


def _with_time(draw: Callable[[Random], Values], low_s: float, high_s: float) -> Callable[[Random], Values]:
    return lambda chance: {**draw(chance), **_after_s(low_s, high_s)(chance)}


_ALL = (
    Effect("processes", "zoo", any_script_of_kind=True),
    Effect("processes", "zoo again", any_script_of_kind=True),
    Effect("processes", "wrapper", prepare=_wrapped, scripts=("asked_through_shell", "asked_through_shell", "waits")),
    Effect(
        "processes", "callback child", prepare=_with_callbacks, evidence=_callback_ran, scripts=("orphan", "many_true")
    ),
    Effect(
        "processes",
        "kill without effect",
        launch=_holds_the_killed,
        evidence=_was_held,
        scripts=("waits", "waits"),
        stays=True,
        in_order=True,
    ),
    Effect("processes", "born before", launch=_born_before, after_life=_stranger_lives, any_script_of_kind=True),
    Effect(
        "inherited",
        "SIGCHLD ignored",
        launch=_ignores(signal.SIGCHLD),
        evidence=_mask_holds(1, lambda values: ["SIGCHLD"]),
        scripts=("leaves", "fails", "kills_itself"),
    ),
    Effect(
        "inherited",
        "signals blocked",
        _one_of(signals=[["SIGTERM", "SIGINT"], ["SIGTERM"], ["SIGCHLD"], ["SIGTERM", "SIGINT", "SIGCHLD", "SIGALRM"]]),
        launch=_blocks,
        evidence=_mask_holds(0, lambda values: values["signals"]),
        scripts=("waits", "waits"),
    ),
    Effect(
        "inherited",
        "HUP ignored",
        _after_s(0.0, 1.0),
        launch=_hangs_up,
        evidence=lambda stage, values: bool(stage.facts.of("hung_up")),
        scripts=("waits",),
    ),
    Effect(
        "inherited", "closed", _one_of(descriptors=[[0], [1], [2], [0, 1], [0, 1, 2]]), launch=_closes, console=False
    ),
    Effect(
        "limits",
        "processes",
        _one_of(limit=[12, 20, 25, 40]),
        prepare=_account,
        launch=_limits(resource.RLIMIT_NPROC),
        evidence=_bites,
        scripts=("fills_processes", "fills_processes"),
        statuses=(5,),
    ),
    Effect(
        "limits",
        "memory",
        _one_of(limit=[200, 300, 400, 500]),
        prepare=_account,
        launch=_limits(resource.RLIMIT_AS, 1 << 20),
        evidence=_bites,
        scripts=("fills_memory", "fills_memory"),
        # The C library may reserve what is left for a thread's heap, and then there is no room for a thread more.
        statuses=(5,),
        exits=(1,),
    ),
    Effect(
        "limits",
        "descriptors",
        _one_of(limit=[20, 24, 28, 40, 64]),
        prepare=_account,
        launch=_limits(resource.RLIMIT_NOFILE),
        evidence=_bites,
        scripts=("fills_descriptors", "fills_descriptors"),
        statuses=(5,),
        exits=(1,),
    ),
    Effect(
        "limits",
        "file size",
        _one_of(limit=[64, 200]),
        prepare=_account,
        launch=_limits(resource.RLIMIT_FSIZE, 1024),
        evidence=_bites,
        scripts=("fills_a_file", "fills_a_file"),
        exits=(1,),
    ),
    Effect("job api", "zoo", evidence=_took_tasks, any_script_of_kind=True),
    Effect("job api", "zoo again", evidence=_took_tasks, any_script_of_kind=True),
    Effect("disk", "output stalls", lambda chance: {"bytes": 0}, prepare=_output_stalls, scripts=("flood", "flood")),
    Effect("disk", "output is slow", _one_of(bytes=[500, 5000]), prepare=_output_stalls, scripts=("flood", "flood")),
    Effect("disk", "robot.log is full", prepare=_robot_log_is_full),
    Effect("disk", "console stalls", launch=_console_stalls, console=False),
    Effect(
        "disk",
        "full",
        _with_time(_one_of(kib=[256, 512]), 0.0, 1.0),
        prepare=_small_disk,
        launch=_fills,
        after_life=_empties,
        evidence=_has_filled,
        scripts=("flood", "waits"),
        every_life=False,
        exits=(1,),
        statuses=(5,),
    ),
    Effect(
        "disk",
        "read-only",
        _with_time(_one_of(kib=[2048]), 0.0, 1.0),
        prepare=_small_disk,
        launch=_turns_read_only,
        after_life=_turns_back,
        evidence=lambda stage, values: bool(stage.facts.of("read_only")),
        scripts=("flood", "waits"),
        every_life=False,
        exits=(1,),
        statuses=(5,),
    ),
    Effect(
        "disk",
        "gone",
        _after_s(0.0, 1.0),
        launch=_goes_away,
        evidence=lambda stage, values: bool(stage.facts.of("gone")),
        scripts=("flood", "waits"),
        exits=(1,),
        statuses=(5,),
    ),
    Effect("disk", "folder not to be read", prepare=_as_another_account, launch=_may_only_be_passed),
    Effect(
        "wire", "strikes", _draw_wire, prepare=_strikes, evidence=_has_struck, scripts=("waits", "quick"), exits=(4,)
    ),
    Effect("wire", "front end", _draw_front_end, prepare=_front_end, evidence=_has_struck, scripts=("waits", "quick")),
    Effect(
        "wire",
        "bad proxy",
        lambda chance: {"address": chance.choice(list(_PROXIES)), "upper": chance.random() < 0.5},
        launch=_bad_proxy,
        exits=(2,),
        secrets=(_PROXY_SECRET,),
    ),
    Effect("wire", "no proxy", _one_of(no_proxy=list(_NO_PROXIES)), launch=_no_proxy, secrets=(_PROXY_SECRET,)),
    Effect(
        "threads",
        "death",
        _draw_death,
        launch=_dies,
        after_life=_tell_death,
        evidence=_has_died,
        scripts=("waits", "flood"),
    ),
    Effect("script", "zoo", any_script_of_kind=True),
    Effect("script", "zoo again", any_script_of_kind=True),
    Effect(
        "script",
        "shadowed",
        _one_of(modules=[["signal"], ["ctypes"], ["signal", "ctypes"]]),
        prepare=_shadows,
        scripts=("shadowed", "shadowed"),
    ),
    Effect("script", "interpreter", _draw_interpreter, prepare=_other_interpreter, any_script_of_kind=True),
    Effect(
        "script",
        "true is the interpreter",
        prepare=_true_is_python,
        evidence=lambda stage, values: True,
        never_runs=True,
    ),
    Effect("script", "own encoding", launch=_own_encoding, scripts=("sees_its_environment", "sees_its_environment")),
    Effect(
        "script",
        "callback is wrong",
        lambda chance: {"does": chance.sample(list(_WRONG), 3)},
        prepare=_wrong_callback,
        after_life=_next_wrong_callback,
        exits=(1, 2),
    ),
    Effect(
        "killed",
        "by -9",
        _draw_kills,
        launch=_is_killed,
        evidence=_was_killed,
        scripts=("empty_environment", "family"),
        exits=(-9,),
        statuses=(5,),
    ),
    Effect(
        "killed",
        "by -9 as nobody",  # who may make no control group
        _draw_kills,
        prepare=_account,
        launch=_is_killed,
        evidence=_was_killed,
        scripts=("empty_environment", "empty_environment", "family"),
        exits=(-9,),
        statuses=(5,),
    ),
    Effect("killed", "told to leave", _draw_leave, launch=_is_told_to_leave, evidence=_was_told, exits=(6,)),
    Effect("killed", "told by its script", evidence=_script_told, scripts=("tells_the_robot",), exits=(6,)),
    Effect(
        "terminal",
        "closed",
        _one_of(both=[False, True], unbuffered=[False, True]),
        launch=_pipe_without_a_reader,
        console=False,
    ),
    Effect(
        "terminal", "full", _one_of(both=[False, True], unbuffered=[False, True]), launch=_full_device, console=False
    ),
    Effect(
        "terminal",
        "hung up",
        _with_time(_one_of(ignored=[False, True]), 0.0, 1.0),
        launch=_pty,
        evidence=_was_hung_up,
        exits=(6,),
        console=False,
    ),
    Effect(
        "terminal",
        "encoding",
        _one_of(encoding=["cp866", "ascii", "utf-16", "cp1251:strict"]),
        launch=_encoding,
        statuses=(5,),
    ),
)
EFFECTS = {(effect.kind, effect.name): effect for effect in _ALL}
_APART = (
    {"born before", "processes"},
    {"callback child", "processes"},
    {"wrapper", "told by its script"},
    {"robot.log is full", "full"},
    {"robot.log is full", "read-only"},
    {"callback child", "callback is wrong"},
    {"bad proxy", "no proxy"},
    {"wrapper", "interpreter"},
    {"wrapper", "true is the interpreter"},
    {"interpreter", "true is the interpreter"},
    {"encoding", "own encoding"},
)
_ALONE = frozenset({"kill without effect", "true is the interpreter"})
"""What would not take effect beside another: it needs all scripts, and its own order of jobs."""


def drawn(kind: str, chance: Random) -> Trouble:
    """Return a trouble of this kind."""
    effect = chance.choice([each for each in _ALL if each.kind == kind])
    return Trouble(kind, effect.name, effect.draw(chance))


def go_together(one: Trouble, other: Trouble) -> bool:
    """Return whether two troubles do not undo each other, or need what the other takes away."""
    kinds, names = {one.kind, other.kind}, {one.name, other.name}
    if names & _ALONE:
        return False
    nobodys = "limits" in kinds or "by -9 as nobody" in names
    if (nobodys or "folder not to be read" in names) and "interpreter" in names:
        return False
    if nobodys and ("disk" in kinds or "wrapper" in names):
        return False  # the account has to own what is mounted or stands in the way
    return not any(pair <= names for pair in _APART)
