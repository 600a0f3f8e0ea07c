"""Journals -> the jobs that a robot has had. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.analyst.eventlog.activities import Kept
from fsm_robot.analyst.eventlog.statistics import FAILURES
from fsm_robot.engine.journal.record import Record, steps_in
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
        return _is_failure(self.outcome, self.delivery)

    @property
    def status_name(self) -> str:
        """The status in words."""
        return "" if self.status is None else STATUS_NAMES.get(self.status, str(self.status))


def jobs_of(records: Iterable[Record], run: str) -> list[PastJob]:
    """Return the jobs of one run, in their order; one that was given twice is there once."""
    return [told.as_job(guid, run) for guid, told in _told_in(records).items()]


def newest_jobs(
    runs: Iterable[tuple[str, Sequence[Record]]], limit: int, *, failed_only: Kept | None = None
) -> list[PastJob]:
    """Return the last `limit` jobs, the newest first.

    Args:
        runs: Name and records of each run, the newest first; read only as far as needed.
        limit: Most jobs that are returned.
        failed_only: Only jobs that failed; the names of the others are kept in it meanwhile.
    """
    found: dict[str, PastJob] = {}
    done = failed_only  # whatever an older run tells of these, they did not fail
    shown = untaken = 0  # counted, for a year of runs looks at each job once
    for name, records in runs:
        for guid, told in reversed(_told_in(records).items()):
            before = found.get(guid)
            if done is not None and before is None:
                if done.get(guid) is not None:
                    continue
                if told.outcome and not _is_failure(told.outcome, told.delivery):
                    done[guid] = ""  # most of them, of which nothing is made
                    continue
            job = told.as_job(guid, name)
            after = job if before is None else _joined(job, before)
            if done is not None and after.outcome and not after.failed:
                found.pop(job.job, None)
                done[job.job] = ""
                continue
            found[job.job] = after
            for each, by in ((before, -1), (after, 1)):
                if each is not None and (each.failed or done is None):
                    shown += by
                    untaken += by if not each.taken_at else 0
        # A job that a run took over was taken in the one before it.
        if shown > limit or (shown == limit and not untaken):
            break
    return [job for job in found.values() if job.failed or done is None][:limit]


def _joined(older: PastJob, newer: PastJob) -> PastJob:
    return attrs.evolve(
        newer,
        script=newer.script or older.script,
        taken_at=older.taken_at or newer.taken_at,
        outcome=newer.outcome or older.outcome,
        exit_code=older.exit_code if newer.exit_code is None else newer.exit_code,
        seconds=older.seconds if newer.seconds is None else newer.seconds,
    )


def _is_failure(outcome: str, delivery: str) -> bool:
    return outcome in FAILURES or delivery == "refused"


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

    def as_job(self, guid: str, run: str) -> PastJob:
        return PastJob(
            guid,
            self.script,
            self.taken_at,
            self.outcome,
            self.exit_code,
            self.seconds,
            self.status,
            self.delivery,
            run,
        )


def _told_in(records: Iterable[Record]) -> dict[str, _Told]:
    """Return what the steps of a run tell of each job; a year has a million steps, so a step costs no call here."""
    found: dict[str, _Told] = {}
    in_hand: _Told | None = None
    started_s: float | None = None
    for step in steps_in(records):
        if step.kind != "taken":
            continue
        name, data = step.event.name, step.event.data
        if data and name in OPENING and data.get("job"):
            guid, started_s = str(data["job"]), None
            in_hand = found.get(guid)
            if in_hand is None:
                taken_at = step.at if name == "job_consumed" else ""
                in_hand = found[guid] = _Told(str(data.get("script", "")), taken_at)
        if in_hand is None:
            continue
        if data:
            if data.get("outcome"):
                in_hand.outcome = str(data["outcome"])
            if isinstance(status := data.get("status"), int):
                in_hand.status = status
        if name == "job_claimed":
            started_s = step.mono
        elif name == "script_ended":
            in_hand.exit_code = data.get("exit_code")
            if started_s is not None and step.mono is not None:
                in_hand.seconds = round(step.mono - started_s, 3)
        elif name in CLOSING:
            in_hand.delivery = "delivered" if name == "job_reported" else "refused"
            in_hand = None
    return found
