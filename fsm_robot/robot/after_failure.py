"""What becomes of the session where a job of the run has failed. Imported only where one has, and a setting asks.

A session may be what made the job fail: windows that nobody closed, a desktop that has no room left. Nothing says that
the next one will not fail as well, so it is done once an hour at most, over every restart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.ports import Clock
from fsm_robot.system.held import PATIENCE, put_whole

NAME = "after_failure.json"
"""When the session was last left because a job had failed: in the storage folder, on disk before it is left."""
LEAST_S = 3600.0
STAYS = "stay"


@attrs.frozen(eq=False, repr=False)
class AfterFailure:
    """Leaves the session, or keeps it, where a job of the run has failed.

    Attributes:
        log: Told what was decided, and why.
        how: `log_off`, `reboot` or `stay`; see `session.after_failure`.
        storage: The storage folder.
        clock: For the limit.
        leave: Leaves the session in that way; returns what went wrong.
    """

    log: Log
    how: str
    storage: Path
    clock: Clock
    leave: Callable[[str], str]

    def act(self) -> bool:
        """Do it; return whether `session.when_idle` has nothing to say any more."""
        if self.how == STAYS:
            self.log.info(
                "session.kept_to_look",
                "a job of this run failed, the account stays logged on so that a person can look",
            )
            return True
        if hindrance := self._hindrance():
            self.log.warning(
                "session.failure_kept",
                "a job of this run failed, the session stays",
                reason=hindrance,
            )
            return False
        self.log.warning("session.failure_left", "a job of this run failed, the session ends", how=self.how)
        if problem := self.leave(self.how):
            self.log.error("session.failure_not_left", "the session could not be ended", how=self.how, problem=problem)
            return False
        return True

    def _hindrance(self) -> str:
        """Return why it may not be done now; else it is written down that it is, which counts for an hour."""
        path, now = self.storage / NAME, self.clock.utc_now()
        try:
            last = _moment_in(PATIENCE.content(path))
        except FileNotFoundError:
            last = ""
        except OSError as error:
            return f"{path}, which says when that was last done, cannot be read: {error.strerror or error}"
        since_s = _seconds(last, now) if last else LEAST_S
        if since_s is not None and 0 <= since_s < LEAST_S:
            return f"it was last ended at {last}, and that is never done twice an hour"
        try:
            put_whole(path, json.dumps({"at": now, "did": self.how}).encode("ascii"), lasting=True)
        except OSError as error:
            # Else the robot would do it again and again, and never know.
            return f"{path}, which would say that it was done, cannot be written: {error.strerror or error}"
        if since_s is None or since_s < 0:
            return f"{path} did not say when that was last done, or named a moment in the future; it is written anew"
        return ""


def _moment_in(content: bytes) -> str:
    """Return the moment that the file tells; something that is none where it tells none."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return "?"
    at = told.get("at") if isinstance(told, dict) else None
    return at if isinstance(at, str) and at else "?"


def _seconds(since: str, now: str) -> float | None:
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    except (ValueError, TypeError):  # TypeError: one of them has no zone
        return None
