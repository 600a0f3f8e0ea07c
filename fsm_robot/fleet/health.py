"""What is seen of a robot -> what is wrong with it. Every threshold, and every sentence, is here. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.fleet.sight import Problem, Sight

KINDS = (
    *("unreadable", "absent", "never", "died", "crashed", "ended", "silent", "damaged", "forgotten"),
    *("late", "failing", "undelivered", "refused", "certificate", "disk", "clock"),
)
"""Every kind of trouble that a robot can have. Those of the first line are seen, those of the second are rules."""
DOING_NOTHING = frozenset({"idle", "died", "crashed", "never ran"})
LEAST_SLACK_MIN = 5.0


@attrs.frozen
class Rules:
    """From when on something is wrong. See `[health]` of docs/configuration.md, which has the same names.

    Attributes:
        late_min: How long past its time a robot may start: its own interval at most, and this at least.
        failures: How often in a row a script may fail.
        undelivered_min: How long a result may wait.
        certificate_days: How long before its end a certificate should be renewed.
        disk_reserve_mib: What must be free.
        clock_s: By how much the clock may differ from the server's.
    """

    late_min: float = LEAST_SLACK_MIN
    failures: int = 3
    undelivered_min: float = 60.0
    certificate_days: float = 14.0
    disk_reserve_mib: int = 500
    clock_s: int = 60


def judged(sight: Sight, rules: Rules, now: str) -> Sight:
    """Return what is seen of a robot, with everything that is wrong with it; `now` is an ISO moment."""
    # A result that waits is judged by how long it does, and a refused credential by its own rule.
    seen = [problem for problem in sight.problems if problem.kind != "undelivered"]
    if sight.refused_at:
        seen = [problem for problem in seen if not (problem.kind == "ended" and sight.exit_code == _REFUSED_EXIT)]
    return attrs.evolve(sight, problems=(*seen, *_rules_broken(sight, rules, _moment(now))))


def next_start(sight: Sight) -> str:
    """Return when a robot should start at the latest, as ISO 8601; empty where no clock starts it, or it runs."""
    last = max((moment for moment in (_moment(sight.seen_at), _moment(sight.scheduled_at)) if moment), default=None)
    if sight.every_min is None or last is None or sight.doing not in DOING_NOTHING:
        return ""
    try:
        return (last + timedelta(minutes=sight.every_min)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return ""  # beyond every calendar


def _rules_broken(sight: Sight, rules: Rules, now: datetime | None) -> Iterator[Problem]:
    if now is None:
        return
    yield from _late(sight, rules, now)
    for script, times in sight.failing:
        if times >= rules.failures:
            yield Problem("failing", f"script {script} failed {counted(times, 'time')} in a row", "")
    waits_s = _seconds(sight.undelivered_since, now)
    if sight.undelivered and waits_s is not None and waits_s >= rules.undelivered_min * 60:
        text = f"the result of job {sight.undelivered} was not delivered for {_span(waits_s)}"
        yield Problem("undelivered", text, sight.undelivered_since)
    if sight.refused_at:
        text = f"the orchestrator refuses its credential since {sight.refused_at[:16]}Z"
        yield Problem("refused", text, sight.refused_at)
    ends = _moment(sight.certificate_ends)
    if ends is not None and ends - now < timedelta(days=rules.certificate_days):
        when = f"ends in {counted(max(0, (ends - now).days), 'day')}" if ends > now else "has ended"
        yield Problem("certificate", f"the server's certificate {when}, on {sight.certificate_ends[:10]}", "")
    if sight.disk_free_mib is not None and sight.disk_free_mib < rules.disk_reserve_mib:
        yield Problem(
            "disk", f"{sight.disk_free_mib} MiB are free, less than the {rules.disk_reserve_mib} of reserve", ""
        )
    if sight.clock_off_s is not None and abs(sight.clock_off_s) > rules.clock_s:
        way = "ahead of" if sight.clock_off_s > 0 else "behind"
        yield Problem("clock", f"its clock is {abs(sight.clock_off_s)} s {way} the server's", "")


def _late(sight: Sight, rules: Rules, now: datetime) -> Iterator[Problem]:
    due = _moment(next_start(sight))
    if due is None or sight.every_min is None:
        return
    # A machine that is busy starts things late; one that was asleep starts them when it wakes.
    slack_s = max(rules.late_min, min(sight.every_min, LEAST_SLACK_MIN)) * 60
    late_s = (now - due).total_seconds()
    if late_s > slack_s:
        since = due.isoformat().replace("+00:00", "Z")
        yield Problem("late", f"it should have started at {since[:16]}Z, {_span(late_s)} ago, and did not", since)


_REFUSED_EXIT = 3


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _seconds(since: str, now: datetime) -> float | None:
    moment = _moment(since)
    return None if moment is None else (now - moment).total_seconds()


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
