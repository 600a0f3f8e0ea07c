"""Numbers of what stands in the system's own log, which knows events by number. Pure."""

from __future__ import annotations

from collections.abc import Mapping

USUAL: Mapping[str, int] = {"error": 300, "warning": 200}
NUMBERS: Mapping[str, int] = {
    "job.left_open": 210,
    "call.retried": 220,
    "heartbeat.failed": 221,
    "job.not_delivered": 310,
    "job.result_refused": 311,
    "job.lost": 312,
    "job.repeated": 313,
    "orchestrator.unusable": 320,
    "robot.forgotten": 321,
    "script.processes_survive": 330,
    "storage.failed": 340,
    "run.crashed": 350,
    "run.impossible": 351,
}
"""Event id -> its number. One that was given once keeps its meaning."""


def number_of(event: str, level: str) -> int:
    """Return the number of an event: its own, or else that of its level; 100 below a warning."""
    return NUMBERS.get(event, USUAL.get(level, 100))
