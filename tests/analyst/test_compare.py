from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from fsm_robot.analyst.drawing.compare import Difference, compare, comparison_table
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.engine.journal.record import Reading
from fsm_robot.engine.journal.replay import replay
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition, Labels
from fsm_robot.robot.machine import built_in
from tests.fakes.night import write_nights

Change = tuple[str, str, tuple[str, str, str, str, str, str]]
TEXT = built_in().read_text(encoding="utf-8")
CHANGES: list[Change] = [
    (
        "{trigger: report_refused, source: Reporting, dest: Ready}",
        "{trigger: report_refused, source: Reporting, dest: Faulted, exit_code: 4}",
        ("changed", "transition", "Reporting: report_refused", "dest", "Ready", "Faulted"),
    ),
    (
        "source: Consuming, dest: Ready, at_most: 3",
        "source: Consuming, dest: Ready, at_most: 5",
        ("changed", "transition", "Consuming: consume_answer_lost", "at_most", "3", "5"),
    ),
    (
        "{trigger: no_job, source: Ready, dest: Finished, exit_code: 0}",
        "{trigger: no_job, source: Ready, dest: Finished, exit_code: 9}",
        ("changed", "transition", "Ready: no_job", "exit_code", "0", "9"),
    ),
    (
        "source: Working, dest: Working, kind: internal",
        "source: Working, dest: Stopping",
        ("changed", "transition", "Working: robot_forgotten", "kind", "internal", "external"),
    ),
    (
        "retry: {for_s: 60,",
        "retry: {for_s: 90,",
        ("changed", "callback", "announce", "retry.for_s", "60", "90"),
    ),
    ("HasNewJob: {0: no_job,", "HasNewJob: {2: no_job,", ("changed", "callback", "announce", "codes.HasNewJob.2", "", "no_job")),
    ("stop_ran_out: 3", "stop_ran_out: 5", ("changed", "outcome", "stop_ran_out", "", "3", "5")),
    ("machine: robot", "machine: other", ("changed", "machine", "other", "name", "robot", "other")),
    (
        "  - {trigger: contact_lost, source: Working, dest: Stopping}\n",
        "  - {trigger: contact_lost, source: Working, dest: Aborting}\n",
        ("changed", "transition", "Working: contact_lost", "dest", "Stopping", "Aborting"),
    ),
]  # fmt: skip


def robot() -> Definition:
    return compile_text(TEXT, "states.yaml")


def changed(before: str, after: str) -> Definition:
    assert before in TEXT
    return compile_text(TEXT.replace(before, after, 1), "new.yaml")


@pytest.mark.parametrize(("before", "after", "expected"), CHANGES)
def test_each_kind_of_change_is_told(before: str, after: str, expected: tuple[str, ...]) -> None:
    """Where it leads, what it is, codes, budgets, policies, outcomes: each with the value before and now."""
    found = compare(robot(), changed(before, after)).differences

    assert Difference(*expected) in found


def test_a_machine_is_no_different_from_itself() -> None:
    """Neither titles nor the place in the file are a difference."""
    moved = compile_text("\n\n" + TEXT, "moved.yaml")

    aside = tuple(attrs.evolve(edge, column=edge.column + 1) for edge in moved.transitions)

    comparison = compare(robot(), attrs.evolve(moved, labels=Labels(), transitions=aside))

    assert comparison.differences == ()
    assert comparison.marks.states == {}
    assert comparison.marks.edges == {}
    assert comparison_table(comparison, []) == "The two machines do the same.\n"


def test_a_state_that_came_and_one_that_went_are_both_on_the_drawing() -> None:
    """The drawing holds both machines; marks tell which part is of which."""
    new = _with_waiting()

    there, back = compare(robot(), new), compare(new, robot())

    assert there.marks.states["Waiting"] == "added"
    assert back.marks.states["Waiting"] == "removed"
    for comparison in (there, back):
        names = {state.name for state in comparison.union.states}
        assert names == {state.name for state in new.states}
    marked = {there.union.transitions[number - 1].key: mark for number, mark in there.marks.edges.items()}
    assert marked == {
        "Claiming--claim_failed-->Waiting": "changed",
        "Claiming--claim_failed-->Reporting": "removed",
        "Waiting--waited-->Reporting": "added",
    }


def _with_waiting() -> Definition:
    text = TEXT.replace(
        "  - {trigger: claim_failed, source: Claiming, dest: Reporting}\n",
        "  - {trigger: claim_failed, source: Claiming, dest: Waiting}\n"
        "  - {trigger: waited, source: Waiting, dest: Reporting}\n",
    )
    text = text.replace("\ntransitions:", "  - {name: Waiting, on_enter: wait}\n\ntransitions:")
    return compile_text(text.replace("\ncallbacks:", "\ncallbacks:\n  wait: {answers: [waited]}"), "new.yaml")


def test_recorded_runs_that_would_go_another_way_are_named_with_their_step(tmp_path: Path) -> None:
    """The runs with a failed claim differ at that step, the others not at all."""
    runs = [read_journal(path)[0] for path in write_nights(tmp_path, robot())]
    concerned = [any(r.values.get("event", {}).get("name") == "claim_failed" for r in records) for records in runs]

    found = [replay(Reading(records), _with_waiting()).divergence for records in runs]

    assert True in concerned
    assert False in concerned
    assert [each is not None for each in found] == concerned
    first = next(each for each in found if each)
    assert (first.event, first.recorded) == ("claim_failed", "goes to Reporting, calls report_outcome")
    assert first.now == "goes to Waiting, calls wait"


def test_an_event_that_is_not_handled_any_more_diverges(tmp_path: Path) -> None:
    """The sentence names the event and what is handled there."""
    records, _ = read_journal(write_nights(tmp_path, robot(), runs=1)[0])
    definition = robot()
    without = attrs.evolve(
        definition, transitions=tuple(edge for edge in definition.transitions if edge.trigger != "job_claimed")
    )

    found = replay(Reading(records), without).divergence

    assert found is not None
    assert found.event == "job_claimed"
    assert "Claiming" in found.now
    assert "job_claimed" in found.now


def test_a_run_does_not_diverge_from_its_own_machine(tmp_path: Path) -> None:
    """Every journal replays on the machine that wrote it."""
    for path in write_nights(tmp_path, robot()):
        assert replay(Reading(read_journal(path)[0]), robot()).divergence is None


def test_the_table_is_markdown_whatever_the_names_are() -> None:
    """A bar in a name does not end a cell."""
    new = compile_text(TEXT.replace("machine: robot", "machine: 'a|b'"), "new.yaml")

    table = comparison_table(compare(robot(), new), [("run", None)])

    assert "a\\|b" in table
    assert "the same" in table
