from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.robot_folder import RobotFolder
from tests.sdk.places import Place, RobotPlace

WAYS = ("folder", "try", "robot")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Play each case in two of the three places; which one is left out, the case's name decides.

    So a test with many cases meets every place, and every place many cases. `SDK_PLACES=all` plays all of them,
    `SDK_PLACES=1` and `2` leave out the other ones. Under Windows, where each start of a Python takes a second, a case is
    played in one place.
    """
    rotation = os.environ.get("SDK_PLACES", "0")
    if rotation == "all":
        return
    left_out = [item for item in items if _is_left_out(item, int(rotation))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_left_out(item: pytest.Item, rotation: int) -> bool:
    spec = getattr(item, "callspec", None)
    way = spec.params.get("place") if spec is not None else None
    if way not in WAYS or Path(__file__).parent not in item.path.parents:
        return False
    case: str = item.name.replace(f"[{way}", "[", 1)
    is_chosen = bool(WAYS[(zlib.crc32(case.encode()) + rotation) % len(WAYS)] == way)
    return not is_chosen if os.name == "nt" else is_chosen


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each place in which a script can be, one after the other."""
    if request.param != "robot":
        yield Place(request.param, tmp_path / "data")
        return
    yield request.getfixturevalue("robot_place")


@pytest.fixture
def folder_place(tmp_path: Path) -> Place:
    """The cheapest place, for what does not depend on it."""
    return Place("folder", tmp_path / "data")


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
