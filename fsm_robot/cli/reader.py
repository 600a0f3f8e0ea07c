"""How a command answers the person who reads it: in which language, and in the time of this machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.errors import RobotError
from fsm_robot.robot import settings as settings_module
from fsm_robot.system import language

VARIABLE = f"{settings_module.ENVIRONMENT_PREFIX}LOGGING_LANGUAGE"


def speak_as_configured(*places: str | Path) -> None:
    """Speak the language of the environment, or of the first robot.toml that is found; else English.

    Args:
        places: Files of settings, folders of robots, or their storage folders.
    """
    language.speak(os.environ.get(VARIABLE) or next((found for place in places if (found := _told_by(place))), "en"))


def _told_by(place: str | Path) -> str:
    path = Path(place).absolute()
    config = next((each for each in (path, path / USUAL_CONFIG, path.parent / USUAL_CONFIG) if each.is_file()), None)
    try:
        return settings_module.load(config, need_credential=False).logging.language if config else ""
    except RobotError:
        return ""  # what is wrong with it is said by the command itself


def local(stamp: str) -> str:
    """Return a moment in the time of this machine with its offset; one without a zone is UTC, what is none stays."""
    try:
        moment = datetime.fromisoformat(stamp)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return stamp
