"""A folder of scripts for every robot: copied whole into a new folder of its own, checked, then switched to, and back.

A run reads its settings once, so who is at work goes on with the scripts that it began with, whatever number of jobs
it still takes; its next start has the new ones. Nothing is changed in a folder that a robot may be using.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs

from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.sharing import Edit, edit_of
from fsm_robot.robot import settings as settings_module
from fsm_robot.system.held import PATIENCE, put_whole
from fsm_robot.worker import pinned

FOLDER = "deployed"
HISTORY = "history.json"
LEFT_OUT = ("__pycache__", ".git", ".venv")


@attrs.frozen
class Rollout:
    """The scripts of one robot.

    Attributes:
        config: Its robot.toml.
        now: What `scripts.directory` says now.
        then: What it is to say.
    """

    config: Path
    now: str
    then: str

    def switch(self) -> None:
        """Let the next start of the robot use them. Raises `RobotError` or `OSError`."""
        history = self.config.parent / FOLDER / HISTORY
        before = _history(history)
        # First what leads back: a switch that nobody can take back is none.
        put_whole(history, json.dumps([*before, self.now]).encode("ascii"))
        _edit(self.config, self.then).write()

    def switch_back(self) -> None:
        """Let the next start of the robot use what it had before. Raises `RobotError` or `OSError`."""
        history = self.config.parent / FOLDER / HISTORY
        _edit(self.config, self.then).write()
        put_whole(history, json.dumps(_history(history)[:-1]).encode("ascii"))


def prepared(scripts: Path, config: Path, version: str) -> Rollout:
    """Copy a folder of scripts beside a robot.toml; the robot notices nothing of it yet.

    Args:
        scripts: What is copied; with its scripts.lock, where it has one, which has to fit.
        config: The robot's.
        version: Name of the new folder.

    Raises:
        SettingsError: It cannot be copied, does not fit its lock, or the version is there already.
    """
    now = settings_module.load(config, {}, need_credential=False).scripts.directory
    target = config.parent / FOLDER / version
    if target.exists():
        raise SettingsError(f"{target}: is there already; a version is never changed, give another --version")
    part = target.with_name(f".{version}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(scripts, part, ignore=shutil.ignore_patterns(*LEFT_OUT))
        if (part / pinned.NAME).exists() and (problems := pinned.differences(part)):
            raise SettingsError(f"{scripts}: is not what its lock says: {problems[0]}")
        part.replace(target)
    except (OSError, shutil.Error) as error:
        raise SettingsError(f"{target}: cannot be made: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    rollout = Rollout(config, now, f"{FOLDER}/{version}")
    _edit(config, rollout.then)
    return rollout


def back(config: Path) -> Rollout:
    """Return the way back to what a robot had before. Raises `SettingsError` where there is nothing."""
    now = settings_module.load(config, {}, need_credential=False).scripts.directory
    history = config.parent / FOLDER / HISTORY
    before = _history(history)
    if not before:
        raise SettingsError(f"{config}: nothing was deployed before, so there is no way back")
    return Rollout(config, now, before[-1])


def each(configs: list[Path], work: Callable[[Path], str]) -> tuple[list[str], bool]:
    """Return a line for each robot, and whether all went well; the first that fails ends it, for the next would too."""
    lines = []
    for config in configs:
        try:
            lines.append(work(config))
        except (RobotError, OSError) as error:
            left = len(configs) - len(lines) - 1
            rest = "; the others were left as they are" if left else ""
            return [*lines, f"{str(error).splitlines()[0]}{rest}"], False
    return lines, True


def _edit(config: Path, directory: str) -> Edit:
    edit = edit_of(config, {"scripts": {"directory": directory}})
    if edit.problem:
        raise SettingsError(edit.problem)
    return edit


def _history(path: Path) -> list[str]:
    try:
        told = json.loads(PATIENCE.content(path))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read, so there is no way back: {error}") from error
    return [str(each) for each in told] if isinstance(told, list) else []
