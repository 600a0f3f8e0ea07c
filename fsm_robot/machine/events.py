"""The old path of `Event`, for callbacks that were written for 0.1: it warns, and it works."""

from __future__ import annotations

import warnings


def __getattr__(name: str) -> object:
    if name != "Event":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fsm_robot.engine.machine.events import Event

    text = "fsm_robot.machine.events.Event is fsm_robot.engine.Event now; the old path goes away with version 1.0"
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return Event
