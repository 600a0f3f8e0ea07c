"""Who owns which process, under every POSIX: the zoo of scripts that leave something behind, and what must become of it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

if sys.platform == "win32":
    pytest.skip("the children of a POSIX process", allow_module_level=True)

import resource

from fsm_robot.engine.redact import Redactor
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.worker import _cgroup, _mark, _posix, supervisor
from fsm_robot.worker.process import Process
from fsm_robot.worker.supervisor import ScriptWorker
from tests.fakes.processes import alive
from tests.fakes.waiting import PATIENCE_S, until

ROOT = os.getuid() == 0


@attrs.define
class Runs:
    """A worker in a folder of its own, whose scripts can be found by that folder from outside."""

    folder: Path
    worker: ScriptWorker
    lines: list[tuple[str, str, dict[str, object]]]
    endings: dict[str, Ending] = attrs.field(factory=dict)

    def start(self, text: str, job: str = "a", token: str = "") -> None:
        (self.folder / "scripts" / f"{job}.py").write_text(text, encoding="utf-8")
        token = token or uuid.uuid4().hex
        self.worker.start(Job(job, job), token, lambda ending: self.endings.__setitem__(job, ending))

    def ending(self, job: str = "a") -> Ending:
        until(lambda: job in self.endings, "the end of the script")
        return self.endings[job]

    def said(self, name: str) -> str:
        return until(lambda: (self.folder / "scripts" / name).exists() and self._text(name), name)

    def _text(self, name: str) -> str:
        return (self.folder / "scripts" / name).read_text()

    def output(self) -> str:
        return next((self.folder / "jobs").glob("*/output.log")).read_text()

    def left(self) -> list[int]:
        """Return every living process whose command line names the folder: nobody of the robot's own is asked."""
        mark = str(self.folder).encode()
        lines = ((int(each.name), _line(each)) for each in Path("/proc").iterdir() if each.name.isdecimal())
        return [pid for pid, line in lines if mark in line and alive(pid)]


