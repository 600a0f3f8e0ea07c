"""Lines of one job for the orchestrator's log: those of its script, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import attrs

from fsm_robot.robot.ports import Ending, Job
from fsm_robot.shipping.line import LEVEL_NAMES, level_of

ORDERED = ("stopped", "aborted")
"""Outcomes that somebody wanted."""


class Ship(Protocol):
    """Takes lines without waiting; see `shipping.shipper.Shipper`."""

    def add(self, level: str, message: str, job: str = "", version: str = "", *, at_s: float | None = None) -> None:
        """Take a line."""

    def lost_before(self, count: int, job: str = "") -> None:
        """Count lines that were given up before they came here."""

    def job_ended(self, job: str) -> None:
        """Know that a job has ended, or is about to."""

    def flush(self, within_s: float) -> bool:
        """Wait until every line was sent."""


@attrs.define(eq=False, repr=False)
class Lines:
    """The lines of one job.

    Attributes:
        job: Whose they are.
        ship: Makes what sends them, with the first one; None where nothing is sent.
        least: Level below which a line of the script is not sent, as scripts call it.
    """

    job: Job
    ship: Callable[[], Ship] | None
    least: str = "INFO"
    _used: bool = False

    def add(self, level: str, message: str, *, lost: int = 0, time: str = "") -> None:
        """Take a line of the script; `lost` more were given up before it was sent here, `time` is when it was said."""
        if self.ship is None:
            return
        self.lost(lost)
        word = level_of(level)
        if LEVEL_NAMES.index(word) >= LEVEL_NAMES.index(level_of(self.least)):
            self._add(word, message, _seconds(time))

    def lost(self, count: int) -> None:
        """Count lines of the script that were given up on their way here."""
        if self.ship is not None and count > 0:
            self._used = True
            self.ship().lost_before(count, self.job.guid)

    def add_ending(self, outcome: str, ending: Ending | None) -> None:
        """Tell how the job ended, unless well: that is its status."""
        if self.ship is None or not (self._used or outcome != "succeeded"):
            return
        self.ship().job_ended(self.job.guid)
        if outcome == "succeeded":
            return
        reason = f": {ending.reason}" if ending is not None and ending.reason else ""
        said = f"\n{ending.last_words}" if ending is not None and ending.last_words and outcome == "failed" else ""
        level = "Warning" if outcome in ORDERED else "Error"
        name = self.job.script_name or "a script"
        self._add(level, f"{name}: {_OUTCOMES.get(outcome, outcome)}{reason}{said}")

    def flush(self, within_s: float) -> bool:
        """Wait until every line was sent, at most so many seconds; a job without lines waits for nobody's."""
        return self.ship is None or not self._used or self.ship().flush(within_s)

    def _add(self, level: str, message: str, at_s: float | None = None) -> None:
        if self.ship is not None:
            self._used = True
            self.ship().add(level, message, self.job.guid, self.job.process_version_guid, at_s=at_s)


_OUTCOMES = {
    "failed": "the script failed",
    "refused": "the script was not started",
    "not_started": "the script was not started",
    "lost": "the robot ended while the script ran",
    "stopped": "the script was stopped",
    "stop_ran_out": "the script did not stop in time and was killed",
    "aborted": "the script was aborted",
}


def _seconds(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except (ValueError, OverflowError):
        return None
