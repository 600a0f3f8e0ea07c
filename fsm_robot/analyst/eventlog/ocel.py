"""Runs -> an object-centric event log, OCEL 2.0 in JSON (ocel-standard.org). Pure; gives text piece by piece.

A robot, its runs, the jobs and the scripts are objects, so nobody has to choose between them for a case. Events come
first and objects behind them, since they are known only then: a small text per job and run is kept until the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import attrs

from fsm_robot.analyst.eventlog.activities import Activity, Kept, Run, View, activities_of
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


def ocel(runs: Iterable[Run], view: View, kept: Kept) -> Iterator[str]:
    """Return the pieces of the log; what is known of jobs and runs is put into `kept`, which is empty."""
    objects, event_types = _Objects(kept), dict[str, None]()
    # A log says the same few things a million times: what comes again together is made JSON once.
    said, related = lru_cache(REMEMBERED_TEXTS)(_said), lru_cache(REMEMBERED_TEXTS)(_outcome_and_related)
    yield '{"events":[\n'
    before = ""
    for run in runs:
        objects.add_run(run)
        of_job: tuple[str, ...] = ()
        for number, line in enumerate(activities_of(run, view)):
            if line[7:10] != of_job:
                of_job = line[7:10]
                objects.add_job(line)
            event_types[line.name] = None
            begun, called, kind, told = said(line[:7])
            outcome, to_whom = related(line[5:10])
            started, at, seconds, step = line[10:]
            began = f'{{"name":"started","value":"{started}"}},' if started else ""
            yield (
                f'{before}{begun}{number}{called}{at}{kind}{began}{{"name":"seconds","value":{seconds}}},'
                f'{{"name":"step","value":{step}}}{told}{outcome}{to_whom}'
            )
            before = ",\n"
        objects.end_run()
    yield '\n],"objects":[\n'
    before = ""
    for entry in objects.entries():
        yield f"{before}{entry}"
        before = ",\n"
    # What has no jobs has no word of them: a traffic light's log knows the robot and its runs.
    without = () if objects.scripts else OF_JOBS
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
    runs: list[str]
    outcome: str = ""
    ended_at: str = _EPOCH


@attrs.define
class _Objects:
    """What is told of behind the events. Only the jobs of the run in hand are objects, the others are texts."""

    kept: Kept
    robots: dict[str, None] = attrs.field(factory=dict)
    scripts: dict[str, None] = attrs.field(factory=dict)
    _jobs: dict[str, _JobObject] = attrs.field(factory=dict)

    def add_run(self, run: Run) -> None:
        self.robots[run.robot] = None
        header = run.records[0].header
        told = [run.robot, *(str(header.get(name, "")) for name in OBJECT_TYPES["run"])]
        self.kept[f"run {run.id}"] = compact(told)

    def add_job(self, activity: Activity) -> None:
        if not activity.job:
            return
        job = self._jobs.get(activity.job) or self._known(activity)
        if job.runs[-1] != activity.run:
            job.runs.append(activity.run)
        if activity.outcome and activity.outcome != job.outcome:
            job.outcome, job.ended_at = activity.outcome, activity.at

    def _known(self, activity: Activity) -> _JobObject:
        told = self.kept.get(f"job {activity.job}")
        if told is None:
            self.scripts[activity.script] = None
            job = _JobObject(activity.script, [activity.run])
        else:
            script, outcome, ended_at, *runs = json.loads(told)
            job = _JobObject(script, runs, outcome, ended_at)
        self._jobs[activity.job] = job
        return job

    def end_run(self) -> None:
        for guid, job in self._jobs.items():
            self.kept[f"job {guid}"] = compact([job.script, job.outcome, job.ended_at, *job.runs])
        self._jobs.clear()

    def entries(self) -> Iterator[str]:
        # By hand, and not by `compact`, which takes five times as long: there are as many as jobs.
        about = lru_cache(REMEMBERED_TEXTS)(_about)
        for robot in self.robots:
            yield _object("robot", robot)
        for run, told in self._told("run"):
            robot, *values = json.loads(told)
            attributes = (_attribute(*each, _EPOCH) for each in zip(OBJECT_TYPES["run"], values, strict=True))
            yield _object("run", run, ",".join(attributes), about("robot", robot, "of"))
        for script in self.scripts:
            yield _object("script", script)
        for guid, told in self._told("job"):
            script, outcome, ended_at, first, *later = json.loads(told)
            ended = _attribute("outcome", outcome, ended_at) if outcome else ""
            related = f"{about('script', script, 'runs')},{about('run', first, 'taken in')}"
            settled = (about("run", run, "settled in") for run in later)
            yield _object("job", guid, ended, ",".join((related, *settled)))

    def _told(self, kind: str) -> Iterator[tuple[str, str]]:
        for name, told in self.kept.items():
            of, _, called = name.partition(" ")
            if of == kind:
                yield called, told


def _said(texts: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Return what stands before the number of an event, before its moment, its figures and its outcome."""
    name, kind, lifecycle, event, transition, run, _ = texts
    return (
        # The id is a number within the run, not that of the step: a step may give two events, and an id is unique.
        f'{{"id":{_quoted(run)[:-1]}#',
        f'","type":{_quoted(name)},"time":"',
        f'","attributes":[{{"name":"kind","value":{_quoted(kind)}}},{{"name":"lifecycle","value":"{lifecycle}"}},',
        f"{_told('event', event)}{_told('transition', transition)}",
    )


def _outcome_and_related(texts: tuple[str, ...]) -> tuple[str, str]:
    """Return the last attribute of an event, and its end: what it is about."""
    run, robot, job, script, outcome = texts
    related = f"{_about('run', run, 'in')},{_about('robot', robot, 'by')}"
    if job:
        related += f",{_about('job', job, 'on')},{_about('script', script, 'with')}"
    return _told("outcome", outcome), f'],"relationships":[{related}]}}'


def _told(name: str, value: str) -> str:
    """Return an attribute that an event may lack, with the comma before it."""
    return f',{{"name":"{name}","value":{_quoted(value)}}}' if value else ""


def _object(kind: str, name: str, attributes: str = "", related: str = "") -> str:
    own_id = compact(object_id(kind, name))
    return f'{{"id":{own_id},"type":"{kind}","attributes":[{attributes}],"relationships":[{related}]}}'


def _attribute(name: str, value: str, since: str) -> str:
    return f'{{"name":"{name}","time":"{since}","value":{_quoted(value)}}}'


def _about(kind: str, name: str, qualifier: str) -> str:
    return f'{{"objectId":{compact(object_id(kind, name))},"qualifier":"{qualifier}"}}'


def _quoted(text: str) -> str:
    return compact(carried(text))


def relationships(related: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return pairs of another object and what it is to this one, as the format has them."""
    return [{"objectId": other, "qualifier": qualifier} for other, qualifier in related]


def type_of(name: str, attributes: Mapping[str, str]) -> dict[str, object]:
    """Return a type of objects or events: its name, and the type of each attribute."""
    return {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in attributes.items()]}


# Made once: `json.dumps` with options makes one per call, which costs more than what it writes.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(value: object) -> str:
    """Return JSON without blanks."""
    return _ENCODER.encode(value)
