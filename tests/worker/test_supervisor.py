from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import attrs
import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import ScriptNotStartedError, ScriptRefusedError
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.worker import supervisor
from fsm_robot.worker.supervisor import ScriptWorker
from tests.fakes.processes import alive
from tests.fakes.waiting import GUID, PATIENCE_S, until, written

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

JOB_GUID = "5c1e0000-0000-4000-8000-00000000000a"
SLEEPER = "[sys.executable, '-c', 'import time; time.sleep(600)']"
STARTED = """\
import pathlib, sys, time, subprocess, os

def started(*pids):
    pathlib.Path('pids.new').write_text(' '.join(map(str, pids)) or '0')
    os.replace('pids.new', 'pids')

"""


@attrs.define
class Runs:
    """A worker in a folder, and what it told."""

    folder: Path
    worker: ScriptWorker
    lines: list[Any]
    token: str = attrs.field(factory=lambda: uuid.uuid4().hex)
    endings: list[Ending] = attrs.field(factory=list)
    over: threading.Event = attrs.field(factory=threading.Event)

    def start(self, text: str, **documents: Any) -> None:
        (self.folder / "scripts" / "script.py").write_text(STARTED + text, encoding="utf-8")
        self.worker.start(Job(JOB_GUID, "script", documents=documents), self.token, self._ended)

    def started(self) -> list[int]:
        return [int(pid) for pid in written(self.folder / "scripts" / "pids").split() if pid != "0"]

    def ending(self) -> Ending:
        assert self.over.wait(PATIENCE_S), "the script has not ended"
        return self.endings[0]

    def output(self) -> str:
        return (self.job_folder / "output.log").read_text(encoding="utf-8")

    @property
    def job_folder(self) -> Path:
        return self.folder / "jobs" / JOB_GUID

    def _ended(self, ending: Ending) -> None:
        self.endings.append(ending)
        self.over.set()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    (tmp_path / "scripts").mkdir()
    lines: list[Any] = []
    worker = ScriptWorker(
        scripts_directory=tmp_path / "scripts",
        jobs_directory=tmp_path / "jobs",
        python=sys.executable,
        redactor=Redactor.for_guid(GUID),
        output_limit_bytes=1 << 20,
        keep_job_files=False,
        log=lambda level, _event, sentence, **values: lines.append((level, sentence, values)),
    )
    runs = Runs(tmp_path, worker, lines)
    yield runs
    worker.kill("aborted")


@pytest.mark.parametrize(
    ("text", "outcome", "exit_code", "reason"),
    [
        ("print('готово')", "succeeded", 0, ""),
        ("raise KeyError('iban')", "failed", 1, "exit code 1: KeyError: 'iban'"),
        ("sys.exit('нет файла')", "failed", 1, "exit code 1: нет файла"),
        ("sys.exit(42)", "failed", 42, "exit code 42"),
        ("sys.exit()", "succeeded", 0, ""),
    ],
)
def test_outcome_and_reason_follow_from_how_the_script_ends(
    runs: Runs, text: str, outcome: str, exit_code: int, reason: str
) -> None:
    """Exit code 0 is success; anything else is failure, with the last line that the script printed."""
    runs.start(text)

    ending = runs.ending()

    assert (ending.outcome, ending.exit_code, ending.reason) == (outcome, exit_code, reason)
    assert (ending.leftovers, ending.survivors) == ((), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import atexit; atexit.register(print, 'bye')\nraise KeyError('iban')", "KeyError: 'iban'"),
        ("e = ValueError('no IBAN'); e.add_note('look into row 3'); raise e", "ValueError: no IBAN"),
        (
            "raise ExceptionGroup('two rows', [ValueError(1), KeyError(2)])",
            "ExceptionGroup: two rows (2 sub-exceptions)",
        ),
        (
            "sys.excepthook = lambda *_: print('sorry')\nraise OSError(2, 'нет', 'файл')",
            "FileNotFoundError: [Errno 2] нет: 'файл'",
        ),
        ("import json; json.loads('x')", "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("raise RuntimeError('first\\n\\nsecond')", "RuntimeError: first second"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "E: <exception str() failed>"),
        ("raise KeyError", "KeyError"),
        ("raise ValueError('\\ud800')", "ValueError: \\ud800"),
        (f"raise ValueError('{GUID}')", "ValueError: ***"),
        (f"raise ValueError('x' * 65500 + '{GUID}')", f"ValueError: {'x' * 988}…"),
        ("import multiprocessing as m\nif __name__ == '__main__':\n    raise SystemExit('text')", "text"),
    ],
)
def test_reason_is_the_exception_whatever_is_printed_last(runs: Runs, text: str, said: str) -> None:
    """Not what an atexit hook, a note or the frame of a group has printed; in one line and without the credential."""
    runs.start(text)

    ending = runs.ending()

    assert (ending.outcome, ending.reason) == ("failed", f"exit code 1: {said}")
    assert [file.name for file in runs.job_folder.iterdir()] == ["output.log"]


