"""The calls of queues."""

from __future__ import annotations

import json

from fsm_robot.orchestrator.api.asked import Asked, guid_of, nothing
from fsm_robot.orchestrator.api.tasks import full_row, job_id
from fsm_robot.orchestrator.objects import ABANDONED, NEW
from fsm_robot.orchestrator.protocol import Answer
from fsm_robot.orchestrator.published import queue_row
from fsm_robot.orchestrator.tables.tasks import Author, TaskFilter


def create(asked: Asked) -> Answer:
    """Make a queue."""
    queue = asked.store.queues.add(
        asked.name("name"),
        description=asked.text("description"),
        unique_tasks=asked.flag("uniquetasks"),
        auto_change_status=asked.flag("autochangestatus"),
    )
    return guid_of(queue.guid)


def read(asked: Asked) -> Answer:
    """Show a queue."""
    return asked.row(queue_row(asked.store.queues.find(asked.reference, by_name=asked.by_name)))


def update(asked: Asked) -> Answer:
    """Change a queue."""
    queue = asked.store.queues.find(asked.name("guid"), by_name=asked.by_name)
    given = asked.reader(
        name=("name", asked.name),
        description=("description", asked.text),
        unique_tasks=("uniquetasks", asked.flag),
        auto_change_status=("autochangestatus", asked.flag),
    )
    defaults = {"description": "", "unique_tasks": 0, "auto_change_status": 0}
    asked.store.queues.change(queue, **asked.columns(given, defaults))
    return nothing()


def delete(asked: Asked) -> Answer:
    """Delete a queue and its tasks."""
    asked.store.queues.delete(asked.store.queues.find(asked.reference, by_name=asked.by_name))
    return nothing()


def last_task(asked: Asked) -> Answer:
    """Show the New task whose turn it is, or the first of another status where one is asked for.

    Nothing is reserved by that, unless it is ordered: two who ask get the same. How a status is asked for is not
    published.
    """
    queue = asked.store.queues.find(asked.reference, by_name=asked.by_name)
    status = asked.number("status", NEW, NEW, ABANDONED) if asked.quirks["filters"] == "on" else NEW
    task = (
        asked.store.tasks.next(queue, taken_by=_taker(asked))
        if status == NEW
        else next(iter(asked.store.tasks.fitting(TaskFilter(queue.row_id, status=status, limit=1))), None)
    )
    return Answer(200, json.loads(asked.quirks["empty_last"]) if task is None else full_row(asked, task))


def _taker(asked: Asked) -> Author | None:
    """Return for whom a task is reserved; None where nothing is."""
    return Author(asked.robot_id, job_id(asked)) if asked.quirks["reserves"] == "yes" else None
