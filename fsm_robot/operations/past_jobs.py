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
    return reader.jobs()


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
    done: set[str] = (
        set()
    )  # whatever an older run tells of these, they did not fail: most of a year, and only their names
    shown = untaken = 0  # counted, for a year of runs looks at each job once
    for name, records in runs:
        for job in reversed(jobs_of(records, name)):
            if job.job in done:
                continue
            before = found.get(job.job)
            after = job if before is None else _joined(job, before)
            if failed_only and after.outcome and not after.failed:
                found.pop(job.job, None)
                done.add(job.job)
                continue
            found[job.job] = after
            for each, by in ((before, -1), (after, 1)):
                if each is not None and (each.failed or not failed_only):
                    shown += by
                    untaken += by if not each.taken_at else 0
        # A job that a run took over was taken in the one before it.
        if shown > limit or (shown == limit and not untaken):
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
class _Told:
    """What the steps of one run have told of a job so far; see `PastJob`."""

    script: str
    taken_at: str
    outcome: str = ""
    exit_code: int | None = None
    seconds: float | None = None
    status: int | None = None
    delivery: str = ""


@attrs.define
class _Reader:
    run: str
    told: dict[str, _Told] = attrs.field(factory=dict)
    in_hand: _Told | None = None
    started_s: float | None = None

    def read(self, step: RecordedStep) -> None:
        event = step.event
        if event.name in OPENING and event.data.get("job"):
            self._open(step)
        if self.in_hand is None:
            return
        self._tell(self.in_hand, step)
        if event.name in CLOSING:
            self.in_hand = None

    def jobs(self) -> list[PastJob]:
        return [
            PastJob(
                job=guid,
                script=told.script,
                taken_at=told.taken_at,
                outcome=told.outcome,
                exit_code=told.exit_code,
                seconds=told.seconds,
                status=told.status,
                delivery=told.delivery,
                run=self.run,
            )
            for guid, told in self.told.items()
        ]

    def _open(self, step: RecordedStep) -> None:
        guid, self.started_s = str(step.event.data["job"]), None
        self.in_hand = self.told.get(guid)
        if self.in_hand is None:
            taken_at = step.at if step.event.name == "job_consumed" else ""
            self.in_hand = self.told[guid] = _Told(str(step.event.data.get("script", "")), taken_at)

    def _tell(self, job: _Told, step: RecordedStep) -> None:
        """Write down what a step tells of the job."""
        name, data = step.event.name, step.event.data
        if data.get("outcome"):
            job.outcome = str(data["outcome"])
        if isinstance(data.get("status"), int):
            job.status = data["status"]
        if name == "job_claimed":
            self.started_s = step.mono
        if name == "script_ended":
            job.exit_code = data.get("exit_code")
            if self.started_s is not None and step.mono is not None:
                job.seconds = round(step.mono - self.started_s, 3)
        if name in CLOSING:
            job.delivery = "delivered" if name == "job_reported" else "refused"
