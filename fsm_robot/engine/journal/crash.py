"""A run that its machine did not end: what its end record tells. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fsm_robot.engine.journal.record import Record


def crash_in(records: Sequence[Record]) -> str:
    """Return how a run crashed, in words; empty where its machine ended it, or nobody wrote its end down."""
    last = records[-1] if records else None
    crash = last.values.get("crash") if last is not None and last.kind == "end" else None
    if not crash:
        return ""
    place = f"callback {crash['callback']} in state" if crash.get("callback") else "state"
    return f"{place} {crash['state']}: {crash['error']}"
