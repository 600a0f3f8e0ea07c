"""What killed the robot is said by its next start, from what the system knows."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from fsm_robot.robot.death import cause
from tests.fakes.robot_folder import RobotFolder, until

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


@pytest.mark.parametrize(
    ("booted_at", "restart", "for_memory", "said"),
    [
        (50.0, "", "", "killed while the machine went on"),
        (200.0, "", "", "started anew at 1970-01-01T00:03:20Z: the power went, or it was restarted"),
        (200.0, "Windows Update", "", "Windows Update"),
        (200.0, "", "Killed process 7", "because memory ran out: Killed process 7"),
        (50.0, "", "Killed process 7", "because memory ran out"),
    ],
)
def test_cause_is_the_surest_that_the_system_knows(booted_at: float, restart: str, for_memory: str, said: str) -> None:
    """Memory before a restart, a restart before a kill."""
    assert said in cause(100.0, booted_at, restart, for_memory)


def test_machine_was_started_before_now_and_says_the_same_again() -> None:
    """Whatever counts it."""
    first = system.booted_at()

    assert 0 < first < time.time()
    assert abs(system.booted_at() - first) < 5


def test_next_start_says_that_the_robot_was_killed(robot_folder: RobotFolder) -> None:
    """In the line that tells of the job that it left open."""
    robot_folder.store.enqueue(robot_folder.script("stays", "import time\nwhile True: time.sleep(0.1)"))
    process = robot_folder.start()
    until(lambda: list((robot_folder.path / "state").glob("jobs/*/output.log")))
    until((robot_folder.path / "state" / "status.json").exists)
    process.kill()
    process.communicate()

    assert robot_folder.run().exit_code == 0

    (line,) = [line for line in robot_folder.log().splitlines() if "left a job open" in line]
    assert "killed while the machine went on" in line


@pytest.mark.skipif(os.name == "nt", reason="a socket among the files")
def test_system_log_gets_severity_name_and_number(tmp_path: Path) -> None:
    """As syslog and journald read it; who is not there is said by the caller."""
    address = str(tmp_path / "log")
    with socket.socket(socket.AddressFamily["AF_UNIX"], socket.SOCK_DGRAM) as end:
        end.bind(address)
        end.settimeout(30)
        put = system.system_log("fsm_robot", address)
        put("error", "результат не доставлен", 310)
        assert end.recv(9000).decode() == f"<11>fsm_robot[{os.getpid()}]: [310] результат не доставлен"
        put("warning", "x" * 10000, 200)
        assert len(end.recv(20000)) == 8000
    with pytest.raises(OSError, match="No such file"):
        system.system_log("fsm_robot", str(tmp_path / "gone"))


def test_robot_without_a_system_log_says_so_once_and_works(robot_folder: RobotFolder) -> None:
    """One line and no events."""
    if os.path.exists("/dev/log"):
        pytest.skip("this machine has a system log, which takes lines")
    robot_folder.settings(logging={"system": True})
    robot_folder.store.enqueue(robot_folder.script("quick", "print('done')"))

    assert robot_folder.run().exit_code == 0

    assert robot_folder.log().count("does not accept lines of this robot") == 1
    assert robot_folder.statuses() == {"quick": 4}