def _line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(params=["control group", "signals"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Once with a control group, where this machine gives one, and once without."""
    if request.param == "signals":
        monkeypatch.setattr(_cgroup, "_home", lambda: "")
    elif not _cgroup._home():
        pytest.skip("this account may make no control group")
    (tmp_path / "scripts").mkdir()
    lines: list[tuple[str, str, dict[str, object]]] = []
    worker = ScriptWorker(
        scripts_directory=tmp_path / "scripts",
        jobs_directory=tmp_path / "jobs",
        python=sys.executable,
        redactor=Redactor(),
        output_limit_bytes=1 << 20,
        keep_job_files=False,
        log=lambda level, _event, sentence, **values: lines.append((level, sentence, values)),
    )
    runs = Runs(tmp_path, worker, lines)
    yield runs
    worker.close()
    assert runs.left() == []


# What a script may leave behind. `stay()` is what the script itself does afterwards: nothing, or it waits for its end.
# `pids` is where a process writes its number that must be gone afterwards; the chains have too many to write them down.
ZOO = {
    "child": "subprocess.Popen([*SLEEPER])",
    "child in a session of its own": "subprocess.Popen([*SLEEPER], start_new_session=True)",
    "child without environment": "subprocess.Popen([*SLEEPER], env={})",
    "daemon": dedent("""\
        if not os.fork():
            os.setsid()
            if not os.fork():
                stay_for_ever()
            os._exit(0)
    """),
    "daemon without environment": "subprocess.run(['setsid', 'sh', '-c', f'env -i {shlex.join(SLEEPER)} &'])",
    "stopped": "child = subprocess.Popen([*SLEEPER]); os.kill(child.pid, signal.SIGSTOP)",
    "deaf": dedent("""\
        if not os.fork():
            for n in set(signal.Signals) - {9, 19}: signal.signal(n, signal.SIG_IGN)
            stay_for_ever()
    """),
    "deep": dedent("""\
        for _ in range(12):
            if os.fork(): break
        else: stay_for_ever()
        if os.getpid() != SELF: stay_for_ever()
    """),
    "wide": "for _ in range(60):\n    if not os.fork(): stay_for_ever()",
    "threads": "if not os.fork():\n    for _ in range(20): threading.Thread(target=stay_for_ever).start()",
    "chain": "chain(0.005)",
    "quick chain": "chain(0.001)",
    "chain of sessions": "chain(0.005, os.setsid)",
    "quick chain of sessions": "chain(0.0, os.setsid)",
    "chain of groups": "chain(0.002, os.setpgrp)",
}
START = """
import os, shlex, signal, subprocess, sys, threading, time
SELF = os.getpid()
SLEEPER = [sys.executable, '-c', 'import time; time.sleep(90)', __file__]
LATEST = time.monotonic() + 90  # whatever becomes of the test, nothing of it stays for ever
def stay_for_ever():
    while time.monotonic() < LATEST: time.sleep(0.5)
    os._exit(99)
def chain(pause_s, each=lambda: None):
    if not os.fork():
        os.setsid()
        while time.monotonic() < LATEST:
            if os.fork():
                time.sleep(pause_s)
                os._exit(0)
            each()
        os._exit(99)
"""


@pytest.mark.parametrize("animal", ZOO)
def test_nothing_is_alive_after_the_end_and_what_was_left_is_named(runs: Runs, animal: str) -> None:
    """Whatever the script leaves, in whatever session, group, environment or haste; a stranger is not touched."""
    with _Strangers():
        runs.start(f"{START}\n{ZOO[animal]}\nprint('over')")

        ending = runs.ending()

        assert (ending.outcome, ending.exit_code, ending.survivors) == ("succeeded", 0, ())
        assert ending.leftovers != ()
        assert runs.left() == []
        assert runs.worker.is_idle()


@pytest.mark.parametrize("animal", ZOO)
def test_nothing_is_alive_after_an_abort(runs: Runs, animal: str) -> None:
    """The same, with the script still there, and nobody else: then the system itself says that no child is left."""
    runs.start(f"{START}\n{ZOO[animal]}\nopen('up', 'w').write('up')\nstay_for_ever()")
    runs.said("up")

    runs.worker.kill("aborted")

    assert (runs.ending().outcome, runs.ending().survivors) == ("aborted", ())
    assert runs.left() == []


# Where a limit is set by an administrator, or in another system, there is no mark; then sessions and tokens have to do.
UNMARKED = [
    "child in a session of its own", "child without environment", "daemon", "daemon without environment",
    "deaf", "wide", "chain", "quick chain", "quick chain of sessions", "chain of groups",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("ends", [True, False], ids=["end", "abort"])
@pytest.mark.parametrize("animal", UNMARKED)
def test_nothing_is_alive_where_the_system_has_no_mark(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, animal: str, ends: bool
) -> None:
    """Beside strangers, so that the system alone cannot say that nothing is left."""
    monkeypatch.setattr(_mark, "_RLIMIT_LOCKS", 9999)
    with _Strangers():
        runs.start(f"{START}\n{ZOO[animal]}\nopen('up', 'w').write('up')\n{'' if ends else 'stay_for_ever()'}")
        runs.said("up")
        tree = _running(runs).tree
        if not ends:
            runs.worker.kill("aborted")

        assert (runs.ending().outcome, runs.ending().survivors) == ("succeeded" if ends else "aborted", ())

    assert not tree._is_marked, "it has the mark, so this shows nothing"
    assert runs.left() == []


class _Strangers:
    """Children of the robot's own program that are no job's, in its session and in one of their own."""

    def __enter__(self) -> None:
        self.processes = [subprocess.Popen(["sleep", "90"], start_new_session=new) for new in (False, True)]

    def __exit__(self, *_: object) -> None:
        untouched = [process.poll() for process in self.processes]
        for process in self.processes:
            process.kill()
            process.wait()
        assert untouched == [None, None]


@pytest.mark.parametrize("how", ["setsid sh -c 'sleep 0.1' &", "(sleep 0.1 &) ", "for i in $(seq 300); do true & done"])
def test_adopted_process_is_reaped_at_once(runs: Runs, how: str) -> None:
    """A script that waits until its daemon is gone goes on, while the job runs; no zombies gather below the robot."""
    text = dedent(f"""\
        import os, subprocess, time
        def below():
            return set(filter(is_below, filter(str.isdecimal, os.listdir('/proc'))))
        def is_below(pid):
            try: state, parent = open(f'/proc/{{pid}}/stat').read().rpartition(')')[2].split()[:2]
            except OSError: return False
            return state in 'SRDZ' and parent == str(os.getppid())
        strangers = below()
        subprocess.run({how!r} + ' >/dev/null 2>&1', shell=True)
        while below() - strangers: time.sleep(0.01)
        print('alone')
    """)
    runs.start(text)

    assert runs.ending().outcome == "succeeded"
    assert "alone" in runs.output()


@pytest.mark.parametrize("new_session", [False, True])
@pytest.mark.parametrize("asked", ["run", "later"])
def test_child_of_a_callback_keeps_its_exit_code(runs: Runs, new_session: bool, asked: str) -> None:
    """While orphans of a script die all the time, a process that a callback started tells its own end to nobody else."""
    runs.start(f"{START}\nchain(0.001, os.setsid)\nopen('up', 'w').write('up')\nstay_for_ever()")
    runs.said("up")
    command = [sys.executable, "-c", "raise SystemExit(3)"]

    for _ in range(10):
        if asked == "run":
            code = subprocess.run(command, start_new_session=new_session, check=False).returncode
        else:
            process = subprocess.Popen(command, start_new_session=new_session)
            until(lambda: not alive(process.pid), "its end")  # noqa: B023 - used at once
            threading.Event().wait(0.05)
            code = process.wait()
        assert code == 3

    runs.worker.kill("aborted")
    assert runs.ending().survivors == ()


def test_child_that_ends_before_anybody_knows_its_number_keeps_its_exit_code(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load a callback's child may be over before `subprocess` has got its number, also in a session of its own."""
    runs.start(f"{START}\nchain(0.001, os.setsid)\nopen('up', 'w').write('up')\nstay_for_ever()")
    runs.said("up")
    if not _running(runs).tree._is_marked:
        pytest.skip("this system has no mark, so an ended child cannot be told from one of the script")
    fork, late = vars(subprocess)["_fork_exec"], []

    def known_late(*values: object) -> int:
        pid: int = fork(*values)
        until(lambda: not alive(pid), "its end")
        threading.Event().wait(10 * _posix._ANOTHERS_S)  # time enough for the reaper to look several times
        late.append(pid)
        return pid

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "_fork_exec", known_late)
        for _ in range(3):
            process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True)
            assert process.wait() == 3

    assert len(late) == 3, "no number came late, so this shows nothing"
    runs.worker.kill("aborted")
    assert runs.ending().survivors == ()


