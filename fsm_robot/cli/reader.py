"""How a command answers the person who reads it: in which language, and in the time of this machine."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.robot import settings as settings_module
from fsm_robot.system import language

LONGEST_BYTES = 1 << 20
_LANGUAGE = re.compile(r"""^\s*(?:logging\.)?language\s*=\s*["'](\w+)["']""", re.MULTILINE)
VARIABLE = f"{settings_module.ENVIRONMENT_PREFIX}LOGGING_LANGUAGE"


def speak_as_configured(*places: str | Path) -> None:
    """Speak the language of the environment, or of the first robot.toml that is found; else English.

    Args:
        places: Files of settings, folders of robots, or their storage folders.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in language.LANGUAGES:  # `run` and `check` refuse it, in the language of robot.toml
        wanted = next((found for place in places if (found := _told_by(place))), "en")
    language.speak(wanted)


def speak_as_asked(arguments: Sequence[str]) -> None:
    """Speak the language of the robot that a command line names, before anything else is known of it."""
    named = [each.removeprefix("--config=") for each in arguments if each.startswith("--config=") or each[:1] != "-"]
    speak_as_configured(*named, os.environ.get("FSM_ROBOT_CONFIG") or USUAL_CONFIG)


def _told_by(place: str | Path) -> str:
    """Return the language of a robot.toml, also of one with mistakes: they are what there is to tell."""
    try:
        path = Path(place).absolute()
        config = next(each for each in (path, path / USUAL_CONFIG, path.parent / USUAL_CONFIG) if each.is_file())
        with config.open("rb") as stream:
            text = stream.read(LONGEST_BYTES).decode("utf-8-sig", "replace")
    except (
        StopIteration,
        OSError,
        ValueError,
    ):  # no such place, also where the current folder is gone; ValueError: no name
        return ""
    try:
        logging = tomllib.loads(text).get("logging", {})
    except (ValueError, RecursionError):
        return found[1] if (found := _LANGUAGE.search(text)) else ""
    return str(logging.get("language", "en")) if isinstance(logging, dict) else "en"


def local(stamp: str) -> str:
    """Return a moment in the time of this machine with its offset; one without a zone is UTC, what is none stays."""
    try:
        moment = datetime.fromisoformat(stamp)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return stamp
