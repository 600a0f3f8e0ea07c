"""`fsm-robot scripts lock`: write down what the scripts are."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fsm_robot.cli import streams
from fsm_robot.cli.run import add_config
from fsm_robot.engine.wording import counted, shown
from fsm_robot.errors import SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.worker import pinned

DIFFERS = 1
ACTIONS = {"lock": "write scripts.lock, the SHA-256 of each file", "diff": "tell what is not as it says"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, help="; ".join(f"{name}: {text}" for name, text in ACTIONS.items()))
    parser.add_argument(
        "--except",
        dest="without",
        action="append",
        metavar="PATTERN",
        help="lock: leave out files that scripts change, such as '*.log'; remembered for the next time",
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write or compare; 1 where something differs."""
    settings = settings_module.load(Path(arguments.config).absolute(), need_credential=False)
    folder = settings.scripts_directory
    if not folder.is_dir():
        raise SettingsError(f"scripts.directory: there is no folder {folder}")
    if arguments.action == "diff":
        found = pinned.differences(folder)
        streams.tell("\n".join(map(shown, found)) or f"everything is as {folder / pinned.NAME} says")
        return DIFFERS if found else 0
    if any(not pattern.strip() or not pattern.isprintable() for pattern in arguments.without or ()):
        raise SettingsError("--except: must be a pattern in one line, such as '*.log'")
    locked = pinned.of(folder, _without(arguments.without, folder))
    if not locked.files:
        raise SettingsError(f"{folder}: holds no file to write down")
    path = folder / pinned.NAME
    new = path.with_name(f"{pinned.NAME}.{os.getpid()}")
    try:
        new.write_text(pinned.lock_text(locked), encoding="utf-8", newline="\n")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from error
    streams.tell(f"{path}: {counted(len(locked.files), 'file')}")
    if not settings.scripts.locked:
        streams.tell("nothing is refused yet: set scripts.locked = true in robot.toml")
    return 0


def _without(given: list[str] | None, folder: Path) -> list[str]:
    """Return what is left out: as said, else as the last time."""
    if given is not None:
        return [pattern.strip() for pattern in given]
    return list(pinned.read(folder).without) if (folder / pinned.NAME).exists() else []
