"""What a run left open: the job that has no delivered final status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from fsm_robot.journal.record import Record
from fsm_robot.ports import Unsettled

OPENING = ("job_consumed", "result_left", "job_repeated")
CLOSING = ("job_reported", "report_refused")


def unsettled_in(records: Sequence[Record]) -> Unsettled | None:
    """Return the job that these records leave open, or None."""
    found: Unsettled | None = None
    for values in _steps(records):
        event, data = values["event"]["name"], values["event"].get("data", {})
        if event in OPENING:
            found = Unsettled(data["job"], data["script"], data.get("run_token", ""), data.get("outcome", ""))
        elif event in CLOSING:
            found = None
        elif found is not None and "outcome" in data and values["kind"] == "taken":
            found = attrs.evolve(found, outcome=data["outcome"])
        if found is not None:
            found = attrs.evolve(found, last_state=values["dest"])
    return found


def has_looked_back(records: Sequence[Record]) -> bool:
    """Return whether this run got as far as taking over what the run before it had left open."""
    return any(values["event"]["name"] in ("nothing_left", "result_left") for values in _steps(records))


def _steps(records: Sequence[Record]) -> Iterable[Mapping[str, Any]]:
    return (record.values for record in records if record.kind == "step")
