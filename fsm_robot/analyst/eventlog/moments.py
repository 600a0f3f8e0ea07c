"""Stamps of a run whose clock was set, or read wrongly once -> moments that never go back. Pure.

The clock of the machine says when a step was taken, `mono` how long after the start of the run. Where stamps go back,
some of them were wrong: the fewest that have to be are taken for those, and worked out from `mono` and the nearest
right one. What the header and the end of a journal say of the time counts with them, so the first step and the last one
are contradicted as well. A jump ahead alone is believed: a computer that slept looks the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import attrs

from fsm_robot.engine.journal.record import Record, steps_in

SAYS = {"header": "started_at", "step": "at", "end": "at"}
"""Kind of a record -> what of it tells the time."""
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
_MOMENT = timedelta(seconds=1)


class _Reading(NamedTuple):
    place: int
    at: datetime
    mono: float


def on_one_clock(records: Sequence[Record]) -> tuple[Sequence[Record], int]:
    """Return the records with stamps that do not go back, and how many stamps were worked out for it."""
    stamps = [step.at for step in steps_in(records)]
    stamps[:0] = [_started(record, stamps) for record in records[:1] if record.kind == "header"]
    stamps += [_stamp(record) for record in records[-1:] if record.kind == "end"]
    if stamps == sorted(stamps):
        return records, 0
    readings = [found for place, record in enumerate(records) if (found := _reading(place, record)) is not None]
    # Of the header and a first step that is before it one is wrong: the step, so the header counts twice.
    if readings and records[readings[0].place].kind == "header":
        started = readings[0]._replace(at=_moment(stamps[0]) or readings[0].at)
        readings[:1] = [started, started]
    right = _most_in_order(readings)
    repaired = list(records)
    following = _following(right, len(readings))
    earlier: _Reading | None = None
    wrong = 0
    for number, reading in enumerate(readings):
        if number in right:
            earlier = reading
        elif records[reading.place].kind == "step":
            wrong += 1
            later = readings[following[number]] if following[number] < len(readings) else None
            at = _worked_out(reading, earlier, later)
            values = {**records[reading.place].values, "at": at.strftime(STAMP)}
            repaired[reading.place] = attrs.evolve(records[reading.place], values=values)
    return (repaired, wrong) if wrong else (records, 0)


def _started(header: Record, steps: Sequence[str]) -> str:
    """Return the header's stamp; it is put on a moment behind that of the first step, and is no later than it."""
    stamp = _stamp(header)
    if not steps or stamp <= steps[0]:
        return stamp
    started, first = _moment(stamp), _moment(steps[0])
    return steps[0] if started is not None and first is not None and started - first < _MOMENT else stamp


def _stamp(record: Record) -> str:
    return str(record.values.get(SAYS[record.kind], ""))


def _reading(place: int, record: Record) -> _Reading | None:
    # The end has no time of its own since the start, and needs none: nothing comes behind it.
    mono = {"header": 0.0, "end": math.inf}.get(record.kind, record.values.get("mono"))
    if record.kind not in SAYS or mono is None:
        return None
    at = _moment(_stamp(record))
    return None if at is None else _Reading(place, at, float(mono))


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


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
        since_s = max(0.0, later.mono - wrong.mono)
        return later.at - timedelta(seconds=since_s if since_s < math.inf else 0.0)
    at = earlier.at + timedelta(seconds=max(0.0, wrong.mono - earlier.mono))
    return at if later is None else min(at, later.at)
