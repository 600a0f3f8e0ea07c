"""The old path of `Callbacks`, for callbacks that were written for 0.1: it warns, and it works."""

from __future__ import annotations

import warnings


def __getattr__(name: str) -> object:
    if name != "Callbacks":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fsm_robot.robot.callbacks import Callbacks

    text = "fsm_robot.callbacks.Callbacks is fsm_robot.robot.callbacks.Callbacks now; the old path goes away with 1.0"
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return Callbacks
