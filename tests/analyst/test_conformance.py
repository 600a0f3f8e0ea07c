from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fsm_robot.analyst.eventlog.activities import Run
from fsm_robot.analyst.eventlog.conformance import Fit, fit_of, fitness
from fsm_robot.engine.journal.record import read_lines
from tests.fakes.journals import JournalMaker, Told, done, job, lines_of
from tests.fakes.world import definition_of_the_robot

NIGHT: list[Told] = ["nothing_left", *done(1), *done(2, outcome="failed", status=5), "no_job"]
Written = list[tuple[str, dict[str, Any]]]


def fit(events: list[Told] = NIGHT, spoil: Callable[[Written], None] = lambda written: None, **maker: Any) -> Fit:
    written = JournalMaker(**maker).values(events)
    spoil(written)
    return fit_of(Run("1", "robot-1", read_lines(lines_of(written))[0]), definition_of_the_robot())


def at_step(written: Written, event: str) -> int:
    return next(i for i, (kind, values) in enumerate(written) if kind == "step" and values["event"]["name"] == event)


GOOD: dict[str, list[Told]] = {
    "idle": ["nothing_left", "no_job"],
    "night": NIGHT,
    "taken over": [("result_left", job(outcome="lost")), "job_reported", "no_job"],
    "internal, ignored and late": [
        "nothing_left", "job_found", ("job_consumed", job()), "job_claimed", "robot_forgotten", "grace_ended",
        "late:script_ended", "stop_ordered", "stop_ordered", "grace_ended", "abort_ordered",
        ("script_ended", {"outcome": "aborted"}), "job_reported", "robot_unknown",
    ],
    "budget spent": ["nothing_left", "job_found", "job_gone", "job_found", "job_gone"],
    "budget anew": ["nothing_left", "job_found", "job_gone", *done(), "job_found", "job_gone", "no_job"],
}  # fmt: skip


@pytest.mark.parametrize("events", GOOD.values(), ids=GOOD.keys())
def test_run_of_the_machine_fits_the_machine(events: list[Told]) -> None:
    """What the machine itself did is never a deviation."""
    found = fit(events)

    assert found.deviations == ()
    assert found.fitness == 1.0
    assert not found.other_machine


def test_step_that_is_missing_is_named_where_it_is_missed() -> None:
    """The next step shows it: where the robot was, what could come there, what came."""
    found = fit(spoil=lambda written: written.pop(at_step(written, "job_claimed")) and None)

    (deviation,) = found.deviations
    assert (deviation.step, deviation.state, deviation.came) == (5, "Claiming", "script_ended")
    assert "job_claimed" in deviation.expected
    assert "steps are missing before it" in deviation.message
    assert 0 < found.fitness < 1


def test_event_that_the_machine_does_not_handle_is_named() -> None:
    """An event that was swapped for another is the deviation, once, and what follows is believed."""

    def spoil(written: Written) -> None:
        written[at_step(written, "job_claimed")][1]["event"]["name"] = "no_job"

    (deviation,) = fit(spoil=spoil).deviations
    assert (deviation.step, deviation.state, deviation.came) == (4, "Claiming", "no_job")
    assert deviation.message.startswith(
        "event no_job came in state Claiming, which handles job_consumed".replace("job_consumed", "job_claimed")
    )


def test_event_that_led_elsewhere_is_named() -> None:
    """The right event with the wrong destination is a deviation too."""

    def spoil(written: Written) -> None:
        number = at_step(written, "job_claimed")
        written[number][1]["dest"] = written[number + 1][1]["source"] = "Stopping"

    (deviation,) = fit(spoil=spoil).deviations
    assert (deviation.expected, deviation.came) == (("Working",), "Stopping")


def test_budget_that_was_overdrawn_is_named() -> None:
    """The replay counts as the machine does."""

    def spoil(written: Written) -> None:
        for _, values in written[at_step(written, "job_found") + 3 :]:
            if values.get("event", {}).get("name") == "job_gone":
                values.update(dest="Ready", transition="Consuming--job_gone-->Ready")
        extra = dict(written[2][1], event={"name": "no_job"}, source="Ready", dest="Finished")
        written.insert(-1, ("step", extra))

    (deviation,) = fit(["nothing_left", "job_found", "job_gone", "job_found", "job_gone"], spoil).deviations
    assert deviation.expected == ("Finished",)
    assert "budget is spent" in deviation.message


def test_event_that_the_machine_does_not_ignore_is_named() -> None:
    """Ignored by the journal, not by the machine."""

    def spoil(written: Written) -> None:
        written[at_step(written, "grace_ended")][1]["event"]["name"] = "stop_ordered"

    (deviation,) = fit(GOOD["internal, ignored and late"], spoil).deviations
    assert "does not ignore it" in deviation.message


def test_run_that_was_killed_is_told_from_one_that_ended() -> None:
    """The last state is named, and the fitness says that something is open."""
    found = fit(["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"])

    (deviation,) = found.deviations
    assert "ends in state Working, which is not final" in deviation.message
    assert found.fitness == pytest.approx(1 - 1 / 5)


@pytest.mark.parametrize("kept", [0, 1])
def test_journal_without_its_beginning_or_without_steps_does_not_fit(kept: int) -> None:
    """No step, no fitness; and a run that does not begin with its start says so first."""

    def spoil(written: Written) -> None:
        del written[1 : None if kept == 0 else 2]

    found = fit(spoil=spoil)

    assert found.fitness < 1
    expected = "the journal has no step" if kept == 0 else "the journal does not begin with the start of the run"
    assert found.deviations[0].message == expected


def test_fitness_is_never_below_nothing_even_when_everything_is_wrong() -> None:
    """A journal of another machine altogether has a fitness from 0 to 1."""

    def spoil(written: Written) -> None:
        for _, values in written[1:-1]:
            values.update(source="Nowhere", dest="Elsewhere", event={"name": "nothing_known"})

    found = fit(spoil=spoil)

    assert found.fitness == 0
    assert any("which the machine does not have" in deviation.message for deviation in found.deviations)


def test_run_of_another_version_of_the_machine_is_marked() -> None:
    """It may fit all the same."""
    definition = definition_of_the_robot()
    assert fit(definition=attrs.evolve(definition, outcomes={**definition.outcomes, "failed": 3})).other_machine


def test_fitness_of_a_log_weighs_runs_by_their_steps() -> None:
    """One broken idle run among good ones costs little, and a log without runs fits."""
    broken = fit(["nothing_left"])

    assert broken.fitness < fitness([broken, fit(), fit()]) < 1
    assert fitness([]) == 1.0
