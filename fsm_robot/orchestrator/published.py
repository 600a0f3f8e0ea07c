"""Values -> rows of the object API, with exactly the keys that the vendor's pages show. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from fsm_robot.orchestrator.objects import (
    AssetRow,
    FileRow,
    FolderRow,
    LogRow,
    ProcessRow,
    QueueRow,
    TaskRow,
    VersionRow,
)
from fsm_robot.orchestrator.protocol import stamp
from fsm_robot.orchestrator.rows import SILENT_AFTER_S, JobRow, RobotRow

ACCOUNT = 1


def queue_row(queue: QueueRow) -> dict[str, object]:
    """Return a queue as `queue/read` shows it."""
    return {
        "id": queue.row_id,
        "guid": queue.guid,
        "name": queue.name,
        "description": queue.description,
        "auto_change_status": int(queue.auto_change_status),
        "unique_tasks": int(queue.unique_tasks),
    }


def task_row(task: TaskRow) -> dict[str, object]:
    """Return a task as `task/read` shows it: without its parameters."""
    return {
        "id": task.row_id,
        "guid": task.guid,
        "queue_id": task.queue_id,
        "name": task.name,
        "description": task.description,
        "status": task.status,
        "job_id": task.job_id,
        "priority": task.priority,
        "created": stamp(task.created),
        "started": stamp(task.started),
        "postponed": stamp(task.postponed),
        "deadline": stamp(task.deadline),
        "updated": stamp(task.updated),
        "comment": task.comment,
        "is_deleted": 0,
        "account_id": ACCOUNT,
        "tags": task.tags,
        "retries": task.retries,
        "parent_task": task.parent_task,
    }


def parameters(text: str, form: str) -> object:
    """Return the parameters of a task as a server puts them: `text`, `object`, or `nested` (JSON within JSON)."""
    if form == "text":
        return text
    if form == "nested":
        return json.dumps(text, ensure_ascii=False)
    try:
        return json.loads(text)
    except ValueError:  # a server keeps what it was given, JSON or not
        return text


def asset_row(asset: AssetRow) -> dict[str, object]:
    """Return an asset as `asset/read` shows it in the reference; other pages spell the times otherwise."""
    return {
        "id": asset.row_id,
        "guid": asset.guid,
        "name": asset.name,
        "description": asset.description,
        "type": asset.type,
        "text": asset.text,
        "password": asset.password,
        "password_expiration": stamp(asset.password_expiration),
        "robot_type": asset.robot_type,
        "robot_id": asset.robot_id,
        "robot_group_id": asset.robot_group_id,
        "is_deleted": 0,
        "created_at": stamp(asset.created),
        "updated_at": stamp(asset.updated),
    }


def folder_row(folder: FolderRow) -> dict[str, object]:
    """Return a folder as `folders/read` shows it."""
    return {
        "id": folder.row_id,
        "guid": folder.guid,
        "name": folder.name,
        "description": folder.description,
        "created": stamp(folder.created),
        "updated": stamp(folder.updated),
        "is_deleted": 0,
        "account_id": ACCOUNT,
    }


def file_row(file: FileRow, text: str) -> dict[str, object]:
    """Return a file as a row that holds its content as a text. No sample is published; the keys are a folder's."""
    return {
        "id": file.row_id,
        "guid": file.guid,
        "folder_id": file.folder_id,
        "name": file.name,
        "created": stamp(file.created),
        "updated": stamp(file.updated),
        "is_deleted": 0,
        "account_id": ACCOUNT,
        "file": text,
    }


def log_row(line: LogRow) -> dict[str, object]:
    """Return a line as `log/read` shows it."""
    return {
        "id": line.row_id,
        "guid": line.guid,
        "robot_id": line.robot_id,
        "process_version_id": line.version_id,
        "job_id": line.job_id,
        "Level": line.level,
        "Message": line.message,
        "created_at": stamp(line.received),
        "updated_at": stamp(line.received),
    }


def process_row(process: ProcessRow) -> dict[str, object]:
    """Return a process as `process/read` shows it."""
    return {
        "id": process.row_id,
        "guid": process.guid,
        "name": process.name,
        "description": process.description,
        "process_version_id": process.version_id,
        "min_version_to_run": process.min_version_to_run,
        "created": stamp(process.created),
        "updated": stamp(process.updated),
        "is_deleted": 0,
        "account_id": ACCOUNT,
        "process_type": process.process_type,
        "process_version_guid": process.version_guid,
    }


def version_row(version: VersionRow) -> dict[str, object]:
    """Return a version as `processVersion/read` shows it."""
    return {
        "id": version.row_id,
        "guid": version.guid,
        "process_id": version.process_id,
        "name": version.name,
        "description": version.description,
        "process_file_name": version.process_file_name,
        "created": stamp(version.created),
        "updated": stamp(version.updated),
        "is_deleted": 0,
        "account_id": ACCOUNT,
    }


def robot_row(robot: RobotRow, now: datetime) -> dict[str, object]:
    """Return a robot as `robot/read` shows it: Unix times, and a name for its GUID, which is not known here."""
    return {
        "GUID": robot.public_guid,
        "Name": robot.label,
        "Machine": robot.machine,
        "Status": robot.status_number(now, SILENT_AFTER_S),
        "IP": robot.ip,
        "MAC": robot.mac,
        "Description": "",
        "LicenseExpiration": None,
        "LicenseString": "",
        "CreatedAt": _unix(robot.created),
        "UpdatedAt": _unix(robot.last_heartbeat or robot.created),
        "LastHeartbeatAt": _unix(robot.last_heartbeat),
    }


def job_row(job: JobRow) -> dict[str, object]:
    """Return a job as `/api/job/read` shows it."""
    return {
        "id": job.row_id,
        "guid": job.guid,
        "status": job.status,
        "priority": job.priority,
        "process_version_id": job.version_id,
        "process_version_guid": job.version_guid,
        "process_version_name": job.script,
        "robot_id": job.robot_id,
        "task_id": job.task_id,
        "account_id": ACCOUNT,
        "schedule_id": None,
        "stop_after": stamp(job.stop_after),
        "abort_after": stamp(job.abort_after),
        "created_at": stamp(job.created_at),
        "started_at": stamp(job.started_at),
        "finished_at": stamp(job.finished_at),
        "updated_at": stamp(job.updated_at),
        "is_deleted": 0,
    }


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
