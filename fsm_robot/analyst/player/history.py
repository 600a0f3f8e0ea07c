"""Journals as the run player shows them: runs, the jobs in them, and steps as short lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
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
    def header(self) -> Mapping[str, object]:
        """The values of its first record."""
        return self.records[0].header if self.records else {}

    def told(self, sentence: str) -> Run:
        """Return the run with its problem as `sentence` tells it."""
        return attrs.evolve(self, problem=sentence.format(self.problem)) if self.problem else self

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, or None where the journal does not tell."""
        return self.records[-1].exit_code if self.records else None


@attrs.frozen
class ListedRun:
    """A run that the page fetches when somebody looks at it.

    Attributes:
        name: What it is called.
        started: When it began, ISO 8601, or empty where the name of its journal does not tell.
        folder: Which of the folders that are served its journal lies in, from 0.
        file: Name of the journal there.
    """

    name: str
    started: str
    folder: int
    file: str

    @property
    def shown(self) -> dict[str, object]:
        """The run as a JSON value: what `shown_runs` says of one, without jobs and steps."""
        place = {"folder": self.folder, "file": self.file}
        return {"name": self.name, "started": self.started, "exit": None, "problem": "", **place}


def shown_runs(runs: Iterable[Run], definition: Definition) -> list[dict[str, object]]:
    """Return the runs as JSON values.

    A step is the list [seq, stamp, seconds since the start of the run, event, kind, source, dest, number of its
    transition in this machine or 0, number of its job or -1, data]. A job is {guid, script, outcome}.
    """
    numbers = {edge.key: number for number, edge in enumerate(definition.transitions, start=1)}
    return [_run(run, numbers) for run in runs]


def _run(run: Run, numbers: Mapping[str, int]) -> dict[str, object]:
    jobs: list[dict[str, str]] = []
    steps = []
    job = NO_JOB
    for step in steps_in(run.records):
        event, data = step.event.name, step.event.data
        if event in OPENING and step.kind == "taken":
            jobs.append({"guid": str(data.get("job", "")), "script": str(data.get("script", "")), "outcome": ""})
            job = len(jobs) - 1
        if job != NO_JOB and data.get("outcome"):
            jobs[job]["outcome"] = str(data["outcome"])
        steps.append(_step(step, numbers, job))
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


def _step(step: RecordedStep, numbers: Mapping[str, int], job: int) -> list[object]:
    data = {key: value for key, value in step.event.data.items() if key not in NOT_SHOWN}
    where = (step.source, step.dest, numbers.get(step.transition, 0))
    return [step.seq, step.at, step.mono or 0.0, step.event.name, step.kind, *where, job, data]