@pytest.mark.long
@pytest.mark.parametrize("objects", [0, 500_000])
def test_chain_of_sessions_is_ended_by_one_kill(runs: Runs, monkeypatch: pytest.MonkeyPatch, objects: int) -> None:
    """Its links live for 5 ms after they had their successor. How much the robot has in memory changes nothing."""
    monkeypatch.setattr(supervisor, "LEFTOVER_PATIENCE_S", PATIENCE_S)  # so that nobody else kills it
    runs.start(f"{START}\nchain(0.005, os.setsid)\nopen('up', 'w').write('up')\nstay_for_ever()")
    runs.said("up")
    tree, heap = _running(runs).tree, [[each] for each in range(objects)]
    looks: list[str] = []
    numbers, send = _posix._numbers, _posix._send

    def counted_numbers() -> list[str]:
        looks.append("look")
        return numbers()

    def counted_send(processes: Iterable[Process], number: int) -> None:
        looks.append("send")
        send(processes, number)

    with monkeypatch.context() as counting:
        counting.setattr(_posix, "_numbers", counted_numbers)
        counting.setattr(_posix, "_send", counted_send)
        killed = tree.kill()

    until(tree.is_empty, "one kill has not ended it")
    assert len(killed) >= 2
    assert looks.count("look") <= 2 * _posix._STOP_ROUNDS
    assert looks.count("send") <= 2 * len(killed) + _posix._STOP_ROUNDS
    assert len(heap) == objects
    assert runs.left() == []


