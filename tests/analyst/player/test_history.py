from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from fsm_robot.analyst.player.history import Run, shown_runs
from fsm_robot.analyst.player.texts import TEXTS
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.fakes.night import write_nights


def robot() -> Definition:
    return machine_file.load(built_in(), None, ())


def test_every_step_of_a_journal_is_shown_with_its_job(tmp_path: Path) -> None:
    """Steps, transitions, jobs and outcomes are the journal's own."""
    path = write_nights(tmp_path, robot(), runs=1)[0]
    records, _ = read_journal(path)

    shown: Any
    (shown,) = shown_runs([Run("night", records)], robot())

    steps = [record.values for record in records if record.kind == "step"]
    assert [step[0] for step in shown["steps"]] == [values["seq"] for values in steps]
    keys = [robot().transitions[step[7] - 1].key if step[7] else "" for step in shown["steps"]]
    assert keys == [values.get("transition", "") for values in steps]
    taken = [values["event"]["data"]["job"] for values in steps if values["event"]["name"] == "job_consumed"]
    assert [job["guid"] for job in shown["jobs"]] == taken
    assert all(job["outcome"] for job in shown["jobs"])
    assert shown["exit"] == 0


def test_marks_of_the_machine_room_are_left_out(tmp_path: Path) -> None:
    """Run token and digest of the task say nothing to a reader."""
    records, _ = read_journal(write_nights(tmp_path, robot(), runs=1)[0])

    shown: Any
    (shown,) = shown_runs([Run("night", records)], robot())

    assert "run_token" not in str(shown)
    assert "task_sha256" not in str(shown)


def test_a_transition_of_another_machine_has_number_nought(tmp_path: Path) -> None:
    """An old journal is shown on a new machine without a wrong line lit."""
    records, _ = read_journal(write_nights(tmp_path, robot(), runs=1)[0])
    records[2] = attrs.evolve(records[2], values={**records[2].values, "transition": "Ready--gone-->Nowhere"})

    shown: Any
    (shown,) = shown_runs([Run("night", records)], robot())

    assert [step[7] for step in shown["steps"]][:3] == [0, 0, 4]


def test_the_words_are_there_in_every_language() -> None:
    """No language lacks a text, or a value in one."""
    first, *others = TEXTS.values()

    for table in others:
        assert set(table) == set(first)
        assert all(table[key].count("{") == first[key].count("{") for key in first)
