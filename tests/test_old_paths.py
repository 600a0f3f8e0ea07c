"""Callbacks that were written for 0.1 import from paths that have moved."""

from __future__ import annotations

import importlib

import pytest

from fsm_robot import engine
from fsm_robot.robot import callbacks

OLD = {
    "fsm_robot.callbacks": ("Callbacks", callbacks.Callbacks, "fsm_robot.robot.callbacks.Callbacks"),
    "fsm_robot.machine.events": ("Event", engine.Event, "fsm_robot.engine.Event"),
}


@pytest.mark.parametrize("module", OLD)
def test_old_path_gives_the_same_class_and_names_the_new_one(module: str) -> None:
    """Nobody's night run breaks by a new version, and whoever runs tests is told what to write."""
    name, kind, new = OLD[module]

    with pytest.warns(DeprecationWarning, match=new):
        found = getattr(importlib.import_module(module), name)

    assert found is kind


@pytest.mark.parametrize("module", OLD)
def test_old_path_has_no_other_names(module: str) -> None:
    """A misspelt name is an AttributeError, as everywhere."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        importlib.import_module(module).Nothing  # noqa: B018


@pytest.mark.parametrize(
    "name", ["job", "testing", "testing.world", "testing.plugin", "orchestrator.server", "orchestrator.store"]
)
def test_what_people_import_stays_where_it_is_without_a_warning(name: str, recwarn: pytest.WarningsRecorder) -> None:
    """These paths are promised."""
    importlib.import_module(f"fsm_robot.{name}")

    assert [warning for warning in recwarn if issubclass(warning.category, DeprecationWarning)] == []
