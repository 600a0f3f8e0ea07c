"""Journals -> what a process-mining tool calls events: one activity per visit of a state, or per event. Pure.

Tools want one name, one moment and one case per line. A *state log* has a line per visit, so a tool shows how long the
robot claims, works and reports. An *event log* has a line per transition. Internal transitions leave no state and
events that were ignored or late led nowhere, so a state log has neither: with them it would not fit the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal

import attrs

from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.unsettled import CLOSING, OPENING

CaseKind = Literal["job", "run", "robot"]
CASES: tuple[CaseKind, ...] = ("run", "job", "robot")
ROBOT_HEX_DIGITS = 12
STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,6}Z")
NO_STAMP = "1970-01-01T00:00:00.000+00:00"


@attrs.frozen
class Run:
    """One run as its journal tells it.

    Attributes:
        name: Name of the journal without its ending.
        robot: See `robot_name`.
        records: The whole records of the journal, the header first.
    """

    name: str
    robot: str
    records: Sequence[Record] = attrs.field(repr=False)

    @property
    def id(self) -> str:
        """A name that no other run of any robot has."""
        return f"{self.robot}/{self.name}"


@attrs.frozen
class View:
    """What a log is made of.

    Attributes:
        events: One activity per transition instead of one per visit of a state.
        everything: Also what changed nothing: internal transitions in a state log, ignored and late events in both.
        pairs: Two lines per visit, `start` and `complete`, instead of one `complete` that tells both moments.
    """

    events: bool = False
    everything: bool = False
    pairs: bool = False


@attrs.define  # not frozen, which would take three times as long to make: a log has a million of them
class Activity:
    """One line of a log.

    Attributes:
        name: The state that was visited, or the event.
        kind: `visit`, or the kind of the step: `taken`, `stayed`, `ignored`, `late`.
        lifecycle: `complete`; `start` for the first half of a pair, and for a visit that has no end in the journal.
        started: Moment when it began, ISO 8601 in UTC with milliseconds. Moments of a run never go back.
        at: Moment of this line; the end of the visit where `lifecycle` is `complete`.
        seconds: How long it lasted on the monotonic clock.
        event: The event; of a visit the one that ended it, empty where none did.
        transition: Key of the edge, empty where none was taken.
        step: `seq` of the step in the journal.
        run: `Run.id`.
        robot: `Run.robot`.
        job: GUID of the job in hand, with `script`; both empty where there is none.
        outcome: How that job ended, empty as long as that was not known.
    """

    name: str
    kind: str
    lifecycle: str
    started: str
    at: str
    seconds: float
    event: str
    transition: str
    step: int
    run: str
    robot: str
    job: str
    script: str
    outcome: str


@attrs.frozen
class Case:
    """Activities that belong together, in their order. `name` is unique but for a job that was given out twice."""

    name: str
    robot: str
    activities: Iterable[Activity]


def robot_name(header: Mapping[str, object]) -> str:
    """Return the name that logs give a robot: the beginning of the salted hash in its journals, never its GUID.

    Raises:
        ValueError: The header names no robot, so it is not one of ours.
    """
    robot = header.get("robot")
    known = robot.get("sha256") if isinstance(robot, dict) else None
    if not isinstance(known, str):
        raise ValueError("the header names no robot")
    return f"robot-{known[:ROBOT_HEX_DIGITS]}"


def cases(runs: Iterable[Run], by: CaseKind, view: View) -> Iterator[Case]:
    """Group the activities of `runs`, in which the runs of a robot stand together, oldest first.

    One run is held at a time; by job also the jobs that the runs so far have left open.
    """
    if by == "run":
        for run in runs:
            yield Case(run.id, run.robot, activities_of(run, view))
        return
    for robot, its_runs in groupby(runs, key=lambda run: run.robot):
        activities = (activity for run in its_runs for activity in activities_of(run, view))
        if by == "robot":
            yield Case(robot, robot, activities)
        else:
            yield from _jobs(robot, activities)


def activities_of(run: Run, view: View) -> Iterator[Activity]:
    """Return the lines of one run."""
    reader = _RunReader(run, view)
    read = reader.read
    for step in steps_in(run.records):
        yield from read(step)
    yield from reader.rest()


def utc_stamp(at: str) -> str:
    """Return a stamp of the journal in the form that mining tools read: milliseconds and a written-out zone.

    Microseconds would be read as so many milliseconds by the date format that several of the tools use. What is no
    stamp gives an empty text.
    """
    return f"{at[:23]}+00:00" if STAMP.fullmatch(at) else ""


def _jobs(robot: str, activities: Iterable[Activity]) -> Iterator[Case]:
    open_jobs: dict[str, list[Activity]] = {}
    for activity in activities:
        if not activity.job:
            continue
        open_jobs.setdefault(activity.job, []).append(activity)
        if activity.event in CLOSING and activity.kind in ("visit", "taken") and activity.lifecycle == "complete":
            yield Case(activity.job, robot, open_jobs.pop(activity.job))
    for job, rest in open_jobs.items():
        yield Case(job, robot, rest)


@attrs.define
class _RunReader:
    """Reads the steps of a run one after the other, and knows the state, its visit and the job in hand."""

    run: Run
    view: View
    state: str = ""
    entered_at: str = ""
    entered_s: float = 0.0
    entered_step: int = 0
    finished: bool = False
    last_at: str = ""
    job: str = ""
    script: str = ""
    outcome: str = ""
    run_id: str = attrs.field(default=attrs.Factory(lambda self: self.run.id, takes_self=True))

    def read(self, step: RecordedStep) -> tuple[Activity, ...]:
        """Return the lines that one step gives."""
        kind, view, at = step.kind, self.view, utc_stamp(step.at)
        # A clock that is set back must not make a tool, which sorts by it, tell another story.
        if at <= self.last_at:
            at = self.last_at or NO_STAMP
        self.last_at = at
        if kind == "taken":
            event = step.event
            if event.data:
                self._open_job(event)
            lines = (self._moment(step, at),) if view.events else self._visit(step, at)
            if self.job and event.name in CLOSING:
                self.job = self.script = self.outcome = ""
            self._enter(step, at)
            return lines
        if kind == "started":
            self._enter(step, at)
        elif view.everything or (view.events and kind == "stayed"):
            return (self._moment(step, at),)
        return ()

    def rest(self) -> Iterator[Activity]:
        """Return the visit that the run ended in: a moment in a final state, else one without an end."""
        if self.state and not self.view.events:
            if self.view.pairs or not self.finished:
                yield self._begun("start")
            if self.finished:
                yield self._begun("complete")

    def _visit(self, step: RecordedStep, at: str) -> tuple[Activity, ...]:
        mono = step.mono
        ended = Activity(  # by position: a log has a million of them
            self.state,
            "visit",
            "complete",
            self.entered_at,
            at,
            0.0 if mono is None else round(mono - self.entered_s, 3),
            step.event.name,
            step.transition,
            step.seq,
            self.run_id,
            self.run.robot,
            self.job,
            self.script,
            self.outcome,
        )
        return (self._begun("start"), ended) if self.view.pairs else (ended,)

    def _begun(self, lifecycle: str) -> Activity:
        """Return the visit as it looks at its first moment."""
        return Activity(
            name=self.state,
            kind="visit",
            lifecycle=lifecycle,
            started=self.entered_at,
            at=self.entered_at,
            seconds=0.0,
            event="",
            transition="",
            step=self.entered_step,
            run=self.run_id,
            robot=self.run.robot,
            job=self.job,
            script=self.script,
            outcome=self.outcome,
        )

    def _moment(self, step: RecordedStep, at: str) -> Activity:
        # A late event speaks of an earlier job, so it says nothing about the one in hand.
        late = step.kind == "late"
        return Activity(
            name=step.event.name,
            kind=step.kind,
            lifecycle="complete",
            started=at,
            at=at,
            seconds=0.0,
            event=step.event.name,
            transition=step.transition,
            step=step.seq,
            run=self.run_id,
            robot=self.run.robot,
            job="" if late else self.job,
            script="" if late else self.script,
            outcome="" if late else self.outcome,
        )

    def _open_job(self, event: Event) -> None:
        data = event.data
        if event.name in OPENING and data.get("job"):
            self.job, self.script, self.outcome = str(data["job"]), str(data.get("script", "")), ""
        if self.job and data.get("outcome"):
            self.outcome = str(data["outcome"])

    def _enter(self, step: RecordedStep, at: str) -> None:
        self.state = step.dest
        self.entered_at = at
        if step.mono is not None:
            self.entered_s = step.mono
        self.entered_step = step.seq
        # Only an edge into a final state has an exit code; the end record behind it may be cut off.
        self.finished = step.exit_code is not None
