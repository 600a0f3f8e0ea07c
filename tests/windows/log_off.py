"""Show on a Windows Python that a drained robot ends its session, and that it does not where a person is at the keyboard.

The orchestrator is on this side of Wine, the robot on the other. It ends every process of its Windows, so it is tried
before the tests and not among them.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from pathlib import Path

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.windows import setup

PATIENCE_S = 45.0
SETTLED_S = 3.0
# A program with a window, as a session has them: Wine ends no others.
BYSTANDER = """
import ctypes
from ctypes import wintypes
user32 = ctypes.windll.user32
user32.CreateWindowExW(0, "Static", "bystander", 0, 0, 0, 0, 0, None, None, None, None)
print("up", flush=True)
message = wintypes.MSG()
while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
    user32.DispatchMessageW(ctypes.byref(message))
"""
SUCCESS = 4


def main() -> list[str]:
    """Return what was not as it should be."""
    folder = setup.HOME / "log-off"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "quick.py").write_text("print('done')\n", encoding="utf-8")
    store = Store(folder / "orchestrator.sqlite")
    with Orchestrator(store) as server:
        _write_settings(folder, server.url)
        bystander = _start(["-c", BYSTANDER])
        assert bystander.stdout is not None
        # Who makes the first window has the desktop at its streams for good; that must not be the robot.
        bystander.stdout.readline()
        store.enqueue("quick")
        _run_robot(folder, "--no-log-off")
        time.sleep(SETTLED_S)
        stayed = bystander.poll() is None
        # Nothing waits any more: Wine ends a session through a child of the robot, and after a job that one would end
        # with the robot, as all that it starts.
        _run_robot(folder)
        ended = _ends(bystander)
        statuses = {job.status for job in store.jobs()}
    log = (folder / "state" / "robot.log").read_text(encoding="utf-8")
    checks = {
        "--no-log-off ended the session": stayed,
        "the session was not ended": ended,
        f"a job was not reported: {statuses}": statuses == {SUCCESS},
        "the log does not say it once": log.count("no job is left, the session ends") == 1,
    }
    return [problem for problem, right in checks.items() if not right]


def _write_settings(folder: Path, url: str) -> None:
    (folder / "robot.toml").write_text(
        f'[orchestrator]\nurl = "{url}"\nrobot_guid = "{uuid.uuid4()}"\n[session]\nwhen_idle = "log_off"\n',
        encoding="utf-8",
    )


def _run_robot(folder: Path, *arguments: str) -> None:
    config = "Z:" + str(folder / "robot.toml").replace("/", "\\")
    robot = _start(["-I", "-m", "fsm_robot", "run", "--config", config, *arguments])
    # Not the end of its output: Wine's desktop, which the robot's window starts, keeps that open.
    robot.wait(timeout=PATIENCE_S)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    return True


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    from tests.windows.run import start_python

    return start_python(arguments)
