"""Runs -> an object-centric event log, OCEL 2.0 in JSON (ocel-standard.org). Pure; gives text piece by piece.

A robot, its runs, the jobs and the scripts are objects, so nobody has to choose between them for a case. Events come
first and objects behind them, since they are known only then: a small entry per job is kept until the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

import attrs

from fsm_robot.analyst.eventlog.activities import Activity, Run, View, activities_of
from fsm_robot.analyst.eventlog.plain_text import carried

OBJECT_TYPES: Mapping[str, Mapping[str, str]] = {
    "robot": {},
    "run": {"program": "string", "machine": "string", "machine_sha256": "string"},
    "job": {"outcome": "string"},
    "script": {},
}
EVENT_ATTRIBUTES: Mapping[str, str] = {
    "kind": "string",
    "lifecycle": "string",
    "started": "time",
    "seconds": "float",
    "step": "integer",
    "event": "string",
    "transition": "string",
    "outcome": "string",
}
OF_JOBS = ("job", "script", "outcome")
REMEMBERED_TEXTS = 1024
# OCEL gives each value of an object a moment; what holds from the beginning has the epoch in its specification.
_EPOCH = "1970-01-01T00:00:00.000+00:00"


def ocel(runs: Iterable[Run], view: View) -> Iterator[str]:
    """Return the pieces of the log."""
    objects, event_types, write = _Objects(), dict[str, None](), _event_writer()
    yield '{"events":[\n'
    before = ""
    for run in runs:
        objects.add_run(run)
        for number, activity in enumerate(activities_of(run, view)):
            objects.add_job(activity)
            event_types[activity.name] = None
            yield f"{before}{write(activity, number)}"
            before = ",\n"
    yield '\n],"objects":[\n'
    before = ""
    for entry in objects.entries():
        yield f"{before}{compact(entry)}"
        before = ",\n"
    # What has no jobs has no word of them: a traffic light's log knows the robot and its runs.
    without = () if objects.jobs else OF_JOBS
    types = [type_of(name, attributes) for name, attributes in OBJECT_TYPES.items() if name not in without]
    of_events = {name: kind for name, kind in EVENT_ATTRIBUTES.items() if name not in without}
    yield f'\n],"objectTypes":{compact(types)},\n"eventTypes":'
    yield f"{compact([type_of(carried(name), of_events) for name in event_types])}}}\n"


def object_id(kind: str, name: str) -> str:
    """Return the id of an object: ids are unique over all types, and a script may be called like a job."""
    return carried(f"{kind}:{name}")


@attrs.define
class _JobObject:
    script: str
    runs: tuple[str, ...]
    outcome: str = ""
    ended_at: str = _EPOCH


@attrs.define
class _Objects:
    robots: dict[str, None] = attrs.field(factory=dict)
    runs: dict[str, tuple[str, Mapping[str, str]]] = attrs.field(factory=dict)
    jobs: dict[str, _JobObject] = attrs.field(factory=dict)

    def add_run(self, run: Run) -> None:
        self.robots[run.robot] = None
        header = run.records[0].header
        self.runs[run.id] = (run.robot, {name: str(header.get(name, "")) for name in OBJECT_TYPES["run"]})

    def add_job(self, activity: Activity) -> None:
        if not activity.job:
            return
        job = self.jobs.get(activity.job)
        if job is None:
            job = self.jobs[activity.job] = _JobObject(activity.script, (activity.run,))
        elif job.runs[-1] != activity.run:
            job.runs += (activity.run,)
        if activity.outcome and activity.outcome != job.outcome:
            job.outcome, job.ended_at = activity.outcome, activity.at

    def entries(self) -> Iterator[dict[str, object]]:
        for robot in self.robots:
            yield _object("robot", robot)
        for run, (robot, attributes) in self.runs.items():
            yield _object("run", run, attributes, _EPOCH, [(object_id("robot", robot), "of")])
        for script in dict.fromkeys(job.script for job in self.jobs.values()):
            yield _object("script", script)
        for guid, job in self.jobs.items():
            related = [(object_id("script", job.script), "runs"), (object_id("run", job.runs[0]), "taken in")]
            related += [(object_id("run", run), "settled in") for run in job.runs[1:]]
            yield _object("job", guid, {"outcome": job.outcome} if job.outcome else {}, job.ended_at, related)


def _event_writer() -> Callable[[Activity, int], str]:
    """Return what writes an event; a log says the same few things a million times, and each is made JSON once."""
    quoted, begun = lru_cache(REMEMBERED_TEXTS)(_quoted), lru_cache(REMEMBERED_TEXTS)(_begun)
    related = lru_cache(REMEMBERED_TEXTS)(_related)
    told = lru_cache(REMEMBERED_TEXTS)(_attributes_behind)

    def write(activity: Activity, number: int) -> str:
        started = f'{{"name":"started","value":"{activity.started}"}},' if activity.started else ""
        return (
            f'{begun(activity.run)}{number}","type":{quoted(activity.name)},"time":"{activity.at}","attributes":['
            f'{{"name":"kind","value":{quoted(activity.kind)}}},'
            f'{{"name":"lifecycle","value":"{activity.lifecycle}"}},{started}'
            f'{{"name":"seconds","value":{activity.seconds}}},{{"name":"step","value":{activity.step}}}'
            f"{told(activity.event, activity.transition, activity.outcome)}],"
            f'"relationships":{related(activity.run, activity.robot, activity.job, activity.script)}}}'
        )

    return write


def _quoted(text: str) -> str:
    return compact(carried(text))


def _begun(run: str) -> str:
    # The id is a number within the run, not that of the step: a step may give two events, and an id is unique.
    return f'{{"id":{_quoted(run)[:-1]}#'


def _attributes_behind(event: str, transition: str, outcome: str) -> str:
    """Return the attributes that an event may lack, each with the comma before it."""
    values = {"event": event, "transition": transition, "outcome": outcome}
    return "".join(f',{{"name":"{name}","value":{_quoted(value)}}}' for name, value in values.items() if value)


def _related(run: str, robot: str, job: str, script: str) -> str:
    related = [(object_id("run", run), "in"), (object_id("robot", robot), "by")]
    if job:
        related += [(object_id("job", job), "on"), (object_id("script", script), "with")]
    return compact(relationships(related))


def _object(
    kind: str,
    name: str,
    attributes: Mapping[str, str] | None = None,
    since: str = _EPOCH,
    related: Iterable[tuple[str, str]] = (),
) -> dict[str, object]:
    return {
        "id": object_id(kind, name),
        "type": kind,
        "attributes": [
            {"name": key, "time": since, "value": carried(value)} for key, value in (attributes or {}).items()
        ],
        "relationships": relationships(related),
    }


def relationships(related: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return pairs of another object and what it is to this one, as the format has them."""
    return [{"objectId": other, "qualifier": qualifier} for other, qualifier in related]


def type_of(name: str, attributes: Mapping[str, str]) -> dict[str, object]:
    """Return a type of objects or events: its name, and the type of each attribute."""
    return {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in attributes.items()]}


def compact(value: object) -> str:
    """Return JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
