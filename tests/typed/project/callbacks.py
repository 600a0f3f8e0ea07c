"""Callbacks of both kinds, as users write them: on the engine alone, and on this robot's own."""

from pathlib import Path

import attrs

from fsm_robot.engine import Context, Event, Robot, Step
from fsm_robot.robot import callbacks


@attrs.frozen
class Settings:
    """What the section `[my]` says."""

    folder: Path = Path("in")
    pause_s: float = 5.0


class Watcher:
    """Looks for a file."""

    Settings = Settings

    def __init__(self, context: Context) -> None:
        self.log = context.log
        self.looked = 0

    def look(self, step: Step) -> Event | None:
        """Say that a file has come, or wait."""
        self.looked += 1
        self.log.info("looked", times=self.looked, because=step.event.name)
        return Event("file_came", {"looked": self.looked}) if self.looked > 3 else None


class Callbacks(callbacks.Callbacks):
    """This robot, with one state more."""

    def raise_alarm(self, step: Step) -> Event:
        """Tell somebody."""
        guid: str = self.job.guid if self.job else ""
        return Event("alarm_raised", {"job": guid, "state": step.dest})


def exit_code_of(robot: Robot) -> int:
    """Run it to its end."""
    return robot.run()
