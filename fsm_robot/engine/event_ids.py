"""Numbers of what stands in the system's own log, so that a monitor finds a kind of event in any language. Pure."""

from __future__ import annotations

from collections.abc import Mapping

USUAL: Mapping[str, int] = {"error": 300, "warning": 200}
KINDS: Mapping[str, int] = {
    "the last run left a job open": 210,
    "asked in vain, asking again": 220,
    "heartbeat failed": 221,
    "result not delivered": 310,
    "the orchestrator refuses the result for good": 311,
    "a job is probably lost": 312,
    "the orchestrator gave a job again": 313,
    "the orchestrator cannot be used": 320,
    "the orchestrator does not know this robot any more": 321,
    "these processes could not be ended": 330,
    "storage failed": 340,
    "the run crashed": 350,
    "the run cannot go on": 351,
}
"""How a line begins -> its number. One that was given once keeps its meaning."""


def number_of(line: str, level: str) -> int:
    """Return the number of a line of robot.log: of its kind, or else of its level; 100 below a warning."""
    return next((number for words, number in KINDS.items() if line.startswith(words)), USUAL.get(level, 100))
