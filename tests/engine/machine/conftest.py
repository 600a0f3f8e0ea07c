from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in


@pytest.fixture
def states_yaml() -> str:
    return built_in().read_text(encoding="utf-8")


@pytest.fixture
def robot_definition() -> Definition:
    return machine_file.load_labelled(Path(built_in()), callback_names(Callbacks), OUTCOMES)


@pytest.fixture(scope="session")
def states_yaml_text() -> str:
    return built_in().read_text(encoding="utf-8")
