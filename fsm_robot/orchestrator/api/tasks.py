"""The calls of tasks."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from fsm_robot.orchestrator.api.asked import Asked, guid_of, nothing
from fsm_robot.orchestrator.objects import HIGH, LOW, NORMAL, POSTPONED, TASK_WORDS, TaskRow
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError, fold
from fsm_robot.orchestrator.published import parameters, task_row
from fsm_robot.orchestrator.store import NoSuchError
from fsm_robot.orchestrator.tables.tasks import LIST_LIMIT, Author, TaskFilter

LARGEST_LIST = 10_000


def create(asked: Asked) -> Answer:
    """Make a task."""
    queue = asked.store.queues.find(asked.name("queueguid", "queueid", "queue"), by_name=asked.by_name)
    task = asked.store.tasks.add(
        queue,
        asked.name("name"),
        _parameters(asked),
        author=Author(asked.robot_id, job_id(asked)),
        description=asked.text("description"),
        comment=asked.text("comment"),
        deadline=asked.moment("deadline"),
        tags=asked.text("tags"),
        priority=_priority(asked),
        retries=asked.number("retries", queue.retries, 0, 100),
    )
    return guid_of(task.guid)


def read(asked: Asked) -> Answer:
    """Show a task."""
    task = asked.store.tasks.find(asked.reference, by_name=asked.by_name)
    is_full = asked.quirks["task_read"] == "full"
    return Answer(200, full_row(asked, task) if is_full else _row(asked, _task_row(asked, task)))


def filter_read(asked: Asked) -> Answer:
    """Show the first task of a queue that fits a filter."""
    found = asked.store.tasks.fitting(_filter(asked, name=asked.text("name") or "*"))
    if not found:
        raise NoSuchError("no task of this queue fits")
    return Answer(200, full_row(asked, found[0]))


def filter_list(asked: Asked) -> Answer:
    """List the tasks of a queue that fit a filter, in the order in which they are due."""
    return Answer(200, [full_row(asked, task) for task in asked.store.tasks.fitting(_filter(asked))])


def update(asked: Asked) -> Answer:
    """Change a task; a status has its consequences."""
    task = asked.store.tasks.find(asked.name("guid", "name"), by_name=asked.by_name)
    given = asked.reader(
        description=("description", asked.text),
        comment=("comment", asked.text),
        deadline=("deadline", asked.moment),
        tags=("tags", asked.text),
        priority=("priority", lambda _: _priority(asked)),
        retries=("retries", lambda name: asked.number(name, 0, 0, 100)),
        parameters=("parameters", lambda _: _parameters(asked)),
    )
    # Without a GUID the name says which task is meant, so it cannot be a new one.
    if asked.has("guid"):
        given |= asked.reader(name=("name", asked.name))
    if asked.has("queueguid"):
        given["queue_id"] = lambda: asked.store.queues.find(asked.text("queueguid"), by_name=asked.by_name).row_id
    defaults = {"description": "", "comment": "", "deadline": None, "tags": "", "retries": 0, "parameters": "{}"}
    values = asked.columns(given, defaults)
    if asked.text("status").strip():
        values["status"] = asked.number("status", 0, 0, max(TASK_WORDS))
    if asked.quirks["postponed"] == "kept" and asked.has("postponed"):
        values["postponed"] = asked.moment("postponed")
    if values.get("status") != POSTPONED and "status" in values:
        values.pop("postponed", None)
    asked.store.tasks.change(task, values, Author(asked.robot_id, job_id(asked)))
    return nothing()


def delete(asked: Asked) -> Answer:
    """Delete a task."""
    asked.store.tasks.delete(asked.store.tasks.find(asked.reference, by_name=asked.by_name))
    return Answer(200, {"result": "1"})


def add_tag(asked: Asked) -> Answer:
    """Add tags to a task."""
    guid, racy = _tagged(asked), asked.quirks["add_tag"] == "racy"
    asked.store.tasks.tag(guid, add=asked.name("tagnames"), racy=racy)
    return nothing()


def remove_tag(asked: Asked) -> Answer:
    """Take tags from a task."""
    asked.store.tasks.tag(_tagged(asked), remove=asked.name("tagnames"))
    return nothing()


def full_row(asked: Asked, task: TaskRow) -> dict[str, object]:
    """Return a task with its parameters, as lastTask shows it."""
    return _row(
        asked, {**_task_row(asked, task), "parameters": parameters(task.parameters, asked.quirks["parameters"])}
    )


def _task_row(asked: Asked, task: TaskRow) -> dict[str, object]:
    return {**task_row(task), "priority": task.priority + _lowest(asked)}


def _priority(asked: Asked) -> int:
    lowest = _lowest(asked)
    return asked.number("priority", NORMAL, LOW + lowest, HIGH + lowest) - lowest


def _lowest(asked: Asked) -> int:
    return 1 if asked.quirks["task_priority"] == "low1" else 0


def _row(asked: Asked, row: dict[str, object]) -> dict[str, object]:
    return row if asked.quirks["task_rows"] == "structured" else asked.form.row(row)


def _tagged(asked: Asked) -> str:
    return asked.store.tasks.find(asked.name("taskguid"), by_name=asked.by_name).guid


def job_id(asked: Asked) -> int | None:
    """Return the row of the job for which a status is set, where this server understands how it is spelt."""
    spelling, wanted = asked.spellings.get("jobguid"), asked.quirks["job_field"]
    if not asked.text("jobguid") or wanted not in ("any", spelling):
        return None
    try:
        return asked.store.find_job(asked.text("jobguid")).row_id
    except NoSuchError:
        return None  # a job of another server, or none: the status counts all the same


def _parameters(asked: Asked) -> str:
    text = asked.text("parameters")
    if not text.strip():
        return "{}"
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GarbledRequestError(f"parameters: is not JSON: {error}") from error
    return text


def _filter(asked: Asked, name: str = "") -> TaskFilter:
    """Return what a filter means; its syntax is not published, so both places in which it may stand are looked at."""
    queue = asked.store.queues.find(asked.reference or asked.name("name"), by_name=asked.by_name)
    if asked.quirks["filters"] == "off":
        return TaskFilter(queue.row_id)
    in_path = {fold(key): value for key, value in parse_qsl(asked.rest, keep_blank_values=True)}
    wanted = Asked(asked.store, asked.form, asked.quirks, {**asked.fields, **in_path})
    # 99 stands for all of them, since 0 is a status and a priority.
    status, priority = (wanted.number(key, 99, 0, 99) for key in ("status", "priority"))
    return TaskFilter(
        queue.row_id,
        status=None if status == 99 else status,
        name=name or wanted.text("taskname"),
        priority=None if priority == 99 else priority - _lowest(asked),
        tags=wanted.text("tags"),
        created_after=wanted.moment("createdafter"),
        offset=wanted.number("offset", 0),
        limit=wanted.number("limit" if wanted.has("limit") else "count", LIST_LIMIT, 0, LARGEST_LIST),
    )
