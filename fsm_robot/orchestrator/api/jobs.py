"""The calls of jobs."""

from __future__ import annotations

from fsm_robot.orchestrator.api.asked import Asked, RefusedError, guid_of, nothing
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError, plain_guid, status_number
from fsm_robot.orchestrator.published import job_row
from fsm_robot.orchestrator.rows import ABORTING, STOPPING
from fsm_robot.orchestrator.store import NoSuchError, StoreError


def create(asked: Asked) -> Answer:
    """Make a job; its inputs are not published, these are our reading of the visual robot's block.

    A process that is named and not known is taken for the name of a script.
    """
    name = asked.name("processguid", "processversionguid", "processid", "process", "name")
    try:
        version = asked.store.processes.current_version(name, by_name=asked.by_name)
        script, version_guid = version.name, version.guid
    except NoSuchError:
        if plain_guid(name) or not asked.by_name:
            raise
        script, version_guid = name, ""
    task, robot = asked.text("taskguid", "taskid"), asked.names_robot or asked.text("robotid")
    guid = asked.store.enqueue(
        script,
        priority=asked.number("priority", 2, 1, 3),
        robot=asked.store.credentials.find(robot).label if robot else "",
        task_id=asked.store.tasks.find(task, by_name=asked.by_name).row_id if task else None,
        group_id=asked.number("robotgroupguid" if asked.has("robotgroupguid") else "robotgroupid", 0) or None,
        version_guid=version_guid,
        source="API",
        stop_after=asked.moment("stopafter"),
        abort_after=asked.moment("abortafter"),
    )
    return guid_of(guid)


def read(asked: Asked) -> Answer:
    """Show a job."""
    asked.store.order_overdue()
    return asked.row(job_row(asked.store.find_job(asked.reference)))


def update(asked: Asked) -> Answer:
    """Set what a robot says of its job; anybody may ask a job of another to stop (6) or abort (2)."""
    guid = plain_guid(asked.text("guid"))
    if not guid:
        raise GarbledRequestError("guid is missing or is not a GUID")
    status = status_number(asked.text("status"))
    if status in (STOPPING, ABORTING) and not asked.lax:
        try:
            job = asked.store.job(guid)
        except NoSuchError:
            return _no_such_job()
        if asked.robot is None or job.consumed_at is None or job.robot_id != asked.robot.row_id:
            return _ordered(asked, guid, status)
    lax = asked.lax or asked.robot is None
    problem = asked.store.set_status(guid, None if asked.robot is None else asked.robot.row_id, status, lax=lax)
    if problem is None:
        return _no_such_job()
    return Answer(409, {"error": problem}) if problem else nothing()


def delete(asked: Asked) -> Answer:
    """Delete a job."""
    asked.store.delete_job(asked.store.find_job(asked.reference))
    return nothing()


def _no_such_job() -> Answer:
    return Answer(404, {"error": "there is no such job"})


def _ordered(asked: Asked, guid: str, status: int) -> Answer:
    try:
        (asked.store.order_stop if status == STOPPING else asked.store.order_abort)(guid)
    except StoreError as error:
        raise RefusedError(409, str(error)) from error
    return nothing()