def test_stop_is_for_the_script_and_not_for_a_child_with_the_same_command_line(runs: Runs) -> None:
    """A script that starts itself once more is not taken for a wrapper before it."""
    text = dedent("""\
        if sys.argv[1:]: time.sleep(600)
        child = subprocess.Popen([sys.executable, __file__, 'child'])
        try:
            time.sleep(0.5); started()
            while child.poll() is None: time.sleep(0.05)
        finally:
            print('asked', child.poll()); child.kill()
    """)
    runs.start(text)
    runs.started()

    runs.worker.ask_to_stop()

    assert runs.ending().outcome == "stopped"
    assert "asked None" in runs.output()


@pytest.mark.skipif(os.name != "posix", reason="fork is POSIX's")
def test_reason_is_not_the_exception_of_a_forked_child(runs: Runs) -> None:
    """It ends with the script's hooks, but is not the script."""
    runs.start("if os.fork() == 0: raise KeyError('child')\nos.wait(); print('the end'); sys.exit(3)")

    assert runs.ending().reason == "exit code 3: the end"


def test_cut_in_the_midst_of_the_credential_shows_no_piece_of_it(runs: Runs) -> None:
    """The host cuts a very long message, and knows no secret."""
    runs.start(f"raise ValueError('\\n' * {(1 << 16) - len('ValueError: ') - 20} + '{GUID}')")

    assert runs.ending().reason == "exit code 1: ValueError:"


@pytest.mark.skipif(os.name != "posix", reason="the exit code of Windows is a number of its own")
def test_script_that_is_ended_by_a_signal_says_so(runs: Runs) -> None:
    """A SIGTERM that it sends itself is no stop, and ends it as by hand; an uncaught interrupt ends by SIGINT."""
    text = dedent("""\
        import signal
        try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
        finally: print('not reached')
    """)
    runs.start(text)

    ending = runs.ending()

    assert (ending.outcome, ending.exit_code, ending.reason) == ("failed", -15, "ended by SIGTERM")


@pytest.mark.skipif(os.name != "posix", reason="a wrapper of POSIX")
def test_signal_is_named_where_a_wrapper_tells_of_it(runs: Runs) -> None:
    """All that the robot sees is the exit code of the shell; a number that tells of no signal is only a number."""
    wrapper = runs.folder / "python"
    wrapper.write_text(f'#!/bin/sh\n{sys.executable} "$@"\nexit $?\n')
    wrapper.chmod(0o755)
    runs.worker.python = str(wrapper)
    runs.start("import signal\nos.kill(os.getpid(), signal.SIGKILL)")

    assert runs.ending().reason.startswith("exit code 137, by which a shell reports SIGKILL")
    assert [system.died_of(code) for code in (1, 128, 255)] == ["", "", ""]