def _running(runs: Runs) -> supervisor._Running:
    running = runs.worker._running
    assert running is not None
    return running


def test_exit_code_that_somebody_else_took_is_no_success(runs: Runs) -> None:
    """A callback that waits for any child at all takes the script's end away: that is told, and is not 0."""
    with _posix.children()._lock:  # so that it comes first
        runs.start("pass")
        running = runs.worker._running
        assert running is not None
        os.waitpid(running.tree.pid, 0)

    ending = runs.ending()

    assert (ending.outcome, ending.exit_code) == ("failed", None)
    assert "another part of the robot has read it" in ending.reason


def test_job_that_could_not_be_killed_does_not_touch_the_next_one(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Job A hangs in the system, is given up and named; job B runs to its end whenever A dies, and A is no part of B."""
    monkeypatch.setattr(supervisor, "KILL_PATIENCE_S", 0.3)
    monkeypatch.setattr(_cgroup.ControlGroup, "kill", lambda self: True)
    deaf: list[int] = []
    send, signal_one = _posix._send, _posix._signal

    def send_to_those_who_hear(processes: Iterable[Process], number: int) -> None:
        send([each for each in processes if each.pid not in deaf], number)

    def signal_who_hears(pid: int, number: int, *, group: bool = False) -> None:
        if pid not in deaf:
            signal_one(pid, number, group=group)

    monkeypatch.setattr(_posix, "_send", send_to_those_who_hear)
    monkeypatch.setattr(_posix, "_signal", signal_who_hears)
    runs.start(f"{START}\nopen('up', 'w').write(str(SELF))\nwhile not os.path.exists('die'): time.sleep(0.01)")
    deaf.append(int(runs.said("up")))
    runs.worker.kill("aborted")
    assert runs.ending("a").survivors == (f"pid {deaf[0]} (the script)",)
    assert not runs.worker.is_idle()

    runs.start(f"{START}\nopen('up-b', 'w').write('up')\nwhile not os.path.exists('go-on'): time.sleep(0.01)", "b")
    runs.said("up-b")
    (runs.folder / "scripts" / "die").touch()
    until(lambda: not alive(deaf[0]), "the end of job A")
    assert runs.endings.keys() == {"a"}
    (runs.folder / "scripts" / "go-on").touch()

    ending = runs.ending("b")
    assert (ending.outcome, ending.leftovers, ending.survivors) == ("succeeded", (), ())
    assert runs.worker.is_idle()


@pytest.mark.parametrize("moment", ["note", "resume", "created_at"])
def test_start_that_fails_half_way_leaves_no_process(runs: Runs, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Whatever breaks after the process was made, it does not run unsupervised."""
    place = _posix if moment == "created_at" else _posix.Tree
    works = getattr(place, moment)

    def broken(*_: object) -> None:
        monkeypatch.setattr(place, moment, works)
        raise MemoryError(moment)

    monkeypatch.setattr(place, moment, broken)

    with pytest.raises(MemoryError):
        runs.start(f"{START}\nstay_for_ever()")

    assert runs.left() == []
    assert runs.worker.is_idle()


@pytest.mark.parametrize("times", range(3))
def test_script_that_ends_before_the_start_returns_is_over(runs: Runs, times: int) -> None:
    """Nothing stays marked as running."""
    resume = _posix.Tree.resume
    runs.start("pass")
    assert runs.ending().outcome == "succeeded"
    until(runs.worker.is_idle)
    assert resume is _posix.Tree.resume


@pytest.mark.parametrize("how", ["plain", "options", "exec", "two"])
def test_stop_reaches_python_behind_a_wrapper(runs: Runs, how: str) -> None:
    """An interpreter may be a shell script that starts one: the stop is for Python, and it has its whole grace time."""
    bodies = {
        "plain": '{} "$@"',
        "options": '{} -X dev "$@"',
        "exec": 'exec {} "$@"',
        "two": 'sh -c \'{} "$@"\' sh "$@"; exit $?',
    }
    wrapper = runs.folder / "python"
    wrapper.write_text("#!/bin/sh\n" + bodies[how].format(sys.executable) + "\n")
    wrapper.chmod(0o755)
    runs.worker.python = str(wrapper)
    text = (
        f"{START}\nif not os.fork(): stay_for_ever()\nopen('up', 'w').write('up')\n"  # a copy of itself beside it
        "try: stay_for_ever()\nfinally:\n    time.sleep(0.8)\n    subprocess.run(['pkill', '-9', '-P', str(os.getpid())])\n    print('cleaned')"
    )
    runs.start(text)
    runs.said("up")

    runs.worker.ask_to_stop()

    assert runs.ending().outcome == "stopped"
    assert "cleaned" in runs.output()


def test_grace_time_is_for_the_whole_tree(runs: Runs) -> None:
    """After a stop, a child that is still at work is not killed behind the script's back, only when the time is over."""
    child = "import time; time.sleep(1.2); open('done', 'w').write('done')"
    runs.start(
        f"{START}\nsubprocess.Popen([sys.executable, '-c', {child!r}, __file__])\nopen('up', 'w').write('up')\nstay_for_ever()"
    )
    runs.said("up")

    runs.worker.ask_to_stop()

    assert (runs.ending().outcome, runs.ending().leftovers) == ("stopped", ())
    assert runs.said("done") == "done"


ROBOT = """
import pathlib, sys, threading
from fsm_robot.robot.ports import Job
from fsm_robot.engine.redact import Redactor
from fsm_robot.worker import _cgroup
from fsm_robot.worker.supervisor import ScriptWorker
base = pathlib.Path(sys.argv[1])
if sys.argv[3] != "control group": _cgroup._home = lambda: ""
worker = ScriptWorker(base / "scripts", base / "jobs", sys.executable, Redactor(), 1000, False, print)
worker.start(Job("g", "a"), sys.argv[2], print)
threading.Event().wait()
"""


BARE = {
    "in the script's session": "subprocess.Popen([*SLEEPER], env={})",
    "in its own session": "subprocess.Popen([*SLEEPER], env={}, start_new_session=True)",
    "nothing open": "subprocess.Popen([*SLEEPER], env={}, start_new_session=True, cwd='/', **dict.fromkeys(['stdout', 'stderr'], -3))",
}


@pytest.mark.parametrize("ends", [False, True], ids=["script lives", "script has ended"])
@pytest.mark.parametrize("child", BARE)
def test_bare_child_of_a_killed_robot_is_ended_by_the_next_life(
    runs: Runs, request: pytest.FixtureRequest, child: str, ends: bool
) -> None:
    """It has no mark in its environment, and its parents may be gone: it is known by what it cannot lose."""
    token = uuid.uuid4().hex
    after = "robot = os.getppid()\nwhile os.getppid() == robot: time.sleep(0.01)" if ends else "stay_for_ever()"
    text = f"{START}\nchild = {BARE[child]}\nopen('up', 'w').write(f'{{SELF}} {{child.pid}}')\n{after}"
    (runs.folder / "scripts" / "a.py").write_text(text)
    robot = subprocess.Popen([sys.executable, "-c", ROBOT, str(runs.folder), token, _param(request)])
    script, bare = map(int, runs.said("up").split())
    robot.kill()
    robot.wait()
    if ends:
        until(lambda: not alive(script), "the end of the script")

    ended = runs.worker.end_remains(token)

    assert [pid for pid in (script, bare) if alive(pid)] == []
    assert any(f"pid {bare} " in each for each in ended)


def test_nobody_else_is_marked(runs: Runs) -> None:
    """The robot has its own limit again, and so has what it starts later."""
    before = resource.getrlimit(10)
    runs.start("import resource; print(resource.getrlimit(10))")
    runs.ending()

    assert runs.output() != f"{before}\n"
    assert resource.getrlimit(10) == before


def _param(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["runs"])


def test_what_remains_is_never_the_robot_itself(runs: Runs) -> None:
    """A robot that a script of its own last life has started carries that life's mark, and so do its children."""
    token = uuid.uuid4().hex
    text = dedent("""\
            import json, os, subprocess, sys
            from fsm_robot.worker import _posix
            from fsm_robot.worker.process import Note
            child = subprocess.Popen(['sleep', '60'])
            found = [each.pid for each in _posix.remains(Note(sys.argv[1]))]
            print(json.dumps([found, os.getpid(), child.pid]))
            child.kill()
        """)
    environment = {**os.environ, _posix.RUN_TOKEN: token}
    sleeper = subprocess.Popen(["sleep", "60"], env=environment)

    done = subprocess.run([sys.executable, "-c", text, token], env=environment, capture_output=True, check=True)
    sleeper.kill()
    sleeper.wait()

    found, robot, child = json.loads(done.stdout)
    assert sleeper.pid in found
    assert {robot, child} & set(found) == set()


def test_number_of_the_script_that_somebody_else_has_now_names_nobody(runs: Runs) -> None:
    """A session leader with that number and another creation time is a stranger, and so is all that is in his session."""
    stranger = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    try:
        until(lambda: len(_in_session(stranger.pid)) == 2, "the stranger's child")
        note = {"run_token": "t", "pid": stranger.pid, "created": f"{_posix._boot_id()}:1", "group": ""}
        (runs.folder / "jobs").mkdir()
        (runs.folder / "jobs" / "running.json").write_text(json.dumps(note))

        assert runs.worker.end_remains("t") == ()
        assert stranger.poll() is None
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()


def _in_session(session: int) -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal() and _session_is(each, session)]


