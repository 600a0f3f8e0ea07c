"""What has changed since the last look: a line for each, and who is told, but not again and again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from fsm_robot.fleet.sight import SCHEMA, Problem, Sight

MOST_NAMED = 500
"""How many troubles one call of a command may name; what is beyond stands in the log."""


@attrs.frozen
class Known:
    """A trouble of a robot that has been seen.

    Attributes:
        began_at: When it was seen first.
        told_at: When somebody was last told of it; empty where nobody was.
        over_at: When it was seen no more; empty while it lasts.
    """

    began_at: str
    told_at: str = ""
    over_at: str = ""


@attrs.frozen
class Trouble:
    """A trouble, and whose it is."""

    robot: str
    host: str
    folder: str
    problem: Problem

    @property
    def key(self) -> str:
        """What it is known by: not its sentence, which counts minutes."""
        return "\n".join((self.host, self.folder or self.robot, self.problem.kind, _what(self.problem)))

    def to_json(self) -> dict[str, object]:
        """Return it as who is told reads it."""
        return {"robot": self.robot, "host": self.host, "folder": self.folder, **attrs.asdict(self.problem)}


@attrs.frozen
class Changes:
    """What came of a look.

    Attributes:
        known: What is known now.
        lines: One for each change.
        began: Troubles that somebody should be told of.
        over: Those that are over, of which somebody was told.
    """

    known: Mapping[str, Known]
    lines: tuple[str, ...] = ()
    began: tuple[Trouble, ...] = ()
    over: tuple[str, ...] = ()


def troubles_of(sights: Sequence[Sight]) -> Iterator[Trouble]:
    """Return every trouble of every robot."""
    for sight in sights:
        for problem in sight.problems:
            yield Trouble(sight.name, sight.host, sight.folder, problem)


def changes(known: Mapping[str, Known], sights: Sequence[Sight], now: str, tell_every_min: float) -> Changes:
    """Compare a look with what was known.

    Args:
        known: From the last look.
        sights: All robots, as they are seen now.
        now: ISO moment.
        tell_every_min: A trouble that comes and goes is told of once in this time.
    """
    here = {trouble.key: trouble for trouble in troubles_of(sights)}
    after: dict[str, Known] = {}
    lines, began, over = [], [], []
    for key, trouble in here.items():
        before = known.get(key)
        if before is None or before.over_at:
            lines.append(f"began  {_of(trouble)}")
            may_tell = before is None or _minutes(before.told_at, now) >= tell_every_min
            told_at = now if may_tell else (before.told_at if before else "")
            after[key] = Known(now, told_at)
            began += [trouble] if may_tell else []
        else:
            after[key] = before
    for key, before in known.items():
        if key in here:
            continue
        if not before.over_at:
            words = _words(key)
            lines.append(f"over   {words}, it lasted since {before.began_at}")
            over += [words] if before.told_at else []
            after[key] = attrs.evolve(before, over_at=now)
        elif _minutes(before.over_at, now) < max(tell_every_min, 1.0):
            after[key] = before  # it may come again
    return Changes(after, tuple(lines), tuple(began), tuple(over))


def message(found: Changes, sights: Sequence[Sight], fleet: str, now: str) -> dict[str, object]:
    """Return what the command that notifies reads."""
    sick = sorted({f"{sight.host}:{sight.name}" if sight.host else sight.name for sight in sights if sight.problems})
    return {
        "schema": SCHEMA,
        "at": now,
        "fleet": fleet,
        "began": [trouble.to_json() for trouble in found.began[:MOST_NAMED]],
        "over": list(found.over[:MOST_NAMED]),
        "sick": sick,
        "robots": len(sights),
    }


def _of(trouble: Trouble) -> str:
    name = f"{trouble.host}:{trouble.robot}" if trouble.host else trouble.robot
    return f"{name}: {trouble.problem.kind}: {trouble.problem.text}"


def _what(problem: Problem) -> str:
    """Return what tells two troubles of one kind of one robot apart: two scripts may fail."""
    script, known, _ = problem.text.partition(" failed ")
    return script if known and problem.kind == "failing" else ""


def _words(key: str) -> str:
    host, folder, kind, what = (*key.split("\n"), "", "", "", "")[:4]
    return f"{host}:{folder}: {kind}{f' ({what})' if what else ''}" if host else f"{folder}: {kind}"


def _minutes(since: str, now: str) -> float:
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds() / 60
    except (ValueError, TypeError):
        return float("inf")
