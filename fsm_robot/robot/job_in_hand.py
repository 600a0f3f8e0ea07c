"""The job that the robot works on, and how it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from fsm_robot.robot.ports import Ending, Job


@attrs.define(eq=False, repr=False)
class JobInHand:
    """The job that the robot works on, or worked on last.

    Attributes:
        job: What the orchestrator gave.
        number: Its number within this run, 0 for one that an earlier run has left; events of another one are late.
        run_token: Mark in the environment of its processes, so that a later life can recognise them.
        outcome: How it ended, empty while that is not known.
        ending: What the worker said of the end of its script.
        closed: Whether its final status was delivered, or refused for good.
    """

    job: Job
    number: int = 0
    run_token: str = ""
    outcome: str = ""
    ending: Ending | None = None
    closed: bool = False
    _told: dict[str, str] = attrs.field(factory=dict)

    def settle(self, ending: Ending, by: str) -> bool:
        """Keep how the script ended, from any thread; return False where somebody else was first.

        Who was first may say it again: something may have failed on the way to the event. One call of a dictionary
        decides, so no lock can stay behind.
        """
        if self._told.setdefault("by", by) != by:
            return False
        self.ending = ending
        return True

    @property
    def has_failed(self) -> bool:
        """Whether its script failed here, or processes of it are still there: an operator's order is no failure."""
        if self.ending is None:
            return False
        return self.outcome in ("failed", "not_started", "stop_ran_out") or bool(self.ending.survivors)

    def told(self) -> dict[str, object]:
        """Return what the event that brings the job tells of it."""
        return {"job": self.job.guid, "script": self.job.script_name, "run_token": self.run_token}
