"""What a robot of any kind stands on: the machine that decides, the journal that remembers, the loop between them.

`docs/engine.md` tells what may be imported from here, and what stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event

if TYPE_CHECKING:
    from fsm_robot.engine.context import Context
    from fsm_robot.engine.robot import Robot

__all__ = ("Context", "Event", "Robot", "Step")


def __getattr__(name: str) -> object:
    """Import the loop and what it needs with its first use: who only writes callbacks needs `Event`."""
    if name == "Robot":
        from fsm_robot.engine.robot import Robot

        return Robot
    if name == "Context":
        from fsm_robot.engine.context import Context

        return Context
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
