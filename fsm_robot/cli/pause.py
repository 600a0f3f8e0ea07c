"""`fsm-robot pause`: keep robots from asking for jobs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import add_config
from fsm_robot.cli.streams import tell
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.instance import holder
from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.operations.folders import has_jobs, storage_of, storage_of_config
from fsm_robot.robot import pause as pauses
from fsm_robot.robot.pause import Pause
from fsm_robot.system.language import said

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_folders(parser)
    parser.add_argument(
        "--until",
        default="",
        metavar="MOMENT",
        help="end of the pause in local time: 18:30, 2026-12-24 or 2026-12-24T06:00 (default: until `resume`)",
    )


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Declare which robots are meant, for this command and its opposite."""
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="folders of robots; none: that of --config")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pause each robot, and say what it does meanwhile."""
    now = SystemClock().utc_now()
    until = ""
    if arguments.until:
        try:
            meant = pauses.moment_meant(arguments.until, datetime.fromisoformat(now))
        except ValueError as error:
            raise SettingsError(f"--until: {error}") from error
        until = meant.isoformat(timespec="seconds").replace("+00:00", "Z")
    problems: list[str] = []
    speak_as_configured(*arguments.folders, arguments.config)
    for name, storage in storages(arguments, problems):
        pause = Pause(now[:19] + "Z", until)
        try:
            storage.parent.mkdir(parents=True, exist_ok=True)
            system.make_private_folder(str(storage))
            pauses.begin(storage, pause)
            runs = holder(storage)
        except OSError as error:
            problems.append(refused(storage, error))
            continue
        except RobotError as error:  # the pause is written; who runs there cannot be told
            problems.append(str(error))
            continue
        beside = f"; it runs now, pid {runs}: a job in progress ends normally, no other is taken" if runs else ""
        tell(f"{name}: {said(str(pause))}{said(beside)}")
    return told_of(problems)


def storages(arguments: argparse.Namespace, problems: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield name and storage folder of each robot that is meant; one that cannot be had must not spare the others."""
    if not arguments.folders:
        config = Path(arguments.config)
        storage = storage_of_config(arguments.config)
        _check_has_jobs(config)
        yield str(config), storage
        return
    for name in arguments.folders:
        try:
            storage = storage_of(Path(name))
            _check_has_jobs(Path(name))
        except RobotError as error:
            problems.append(str(error))
            continue
        yield name, storage


def refused(storage: Path, error: OSError) -> str:
    """Return what the system has refused, and who may do it."""
    may = "only the robot's own account and administrators may do that" if isinstance(error, PermissionError) else ""
    return f"{storage}: {error.strerror or error}{f'; {may}' if may else ''}"


def told_of(problems: list[str]) -> int:
    """Return 0 where all went well, else tell what did not. Raises `SettingsError`."""
    if problems:
        raise SettingsError(problems)
    return 0


def _check_has_jobs(folder: Path) -> None:
    if not has_jobs(folder):
        raise SettingsError(f"{folder}: this robot takes no jobs; `fsm-robot schedule remove` keeps it from starting")
