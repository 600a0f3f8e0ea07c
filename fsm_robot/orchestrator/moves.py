"""Which status a robot may give to which job. Pure."""

from __future__ import annotations

from fsm_robot.orchestrator.rows import (
    ABORTING,
    FINAL_STATUSES,
    IN_PROGRESS,
    PENDING,
    STATUS_WORDS,
    STOPPING,
    SUCCESS,
    JobRow,
)


def refusal(job: JobRow, robot_id: int, status: int) -> str:
    """Return why the robot may not set `status`, or an empty text when it may."""
    if job.consumed_at is None or job.robot_id != robot_id:
        return "this job was not given to this robot"
    if job.ended:
        return "" if status == job.status else f"this job has already ended as {job.status_word}"
    if status == SUCCESS and job.status == PENDING:
        return "this job was never claimed, so it cannot end as Success"
    if status == IN_PROGRESS or status in FINAL_STATUSES:
        return ""
    return f"a robot does not set {STATUS_WORDS[status]} ({status})"


def status_after(job: JobRow, status: int) -> int:
    """Return what the job becomes when the robot sets `status`.

    A claim says 8 also when a stop or an abort was ordered between consuming and claiming, and when it is repeated
    because its answer was lost: the order stays in force.
    """
    if status != IN_PROGRESS or not job.ordered:
        return status
    return ABORTING if job.ordered == "abort" else STOPPING
