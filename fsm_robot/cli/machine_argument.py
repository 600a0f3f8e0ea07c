"""The machine file that a command means: of its option, of the robot whose journals it is given, or of the one here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.errors import SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.machine import built_in
from fsm_robot.robot.settings import Settings

DEFAULT = "that of the robot whose journals or folder are named, else of ./robot.toml, else the built-in one"
_FLOORS = 4
"""How far above a journal its robot.toml is looked for: `robot.toml`, `state/`, `journal/`, the file."""


def machine_meant(named: str | None, journals: Iterable[str] = ()) -> Path:
    """Return the machine file that somebody named, that of the robot whose journals are given, or of the one here.

    Args:
        named: A machine file, or a folder of a robot, which means the machine of its robot.toml.
        journals: Journals, and folders of them.

    Raises:
        SettingsError: Nobody named one, and the robot.toml is wrong, or the journals are of robots with several
            machines: to take another machine in silence would mislead.
    """
    if named and not Path(named).is_dir():
        return Path(named)
    if named:
        machine = _machine_of(Path(os.path.abspath(named)))
        if machine is None:
            raise SettingsError(
                f"{named}: is a folder without a robot; name a machine file, or a folder with a robot.toml"
            )
        return machine
    found = {machine: None for journal in journals if (machine := _machine_of(Path(os.path.abspath(journal))))}
    if len(found) > 1:
        files = " and ".join(map(str, found))
        raise SettingsError(f"these journals are of robots with different machines, {files}; name one with --machine")
    if found:
        return next(iter(found))
    if os.path.lexists(USUAL_CONFIG):
        return _machine_in(settings_module.load(Path(USUAL_CONFIG).absolute(), need_credential=False))
    return built_in()


def _machine_of(path: Path) -> Path | None:
    """Return the machine of the robot that a folder or a journal in its storage belongs to, or None."""
    for folder in (path, *path.parents[:_FLOORS]):
        config = folder / "robot.toml"
        if config.is_file():
            # The environment belongs to the robot of this shell.
            settings = settings_module.load(config, {}, need_credential=False)
            is_of_robot = path == folder or settings.storage_directory in (path, *path.parents)
            return _machine_in(settings) if is_of_robot else None
    return None


def _machine_in(settings: Settings) -> Path:
    return settings.path(settings.machine.file) if settings.machine.file else built_in()