def _session_is(process: Path, session: int) -> bool:
    try:
        return os.getsid(int(process.name)) == session
    except OSError:
        return False


LIMITED = """
import json, os, pathlib, resource, sys, threading
from fsm_robot.robot.ports import Job
from fsm_robot.engine.redact import Redactor
from fsm_robot.engine.timers import ThreadTimers
from fsm_robot.worker.supervisor import ScriptWorker
base = pathlib.Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NPROC, (40, 40))
# An interpreter in the folder of another account cannot be started by this one.
python = sys.executable if os.access(sys.executable, os.X_OK) else "/usr/bin/python3"
worker = ScriptWorker(base / "scripts", base / "jobs", python, Redactor(), 1000, False, lambda *_, **__: None)
timers, over, endings = ThreadTimers(print), threading.Event(), []
timers.prepare(2)
worker.start(Job("g", "a"), os.urandom(8).hex(), lambda ending: (endings.append(ending), over.set()))
while not (base / "scripts" / "full").exists(): threading.Event().wait(0.01)
try:
    threading.Thread(target=print).start()
    bites = False
except RuntimeError:
    bites = True
timers.after(0.0, lambda: worker.kill("aborted"))
over.wait(30)
print(json.dumps([bites, endings[0].outcome if endings else None, endings[0].survivors if endings else None]), flush=True)
os._exit(0)
"""


