"""`paused.json` in a storage folder: an operator keeps a robot from asking for jobs; docs/operations.md has its form.

Whatever cannot be read counts as a pause: somebody has put the file there, and a robot that works through a maintenance
does more harm than one that waits for a person.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import attrs

from fsm_robot.robot.settings import PAUSED_NAME
from fsm_robot.system.held import PATIENCE, put_whole

_READABLE = 0o644
"""For every reader of the storage folder, which is the account's own: an administrator may have written it."""


@attrs.frozen
class Pause:
    """A pause of a robot.

    Attributes:
        since: When it was ordered, ISO 8601 in UTC; empty where the file does not tell.
        until: When it is over, likewise; empty for one that lasts until `fsm-robot resume`.
        problem: Why the file cannot be believed; the robot is paused all the same.
    """

    since: str = ""
    until: str = ""
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"paused by a file that {self.problem}; `fsm-robot resume` deletes it"
        since = f" since {self.since}" if self.since else ""
        return f"paused{since}{f', until {self.until}' if self.until else ', until `fsm-robot resume`'}"


def in_force(storage: Path, now: str) -> Pause | None:
    """Return the pause of a robot, or None where there is none or it is over.

    Args:
        storage: Its storage folder.
        now: The moment, ISO 8601 in UTC.
    """
    path = storage / PAUSED_NAME
    try:
        text = PATIENCE.content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Pause(problem=f"cannot be read: {error.strerror or error}")
    pause = _read(text)
    over = pause.until and datetime.fromisoformat(pause.until) <= datetime.fromisoformat(now)
    return None if over else pause


def begin(storage: Path, pause: Pause) -> None:
    """Pause a robot; one that is paused has this pause from now on. Raises `OSError`."""
    text = json.dumps({key: value for key, value in attrs.asdict(pause).items() if value}) + "\n"
    put_whole(storage / PAUSED_NAME, text.encode("ascii"), mode=_READABLE)


def end(storage: Path) -> bool:
    """Let a robot ask for jobs again; return whether it was paused, or had been. Raises `OSError`."""
    path = storage / PAUSED_NAME
    try:
        PATIENCE.until_free(path, path.unlink)
    except FileNotFoundError:
        return False
    return True


def moment_meant(word: str, now: datetime) -> datetime:
    """Return the moment that a person means: `18:30` (the next one), or a date with or without a time, of local time.

    Args:
        word: What was typed; a date with a time may carry its zone.
        now: The moment, aware.

    Raises:
        ValueError: It is none, or it is over; the text says what to type.
    """
    local = now.astimezone()
    try:
        if len(word) <= len("18:30"):
            meant = _next(word, local)
        else:
            meant = datetime.fromisoformat(word)
            meant = meant.astimezone()  # what has no zone is of this machine
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{word!r} is not a moment; write 18:30, 2026-12-24 or 2026-12-24T06:00") from None
    if meant <= now:
        raise ValueError(f"{word} is over; it is {local:%Y-%m-%dT%H:%M} now")
    return meant.astimezone(UTC)


def _next(word: str, local: datetime) -> datetime:
    from datetime import time, timedelta

    clock = time.fromisoformat(word)
    # Without a zone, and then with that of its own day: the clock may be put forward in the night between.
    today = datetime.combine(local.date(), clock)
    return today.astimezone() if today.astimezone() > local else (today + timedelta(days=1)).astimezone()


def _read(text: bytes) -> Pause:
    if not text.strip():
        return Pause()  # `touch` makes one, too
    try:
        told = json.loads(text)
        since, until = (str(told.get(key, "")) for key in ("since", "until"))
        aware = all(datetime.fromisoformat(each).tzinfo for each in (since, until) if each)
    except (ValueError, AttributeError, RecursionError):
        return Pause(problem="is not of the form that `fsm-robot pause` writes")
    return Pause(since, until) if aware else Pause(problem="tells a moment without its zone")
