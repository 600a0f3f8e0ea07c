"""Stamps of a run whose clock was set, or read wrongly once -> moments that never go back. Pure.

The clock of the machine says when a step was taken, `mono` how long after the start of the run. Where stamps go back,
some of them were wrong: the fewest that have to be are taken for those, and worked out from `mono` and the nearest
right one. A jump ahead alone is believed: a computer that slept looks the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import attrs

from fsm_robot.engine.journal.record import Record, steps_in

STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


class _Reading(NamedTuple):
    place: int
    at: datetime
    mono: float


def on_one_clock(records: Sequence[Record]) -> tuple[Sequence[Record], int]:
    """Return the records with stamps that do not go back, and how many stamps were worked out for it."""
    stamps = [step.at for step in steps_in(records)]
    if stamps == sorted(stamps):
        return records, 0
    readings = [found for place, record in enumerate(records) if (found := _reading(place, record)) is not None]
    right = _most_in_order(readings)
    repaired = list(records)
    following = _following(right, len(readings))
    earlier: _Reading | None = None
    for number, reading in enumerate(readings):
        if number in right:
            earlier = reading
        else:
            later = readings[following[number]] if following[number] < len(readings) else None
            at = _worked_out(reading, earlier, later)
            values = {**records[reading.place].values, "at": at.strftime(STAMP)}
            repaired[reading.place] = attrs.evolve(records[reading.place], values=values)
    return repaired, len(readings) - len(right)


def _reading(place: int, record: Record) -> _Reading | None:
    if record.kind != "step" or record.values.get("mono") is None:
        return None
    try:
        at = datetime.strptime(str(record.values.get("at", "")), STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return _Reading(place, at, float(record.values["mono"]))


def _most_in_order(readings: Sequence[_Reading]) -> set[int]:
    """Return the most readings that follow each other without going back: the longest such subsequence."""
    tails: list[datetime] = []
    at_tail: list[int] = []
    before: dict[int, int | None] = {}
    for number, reading in enumerate(readings):
        length = bisect_right(tails, reading.at)
        before[number] = at_tail[length - 1] if length else None
        tails[length : length + 1] = [reading.at]
        at_tail[length : length + 1] = [number]
    found: set[int] = set()
    last: int | None = at_tail[-1] if at_tail else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found


def _following(right: set[int], count: int) -> list[int]:
    """Return for each reading the number of the next right one, `count` where there is none."""
    found, following = [count] * count, count
    for number in range(count - 1, -1, -1):
        following = number if number in right else following
        found[number] = following
    return found


def _worked_out(wrong: _Reading, earlier: _Reading | None, later: _Reading | None) -> datetime:
    if earlier is None:
        assert later is not None, "one reading alone is in order"
        return later.at - timedelta(seconds=max(0.0, later.mono - wrong.mono))
    at = earlier.at + timedelta(seconds=max(0.0, wrong.mono - earlier.mono))
    return at if later is None else min(at, later.at)
