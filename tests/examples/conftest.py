from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.own_robot import OwnRobot

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnRobot]:
    """A copy of the example that the test names by `indirect`: as a user takes it."""
    folder = tmp_path / request.param
    shutil.copytree(EXAMPLES / request.param, folder, ignore=shutil.ignore_patterns("__pycache__", "state"))
    robot = OwnRobot(folder)
    yield robot
    robot.close()
