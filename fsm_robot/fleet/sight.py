"""What is seen of one robot, in one value for whoever shows, judges or sends it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fsm_robot.operations.now import Now

SCHEMA = 1
"""Version of the JSON of a fleet: it grows with each change that a reader of the older one would misread."""


@attrs.frozen
class Problem:
    """Something that is wrong.

    Attributes:
        kind: One of `health.KINDS`.
        text: What is wrong, as a sentence without a full stop.
        since: ISO moment, empty where that is not known.
    """

    kind: str
    text: str
    since: str = ""


@attrs.frozen
class Sight:
    """One robot as it is seen now. Moments are ISO 8601 in UTC, empty where they are not known.

    Attributes:
        name: What the operator calls it.
        folder: Where it is, on its machine.
        host: Which machine that is; empty for this one.
        doing: See `operations.now.Now`; `unreadable` or `absent` where it could not be looked at.
        since: Since when.
        pid: Its process; None where it does not run.
        job: GUID of the job in hand.
        script: What that runs.
        progress: How far it says it is.
        last_job: GUID of the last job that was closed.
        last_script: What that ran.
        last_outcome: How it ended.
        last_ended_at: When.
        exit_code: How the last run ended; None while one runs.
        error: The last failure that the newest journal tells.
        every_min: How often its schedule starts it; None where no clock does.
        scheduled_at: When that schedule was installed.
        next_start: When it should start at the latest.
        seen_at: When it last wrote anything.
        lines_waiting: Lines that wait for the orchestrator's log.
        undelivered: Job whose result waits.
        undelivered_since: Since when.
        failing: Scripts that failed when they last ran, and how often in a row.
        refused_at: Since when its credential is refused.
        disk_free_mib: Room where its storage is; None where that is not known.
        certificate_ends: End of the server's certificate.
        clock_off_s: By how much its clock is ahead of the server's; None where that is not known.
        paused: What `pause` says of it, empty where it is not paused.
        version: Of the program.
        problems: What is wrong.
    """

    name: str
    folder: str = ""
    host: str = ""
    doing: str = ""
    since: str = ""
    pid: int | None = None
    job: str = ""
    script: str = ""
    progress: str = ""
    last_job: str = ""
    last_script: str = ""
    last_outcome: str = ""
    last_ended_at: str = ""
    exit_code: int | None = None
    error: str = ""
    every_min: int | None = None
    scheduled_at: str = ""
    next_start: str = ""
    seen_at: str = ""
    lines_waiting: int = 0
    undelivered: str = ""
    undelivered_since: str = ""
    failing: tuple[tuple[str, int], ...] = ()
    refused_at: str = ""
    disk_free_mib: int | None = None
    certificate_ends: str = ""
    clock_off_s: int | None = None
    paused: str = ""
    version: str = ""
    problems: tuple[Problem, ...] = ()


def unseen(name: str, folder: str, host: str, kind: str, text: str) -> Sight:
    """Return a robot, or a place of robots, that could not be looked at; `kind` is `unreadable` or `absent`."""
    return Sight(name, folder, host, doing=kind, problems=(Problem(kind, text),))


def sight_of(
    name: str, folder: str, now: Now, told: tuple[Mapping[str, object], str], schedule: Mapping[str, object]
) -> Sight:
    """Return a robot from what its lock and journals tell, its status.json, and its schedule.json."""
    status, wrong = told
    last, waiting = _part(status, "last_job"), _part(status, "undelivered")
    every = schedule.get("every_min")
    undelivered = str(waiting.get("job") or "") or (now.job if now.undelivered else "")
    return Sight(
        name,
        folder,
        doing=now.doing,
        since=now.since,
        pid=now.pid,
        job=now.job if now.pid or not now.undelivered else "",
        script=now.script if now.pid else "",
        progress=now.progress,
        last_job=_text(last, "job"),
        last_script=_text(last, "script"),
        last_outcome=_text(last, "outcome"),
        last_ended_at=_text(last, "ended_at"),
        exit_code=now.exit_code,
        error=now.last_error,
        every_min=every if isinstance(every, int) else None,
        scheduled_at=_text(schedule, "installed_at"),
        seen_at=max(now.since, _text(status, "at")),
        lines_waiting=now.lines_waiting or _number(status, "lines") or 0,
        undelivered=undelivered,
        undelivered_since=_text(waiting, "since") or (now.since if undelivered else ""),
        failing=_failing(status),
        refused_at=_text(status, "refused_at"),
        disk_free_mib=_number(status, "disk_free_mib"),
        certificate_ends=_text(status, "certificate_ends"),
        clock_off_s=_number(status, "clock_off_s"),
        paused=now.paused,
        version=_text(status, "version"),
        problems=(
            *(Problem(kind, text) for kind, text in zip(now.kinds, now.look, strict=True)),
            *([Problem("damaged", wrong)] if wrong else ()),
        ),
    )


def _failing(status: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    told = _part(status, "failing")
    return tuple((str(script), _number(_part(told, script), "times") or 0) for script in told)


def _part(told: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = told.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(told: Mapping[str, object], key: str) -> str:
    value = told.get(key)
    return value if isinstance(value, str) else ""


def _number(told: Mapping[str, object], key: str) -> int | None:
    value = told.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
