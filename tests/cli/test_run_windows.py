"""The whole robot under Windows, as its scheduler starts it: no console, scripts as they are written today."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.processes import alive, tell_to_leave
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import PATIENCE_S, until

if sys.platform == "win32":
    from tests.fakes.processes import post, window_of

if sys.platform != "win32":
    pytest.skip("needs a Windows Python: `make test-windows`", allow_module_level=True)
assert sys.platform == "win32"  # so mypy passes over the rest elsewhere, where its names do not exist

VENDOR_STYLE = """
import pathlib, signal, sys, time

stop_requested = False

def on_break(signum, frame):
    global stop_requested
    stop_requested = True

signal.signal(signal.SIGBREAK, on_break)
pathlib.Path("argv").write_text("\\n".join(sys.argv[1:]), encoding="utf-8")
pathlib.Path("started").touch()
while not stop_requested:
    time.sleep(0.1)
print("left at a safe point")
"""
WM_CLOSE = 0x10
WAITS = "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(600)\n"
MAIN = "import sys\nfrom fsm_robot.cli import main\nsys.exit(main(sys.argv[1:]))\n"
IN_GOOD_TIME = "from fsm_robot.system import _windows\n_windows._FIRST_HEARTBEAT_FIRST_S = 600.0\n"
NO_WINDOW = """
from fsm_robot.system import _session_end
def refused(_): raise OSError("no window station")
_session_end._make_window = refused
"""


@pytest.fixture
def robot_folder(tmp_path: Path) -> Iterator[RobotFolder]:
    store = Store(tmp_path / "orchestrator.sqlite")
    with Orchestrator(store) as server:
        folder = RobotFolder(tmp_path, store, server)
        (tmp_path / "scripts").mkdir()
        folder.settings()
        yield folder
        folder.close()


def without_console(folder: RobotFolder) -> subprocess.Popen[str]:
    """Start the robot as the Task Scheduler does: pythonw, no console, no streams."""
    pythonw = str(Path(sys.executable).with_name("pythonw.exe"))
    command = [pythonw, "-I", "-m", "fsm_robot", "run", "--quiet", "--config", str(folder.path / "robot.toml")]
    process: subprocess.Popen[str] = subprocess.Popen(
        command, cwd=folder.path, text=True, creationflags=subprocess.DETACHED_PROCESS
    )
    folder.processes.append(process)
    return process


def test_vendor_style_script_stops_politely_without_a_console(robot_folder: RobotFolder) -> None:
    """Its SIGBREAK handler sets a flag, as the vendor's page shows; it is not changed, and gets its one argument."""
    robot_folder.settings(scripts={"legacy_argument": True, "stop_grace_s": 30})
    job = robot_folder.store.enqueue(robot_folder.script("vendor", VENDOR_STYLE))
    process = without_console(robot_folder)
    until((robot_folder.path / "scripts" / "started").exists)

    robot_folder.store.order_stop(job)
    process.wait(PATIENCE_S)

    assert robot_folder.statuses() == {"vendor": 7}
    assert "left at a safe point" in robot_folder.output()
    fields = (robot_folder.path / "scripts" / "argv").read_text(encoding="utf-8").split("|")
    assert fields[1] == job
    assert fields[2] == ""
    assert fields[3].endswith("Sherpa RPA Python\\settings.txt")


def test_end_of_the_session_stops_reports_and_exits_6(robot_folder: RobotFolder) -> None:
    """Also where the script does not listen: then it is killed, so that seconds are left for the report."""
    deaf = dedent("""\
        import pathlib, signal, time
        signal.signal(signal.SIGBREAK, lambda *_: None)
        pathlib.Path('started').touch()
        while True: time.sleep(1)
    """)
    robot_folder.store.enqueue(robot_folder.script("deaf", deaf))
    process = without_console(robot_folder)
    until((robot_folder.path / "scripts" / "started").exists)

    tell_to_leave(process)

    assert process.wait(PATIENCE_S) == 6
    assert robot_folder.statuses() == {"deaf": 3}
    assert "the account is logged off" in robot_folder.log()


def test_window_that_is_asked_to_close_still_hears_of_the_end_of_the_session(robot_folder: RobotFolder) -> None:
    """So do scripts that tidy up, and `taskkill`: by default the window would be gone, and the robot deaf."""
    robot_folder.store.enqueue(robot_folder.script("waits", WAITS))
    process = without_console(robot_folder)
    until((robot_folder.path / "scripts" / "started").exists)

    post(until(lambda: window_of(process.pid), "the robot's hidden window"), WM_CLOSE)
    tell_to_leave(process)

    assert process.wait(PATIENCE_S) == 6
    assert "the account is logged off" in robot_folder.log()


def test_session_is_watched_before_the_first_script_starts(robot_folder: RobotFolder) -> None:
    """However soon that is: the script may use up what a thread, a window or an import would need."""
    robot_folder.store.enqueue(robot_folder.script("waits", WAITS))
    look = robot_folder.path / "look.py"
    look.write_text(f"{IN_GOOD_TIME}{MAIN}", "utf-8")
    robot_folder.program = (str(look),)
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)

    assert window_of(process.pid)
    tell_to_leave(process)

    assert robot_folder.finish(process).exit_code == 6


def test_robot_that_cannot_watch_its_session_says_so_and_works(robot_folder: RobotFolder) -> None:
    """It is one line in the log, and the job is done."""
    robot_folder.store.enqueue(robot_folder.script("short", "pass"))
    look = robot_folder.path / "look.py"
    look.write_text(f"{NO_WINDOW}{MAIN}", "utf-8")
    robot_folder.program = (str(look),)

    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"short": 4}
    assert robot_folder.log().count("the end of this Windows session may not be noticed") == 1


def test_killed_robot_leaves_nothing_and_the_next_start_reports_failed(robot_folder: RobotFolder) -> None:
    """The script's whole tree is gone with the robot; nothing is run again."""
    text = dedent("""\
        import os, pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        pathlib.Path('pids').write_text(f'{os.getpid()} {child.pid}')
        pathlib.Path('started').touch()
        time.sleep(600)
    """)
    robot_folder.store.enqueue(robot_folder.script("long", text))
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)
    pids = [int(pid) for pid in (robot_folder.path / "scripts" / "pids").read_text().split()]

    process.kill()
    process.communicate()
    until(lambda: not any(alive(pid) for pid in pids), "the end of the tree")

    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"long": 5}
