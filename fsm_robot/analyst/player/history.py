"""Journals as the run player shows them: runs, the jobs in them, and steps as short lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Record
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.unsettled import CLOSING, OPENING

NOT_SHOWN = frozenset({"run_token", "task_sha256"})
"""Marks for machines, of no meaning to a reader."""
NO_JOB = -1


@attrs.frozen
class Run:
    """A journal.

    Attributes:
        name: Name of its file.
        records: The whole records.
        problem: What is wrong behind them, or an empty text.
    """

    name: str
    records: Sequence[Record]
    problem: str = ""

    @property
    def header(self) -> Mapping[str, Any]:
        """The values of its first record."""
        first = self.records[0] if self.records else None
        return first.values if first is not None and first.kind == "header" else {}

    def told(self, sentence: str) -> Run:
        """Return the run with its problem as `sentence` tells it."""
        return attrs.evolve(self, problem=sentence.format(self.problem)) if self.problem else self

    def steps(self) -> Iterable[Mapping[str, Any]]:
        """Yield the values of every step."""
        return (record.values for record in self.records if record.kind == "step")

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, or None where the journal does not tell."""
        last = self.records[-1] if self.records else None
        return last.values["exit_code"] if last is not None and last.kind == "end" else None


def shown_runs(runs: Iterable[Run], definition: Definition) -> list[dict[str, Any]]:
    """Return the runs as JSON values.

    A step is the list [seq, stamp, seconds since the start of the run, event, kind, source, dest, number of its
    transition in this machine or 0, number of its job or -1, data]. A job is {guid, script, outcome}.
    """
    numbers = {edge.key: number for number, edge in enumerate(definition.transitions, start=1)}
    return [_run(run, numbers) for run in runs]


def _run(run: Run, numbers: Mapping[str, int]) -> dict[str, Any]:
    jobs: list[dict[str, str]] = []
    steps = []
    job = NO_JOB
    for values in run.steps():
        event, data = values["event"]["name"], values["event"].get("data", {})
        if event in OPENING and values["kind"] == "taken":
            jobs.append({"guid": str(data.get("job", "")), "script": str(data.get("script", "")), "outcome": ""})
            job = len(jobs) - 1
        if job != NO_JOB and data.get("outcome"):
            jobs[job]["outcome"] = str(data["outcome"])
        steps.append(_step(values, numbers, job))
        if event in CLOSING:
            job = NO_JOB
    return {
        "name": run.name,
        "started": str(run.header.get("started_at", "")),
        "exit": run.exit_code,
        "problem": run.problem or _crash(run),
        "jobs": jobs,
        "steps": steps,
    }


def _crash(run: Run) -> str:
    crash = crash_in(run.records)
    return crash and f"The run crashed: {crash}."


def _step(values: Mapping[str, Any], numbers: Mapping[str, int], job: int) -> list[Any]:
    event = values["event"]
    data = {key: value for key, value in event.get("data", {}).items() if key not in NOT_SHOWN}
    transition = numbers.get(values.get("transition", ""), 0)
    where = [values.get("source", ""), values["dest"], transition]
    return [values["seq"], values["at"], values["mono"], event["name"], values["kind"], *where, job, data]
