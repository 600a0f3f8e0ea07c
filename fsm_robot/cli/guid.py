"""`fsm-robot guid replace`: give a robot another GUID, also while it works."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from fsm_robot.cli import doctor, init
from fsm_robot.cli.run import add_config
from fsm_robot.engine.instance import holder
from fsm_robot.errors import SettingsError
from fsm_robot.robot import kept_secret
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.settings import ENVIRONMENT_PREFIX, GUID, Settings, is_guid

LONGEST = 200
_KEY = re.compile(
    r"""(?m)^([ \t]*(?:orchestrator\s*\.\s*)?["']?robot_guid["']?[ \t]*=[ \t]*)(["'])"""
    rf"""(?:{GUID})\2(?!["'])"""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action", choices=["replace"], help="replace the GUID; the new one is asked for, or read from standard input"
    )
    parser.add_argument("folder", nargs="?", help="folder of a robot, or its robot.toml; else --config")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Put the new GUID where the old one is."""
    config = doctor.config_of(arguments)
    settings = settings_module.load(config, {} if arguments.folder else None, need_credential=False)
    old = settings.orchestrator.robot_guid
    new = _new_guid()
    if new.lower() == old.lower():
        raise SettingsError("this is the GUID that the robot has already; nothing was changed")
    try:
        place, text = _written_anew(config, settings, new)
    except OSError as error:
        raise SettingsError(f"nothing was changed: {error.strerror or error}") from error
    try:
        kept_secret.replace(place, text)
    except OSError as error:
        raise SettingsError(f"{place}: cannot be written, nothing was changed: {error.strerror or error}") from error
    pid = holder(settings.storage_directory)
    when = f"pid {pid} takes it as soon as the server refuses the old one" if pid else "the next run takes it"
    print(f"{place}: holds the new GUID; {when}")
    return 0


def _new_guid() -> str:
    if init.somebody_can_answer():
        import getpass

        word = getpass.getpass("new GUID of the robot (not shown): ")
    else:
        word = sys.stdin.readline(LONGEST) if sys.stdin is not None else ""
    word = word.strip()
    if not is_guid(word):
        # Never repeated: it may be the password with a slip in it.
        raise SettingsError("the input is not a GUID such as 01234567-89ab-cdef-0123-456789abcdef; nothing was changed")
    return word.strip("{}")


def _written_anew(config: Path, settings: Settings, new: str) -> tuple[Path, str]:
    """Return the file that holds the GUID, and what it has to hold from now on."""
    # As bytes, so that line ends and a byte order mark stay.
    text = config.read_bytes().decode()
    found = _KEY.findall(text)
    if settings.guid_source == "file":
        place = settings.path(settings.orchestrator.robot_guid_file)
        kept = place.read_text("utf-8-sig")
        if kept.startswith(kept_secret.IN_KEYRING):
            return place, kept_secret.put_into_keyring(new, kept)
        return place, kept_secret.protected(new) if kept.startswith(kept_secret.PROTECTED) else f"{new}\n"
    if settings.guid_source == "environment":
        name = f"{ENVIRONMENT_PREFIX}ORCHESTRATOR_ROBOT_GUID"
        raise SettingsError(f"the GUID comes from the variable {name}: change it where that is set")
    if len(found) != 1:
        has_one = settings.guid_source == "key"
        problem = "holds robot_guid in a form that only a person can change" if has_one else "holds no robot_guid"
        raise SettingsError(f"{config}: {problem}; nothing was changed")
    return config, _KEY.sub(lambda match: f"{match[1]}{match[2]}{new}{match[2]}", text)