def test_kill_needs_nothing_that_a_script_can_use_up(runs: Runs) -> None:
    """A script fills the account's process limit; the abort comes by a timer, as the end of the grace time does."""
    text = f"{START}\nwhile True:\n    try:\n        if not os.fork(): stay_for_ever()\n    except OSError: break\nopen('full', 'w').write('x')\nstay_for_ever()"
    (runs.folder / "scripts" / "a.py").write_text(text)
    command = [sys.executable, "-c", LIMITED, str(runs.folder)]
    if ROOT:
        # root has no limits; an account with nothing else running makes the count certain
        account = str(60000 + os.getpid() % 5000)
        subprocess.run(["chown", "-R", account, str(runs.folder)], check=True)
        for above in runs.folder.parents[:3]:
            above.chmod(above.stat().st_mode | 0o711)
        command = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    assert done.returncode == 0, done.stderr
    bites, outcome, survivors = json.loads(done.stdout.splitlines()[-1])
    assert bites, "the limit does not bite, so this shows nothing"
    assert (outcome, survivors) == ("aborted", [])
    assert runs.left() == []


NO_DESCRIPTORS = """
import json, os, pathlib, resource, sys, threading
from fsm_robot.robot.ports import Job
from fsm_robot.engine.redact import Redactor
from fsm_robot.worker import _cgroup
from fsm_robot.worker.supervisor import ScriptWorker
base = pathlib.Path(sys.argv[1])
if sys.argv[3] != "control group": _cgroup._home = lambda: ""
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
worker = ScriptWorker(base / "scripts", base / "jobs", sys.executable, Redactor(), 1000, False, lambda *_, **__: None)
over, endings = threading.Event(), []
worker.start(Job("g", "a"), os.urandom(8).hex(), lambda ending: (endings.append(ending), over.set()))
while not (base / "scripts" / "up").exists(): threading.Event().wait(0.01)
taken, bites = [], ""
try:
    while True: taken.append(os.dup(0))
except OSError as error:
    bites = error.strerror
order = sys.argv[2]
if order == "ask":
    worker.ask_to_stop()
    while not worker._running.tree.has_exited(): over.wait(0.01)
if order != "end": worker.kill("aborted")
(base / "scripts" / "up").unlink()
over.wait(15)
os.close(taken.pop())
print(json.dumps([bites, endings[0].outcome if endings else None, endings[0].survivors if endings else None]), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(("order", "outcome"), [("ask", "stopped"), ("kill", "aborted"), ("end", "succeeded")])
def test_end_of_a_script_needs_no_descriptor_that_the_robot_may_have_used_up(
    runs: Runs, request: pytest.FixtureRequest, order: str, outcome: str
) -> None:
    """A look that fails for want of one is no proof that nothing is there."""
    text = (
        f"{START}\nsubprocess.Popen([*SLEEPER], start_new_session=True)\nopen('up', 'w').write('x')\n"
        "try:\n    while os.path.exists('up') or not os.path.exists('end'): time.sleep(0.01)\n"
        "finally: open('tidy', 'w').write('x')"
    )
    (runs.folder / "scripts" / "a.py").write_text(text)
    if order == "end":
        (runs.folder / "scripts" / "end").touch()
    # A child of the robot's own, so that it cannot ask the system only.
    command = f"sleep 60 >/dev/null 2>&1 & exec {shlex.join([sys.executable, '-c', NO_DESCRIPTORS, str(runs.folder), order, _param(request)])}"
    robot = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        said, _ = robot.communicate(timeout=PATIENCE_S)
    finally:
        os.killpg(robot.pid, signal.SIGKILL)

    bites, ended, survivors = json.loads(said.splitlines()[-1])
    assert bites == "Too many open files", "the limit does not bite, so this shows nothing"
    assert (ended, survivors) == (outcome, [])
    assert (runs.folder / "scripts" / "tidy").exists() == (order != "kill")
    assert runs.left() == []


def test_process_that_another_thread_is_just_making_is_no_reason_to_stop_looking() -> None:
    """`subprocess` gives an object its attributes one by one, and all objects are looked at."""
    half_made = subprocess.Popen.__new__(subprocess.Popen)

    assert os.getpid() not in _posix._Held()
    del half_made
