"""`fsm-robot resume`: let robots ask for jobs again."""

from __future__ import annotations

import argparse

from fsm_robot.cli import pause
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.streams import tell
from fsm_robot.robot import pause as pauses
from fsm_robot.system.language import said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    pause.add_folders(parser)


def run(arguments: argparse.Namespace) -> int:
    """End the pause of each robot."""
    problems: list[str] = []
    speak_as_configured(*arguments.folders, arguments.config)
    for name, storage in pause.storages(arguments, problems):
        try:
            was_paused = pauses.end(storage)
        except OSError as error:
            problems.append(pause.refused(storage, error))
            continue
        tell(f"{name}: {said('asks for jobs again, with its next start' if was_paused else 'is not paused')}")
    return pause.told_of(problems)
