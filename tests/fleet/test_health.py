"""What is wrong with a robot, by what is seen of it: each rule on both sides of its threshold, alone and together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.fleet.health import KINDS, Rules, judged, next_start
from fsm_robot.fleet.sight import Problem, Sight

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEALTHY = Sight("анна", "/r/anna", doing="idle", exit_code=0)


def moment(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def kinds(sight: Sight, rules: Rules | None = None) -> list[str]:
    return [problem.kind for problem in judged(sight, rules or Rules(), moment()).problems]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"every_min": 10, "seen_at": moment(minutes=14)}, ""),
        ({"every_min": 10, "seen_at": moment(minutes=16)}, "late"),
        ({"every_min": None, "seen_at": moment(days=16)}, ""),
        ({"every_min": 10, "seen_at": moment(days=1), "doing": "Working", "pid": 7}, ""),
        ({"every_min": 10, "seen_at": moment(days=1), "doing": "died"}, "late"),
        ({"every_min": 10, "seen_at": moment(days=1), "scheduled_at": moment(minutes=3)}, ""),
        ({"every_min": 10, "seen_at": "", "scheduled_at": moment(minutes=33)}, "late"),
        ({"failing": (("счета", 2),)}, ""),
        ({"failing": (("счета", 3),)}, "failing"),
        ({"undelivered": "g", "undelivered_since": moment(minutes=59)}, ""),
        ({"undelivered": "g", "undelivered_since": moment(minutes=61)}, "undelivered"),
        ({"refused_at": moment(minutes=1)}, "refused"),
        ({"certificate_ends": moment(days=-15)}, ""),
        ({"certificate_ends": moment(days=-13)}, "certificate"),
        ({"certificate_ends": moment(days=1)}, "certificate"),
        ({"disk_free_mib": 500}, ""),
        ({"disk_free_mib": 499}, "disk"),
        ({"disk_free_mib": 0}, "disk"),
        ({"clock_off_s": 60}, ""),
        ({"clock_off_s": -61}, "clock"),
    ],
)
def test_each_rule_has_two_sides(changes: dict[str, Any], kind: str) -> None:
    """And none of them speaks of what another one is about."""
    assert kinds(attrs.evolve(HEALTHY, **changes)) == ([kind] if kind else [])


def test_result_that_waits_is_judged_by_how_long_and_a_refusal_is_said_once() -> None:
    """What the journal says of them at once becomes a trouble when it is one."""
    seen = (Problem("undelivered", "job g waits"), Problem("ended", "its last run ended with exit code 3"))
    sight = attrs.evolve(HEALTHY, exit_code=3, refused_at=moment(minutes=9), problems=seen)

    assert kinds(sight) == ["refused"]
    assert kinds(attrs.evolve(sight, refused_at="")) == ["ended"]


def test_next_start_is_what_the_schedule_promises() -> None:
    """From the last sign of life, or from its installation."""
    assert next_start(attrs.evolve(HEALTHY, every_min=10, seen_at=moment(minutes=4))) == moment(minutes=-6)
    assert next_start(HEALTHY) == ""


TEXTS = st.one_of(st.just(""), st.just("x"), st.datetimes().map(str), st.just(moment(days=400)), st.text(max_size=9))


@given(
    st.fixed_dictionaries(
        {
            "seen_at": TEXTS,
            "scheduled_at": TEXTS,
            "undelivered": TEXTS,
            "undelivered_since": TEXTS,
            "refused_at": TEXTS,
            "certificate_ends": TEXTS,
            "every_min": st.one_of(st.none(), st.integers(-1, 10**18)),
            "disk_free_mib": st.one_of(st.none(), st.integers(-5, 1 << 50)),
            "clock_off_s": st.one_of(st.none(), st.integers(-(10**12), 10**12)),
            "failing": st.lists(st.tuples(st.text(max_size=5), st.integers(-1, 9)), max_size=3).map(tuple),
        }
    )
)
def test_whatever_a_status_file_holds_is_judged(changes: dict[str, Any]) -> None:
    """A torn or a foreign one hides no robot, and a trouble is one of those that have a name."""
    found = judged(attrs.evolve(HEALTHY, **changes), Rules(), moment()).problems

    assert all(problem.kind in KINDS and problem.text for problem in found)
