"""Journals -> the jobs that a robot has had. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from fsm_robot.analyst.eventlog.statistics import FAILURES
from fsm_robot.engine.journal.record import Record
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
    for record in records:
        if record.kind == "step" and record.values["kind"] == "taken":
            reader.read(record.values)
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

    def read(self, values: Mapping[str, Any]) -> None:
        name, data = values["event"]["name"], values["event"].get("data", {})
        if name in OPENING and data.get("job"):
            self._open(values, data)
        if not self.in_hand:
            return
        changes = dict(self._changes(values, name, data))
        self.jobs[self.in_hand] = attrs.evolve(self.jobs[self.in_hand], **changes)
        if name in CLOSING:
            self.in_hand = ""

    def _open(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        self.in_hand, self.started_s = str(data["job"]), None
        if self.in_hand not in self.jobs:
            taken_at = values.get("at", "") if values["event"]["name"] == "job_consumed" else ""
            self.jobs[self.in_hand] = PastJob(self.in_hand, str(data.get("script", "")), taken_at, run=self.run)

    def _changes(self, values: Mapping[str, Any], name: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if data.get("outcome"):
            yield "outcome", str(data["outcome"])
        if isinstance(data.get("status"), int):
            yield "status", data["status"]
        if name == "job_claimed":
            self.started_s = values.get("mono")
        if name == "script_ended":
            yield "exit_code", data.get("exit_code")
            if self.started_s is not None and "mono" in values:
                yield "seconds", round(values["mono"] - self.started_s, 3)
        if name in CLOSING:
            yield "delivery", "delivered" if name == "job_reported" else "refused"
