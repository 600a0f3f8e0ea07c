"""`scripts.python`: where it is looked for, and that `check` finds one that is not there or is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from fsm_robot.cli import main
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

WRAPPER = Path("bin", "python-here.cmd" if os.name == "nt" else "python-here")


def wrapper(folder: Path) -> str:
    """Make a batch or shell file that starts this Python; return its path as seen from robot.toml."""
    file = folder / WRAPPER
    file.parent.mkdir()
    windows, posix = f'@"{sys.executable}" %*\n', f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    file.write_text(windows if os.name == "nt" else posix)
    file.chmod(0o755)
    return str(WRAPPER)


@pytest.mark.parametrize(
    "python",
    ["there-is-no-such-python", "bin/no-python", "~/no-such-python", "cmd.exe" if os.name == "nt" else "true"],
)
def test_check_finds_an_interpreter_that_is_missing_or_none(
    robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str], python: str
) -> None:
    """Also one that takes everything and does nothing: with it each job would be Success, and no script would run."""
    robot_folder.settings(scripts={"python": python})

    assert main(["check", "--config", str(robot_folder.path / "robot.toml")]) == 2
    assert "scripts.python: " in capsys.readouterr().err


def test_interpreter_beside_the_settings_runs_the_scripts_wherever_the_robot_is_started(
    robot_folder: RobotFolder, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """A relative path starts at robot.toml, also that of a batch file."""
    robot_folder.settings(scripts={"python": wrapper(robot_folder.path)})
    robot_folder.store.enqueue(robot_folder.script("hello", "print('сделано')"))

    done = robot_folder.finish(robot_folder.start(how={"cwd": tmp_path_factory.mktemp("elsewhere")}))

    assert done.exit_code == 0
    assert robot_folder.statuses() == {"hello": 4}
    assert "сделано" in robot_folder.output()
    assert main(["check", "--config", str(robot_folder.path / "robot.toml")]) == 0


def test_script_behind_a_wrapper_is_stopped_politely(robot_folder: RobotFolder) -> None:
    """The stop is for the script, whatever stands between: its `finally` runs, and nothing is left of the wrapper."""
    robot_folder.settings(scripts={"python": wrapper(robot_folder.path)})
    text = dedent("""\
        import pathlib, time
        pathlib.Path('started').touch()
        try:
            while True: time.sleep(0.1)
        finally: print('finally ran')
    """)
    job = robot_folder.store.enqueue(robot_folder.script("long", text))
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)

    robot_folder.store.order_stop(job)

    assert robot_folder.finish(process).exit_code == 0
    assert robot_folder.statuses() == {"long": 7}
    assert "finally ran" in robot_folder.output()
