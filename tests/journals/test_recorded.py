from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.taken import taken_in
from tests.fakes.world import definition_of_the_robot
from tests.journals.possible import possible_pairs
from tests.journals.record import record_all

HERE = Path(__file__).parent
CANNOT_FOLLOW = {
    # Told to leave, the robot does not wait between two tries: the result is kept, not undeliverable.
    ("Claiming--interrupted-->Reporting", "Reporting--report_undelivered-->Faulted"),
    # Staying in a state does not call its callback again, so the script cannot fail to start there.
    ("Working--robot_forgotten-->Working", "Working--script_not_started-->Reporting"),
}


@pytest.mark.journals(".")
def test_recorded_journal_replays_to_itself(journal: Path, replay_journal: Callable[..., Any]) -> None:
    """The machine of today decides every recorded run as it did when it was recorded."""
    assert replay_journal(journal).judgement == "identical"


def test_recorded_journals_take_every_transition_and_every_possible_pair() -> None:
    """No edge of states.yaml, and no two in a row, is without a recorded run."""
    definition = definition_of_the_robot()
    taken = taken_in(read_file(file).records for file in HERE.glob("*.jsonl"))

    assert set(taken.transitions) == {edge.key for edge in definition.transitions}
    assert set(taken.pairs) == possible_pairs(definition)


def test_pairs_that_are_adjacent_and_not_recorded_are_known_one_by_one() -> None:
    """What the robot cannot do although the drawing shows it stands here with its reason."""
    definition = definition_of_the_robot()
    edges = definition.transitions
    adjacent = {(one.key, other.key) for one in edges for other in edges if one.dest == other.source}

    assert adjacent - possible_pairs(definition) == CANNOT_FOLLOW


def test_recording_anew_gives_the_same_bytes(tmp_path: Path) -> None:
    """The journals are what `make journals` makes of the sources, to the byte."""
    record_all(tmp_path)

    old = {file.name: file.read_bytes() for file in HERE.glob("*.jsonl")}
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.jsonl")} == old


def test_recorded_journals_are_small_and_hold_no_real_guid() -> None:
    """A repository is no place for megabytes, nor for a GUID that could be somebody's robot."""
    texts = [file.read_text(encoding="utf-8") for file in HERE.glob("*.jsonl")]
    guids = {guid for text in texts for guid in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)}

    assert sum(len(text.encode()) for text in texts) < 512 * 1024
    assert all(guid.startswith("5c1e0000-0000-4000-8000-0000000000") for guid in guids)
