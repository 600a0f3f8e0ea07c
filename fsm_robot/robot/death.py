"""What ended a run that did not end itself: from what the system knows. Imported only where one died with a job."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from fsm_robot.robot.status_file import read_document

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

SLACK_S = 5.0
"""The start of the machine is counted back from now, and both clocks are rounded."""


def died_of(storage: Path) -> str:
    """Return why the last run of a robot died, as a part of a sentence; empty where nothing is known of it."""
    told = read_document(storage)
    last_at, pid = _seconds(told.get("at")), told.get("pid")
    if last_at is None or not isinstance(pid, int):
        return ""
    booted_at = system.booted_at()
    restart = system.restart_reason() if booted_at > last_at + SLACK_S else ""
    return cause(last_at, booted_at, restart, system.killed_for_memory(pid))


def cause(last_at: float, booted_at: float, restart: str, for_memory: str) -> str:
    """Return what follows from what the system says.

    Args:
        last_at: When the robot last wrote its status, in seconds since 1970.
        booted_at: When the machine was started; 0 where that is not known.
        restart: Why it was started anew, in the system's own words.
        for_memory: The system's own line of ending the process because memory ran out; empty where there is none.
    """
    if for_memory:
        return f"the system killed it because memory ran out: {for_memory}"
    if booted_at > last_at + SLACK_S:
        moment = datetime.fromtimestamp(booted_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        why = restart or "the power went, or it was restarted"
        return f"the machine was started anew at {moment}: {why}"
    return "it was killed while the machine went on: by a person, by a program, or with its session"


def _seconds(moment: object) -> float | None:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
