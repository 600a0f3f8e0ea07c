"""What a robot does now, from its lock and its newest journal; and whether a person should look. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from fsm_robot.engine.journal.crash import crash_in
from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.engine.logs import NO_ID, story_of
from fsm_robot.engine.wording import progress_text
from fsm_robot.robot.ports import Unsettled
from fsm_robot.robot.unsettled import unsettled_in

ANSWERS = frozenset(
    {"no_job", "job_found", "job_consumed", "job_gone", "job_claimed", "job_reported", "report_refused"}
    | {"stop_ordered", "abort_ordered", "robot_forgotten", "robot_unknown"}
)
"""Events that the orchestrator caused: at their moment it was there."""
FINE_EXITS = (0, 6)
_TROUBLE = re.compile(r"\d{4}-\d\d-\d\dT\S+ (WARNING|ERROR) ")


@attrs.frozen
class Seen:
    """What was found in a storage folder.

    Attributes:
        pid: The process that holds the lock; None where nobody does.
        records: Those of the newest journal; empty where there is none.
        damage: What is wrong behind them, empty where nothing is or only the power went.
        unsettled: The job whose final status was not delivered, from all journals.
        last_trouble: The last warning or error of robot.log.
        said: What the robot itself says it does: `state`, `job`, `script`, `progress`, `lines_waiting`; empty where it
            does not run, or not listen.
        silent: Why it says nothing though it listens.
        paused: Since when and until when it may not ask for jobs; empty where it may.
        lines_left: How many lines for the orchestrator's log lie there, for the next run to send.
        lines_since: When the first of them was written, empty where there is none.
    """

    pid: int | None = None
    records: Sequence[Record] = ()
    damage: str = ""
    unsettled: Unsettled | None = None
    last_trouble: str = ""
    said: Mapping[str, object] = attrs.field(factory=dict)
    silent: str = ""
    paused: str = ""
    lines_left: int = 0
    lines_since: str = ""


@attrs.frozen
class Now:
    """What a robot does.

    Attributes:
        doing: The state while it runs, else `idle`, `paused`, `crashed` (an error ended its last run), `died` (in
            the middle of a run: killed, or the power went) or `never ran`.
        since: When it entered the state, or when its last run ended.
        pid: Its process, None where it does not run.
        job: The job in hand, or the one that is not settled; empty where there is none.
        script: What that job runs.
        progress: How far the script says it is.
        lines_waiting: How many lines wait for the orchestrator's log; where no robot runs, for the next run.
        lines_since: Since when, as far as that is known.
        exit_code: How the last run ended; None while one runs, and where it died.
        last_answer_at: When the orchestrator last answered anything that the journal keeps. Heartbeats of a running
            script are not kept; that they fail stands in robot.log.
        last_error: The last failure that the newest journal tells, a crash before all.
        last_trouble: The last warning or error of robot.log.
        answers: Whether the robot itself has said what it does; else its lock and its journal tell.
        paused: Since when and until when it may not ask for jobs; empty where it may.
        undelivered: The outcome that waits to be sent; empty where none does, `unknown` where it is not known yet.
        look: Why a person should look; empty where nobody has to.
        kinds: What each of these reasons is: `damaged`, `silent`, `forgotten`, `never`, `died`, `crashed`, `ended`,
            `undelivered`; and where `status` has judged, those of `fleet/health.py`.
    """

    doing: str
    since: str = ""
    pid: int | None = None
    job: str = ""
    script: str = ""
    progress: str = ""
    lines_waiting: int = 0
    lines_since: str = ""
    exit_code: int | None = None
    last_answer_at: str = ""
    last_error: str = ""
    last_trouble: str = ""
    answers: bool = False
    paused: str = ""
    undelivered: str = ""
    look: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def now_from(seen: Seen) -> Now:
    """Return what the robot does."""
    steps = list(steps_in(seen.records))
    end = next((record for record in seen.records if record.kind == "end"), None)
    last = next((step for step in reversed(steps) if step.kind in ("taken", "started")), None)
    # The end record is not synced: after a power loss the last step says how the run ended.
    ended_with = end.exit_code if end is not None else last.exit_code if last is not None else None
    runs = seen.pid is not None
    finished = ended_with is not None
    exit_code = None if runs else ended_with
    crash = crash_in(seen.records)
    job = unsettled_in(seen.records) if runs else seen.unsettled
    said = seen.said if runs else {}
    reasons = list(_reasons(seen, runs, finished, exit_code, steps))
    return Now(
        doing=str(said.get("state") or _doing(seen, finished, last, crash)),
        since=end.at if end is not None else last.at if last is not None else "",
        pid=seen.pid,
        job=str(said.get("job") or (job.job_guid if job else "")),
        script=str(said.get("script") or (job.script_name if job else "")),
        progress=progress_text(told) if isinstance(told := said.get("progress"), Mapping) else "",
        lines_waiting=waiting if isinstance(waiting := said.get("lines_waiting"), int) else seen.lines_left,
        lines_since=seen.lines_since,
        exit_code=exit_code,
        last_answer_at=next((step.at for step in reversed(steps) if _is_answer(step)), ""),
        last_error=crash or next((text for step in reversed(steps) if (text := _error(step))), ""),
        last_trouble=seen.last_trouble,
        answers=bool(said),
        paused=seen.paused,
        undelivered="" if runs or seen.unsettled is None else seen.unsettled.outcome or "unknown",
        look=tuple(text for _, text in reasons),
        kinds=tuple(kind for kind, _ in reasons),
    )


def for_how_long(since: str, now: str) -> str:
    """Return the time between two stamps in the largest unit that tells something."""
    try:
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    except ValueError:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def last_trouble_in(log_tail: str) -> str:
    """Return the last line of a robot.log that is a warning or an error; one of JSON as it would be as text."""
    lines = (_as_text(line) for line in reversed(log_tail.splitlines()))
    return next((line for line in lines if _TROUBLE.match(line)), "")


def _as_text(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        told = json.loads(line)
        values = {key: tuple(each) if isinstance(each, list) else each for key, each in told["values"].items()}
        story = story_of(told["sentence"], values)
        return f"{told['time']} {told['level'].upper()} {told['process']} {told['event'] or NO_ID} {story}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # cut, or not of this form


def _is_answer(step: RecordedStep) -> bool:
    return step.event.name in ANSWERS and "paused" not in step.event.data  # of which the orchestrator knows nothing


def _doing(seen: Seen, finished: bool, last: RecordedStep | None, crash: str) -> str:
    if seen.pid is not None:
        # Between the lock and the first step a robot reads its settings and its past.
        return "starting" if finished or last is None else last.dest
    if last is None:
        return "never ran"
    if crash:
        return "crashed"
    if not finished:
        return "died"
    return "paused" if seen.paused else "idle"


def _error(step: RecordedStep) -> str:
    error = step.event.data.get("error")
    return f"{step.event.name}: {error}" if error else ""


def _reasons(
    seen: Seen, runs: bool, finished: bool, exit_code: int | None, steps: Sequence[RecordedStep]
) -> Iterator[tuple[str, str]]:
    """Yield what a person should look at: its kind and its sentence."""
    if seen.damage:
        yield "damaged", f"the newest journal is damaged: {seen.damage}"
    if runs:
        if seen.silent:
            yield "silent", f"it runs and does not say what it does, its process may hang: {seen.silent}"
        if any(step.event.name == "robot_forgotten" for step in steps):
            yield "forgotten", "the orchestrator does not know this robot any more"
        return
    if not steps:
        yield "never", "it never ran"
    elif not finished:
        yield "died", "its last run died: killed, or the power went"
    elif crash := crash_in(seen.records):
        yield "crashed", f"its last run crashed, {crash}; robot.log has the traceback"
    elif exit_code not in FINE_EXITS:
        yield "ended", f"its last run ended with exit code {exit_code}"
    if seen.unsettled is not None:
        text = f"job {seen.unsettled.job_guid} waits for its final status to be sent; the next run does it"
        yield "undelivered", text
