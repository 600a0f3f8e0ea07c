from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.robot_folder import RobotFolder
from tests.sdk.places import Place, RobotPlace

WAYS = ("folder", "try", "robot")


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each place in which a script can be, one after the other."""
    if request.param != "robot":
        yield Place(request.param, tmp_path / "data")
        return
    yield request.getfixturevalue("robot_place")


@pytest.fixture
def robot_place(tmp_path: Path) -> Iterator[RobotPlace]:
    """A robot as a real process, with an orchestrator in this one."""
    store = Store(tmp_path / "orchestrator.sqlite")
    with Orchestrator(store) as server:
        folder = RobotFolder(tmp_path, store, server)
        try:
            yield RobotPlace("robot", tmp_path / "data", robot=folder)
        finally:
            folder.close()