def test_script_is_told_its_job_and_nothing_of_the_robot(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters come through fsm_robot.job; the credential is in no variable; input is at its end; the folder is the scripts'."""
    monkeypatch.setenv("FSM_ROBOT_ORCHESTRATOR_ROBOT_GUID", GUID)
    text = dedent("""\
        import json
        from fsm_robot import job
        print(json.dumps([
            job.parameters(), job.guid(), sys.stdin.read(), os.getcwd(), sys.stdout.encoding,
            sorted(k for k in os.environ if k.startswith('FSM_ROBOT')),
            [k for k, v in os.environ.items() if '0f8fad5b' in v],
        ]))
    """)
    runs.start(text, task={"Parameters": '{"месяц": "2026-10"}'}, job={"GUID": JOB_GUID})

    assert runs.ending().outcome == "succeeded", runs.output()
    parameters, guid, stdin, folder, encoding, variables, secrets = json.loads(runs.output())
    assert (parameters, guid, stdin, encoding) == ({"месяц": "2026-10"}, JOB_GUID, "", "utf-8")
    assert Path(folder) == runs.folder / "scripts"
    assert variables == ["FSM_ROBOT_JOB", "FSM_ROBOT_RUN_TOKEN"]
    assert secrets == []


def test_job_file_is_for_this_account_only_and_gone_afterwards(runs: Runs) -> None:
    """It may hold what the Task says; only the output stays."""
    runs.start("print(oct(os.stat(os.environ['FSM_ROBOT_JOB']).st_mode & 0o777))\nstarted()")
    runs.ending()

    if os.name == "posix":
        assert runs.output().strip() == "0o600"
    assert [file.name for file in runs.job_folder.iterdir()] == ["output.log"]


def test_job_file_stays_when_asked_to_and_holds_no_credential(runs: Runs) -> None:
    """For debugging; a server that puts the robot's GUID into a document does not get it onto the disk."""
    runs.worker.keep_job_files = True

    runs.start("pass", job={"GUID": JOB_GUID, "RobotGUID": GUID})
    runs.ending()

    assert json.loads((runs.job_folder / "job.json").read_text())["job"] == {"GUID": JOB_GUID, "RobotGUID": "***"}


def test_output_is_unbuffered_and_without_the_credential(runs: Runs) -> None:
    """A person sees a line while the script still runs."""
    runs.start(f"print('вот', '{GUID}')\ntime.sleep(600)")

    until(lambda: (runs.job_folder / "output.log").exists() and "***" in runs.output())

    assert GUID not in runs.output()


def test_stop_lets_finally_run_and_counts_as_stopped(runs: Runs) -> None:
    """Without a handler the main thread gets KeyboardInterrupt, even in a sleep."""
    text = dedent("""\
        try:
            started()
            time.sleep(600)
        finally:
            print('убрано')
    """)
    runs.start(text)
    runs.started()

    runs.worker.ask_to_stop()
    runs.worker.ask_to_stop()

    assert runs.ending().outcome == "stopped"
    assert "убрано" in runs.output()


def test_stop_runs_the_handler_that_the_script_has_installed(runs: Runs) -> None:
    """SIGTERM, or SIGBREAK under Windows, as scripts for the vendor's framework do."""
    text = dedent("""\
        import signal
        asked = []
        signal.signal(getattr(signal, 'SIGBREAK', signal.SIGTERM), lambda *_: asked.append(1))
        started()
        while not asked: time.sleep(0.05)
        print('handled')
        sys.exit(9)
    """)
    runs.start(text)
    runs.started()

    runs.worker.ask_to_stop()

    ending = runs.ending()
    assert (ending.outcome, ending.exit_code) == ("stopped", 9)
    assert "handled" in runs.output()


def test_stop_is_seen_by_a_script_that_asks_for_it(runs: Runs) -> None:
    """`stop_requested()` says yes although the script swallows the interrupt."""
    text = dedent("""\
        from fsm_robot import job
        started()
        while not job.stop_requested():
            try: time.sleep(0.05)
            except KeyboardInterrupt: pass
        print('seen')
    """)
    runs.start(text)
    runs.started()

    runs.worker.ask_to_stop()

    assert runs.ending().outcome == "stopped"
    assert "seen" in runs.output()


def test_kill_ends_children_grandchildren_and_daemons(runs: Runs) -> None:
    """Whatever session, group, parent or environment they have given themselves; nobody is alive when it is told."""
    daemon = f"import subprocess, sys; subprocess.Popen({SLEEPER}, start_new_session=True, env={{}}); print(1)"
    text = (
        f"child = subprocess.Popen({SLEEPER})\n"
        f"free = subprocess.Popen({SLEEPER}, start_new_session=True, env={{**os.environ, 'FSM_ROBOT_RUN_TOKEN': ''}})\n"
        f"subprocess.run([sys.executable, '-c', {daemon!r}], stdout=subprocess.DEVNULL)\n"
        "started(os.getpid(), child.pid, free.pid)\nwhile True: time.sleep(1)"
    )
    runs.start(text)
    pids = runs.started()

    runs.worker.kill("aborted")

    ending = runs.ending()
    assert (ending.outcome, ending.survivors, ending.leftovers) == ("aborted", (), ())
    assert [pid for pid in pids if alive(pid)] == []
    assert runs.worker.end_remains(runs.token) == ()


def test_tree_that_grows_while_it_is_killed_is_emptied(runs: Runs) -> None:
    """Children that start children faster than one look at the tree takes."""
    grow = dedent("""\
        import subprocess, sys, time
        for _ in range(200):
            subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(0.005)
    """)
    text = dedent(f"""\
        for _ in range(3): subprocess.Popen([sys.executable, '-c', {grow!r}], start_new_session=True)
        time.sleep(0.3)
        started(os.getpid())
        time.sleep(600)
    """)
    runs.start(text)
    runs.started()

    runs.worker.kill("aborted")

    assert runs.ending().survivors == ()
    assert runs.worker.end_remains(runs.token) == ()


def test_kill_overrides_a_stop_and_gives_its_own_outcome(runs: Runs) -> None:
    """A script that ignores the stop is killed after the grace time."""
    text = dedent("""\
        import signal
        signal.signal(getattr(signal, 'SIGBREAK', signal.SIGTERM), lambda *_: None)
        started()
        while True: time.sleep(1)
    """)
    runs.start(text)
    runs.started()
    runs.worker.ask_to_stop()

    runs.worker.kill("stop_ran_out")
    runs.worker.kill("aborted")

    assert runs.ending().outcome == "stop_ran_out"


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_script_has_a_process_group_of_its_own(runs: Runs) -> None:
    """Ctrl-C at the robot's terminal does not hit the script behind the robot's back."""
    runs.start("print(os.getpgrp() == os.getsid(0) == os.getpid())")
    runs.ending()

    assert runs.output() == "True\n"


@pytest.mark.parametrize("order", ["ask_to_stop", "kill"])
def test_script_that_had_ended_keeps_its_own_outcome(runs: Runs, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    """The order comes after the exit, and before anybody has been told of it."""
    exited, go_on = supervisor._Running.exited, threading.Event()

    def held(running: Any, exit_code: int | None) -> None:
        go_on.wait(PATIENCE_S)
        exited(running, exit_code)

    monkeypatch.setattr(supervisor._Running, "exited", held)
    runs.start("print('done')")
    running = runs.worker._running
    assert running is not None
    until(running.tree.has_exited)

    runs.worker.ask_to_stop() if order == "ask_to_stop" else runs.worker.kill("aborted")
    go_on.set()

    assert runs.ending().outcome == "succeeded"


def test_what_a_finished_script_leaves_running_is_ended_and_named(runs: Runs) -> None:
    """It would hold files that the next job needs."""
    runs.start(f"child = subprocess.Popen({SLEEPER}, start_new_session=True)\nstarted(child.pid)")
    pids = runs.started()

    ending = runs.ending()

    assert ending.outcome == "succeeded"
    assert len(ending.leftovers) == 1
    assert f"pid {pids[0]} " in ending.leftovers[0]
    assert not alive(pids[0])


def test_child_that_ends_right_behind_the_script_is_no_leftover(runs: Runs) -> None:
    """multiprocessing's own helper lives a little longer than the script."""
    runs.start("subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(0.1)'])")

    assert runs.ending().leftovers == ()


def test_end_comes_at_once_when_a_child_holds_the_output(runs: Runs) -> None:
    """The end of the pipe is not waited for."""
    runs.start(f"print('said')\nsubprocess.Popen({SLEEPER})")

    ending = runs.ending()

    assert ending.outcome == "succeeded"
    assert runs.output() == "said\n"


def test_processes_that_were_there_before_are_left_alone(runs: Runs) -> None:
    """A program that embeds the worker keeps its own children."""
    own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        runs.start("started()\ntime.sleep(600)")
        runs.started()
        runs.worker.kill("aborted")

        assert runs.ending().survivors == ()
        assert own.poll() is None
    finally:
        own.kill()
        own.wait()


ROBOT = """
import pathlib, sys, threading
from fsm_robot.robot.ports import Job
from fsm_robot.engine.redact import Redactor
from fsm_robot.worker.supervisor import ScriptWorker
base = pathlib.Path(sys.argv[1])
worker = ScriptWorker(base / "scripts", base / "jobs", sys.executable, Redactor(), 1000, False, print)
worker.start(Job("g", "script"), sys.argv[2], print)
threading.Event().wait()
"""


def killed_robot(runs: Runs, text: str) -> list[int]:
    """Let a robot of its own start a script, kill that robot, return the pids that the script wrote down."""
    (runs.folder / "scripts" / "script.py").write_text(STARTED + text)
    process = subprocess.Popen([sys.executable, "-c", ROBOT, str(runs.folder), runs.token])
    pids = runs.started()
    process.kill()
    process.wait()
    return pids


def test_remains_of_an_earlier_life_are_ended(runs: Runs) -> None:
    """The script, its child, and a child without the mark under a script that is alive."""
    text = (
        f"child = subprocess.Popen({SLEEPER}, start_new_session=True)\n"
        f"bare = subprocess.Popen({SLEEPER}, start_new_session=True, env={{}})\n"
        "started(os.getpid(), child.pid, bare.pid)\ntime.sleep(600)"
    )
    pids = killed_robot(runs, text)

    ended = runs.worker.end_remains(runs.token)

    assert [pid for pid in pids if alive(pid)] == []
    if os.name == "posix":  # under Windows the system itself has ended them with the robot
        assert len(ended) == 3
    assert runs.worker.end_remains(runs.token) == ()


@pytest.mark.skipif(os.name != "posix", reason="Windows ends the tree with the robot")
def test_child_is_known_by_its_mark_when_the_script_itself_is_gone(runs: Runs) -> None:
    """The script ended after the robot; what it had started is alone now."""
    text = dedent(f"""\
        child = subprocess.Popen({SLEEPER})
        robot = os.getppid()
        started(os.getpid(), child.pid)
        while os.getppid() == robot: time.sleep(0.01)
    """)
    script, child = killed_robot(runs, text)
    until(lambda: not alive(script))

    assert len(runs.worker.end_remains(runs.token)) == 1
    assert not alive(child)


@pytest.mark.skipif(os.name != "posix", reason="Windows ends the tree with the robot, and has no exec")
def test_script_that_dropped_its_mark_is_known_by_pid_and_creation_time(runs: Runs) -> None:
    """It became another program with an empty environment; it is the same process all the same."""
    text = "started(os.getpid())\nos.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'], {})"
    pids = killed_robot(runs, text)
    until(lambda: b"FSM_ROBOT" not in Path(f"/proc/{pids[0]}/environ").read_bytes())

    assert len(runs.worker.end_remains(runs.token)) == 1
    assert not alive(pids[0])


def test_process_that_has_got_the_number_of_the_script_is_not_touched(runs: Runs) -> None:
    """A pid with another creation time is somebody else."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        entry = {"run_token": runs.token, "pid": stranger.pid, "created": "another-boot:1"}
        (runs.folder / "jobs").mkdir()
        (runs.folder / "jobs" / "running.json").write_text(json.dumps(entry))

        assert runs.worker.end_remains(runs.token) == ()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_name_that_is_refused_executes_nothing_and_makes_no_folder(runs: Runs) -> None:
    """The refusal comes before anything else."""
    with pytest.raises(ScriptRefusedError):
        runs.worker.start(Job(JOB_GUID, "..\\outside"), runs.token, runs._ended)

    assert not (runs.folder / "jobs").exists()


def test_interpreter_that_is_not_there_is_named(runs: Runs) -> None:
    """The message says which script and which interpreter; nothing is left behind."""
    runs.worker.python = str(runs.folder / "no-python")

    with pytest.raises(ScriptNotStartedError, match="no-python"):
        runs.start("pass")

    assert [file.name for file in runs.job_folder.iterdir()] == ["output.log"]


def test_job_guid_that_is_none_makes_a_folder_below_the_jobs_all_the_same(runs: Runs) -> None:
    """A hostile GUID cannot choose where files go."""
    (runs.folder / "scripts" / "script.py").write_text("print(1)")

    runs.worker.start(Job("../../../etc/x", "script"), runs.token, runs._ended)
    ending = runs.ending()

    assert ending.output_path is not None
    assert ending.output_path.parent.parent == runs.folder / "jobs"
