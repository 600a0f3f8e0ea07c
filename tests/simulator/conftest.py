from __future__ import annotations

import pytest

from fsm_robot.simulator.world import Setup
from tests.fakes.world import definition_of_the_robot


@pytest.fixture(scope="session")
def setup() -> Setup:
    """The built-in machine with the real callbacks, compiled once."""
    return Setup(definition_of_the_robot())
