from __future__ import annotations

import sys

import pytest

from tests.fakes.robot_folder import RobotFolder

LIMITS = '\n[[limits]]\nscript = "окна/*"\ndesktop = true\n'
DISPLAY = {"DISPLAY": ":7", "WAYLAND_DISPLAY": ""}
NONE = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


@pytest.mark.skipif(sys.platform == "win32", reason="the desktop of Windows is no variable: see the checklist")
def test_desktop_that_is_not_there_is_said_before_a_job_is_taken(robot_folder: RobotFolder) -> None:
    """With `wait` no call is made until there is one; with `say` the job goes on, and a robot without such scripts is silent."""
    robot_folder.settings(session={"without_desktop": "wait"}, heartbeat={"interval_s": 10})
    config = robot_folder.path / "robot.toml"
    config.write_text(config.read_text("utf-8") + LIMITS, encoding="utf-8")
    robot_folder.store.enqueue(robot_folder.script("окна/первое", "print(1)"))

    waiting = robot_folder.run(**NONE)

    assert (waiting.exit_code, robot_folder.calls()) == (0, [])
    assert "waiting for a desktop: neither DISPLAY" in waiting.out
    assert robot_folder.log().count("there is no desktop, so no job is asked for") == 1

    assert robot_folder.run(**DISPLAY).exit_code == 0
    assert robot_folder.statuses() == {"окна/первое": 4}

    config.write_text(config.read_text("utf-8").replace('"wait"', '"say"'), encoding="utf-8")
    robot_folder.store.enqueue(robot_folder.script("окна/второе", "print(2)"))
    assert robot_folder.run(**NONE).exit_code == 0
    assert robot_folder.statuses() == {"окна/первое": 4, "окна/второе": 4}
    assert robot_folder.log().count("there is no desktop, and some scripts need one") == 1
