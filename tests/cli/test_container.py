"""The entry command of the Dockerfile as process 1, as an ordinary account, on a read-only root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.schedule.clusters import ACCOUNT, ARGUMENTS
from tests.fakes import container
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

LOOKS = """
import os, subprocess, time
def refused(path):
    try: open(path, 'w')
    except OSError as error: return error.errno in (1, 13, 30)
    return False
print('account', os.getuid(), 'parent', os.getppid(), 'refused', all(map(refused, ('/x', '/etc/x', '/robot/x', '/opt/robot/x'))))
open('/tmp/x', 'w').write('x')
subprocess.run('setsid sh -c "sleep 0.2" & (sleep 0.1 &)', shell=True)
def ended():
    found = []
    for each in filter(str.isdecimal, os.listdir('/proc')):
        try: found.append(open(f'/proc/{each}/stat').read().rpartition(')')[2].split()[:2])
        except OSError: pass
    return [each for each in found if each[1] == '1']
while len(ended()) > 1: time.sleep(0.02)
print('reaped')
"""
STAYS = "import time\nprint('begun', flush=True)\ntry:\n    while True: time.sleep(0.1)\nfinally: print('left', flush=True)\n"


class Container:
    """One container at a time over one folder of a robot."""

    def __init__(self, robot: RobotFolder, folder: Path) -> None:
        self.robot, self.root, self.state = robot, folder / "root", robot.path / "state"
        for each in (self.root, self.state):
            each.mkdir()
        shutil.chown(self.state, ACCOUNT, ACCOUNT)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = container.command(self.root, self.robot.path, self.state, *arguments)
        self.processes.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        )
        return self.processes[-1]


@pytest.fixture
def box(robot_folder: RobotFolder, tmp_path: Path) -> Iterator[Container]:
    container.require()
    (robot_folder.path / "scripts").mkdir(exist_ok=True)
    robot_folder.settings(session={"when_idle": "auto"}, orchestrator={"robot_guid_file": "guid", "robot_guid": ""})
    (robot_folder.path / "guid").write_text(robot_folder.guid)
    robot_folder.path.chmod(0o755)
    made = Container(robot_folder, tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_image_begins_with_what_clusters_give_it() -> None:
    """Dockerfile and `schedule show --for` name the same command, the same account and the same places."""
    assert tuple(container.entry()[-len(ARGUMENTS) :]) == ARGUMENTS
    assert container.instructions("USER") == [f"{ACCOUNT}:{ACCOUNT}"]
    assert container.instructions("VOLUME") == [container.environment()["FSM_ROBOT_STORAGE_DIRECTORY"]]


def test_robot_runs_a_job_as_process_1_on_a_read_only_root(box: Container) -> None:
    """It writes nowhere but into its volume, and reaps what the script leaves to process 1."""
    box.robot.store.enqueue(box.robot.script("looks", LOOKS))

    out, err = box.start().communicate(timeout=60)

    assert box.processes[0].returncode == 0, err
    assert box.robot.statuses() == {"looks": 4}, out + err + box.robot.log()
    assert box.robot.output().splitlines() == [f"account {ACCOUNT} parent 1 refused True", "reaped"]
    assert box.robot.guid not in out + err


def test_sigterm_to_process_1_stops_the_script_and_ends_the_run(box: Container) -> None:
    """As a cluster ends a container: the script leaves by itself, the job is reported Stopped, exit code 6."""
    box.robot.store.enqueue(box.robot.script("stays", STAYS))
    process = box.start()
    until(lambda: "begun" in box.robot.output(), "the script")

    os.kill(container.first_process(process), signal.SIGTERM)

    out, err = process.communicate(timeout=60)
    assert process.returncode == 6, out + err
    assert box.robot.statuses() == {"stays": 7}
    assert box.robot.output().splitlines()[:2] == ["begun", "left"]


def test_sigterm_while_process_1_starts_is_not_lost(box: Container) -> None:
    """The kernel throws a signal away for which process 1 has no handler yet; the robot keeps it until it listens."""
    box.robot.settings(
        session={"idle_wait_s": 300.0},
        orchestrator={"robot_guid_file": "guid", "robot_guid": ""},
        heartbeat={"interval_s": 60.0},
    )
    early = (
        "import os, signal, sys; from fsm_robot.system import _posix; right = _posix.set_inherited_right\n"
        "def now():\n    right(); os.kill(1, signal.SIGTERM)\n"
        "_posix.set_inherited_right = now\n"
        "from fsm_robot import cli; sys.argv[1:] = " + repr(list(ARGUMENTS)) + "; cli.entry()"
    )

    out, err = box.start("/opt/robot/bin/python", "-I", "-c", early).communicate(timeout=60)

    assert box.processes[0].returncode == 6, out + err
