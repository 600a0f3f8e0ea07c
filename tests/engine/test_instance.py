from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from fsm_robot.engine.instance import holder, only_instance
from fsm_robot.errors import InstanceRunningError, JournalError

MOMENT = "2026-11-23T10:00:00Z"


def test_an_error_of_the_run_is_not_taken_for_one_of_the_lock(tmp_path: Path) -> None:
    """What a run raises passes through as it is, and the locks are free behind it."""
    guid = str(uuid.uuid4())

    with pytest.raises(FileNotFoundError, match=r"prices\.csv"), only_instance(guid, tmp_path, MOMENT):
        raise FileNotFoundError("prices.csv")

    with only_instance(guid, tmp_path, MOMENT):
        assert holder(tmp_path) is not None


def test_second_robot_of_a_folder_names_the_first_and_leaves_it_alone(tmp_path: Path) -> None:
    """Told off, whichever of the two locks it meets first; what the first one holds stays held."""
    guid = str(uuid.uuid4())

    with only_instance(guid, tmp_path / "one", MOMENT):
        for again, storage in ((guid, "one"), (str(uuid.uuid4()), "one"), (guid, "two")):
            with (
                pytest.raises(InstanceRunningError, match="already runs"),
                only_instance(again, tmp_path / storage, MOMENT),
            ):
                pytest.fail("two robots of one GUID or folder")


def test_folder_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is one sentence."""
    (tmp_path / "state").write_text("no folder")

    with (
        pytest.raises(JournalError, match=r"state: the lock .* cannot be taken"),
        only_instance(str(uuid.uuid4()), tmp_path / "state", MOMENT),
    ):
        pytest.fail("there is no folder")
