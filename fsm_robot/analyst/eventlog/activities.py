"""Journals -> what a process-mining tool calls events: one activity per visit of a state, or per event. Pure.

Tools want one name, one moment and one case per line. A *state log* has a line per visit, so a tool shows how long the
robot claims, works and reports. An *event log* has a line per transition. Internal transitions leave no state and
events that were ignored or late led nowhere, so a state log has neither: with them it would not fit the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, Protocol

import attrs

from fsm_robot.engine.journal.record import Record, steps_in
from fsm_robot.robot.unsettled import CLOSING, OPENING

CaseKind = Literal["job", "run", "robot"]
CASES: tuple[CaseKind, ...] = ("run", "job", "robot")
ROBOT_HEX_DIGITS = 12
is_stamp = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,6}Z").fullmatch
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


class Kept(Protocol):
    """Where texts are kept by name until the last run is read; a dictionary, or what takes no memory for a year."""

    def get(self, name: str, /) -> str | None:
        """Return a text, or None where there is none by that name."""

    def __setitem__(self, name: str, text: str, /) -> None:
        """Enter a text, in the place of the one that had the name."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return every name with its text, in the order in which the names came first."""


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


class Activity(NamedTuple):  # a tuple takes a quarter of the time that a class does: a log has a million of them
    """One line of a log.

    What comes again stands together, so that whoever writes lines remembers it by a part of the tuple: `line[:7]`, up
    to `robot`, is said a few times for each run, `line[7:10]` is of a job, and `line[10:]` is what was measured.

    Attributes:
        name: The state that was visited, or the event.
        kind: `visit`, or the kind of the step: `taken`, `stayed`, `ignored`, `late`.
        lifecycle: `complete`; `start` for the first half of a pair, and for a visit that has no end in the journal.
        event: The event; of a visit the one that ended it, empty where none did.
        transition: Key of the edge, empty where none was taken.
        run: `Run.id`.
        robot: `Run.robot`.
        job: GUID of the job in hand, with `script`; both empty where there is none.
        outcome: How that job ended, empty as long as that was not known.
        started: Moment when it began, ISO 8601 in UTC with milliseconds. Moments of a run never go back.
        at: Moment of this line; the end of the visit where `lifecycle` is `complete`.
        seconds: How long it lasted on the monotonic clock.
        step: `seq` of the step in the journal.
    """

    name: str
    kind: str
    lifecycle: str
    event: str
    transition: str
    run: str
    robot: str
    job: str
    script: str
    outcome: str
    started: str
    at: str
    seconds: float
    step: int


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
    """Return the lines of one run.

    Everything that it knows of the run on the way stands in names of its own: an object with a method for a step takes
    twice as long, and a log has a million of them.
    """
    new, of_run, robot = tuple.__new__, run.id, run.robot
    events, pairs, everything = view.events, view.pairs, view.everything
    state = entered_at = last_at = job = script = outcome = ""
    entered_s, entered_step, finished = 0.0, 0, False
    for seq, event, kind, _, dest, transition, _, exit_code, _, stamp, mono in steps_in(run.records):
        at = f"{stamp[:23]}+00:00" if is_stamp(stamp) else ""
        # A clock that is set back must not make a tool, which sorts by it, tell another story.
        if at <= last_at:
            at = last_at or NO_STAMP
        last_at, name = at, event.name
        if kind == "taken":
            data = event.data
            if data:
                job, script, outcome = _told_of_job(name, data, (job, script, outcome))
            if events:
                told = (name, kind, "complete", name, transition, of_run, robot, job, script, outcome, at, at, 0.0, seq)
                yield new(Activity, told)
            else:
                if pairs:
                    begun = (state, "visit", "start", "", "", of_run, robot, job, script, outcome)
                    yield new(Activity, (*begun, entered_at, entered_at, 0.0, entered_step))
                seconds = 0.0 if mono is None else round(mono - entered_s, 3)
                visit = (state, "visit", "complete", name, transition, of_run, robot, job, script, outcome)
                yield new(Activity, (*visit, entered_at, at, seconds, seq))
            if job and name in CLOSING:
                job = script = outcome = ""
        elif kind != "started":
            if everything or (events and kind == "stayed"):
                # A late event speaks of an earlier job, so it says nothing about the one in hand.
                of_job = ("", "", "") if kind == "late" else (job, script, outcome)
                said = (name, kind, "complete", name, transition, of_run, robot, *of_job)
                yield new(Activity, (*said, at, at, 0.0, seq))
            continue
        state, entered_at, entered_step = dest, at, seq
        if mono is not None:
            entered_s = mono
        # Only an edge into a final state has an exit code; the end record behind it may be cut off.
        finished = exit_code is not None
    if state and not events:
        last = (of_run, robot, job, script, outcome, entered_at, entered_at, 0.0, entered_step)
        # The visit that the run ended in: a moment in a final state, else one without an end.
        lifecycles = ("start",) if not finished else ("start", "complete") if pairs else ("complete",)
        yield from (new(Activity, (state, "visit", each, "", "", *last)) for each in lifecycles)


def _told_of_job(event: str, data: Mapping[str, object], in_hand: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return job, script and outcome of what is in hand when an event has come."""
    job, script, outcome = in_hand
    if event in OPENING and data.get("job"):
        job, script, outcome = str(data["job"]), str(data.get("script", "")), ""
    if job and data.get("outcome"):
        outcome = str(data["outcome"])
    return job, script, outcome


def utc_stamp(at: str) -> str:
    """Return a stamp of the journal in the form that mining tools read: milliseconds and a written-out zone.

    Microseconds would be read as so many milliseconds by the date format that several of the tools use. What is no
    stamp gives an empty text.
    """
    return f"{at[:23]}+00:00" if is_stamp(at) else ""


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
