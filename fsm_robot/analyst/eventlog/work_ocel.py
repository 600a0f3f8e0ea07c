"""The work of scripts -> an object-centric event log, OCEL 2.0 in JSON: of task, queue, job and robot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fsm_robot.analyst.eventlog.activities import View
from fsm_robot.analyst.eventlog.ocel import compact, object_id, relationships, type_of
from fsm_robot.analyst.eventlog.plain_text import carried
from fsm_robot.analyst.eventlog.work import Work, WorkLine

OBJECT_TYPES: Mapping[str, tuple[str, ...]] = {"task": ("name",), "queue": (), "job": ("script",), "robot": ()}
EVENT_TYPES: Mapping[str, str] = {"kind": "string", "lifecycle": "string", "started": "time", "seconds": "float"}
_EPOCH = "1970-01-01T00:00:00.000+00:00"


def work_ocel(work: Work, view: View) -> Iterator[str]:
    """Return the pieces of the log; a step outside of tasks is one of its job."""
    names: dict[str, None] = {}
    lines = sorted(work.lines, key=lambda line: line.at)
    yield '{"events":[\n'
    before, number = "", 0
    for line in _with_steps_once(lines):
        for activity in work.activities(line, view):
            names[activity.name] = None
            values = {"kind": activity.kind, "lifecycle": activity.lifecycle, "started": activity.started}
            number += 1
            event = {
                "id": f"{activity.job}#{number}",
                "type": carried(activity.name),
                "time": activity.at,
                "attributes": [
                    *({"name": key, "value": value} for key, value in values.items()),
                    {"name": "seconds", "value": activity.seconds},
                ],
                "relationships": relationships(_objects_of(work, line[-1])),
            }
            yield f"{before}{compact(event)}"
            before = ",\n"
    yield '\n],"objects":[\n'
    yield ",\n".join(compact(entry) for entry in _objects(work, lines))
    types = [type_of(name, dict.fromkeys(attributes, "string")) for name, attributes in OBJECT_TYPES.items()]
    events = [type_of(carried(name), EVENT_TYPES) for name in names]
    yield f'\n],"objectTypes":{compact(types)},\n"eventTypes":{compact(events)}}}\n'


def _with_steps_once(lines: Iterable[WorkLine]) -> Iterator[list[WorkLine]]:
    """Group each step's begin with its end, so that one event tells both; everything else stands alone."""
    open_steps: dict[tuple[str, str, int], WorkLine] = {}
    for line in lines:
        key = line.job.guid, line.step, line.number
        if line.what == "step":
            open_steps[key] = line
        elif line.what == "step ended" and key in open_steps:
            yield [open_steps.pop(key), line]
        else:
            yield [line]
    for line in open_steps.values():
        yield [line]


def _objects_of(work: Work, line: WorkLine) -> Iterator[tuple[str, str]]:
    if line.task:
        yield _task_id(work, line.task), "on"
        if queue := _queue_of(work, line.task):
            yield _queue_id(work, queue), "from"
    yield object_id("job", line.job.guid), "in"
    yield object_id("robot", line.job.robot), "by"


def _objects(work: Work, lines: Iterable[WorkLine]) -> Iterator[dict[str, object]]:
    tasks, jobs = dict.fromkeys(line.task for line in lines if line.task), {line.job.guid: line.job for line in lines}
    # A task of another robot, whose journals were not given, is there as what a repeated one leads back to.
    for task in dict.fromkeys([*tasks, *(work.parents[task] for task in tasks if task in work.parents)]):
        name, queue = work.called.get(task, ("", ""))
        related = [(_queue_id(work, queue), "in")] if queue else []
        related += [(_task_id(work, work.parents[task]), "repeats")] if task in work.parents else []
        shown = work.names.of("task", task) if work.names.private else name
        yield _object(_task_id(work, task), "task", {"name": shown}, related)
    for queue in dict.fromkeys(queue for _, queue in work.called.values() if queue):
        yield _object(_queue_id(work, queue), "queue", {}, [])
    for job in jobs.values():
        attributes = {"script": work.names.of("script", job.script)}
        yield _object(object_id("job", job.guid), "job", attributes, [(object_id("robot", job.robot), "ran on")])
    for robot in dict.fromkeys(job.robot for job in jobs.values()):
        yield _object(object_id("robot", robot), "robot", {}, [])


def _task_id(work: Work, task: str) -> str:
    return object_id("task", work.names.of("task", task))


def _queue_id(work: Work, queue: str) -> str:
    return object_id("queue", work.names.of("queue", queue))


def _queue_of(work: Work, task: str) -> str:
    return work.called.get(task, ("", ""))[1]


def _object(
    identity: str, kind: str, attributes: Mapping[str, str], related: Iterable[tuple[str, str]]
) -> dict[str, object]:
    told = [{"name": key, "time": _EPOCH, "value": carried(value)} for key, value in attributes.items() if value]
    return {"id": identity, "type": kind, "attributes": told, "relationships": relationships(related)}
