"""`session.when_idle = "auto"`, which is the default: a person at the keyboard is never logged off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.console import start_in_console
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import PATIENCE_S

windows_only = pytest.mark.skipif(os.name != "nt", reason="only Windows is logged off by itself")


@pytest.fixture
def mark(robot_folder: RobotFolder) -> Path:
    """A file that is there when the account would have been logged off."""
    mark = robot_folder.path / "logged_off"
    # A program of its own and no Python: nothing else is started that could have made the file.
    command = [sys.executable, "-I", "-c", f"open({str(mark)!r}, 'w').close()"]
    robot_folder.settings(session={"when_idle": "auto", "log_off_command": command})
    return mark


def test_robot_that_a_person_starts_in_a_console_only_exits(robot_folder: RobotFolder, mark: Path) -> None:
    """As the README's first ten minutes do."""
    assert robot_folder.finish(start_in_console(robot_folder)).exit_code == 0
    assert not mark.exists()


@windows_only
def test_robot_that_the_installed_task_starts_logs_off(robot_folder: RobotFolder, mark: Path) -> None:
    """`schedule install` writes `--scheduled`; who says `--no-log-off` as well stays."""
    robot_folder.finish(start_in_console(robot_folder, "--scheduled", "--no-log-off"))
    assert not mark.exists()
    assert robot_folder.finish(start_in_console(robot_folder, "--scheduled")).exit_code == 0
    assert mark.exists()


@windows_only
def test_robot_without_a_console_logs_off_as_tasks_of_before_did(robot_folder: RobotFolder, mark: Path) -> None:
    """A task that an earlier version installed has no `--scheduled`, and starts pythonw."""
    pythonw = Path(sys.executable).with_name("pythonw.exe")
    command = [
        str(pythonw),
        "-I",
        "-m",
        "fsm_robot",
        "run",
        "--quiet",
        "--config",
        str(robot_folder.path / "robot.toml"),
    ]
    assert subprocess.run(command, check=False, timeout=PATIENCE_S).returncode == 0
    assert mark.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows is logged off then")
def test_scheduled_robot_only_exits_where_the_session_is_not_its_own(robot_folder: RobotFolder, mark: Path) -> None:
    """systemd and cron start it beside the sessions of the account."""
    assert robot_folder.run("--scheduled").exit_code == 0
    assert not mark.exists()


def test_settings_that_init_writes_leave_the_key_out(robot_folder: RobotFolder) -> None:
    """So what is right for a start by hand and for the task stays the robot's own to tell."""
    from fsm_robot.robot.configuration import robot_toml

    assert '# when_idle = "auto"' in robot_toml({}).splitlines()
