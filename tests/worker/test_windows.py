"""What only Windows has: job objects, launchers, consoles, lists of access. All of it is tried on a Windows Python."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from fsm_robot.engine.redact import Redactor
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.worker.supervisor import ScriptWorker
from tests.fakes.processes import alive
from tests.fakes.waiting import PATIENCE_S, until, written

if sys.platform == "win32":
    from fsm_robot.system import _private_file
    from fsm_robot.worker import _win32 as windows
    from fsm_robot.worker import _windows as system

if sys.platform != "win32":
    pytest.skip("needs a Windows Python: `make test-windows`", allow_module_level=True)
assert sys.platform == "win32"  # so mypy passes over the rest elsewhere, where its names do not exist

CREATE_BREAKAWAY_FROM_JOB = 0x01000000
SLEEPER = "[sys.executable, '-c', 'import time; time.sleep(600)']"
STARTED = """\
import os, pathlib, subprocess, sys, time

def started(*pids):
    pathlib.Path('pids.new').write_text(' '.join(map(str, pids)) or '0')
    os.replace('pids.new', 'pids')

"""


class Runs:
    """A worker in a folder, and how its script ended."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.endings: list[Ending] = []
        self.over = threading.Event()
        (folder / "scripts").mkdir(exist_ok=True)
        log = lambda level, _event, sentence, **values: self.lines.append((sentence, values))  # noqa: E731
        self.worker = ScriptWorker(
            folder / "scripts", folder / "jobs", python, Redactor(), 1 << 20, keep_job_files=True, log=log
        )

    def start(self, text: str) -> None:
        (self.folder / "scripts" / "script.py").write_text(STARTED + text, encoding="utf-8")
        self.worker.start(Job("g", "script"), "token", self._ended)

    def pids(self) -> list[int]:
        return [int(pid) for pid in written(self.folder / "scripts" / "pids").split()]

    def ending(self) -> Ending:
        assert self.over.wait(PATIENCE_S), "the script has not ended"
        return self.endings[0]

    def output(self) -> str:
        return next((self.folder / "jobs").rglob("output.log")).read_text(encoding="utf-8", errors="replace")

    def said(self, sentence: str) -> list[dict[str, Any]]:
        return [values for text, values in self.lines if text == sentence]

    def _ended(self, ending: Ending) -> None:
        self.endings.append(ending)
        self.over.set()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path)
    yield runs
    runs.worker.kill("aborted")


def test_nothing_breaks_away_from_the_job_object(runs: Runs) -> None:
    """A child that asks to leave it is refused by the system."""
    text = dedent(f"""\
        try:
            subprocess.Popen({SLEEPER}, creationflags={CREATE_BREAKAWAY_FROM_JOB}); print('away')
        except OSError as error: print('refused', error.winerror)
    """)
    runs.start(text)

    assert runs.ending().outcome == "succeeded"
    assert "refused 5" in runs.output()


