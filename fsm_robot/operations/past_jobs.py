"""Journals -> the jobs that a robot has had. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.analyst.eventlog.statistics import FAILURES
from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.robot.unsettled import CLOSING, OPENING

STATUS_NAMES: Mapping[int, str] = {3: "Aborted", 4: "Success", 5: "Failed", 7: "Stopped"}


@attrs.frozen
class PastJob:
    """A job as the journals tell it.

    Attributes:
        job: Its GUID.
        script: What it ran, as the orchestrator named it.
        taken_at: When it was taken; empty where these journals do not tell.
        outcome: How it ended; empty while that is not known.
        exit_code: The script's own; None where there was none.
        seconds: How long the script ran; None where no run saw both its beginning and its end.
        status: The final status that the orchestrator was told, or was to be told; None before that.
        delivery: `delivered`, `refused` (for good), or empty: not yet.
        run: The journal that told of it last.
    """

    job: str
    script: str
    taken_at: str = ""
    outcome: str = ""
    exit_code: int | None = None
    seconds: float | None = None
    status: int | None = None
    delivery: str = ""
    run: str = ""

    @property
    def failed(self) -> bool:
        """Whether somebody should look why."""
        return self.outcome in FAILURES or self.delivery == "refused"

    @property
    def status_name(self) -> str:
        """The status in words."""
        return "" if self.status is None else STATUS_NAMES.get(self.status, str(self.status))


def jobs_of(records: Iterable[Record], run: str) -> list[PastJob]:
    """Return the jobs of one run, in their order; one that was given twice is there once."""
    reader = _Reader(run)
    for step in steps_in(records):
        if step.kind == "taken":
            reader.read(step)
    return list(reader.jobs.values())


def newest_jobs(
    runs: Iterable[tuple[str, Sequence[Record]]], limit: int, *, failed_only: bool = False
) -> list[PastJob]:
    """Return the last `limit` jobs, the newest first.

    Args:
        runs: Name and records of each run, the newest first; read only as far as needed.
        limit: Most jobs that are returned.
        failed_only: Only jobs that failed.
    """
    found: dict[str, PastJob] = {}
    for name, records in runs:
        for job in reversed(jobs_of(records, name)):
            found[job.job] = _joined(job, found[job.job]) if job.job in found else job
        shown = [job for job in found.values() if job.failed or not failed_only]
        # A job that a run took over was taken in the one before it.
        if len(shown) > limit or (len(shown) == limit and all(job.taken_at for job in shown)):
            break
    return [job for job in found.values() if job.failed or not failed_only][:limit]


def _joined(older: PastJob, newer: PastJob) -> PastJob:
    return attrs.evolve(
        newer,
        script=newer.script or older.script,
        taken_at=older.taken_at or newer.taken_at,
        outcome=newer.outcome or older.outcome,
        exit_code=older.exit_code if newer.exit_code is None else newer.exit_code,
        seconds=older.seconds if newer.seconds is None else newer.seconds,
    )


@attrs.define
class _Reader:
    run: str
    jobs: dict[str, PastJob] = attrs.field(factory=dict)
    in_hand: str = ""
    started_s: float | None = None

    def read(self, step: RecordedStep) -> None:
        if step.event.name in OPENING and step.event.data.get("job"):
            self._open(step)
        if not self.in_hand:
            return
        self.jobs[self.in_hand] = self._told(self.jobs[self.in_hand], step)
        if step.event.name in CLOSING:
            self.in_hand = ""

    def _open(self, step: RecordedStep) -> None:
        data = step.event.data
        self.in_hand, self.started_s = str(data["job"]), None
        if self.in_hand not in self.jobs:
            taken_at = step.at if step.event.name == "job_consumed" else ""
            self.jobs[self.in_hand] = PastJob(self.in_hand, str(data.get("script", "")), taken_at, run=self.run)

    def _told(self, job: PastJob, step: RecordedStep) -> PastJob:
        """Return the job with what a step tells of it."""
        name, data = step.event.name, step.event.data
        if data.get("outcome"):
            job = attrs.evolve(job, outcome=str(data["outcome"]))
        if isinstance(data.get("status"), int):
            job = attrs.evolve(job, status=data["status"])
        if name == "job_claimed":
            self.started_s = step.mono
        if name == "script_ended":
            job = attrs.evolve(job, exit_code=data.get("exit_code"))
            if self.started_s is not None and step.mono is not None:
                job = attrs.evolve(job, seconds=round(step.mono - self.started_s, 3))
        if name in CLOSING:
            job = attrs.evolve(job, delivery="delivered" if name == "job_reported" else "refused")
        return job
