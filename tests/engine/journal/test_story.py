from __future__ import annotations

from pathlib import Path

from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.record import Reading, Record
from fsm_robot.engine.journal.story import state_at, story
from fsm_robot.engine.journal.taken import taken_in
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.robot.unsettled import told_of_job
from tests.fakes.world import definition_of_the_robot

RECORDED = Path(__file__).parents[2] / "journals"
DEFINITION = definition_of_the_robot()


STOPPED = read_file(RECORDED / "stop-ran-out.jsonl")


def test_story_has_a_line_per_step_with_state_event_call_and_answer() -> None:
    """A run reads from top to bottom, and each call stands with its answer."""
    lines = story(STOPPED)
    text = "\n".join(lines)

    assert lines[0].startswith("a run of the machine robot, fsm_robot recorded, started 2026-11-23T")
    assert lines[1].split() == ["step", "time", "(UTC)", "after", "state", "event", "call", "answer"]
    (consumed,) = [line for line in lines if "Consuming -> Claiming" in line][:1]
    assert consumed.split()[-3:] == ["job_consumed", "claim_job", "job_claimed"]
    assert "stop_ordered (inbox)" in text
    assert "(waits)" in text
    assert 'script="' in text or "script=" in text


def test_story_until_a_step_ends_there() -> None:
    """What came later is not told."""
    lines = story(STOPPED, 2)

    assert any(line.startswith("2 ") for line in lines)
    assert not any(line.startswith("3 ") for line in lines)


def test_state_at_a_step_tells_state_job_and_what_may_come() -> None:
    """The moment in words: since when, what is at work, which job, what would be allowed."""
    seq = next(r.values["seq"] for r in STOPPED.records if r.values.get("event", {}).get("name") == "stop_ordered")
    text = "\n".join(state_at(STOPPED, seq, DEFINITION, told_of_job))

    assert f"state     Stopping, since step {seq}" in text
    assert "callback  ask_script_to_stop is due" in text
    assert "its end is not known yet, not reported" in text
    assert "allowed   script_ended, abort_ordered, grace_ended" in text
    assert "next      " in text


def test_state_at_a_step_before_and_after_the_job_has_none_open() -> None:
    """A job is open from its record to its report, and not longer."""
    reported = next(r.values["seq"] for r in STOPPED.records if r.values.get("event", {}).get("name") == "job_reported")

    assert "  job       none is open" in state_at(STOPPED, 0, DEFINITION, told_of_job)
    assert "  job       none is open" in state_at(STOPPED, reported, DEFINITION, told_of_job)


def test_story_of_hostile_texts_stays_on_its_lines() -> None:
    """A line break or an escape sequence in an event does not reach the terminal."""
    values = {"seq": 0, "kind": "taken", "dest": "A", "event": {"name": "x", "data": {"text": "a\nb\x1b[31m" * 50}}}
    text = "\n".join(story(Reading([Record("step", values, "")])))

    assert "\x1b" not in text
    assert "a\\nb\\x1b[31m" in text
    assert all(len(line) < 300 for line in text.splitlines())


def test_taken_counts_states_transitions_and_pairs() -> None:
    """The path in its order; a state that is only stayed in is not entered again."""
    runs = [read_file(file) for file in sorted(RECORDED.glob("*.jsonl"))]
    (reading, *_) = [run for run in runs if "Working--robot_forgotten-->Working" in taken_in([run.records]).path]
    taken = taken_in([reading.records])

    assert taken.path[:2] == ("Recovering--nothing_left-->Ready", "Ready--job_found-->Consuming")
    assert taken.states["Recovering"] == 1
    assert sum(taken.transitions.values()) == len(taken.path)
    assert sum(taken.pairs.values()) == len(taken.path) - 1
    entered = sum(1 for key in taken.path if not key.endswith("--robot_forgotten-->Working"))
    assert sum(taken.states.values()) <= entered + 1


def test_taken_speaks_the_names_of_the_machine_file() -> None:
    """Old journals count on a drawing of the renamed machine."""
    text = (RECORDED.parent.parent / "states.yaml").read_text(encoding="utf-8").replace("Stopping", "Halting")
    renamed = compile_text(text + "\nrenamed: {Stopping: Halting}\n", "x")

    taken = taken_in([STOPPED.records], renamed)

    assert taken.states["Halting"] == 1
    assert taken.transitions["Working--stop_ordered-->Halting"] == 1
