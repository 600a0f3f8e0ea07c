"""The machine file that a command means: the one of its option, that of the robot.toml here, or the built-in one."""

from __future__ import annotations

import os
from pathlib import Path

from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.machine import built_in

DEFAULT = "that of ./robot.toml, else the built-in one"


def machine_meant(named: str | None) -> Path:
    """Return the machine file that somebody named, or else the one of the robot in this folder.

    Raises:
        SettingsError: Nobody named one, and ./robot.toml is wrong: to take another machine in silence would mislead.
    """
    if named:
        return Path(named)
    if os.path.lexists(USUAL_CONFIG):
        settings = settings_module.load(Path(USUAL_CONFIG).absolute(), need_credential=False)
        if settings.machine.file:
            return settings.path(settings.machine.file)
    return built_in()
