"""The machine of this robot: the file that comes with it, and one of a user's own, checked against what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fsm_robot
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.settings import times


def built_in() -> Path:
    """Return states.yaml: inside the package in a wheel, beside it in a checkout."""
    package = Path(fsm_robot.__file__).parent
    inside = package / "states.yaml"
    return inside if inside.exists() else package.parent / "states.yaml"


def load(
    path: Path, kind: type[Callbacks] = Callbacks, cache_directory: Path | None = None, known: Sequence[str] = ()
) -> Definition:
    """Return a machine that takes jobs, checked against the callbacks of a class.

    Args:
        path: The machine file.
        kind: The class of its callbacks.
        cache_directory: See `machine_file.load`.
        known: Settings of a user's own that an `after` may name, besides those of robot.toml.

    Raises:
        DefinitionError: The file cannot be read, or is wrong.
    """
    names = (*times(), *known)
    return machine_file.load(path, callback_names(kind), OUTCOMES, cache_directory, times=names)
