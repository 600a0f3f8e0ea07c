"""What a script asks of its orchestrator: tasks, credentials, files, logs. See docs/sdk.md.

    from fsm_robot.sdk import queue

    for task in queue("Invoices").tasks():
        with task:
            book(task["number"])

Standard library only, for Python 3.8 and later. Importing it reads and opens nothing.
"""

from __future__ import annotations

# Not the one of `typing`, which is slow to load: type checkers take any name like this for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from fsm_robot.sdk import jobs, log
    from fsm_robot.sdk._assets import Asset, Calendar, Credential, asset, calendar, credential
    from fsm_robot.sdk._errors import (
        ApplicationError,
        BusinessError,
        ConflictError,
        GiveBack,
        MaybeDoneError,
        NoRobotError,
        NotFoundError,
        NotSupportedError,
        Postpone,
        RefusedError,
        SdkError,
        UnavailableError,
    )
    from fsm_robot.sdk._files import Storage, storage
    from fsm_robot.sdk._queues import Queue, Tasks, queue
    from fsm_robot.sdk._screen import hide, progress, screenshot, should_stop
    from fsm_robot.sdk._steps import step
    from fsm_robot.sdk._tasks import Task, TaskRow, job_task
    from fsm_robot.sdk.jobs import JobRef

__all__ = [
    "ApplicationError",
    "Asset",
    "BusinessError",
    "Calendar",
    "ConflictError",
    "Credential",
    "GiveBack",
    "JobRef",
    "MaybeDoneError",
    "NoRobotError",
    "NotFoundError",
    "NotSupportedError",
    "Postpone",
    "Queue",
    "RefusedError",
    "SdkError",
    "Storage",
    "Task",
    "TaskRow",
    "Tasks",
    "UnavailableError",
    "asset",
    "calendar",
    "credential",
    "hide",
    "job_task",
    "jobs",
    "log",
    "progress",
    "queue",
    "screenshot",
    "should_stop",
    "step",
    "storage",
]

_HOMES = {
    **dict.fromkeys(("Asset", "Calendar", "Credential", "asset", "calendar", "credential"), "_assets"),
    **dict.fromkeys(("ApplicationError", "BusinessError", "GiveBack", "Postpone"), "_errors"),
    **dict.fromkeys(("ConflictError", "MaybeDoneError", "NoRobotError", "NotFoundError"), "_errors"),
    **dict.fromkeys(("NotSupportedError", "RefusedError", "SdkError", "UnavailableError"), "_errors"),
    **dict.fromkeys(("Storage", "storage"), "_files"),
    **dict.fromkeys(("Queue", "Tasks", "queue"), "_queues"),
    **dict.fromkeys(("hide", "progress", "screenshot", "should_stop"), "_screen"),
    **dict.fromkeys(("Task", "TaskRow", "job_task"), "_tasks"),
    "step": "_steps",
    "JobRef": "jobs",
}


def __getattr__(name: str) -> object:
    # Each name loads its own module: a script that only takes tasks starts milliseconds sooner.
    from importlib import import_module

    if name in ("jobs", "log"):
        return import_module(f"fsm_robot.sdk.{name}")
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"fsm_robot.sdk.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