def test_script_is_written_down_before_it_runs(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the two leaves no process that a later life does not know of."""
    found = []
    resume = system.Tree.resume

    def looking(tree: Any) -> None:
        found.append(((runs.folder / "jobs" / "running.json").exists(), (runs.folder / "scripts" / "pids").exists()))
        resume(tree)

    monkeypatch.setattr(system.Tree, "resume", looking)
    runs.start("started()")

    runs.ending()
    assert found == [(True, False)]


def test_script_that_cannot_be_let_run_is_not_left_suspended(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and the job is reported as not started."""
    from fsm_robot.errors import ScriptNotStartedError

    pids = []

    def failing(tree: Any) -> None:
        pids.append(tree.pid)
        raise OSError("no")

    monkeypatch.setattr(system.Tree, "resume", failing)

    with pytest.raises(ScriptNotStartedError):
        runs.start("started()")

    assert not alive(pids[0])


def test_launcher_of_a_virtual_environment_is_not_taken_for_the_script(tmp_path: Path) -> None:
    """What Popen sees is the launcher; the script is its child, and an abort ends both."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    runs = Runs(tmp_path, str(tmp_path / "venv" / "Scripts" / "python.exe"))
    runs.start("started(os.getpid(), os.getppid())\ntime.sleep(600)")
    script, launcher = runs.pids()
    noted = (tmp_path / "jobs" / "running.json").read_text()

    runs.worker.kill("aborted")

    ending = runs.ending()
    assert (ending.outcome, ending.survivors, ending.leftovers) == ("aborted", (), ())
    assert f'"pid": {launcher}' in noted
    assert [pid for pid in (script, launcher) if alive(pid)] == []


def test_launcher_passes_the_exit_code_on(tmp_path: Path) -> None:
    """And nothing counts as left behind."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    runs = Runs(tmp_path, str(tmp_path / "venv" / "Scripts" / "python.exe"))
    runs.start("sys.exit(42)")

    ending = runs.ending()

    assert (ending.outcome, ending.exit_code, ending.leftovers) == ("failed", 42, ())


def test_tree_is_ended_by_a_walk_where_no_job_object_can_be_had(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """By parent and creation time, down to the grandchild, and the log says that supervision is weaker."""

    def refused() -> Any:
        raise OSError("no job objects here")

    monkeypatch.setattr(windows.JobObject, "create", refused)
    middle = f"import subprocess, sys, time; print(subprocess.Popen({SLEEPER}).pid, flush=True); time.sleep(600)"
    text = dedent(f"""\
        child = subprocess.Popen([sys.executable, '-c', {middle!r}], stdout=subprocess.PIPE, text=True)
        started(os.getpid(), child.pid, int(child.stdout.readline()))
        time.sleep(600)
    """)
    runs.start(text)
    pids = runs.pids()

    runs.worker.kill("aborted")

    assert runs.ending().survivors == ()
    assert [pid for pid in pids if alive(pid)] == []
    assert "no job objects here" in runs.said("processes that the script leaves behind may not be noticed")[0]["reason"]


ROBOT = """
import pathlib, sys, threading
from fsm_robot.robot.ports import Job
from fsm_robot.engine.redact import Redactor
from fsm_robot.worker.supervisor import ScriptWorker
base = pathlib.Path(sys.argv[1])
worker = ScriptWorker(base / "scripts", base / "jobs", sys.executable, Redactor(), 1000, False, print)
worker.start(Job("g", "script"), "token", print)
threading.Event().wait()
"""


def test_tree_ends_within_a_second_when_the_robot_is_killed(runs: Runs) -> None:
    """Nobody has to look for it: the system ends it with the robot."""
    text = dedent(f"""\
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        child = subprocess.Popen({SLEEPER}, creationflags=flags)
        started(os.getpid(), child.pid)
        time.sleep(600)
    """)
    (runs.folder / "scripts" / "script.py").write_text(STARTED + text)
    robot = subprocess.Popen([sys.executable, "-c", ROBOT, str(runs.folder)], stdin=subprocess.PIPE)
    pids = runs.pids()

    robot.kill()
    robot.wait()
    ended = time.monotonic()
    until(lambda: not any(alive(pid) for pid in pids), "the end of the tree")

    assert time.monotonic() - ended < 1.0


def test_script_runs_at_normal_priority_and_the_robot_above_it(runs: Runs) -> None:
    """A task of the scheduler starts below normal, and scripts would inherit that."""
    text = dedent("""\
        import ctypes
        k = ctypes.windll.kernel32
        k.GetCurrentProcess.restype = ctypes.c_void_p
        print(k.GetPriorityClass(ctypes.c_void_p(k.GetCurrentProcess())))
    """)
    runs.start(text)
    runs.ending()

    assert int(runs.output()) == subprocess.NORMAL_PRIORITY_CLASS


def test_sleep_of_a_script_with_a_handler_ends_at_once(runs: Runs) -> None:
    """Python itself would let the handler wait for the end of the sleep."""
    text = dedent("""\
        import signal
        signal.signal(signal.SIGBREAK, lambda *_: sys.exit('handled'))
        started()
        time.sleep(600)
    """)
    runs.start(text)
    runs.pids()

    runs.worker.ask_to_stop()

    assert runs.ending().outcome == "stopped"
    assert "handled" in runs.output()
    assert "SIGBREAK" in runs.said("the script is interrupted")[0]["by"]


def test_program_that_is_not_python_is_asked_by_a_helper(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A console event to its own group, from a process of its own; the robot lives on. Whether it arrives is Windows's.

    The robot needs no thread for it, which the script may have left it none of.
    """
    home = Path(sys.executable).parent
    program = tmp_path / "other.exe"
    program.write_bytes(Path(sys.executable).read_bytes())
    environment = {**os.environ, "PATH": f"{home};{os.environ['PATH']}", "PYTHONHOME": str(home)}
    reader, writer = system.open_pipe()
    tree = system.children().tree("token", lambda _: None, print)
    tree.start([str(program), "-c", "import time; time.sleep(600)"], environment, str(tmp_path), writer)
    tree.resume()

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    try:
        with monkeypatch.context() as poor:
            poor.setattr(threading.Thread, "start", no_thread)
            said = until(tree.interrupt_again)
    finally:
        tree.kill()
        until(tree.is_empty)
        tree.close()
        os.close(reader)
        os.close(writer)

    assert said.startswith("a console event")


def test_python_never_gets_a_console_event(runs: Runs) -> None:
    """Without a handler it would die of it in the midst of its work."""
    reader, writer = system.open_pipe()
    tree = system.children().tree("token", lambda _: None, print)
    tree.start([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, str(runs.folder), writer)
    tree.resume()
    try:
        assert tree.interrupt_again() == ""
    finally:
        tree.kill()
        until(tree.is_empty)
        tree.close()
        os.close(reader)
        os.close(writer)


def test_job_file_is_closed_to_other_accounts(runs: Runs) -> None:
    """Its list of access is its own, and names this account and the system only."""
    import ctypes

    runs.start("pass")
    runs.ending()
    file = str(next((runs.folder / "jobs").rglob("job.json")))
    advapi32, descriptor, text = ctypes.WinDLL("advapi32"), ctypes.c_void_p(), ctypes.c_wchar_p()
    advapi32.GetNamedSecurityInfoW(ctypes.c_wchar_p(file), 1, 4, None, None, None, None, ctypes.byref(descriptor))
    advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(descriptor, 1, 4, ctypes.byref(text), None)

    assert text.value is not None
    sids = {entry.rpartition(";")[2] for entry in text.value.replace(")", "(").split("(") if ";" in entry}
    assert sids == {_private_file.account_sid(), "SY"}


def test_handles_of_the_robot_are_not_inherited(runs: Runs) -> None:
    """An open file of the robot can be removed while a child of the script still runs."""
    held = runs.folder / "held"
    descriptor = os.open(held, os.O_CREAT | os.O_WRONLY)
    os.set_inheritable(descriptor, True)
    runs.start("started()\ntime.sleep(600)")
    runs.pids()

    os.close(descriptor)
    held.unlink()

    assert not held.exists()


@pytest.mark.parametrize(
    ("code", "said"), [(0xC0000005, "an access violation"), (0xC000013A, "Ctrl-C"), (0xC0000142, "no desktop")]
)
def test_exit_codes_of_the_system_are_explained(code: int, said: str) -> None:
    """With the number, as people look it up."""
    assert said in system.died_of(code)
    assert f"0x{code:08X}" in system.died_of(code)
    assert system.died_of(1) == ""
