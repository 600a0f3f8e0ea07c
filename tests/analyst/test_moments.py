from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import attrs
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.analyst.eventlog.activities import Run, View, activities_of, robot_name
from fsm_robot.analyst.eventlog.moments import STAMP, on_one_clock
from fsm_robot.engine.journal.record import Record
from tests.fakes.journals import JournalMaker, Told, done

NIGHT: list[Told] = ["nothing_left", *done(1), *done(2), "no_job"]
BEGAN = datetime(2026, 11, 23, 10, tzinfo=UTC)
YEAR = timedelta(days=365)


def told(offsets: Sequence[timedelta]) -> list[Record]:
    """A run with a step a second, whose clock was so far off at each."""
    records = JournalMaker().records(NIGHT)
    steps = iter(offsets)
    return [
        record
        if record.kind != "step"
        else attrs.evolve(record, values={**record.values, "at": (_true(record) + next(steps)).strftime(STAMP)})
        for record in records
    ]


def _true(record: Record) -> datetime:
    return BEGAN + timedelta(seconds=record.values["mono"])


def stamps(records: Sequence[Record]) -> list[datetime]:
    return [
        datetime.strptime(record.values["at"], STAMP).replace(tzinfo=UTC) for record in records if record.kind == "step"
    ]


STEPS = sum(record.kind == "step" for record in JournalMaker().records(NIGHT))
OFFSETS = st.sampled_from([timedelta(0)] * 6 + [YEAR, -YEAR, timedelta(seconds=-2), timedelta(hours=1)])


@given(place=st.integers(0, STEPS - 1), off=st.sampled_from([YEAR, -YEAR]))
def test_one_reading_a_year_ahead_or_behind_moves_no_other(place: int, off: timedelta) -> None:
    """It alone is worked out, and to the moment that it was: the first one and the last one, too."""
    offsets = [timedelta(0)] * STEPS
    offsets[place] = off
    records, repaired = on_one_clock(told(offsets))

    assert repaired == 1
    assert stamps(records) == [BEGAN + timedelta(seconds=number) for number in range(STEPS)]
    lines = list(activities_of(Run("1", robot_name(records[0].values), records), View(events=True)))
    assert all(line.at.startswith("2026-11-23") for line in lines)


@given(st.lists(OFFSETS, min_size=STEPS, max_size=STEPS))
def test_whatever_the_clock_did_moments_never_go_back(offsets: list[timedelta]) -> None:
    """And the steps keep their order and their monotonic time; a clock that was never wrong is left alone."""
    before = told(offsets)
    records, repaired = on_one_clock(before)

    assert all(one <= other for one, other in pairwise(stamps(records)))
    assert [record.values.get("mono") for record in records] == [record.values.get("mono") for record in before]
    assert repaired == sum(one.values != other.values for one, other in zip(before, records, strict=True))
    if all(one <= other for one, other in pairwise(stamps(before))) and offsets[0] == offsets[-1] == timedelta(0):
        assert records is before


def test_clock_that_was_set_back_for_good_loses_the_shorter_part() -> None:
    """Set back by an hour after 4 of 13 steps: the nine behind it are believed, the four before it count back from them."""
    offsets = [timedelta(hours=1)] * 4 + [timedelta(0)] * (STEPS - 4)
    records, repaired = on_one_clock(told(offsets))

    assert repaired == 4
    assert stamps(records) == [BEGAN + timedelta(seconds=number) for number in range(STEPS)]


@given(st.integers(0, 999_999))
def test_header_that_is_stamped_a_moment_behind_the_first_step_is_no_wrong_clock(late_us: int) -> None:
    """A robot writes both at its start, and the header's clock is read last."""
    header, *rest = told([timedelta(0)] * STEPS)
    began = (BEGAN + timedelta(microseconds=late_us)).strftime(STAMP)
    records = [attrs.evolve(header, values={**header.values, "started_at": began}), *rest]

    assert on_one_clock(records) == (records, 0)
