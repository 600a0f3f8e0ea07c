from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.eventlog.statistics import percentile, run_statistics
from tests.fakes.journals import JournalMaker, Told, done, job

NIGHT = ["nothing_left", *done(1), *done(2, "счета", "failed", 5), *done(3, "счета"), "no_job"]


def test_figures_of_a_night_count_visits_edges_and_outcomes() -> None:
    """Every visit, every edge and every job of the run is in the figures, once."""
    figures = run_statistics([JournalMaker().records(NIGHT)])

    assert (figures.runs, figures.cut_runs, figures.jobs) == (1, 0, 3)
    assert figures.states["Working"].entered == 3
    assert figures.states["Ready"].entered == 4
    assert figures.transitions["Ready--job_found-->Consuming"].taken == 3
    assert figures.transitions["Ready--job_found-->Consuming"].share == 0.75
    assert figures.transitions["Ready--no_job-->Finished"].share == 0.25
    assert figures.outcomes["succeeded"].jobs == 2
    assert figures.outcomes["failed"].share == pytest.approx(1 / 3)
    assert figures.failed_share == pytest.approx(1 / 3)
    assert figures.scripts["счета"].failed_share == 0.5
    assert figures.states["Working"].failed_share == pytest.approx(1 / 3)
    assert figures.states["Finished"].failed_share is None


def test_time_in_a_state_is_from_entering_it_to_leaving_it() -> None:
    """Events that change nothing do not end a visit, and the last state of a run has no time."""
    events: list[Told] = [
        "nothing_left",
        "job_found",
        ("job_consumed", job()),
        "job_claimed",
        "robot_forgotten",
        "grace_ended",
    ]
    figures = run_statistics(
        [JournalMaker(step_s=2.0).records([*events, ("script_ended", {"outcome": "failed"})], None)]
    )

    assert figures.states["Working"].median_s == 6.0
    assert figures.states["Claiming"].p95_s == 2.0
    assert figures.states["Reporting"].median_s is None
    assert figures.transitions["Working--robot_forgotten-->Working"].taken == 1
    assert figures.cut_runs == 1


def test_job_that_two_runs_dealt_with_is_one_job() -> None:
    """What the next life reports is the end of the job that the last one took."""
    first = JournalMaker().records(["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"], None)
    left = ("result_left", job(outcome="lost"))
    second = JournalMaker().records([left, ("job_reported", {"outcome": "lost"}), "no_job"])

    figures = run_statistics([first, second])

    assert figures.jobs == 1
    assert figures.outcomes["lost"].jobs == 1
    assert figures.states["Working"].failed_share == 1.0


def test_no_runs_give_empty_figures() -> None:
    """A robot that never ran has figures too."""
    figures = run_statistics([])

    assert (figures.runs, figures.jobs, figures.states, figures.failed_share) == (0, 0, {}, None)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[float], share: float) -> None:
    """By the definition, counted the slow way."""
    ordered = sorted(values)
    enough = [value for value in ordered if sum(other <= value for other in ordered) >= share * len(ordered) - 1e-9]

    assert percentile(ordered, share) == enough[0]
