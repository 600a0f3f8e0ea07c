"""The machine of this robot: the file that comes with it, and one of a user's own, checked against what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fsm_robot
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.settings import times

REPEATABLE = frozenset({"settle_last_run", "announce", "leave_session"})
"""Callbacks that do no harm when a run that the power ended has called them and the next one does not know it.

What is left of the last job is looked for by its traces, a heartbeat is a heartbeat, and the session is over anyway. So
their steps are written and not synced: among them that a report has arrived, for a final status sent twice is the same.
"""


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
