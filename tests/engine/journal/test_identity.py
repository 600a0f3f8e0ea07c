from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.journal.identity import robot_identity
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor
from tests.fakes.world import FakeClock

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "11111111-d9cb-469f-a165-70867728950e"


def a_run(folder: Path, guid: str) -> dict[str, str]:
    """Write a journal as the robot does, and return what its header says of the robot."""
    identity = robot_identity(folder, guid)
    written = JournalFile(folder, {"format": 1, "robot": identity}, FakeClock(), Redactor.for_guid(guid))
    written.append(Step(0, Event("started"), "started", "", "Recovering"))
    written.end(0)
    return identity


def test_runs_of_a_robot_have_one_identity_whatever_the_case_of_its_guid(tmp_path: Path) -> None:
    """A log can put the runs of a robot together."""
    assert a_run(tmp_path, GUID) == a_run(tmp_path, GUID.upper())


def test_other_robot_in_the_same_folder_has_another_identity(tmp_path: Path) -> None:
    """A folder that was given to another robot does not mix the two."""
    assert a_run(tmp_path, GUID)["sha256"] != a_run(tmp_path, OTHER)["sha256"]


def test_same_robot_in_two_folders_cannot_be_linked(tmp_path: Path) -> None:
    """Each folder draws its own salt, so a table of hashes of known GUIDs finds nothing twice."""
    assert a_run(tmp_path / "a", GUID) != a_run(tmp_path / "b", GUID)


def test_guid_is_not_in_the_identity(tmp_path: Path) -> None:
    """The GUID is the password."""
    assert GUID.replace("-", "") not in json.dumps(a_run(tmp_path, GUID)).replace("-", "")


@pytest.mark.parametrize("tail", [b"", b'{"record":"header"', b"[1]\n", b"\xff\xfe\n"])
def test_salt_survives_a_newest_journal_that_cannot_be_read(tmp_path: Path, tail: bytes) -> None:
    """A power loss in the first line of a run does not give the robot a new name."""
    before = a_run(tmp_path, GUID)
    (tmp_path / "000002-20261123T000000Z.jsonl").write_bytes(tail)

    assert robot_identity(tmp_path, GUID) == before
