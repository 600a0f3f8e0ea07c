"""Journals -> figures: how often, how long, how it ended. Pure; holds one number per visit, never the records."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.engine.journal.record import Record, steps_in
from fsm_robot.robot.unsettled import CLOSING, OPENING

FAILURES = frozenset({"failed", "refused", "not_started", "lost"})
"""Outcomes in which the script did not do its work, and nobody had ordered that."""


@attrs.frozen
class StateFigures:
    """What the visits of one state were like.

    Attributes:
        entered: How often the state was entered.
        median_s: Seconds that half of the visits took at most; None where none was left again.
        p95_s: Seconds that 95 of 100 visits took at most; None likewise. Time is monotonic, so a clock that was set
            does not count.
        failed_share: Of the jobs that were in hand here, the share that failed, from 0 to 1; None where no job was.
    """

    entered: int
    median_s: float | None = None
    p95_s: float | None = None
    failed_share: float | None = None


@attrs.frozen
class TransitionFigures:
    """How often an edge was taken, and its share of all edges that were taken from the same state, from 0 to 1."""

    taken: int
    share: float


@attrs.frozen
class OutcomeFigures:
    """How many jobs ended so, and their share of all jobs whose end is known, from 0 to 1."""

    jobs: int
    share: float


@attrs.frozen
class ScriptFigures:
    """How many jobs ran a script, and the share of them that failed, from 0 to 1."""

    jobs: int
    failed_share: float


@attrs.frozen
class Statistics:
    """What a set of runs was like.

    Attributes:
        runs: Number of runs.
        cut_runs: Runs that their machine did not end: killed, crashed, or still running.
        jobs: Number of jobs; one that two runs dealt with counts once.
        states: Name -> figures, for states that were entered.
        transitions: Key of the edge -> figures, for edges that were taken; internal ones are among them.
        outcomes: Outcome -> figures.
        scripts: Script as the orchestrator named it -> figures.
        failed_share: Share of the jobs with a known end that failed; None where there is no such job.
    """

    runs: int = 0
    cut_runs: int = 0
    jobs: int = 0
    states: Mapping[str, StateFigures] = attrs.field(factory=dict)
    transitions: Mapping[str, TransitionFigures] = attrs.field(factory=dict)
    outcomes: Mapping[str, OutcomeFigures] = attrs.field(factory=dict)
    scripts: Mapping[str, ScriptFigures] = attrs.field(factory=dict)
    failed_share: float | None = None


def run_statistics(runs: Iterable[Sequence[Record]]) -> Statistics:
    """Return the figures of these runs; the runs of one robot come oldest first."""
    tally = _Tally()
    for records in runs:
        tally.add(records)
    return tally.statistics()


@attrs.define
class _JobSeen:
    script: str
    outcome: str = ""
    states: set[str] = attrs.field(factory=set)


@attrs.define
class _Tally:
    runs: int = 0
    cut_runs: int = 0
    entered: Counter[str] = attrs.field(factory=Counter)
    stays_s: defaultdict[str, array[float]] = attrs.field(factory=lambda: defaultdict(lambda: array("d")))
    taken: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    jobs: dict[str, _JobSeen] = attrs.field(factory=dict)

    def add(self, records: Sequence[Record]) -> None:
        """Count one run."""
        self.runs += 1
        # A run that crashed has an end as well, which tells of the crash.
        self.cut_runs += not any(record.kind == "end" and not record.values.get("crash") for record in records)
        entered_s: float | None = None
        job: _JobSeen | None = None
        for step in steps_in(records):
            if step.kind in ("taken", "stayed"):
                self.taken[step.source, step.transition] += 1
            if step.kind not in ("taken", "started"):
                continue
            if entered_s is not None and step.mono is not None:
                self.stays_s[step.source].append(step.mono - entered_s)
            self.entered[step.dest] += 1
            entered_s = step.mono
            name, data = step.event.name, step.event.data
            if name in OPENING and data.get("job"):
                job = self.jobs.setdefault(str(data["job"]), _JobSeen(str(data.get("script", ""))))
            if job is not None:
                job.outcome = str(data.get("outcome") or job.outcome)
                job = None if name in CLOSING else job
            if job is not None:
                job.states.add(step.dest)

    def statistics(self) -> Statistics:
        """Return what was counted."""
        ended = [job for job in self.jobs.values() if job.outcome]
        left: Counter[str] = Counter()
        for (source, _), taken in self.taken.items():
            left[source] += taken
        return Statistics(
            runs=self.runs,
            cut_runs=self.cut_runs,
            jobs=len(self.jobs),
            states={name: self._state(name, entered, ended) for name, entered in self.entered.items()},
            transitions={
                key: TransitionFigures(taken, taken / left[source]) for (source, key), taken in self.taken.items()
            },
            outcomes={
                outcome: OutcomeFigures(jobs, jobs / len(ended))
                for outcome, jobs in Counter(job.outcome for job in ended).items()
            },
            scripts=_scripts(ended),
            failed_share=_share(ended),
        )

    def _state(self, name: str, entered: int, ended: Sequence[_JobSeen]) -> StateFigures:
        stays = sorted(self.stays_s.get(name, ()))
        seen = [job for job in ended if name in job.states]
        return StateFigures(entered, percentile(stays, 0.5), percentile(stays, 0.95), _share(seen))


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of the ordered values do not exceed; None where there is none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _share(jobs: Sequence[_JobSeen]) -> float | None:
    return sum(job.outcome in FAILURES for job in jobs) / len(jobs) if jobs else None


def _scripts(jobs: Sequence[_JobSeen]) -> dict[str, ScriptFigures]:
    all_jobs = Counter(job.script for job in jobs)
    failed = Counter(job.script for job in jobs if job.outcome in FAILURES)
    return {script: ScriptFigures(count, failed[script] / count) for script, count in all_jobs.items()}
