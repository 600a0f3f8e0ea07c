"""What a run left open: the job that has no delivered final status. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in

if TYPE_CHECKING:
    from fsm_robot.robot.ports import Unsettled

OPENING = ("job_consumed", "result_left", "job_repeated")
CLOSING = ("job_reported", "report_refused")


def unsettled_in(records: Sequence[Record]) -> Unsettled | None:
    """Return the job that these records leave open, or None."""
    found: Unsettled | None = None
    last_state = ""
    for step in steps_in(records):
        outcome = step.event.data.get("outcome")
        if step.event.name in OPENING:
            found = _opened(step) or found
        elif step.event.name in CLOSING:
            found = None
        # An event that came too late stands there, too, and speaks of another job.
        elif found is not None and isinstance(outcome, str) and step.kind == "taken":
            found = attrs.evolve(found, outcome=outcome)
        last_state = step.dest
    return found and attrs.evolve(found, last_state=last_state)


def told_of_job(records: Sequence[Record]) -> str:
    """Return the job that these records leave open, in words."""
    job = unsettled_in(records)
    if job is None:
        return "none is open"
    known = f"ended as {job.outcome}" if job.outcome else "its end is not known yet"
    return f"{job.job_guid}, script {job.script_name}, {known}, not reported"


def opened_in(records: Sequence[Record]) -> list[Unsettled]:
    """Return every job that these records speak of as taken, without saying how it ended."""
    jobs = (_opened(step) for step in steps_in(records) if step.event.name in OPENING)
    return [attrs.evolve(job, outcome="") for job in jobs if job is not None]


def outcome_in(records: Sequence[Record], job_guid: str) -> str:
    """Return how a job ended by these records, or empty where they do not tell."""
    outcome, in_hand = "", ""
    for step in steps_in(records):
        data = step.event.data
        if step.event.name in OPENING:
            in_hand = data.get("job", "")
        if in_hand == job_guid and step.kind == "taken" and isinstance(data.get("outcome"), str):
            outcome = data["outcome"]
    return outcome


def has_looked_back(records: Sequence[Record]) -> bool:
    """Return whether this run got as far as taking over what the run before it had left open."""
    return any(step.event.name in ("nothing_left", "result_left") for step in steps_in(records))


def died_asking(records: Sequence[Record]) -> bool:
    """Return whether the records end where the orchestrator may have given a job that nobody wrote down."""
    last = next((record.step for record in reversed(records) if record.kind == "step"), None)
    return last is not None and last.callback == "consume_job"


def _opened(step: RecordedStep) -> Unsettled | None:
    from fsm_robot.robot.ports import Unsettled  # which a wake-up without a job never needs

    data = step.event.data
    texts = {key: data.get(key, "") for key in ("job", "script", "run_token", "outcome")}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["job"]:
        return None
    repeated = step.event.name == "job_repeated" or data.get("repeated") is True
    return Unsettled(texts["job"], texts["script"], texts["run_token"], texts["outcome"], step.dest, repeated=repeated)
