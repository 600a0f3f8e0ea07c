"""What the callbacks of a robot of one's own may use: one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Clock, Inbox, Timers


@attrs.define(eq=False, repr=False)
class Context:
    """What a callback may use. The class `Callbacks` gets it where it takes one value.

    Attributes:
        log: `log.info("letter filed", customer="Ромашка")`, and `debug`, `warning`, `error`.
        clock: `monotonic()` for intervals in seconds, `utc_now()` for stamps.
        folder: The storage folder of the robot, absolute; what a robot keeps belongs there.
        settings: The section `[my]` of robot.toml, as the class `Callbacks.Settings` declares it; else None.
        step: The step that is being done: what happened, where the machine came from, where it is.
    """

    log: Log
    clock: Clock
    folder: Path
    settings: Any
    _inbox: Inbox
    _timers: Timers
    step: Step | None = None

    def pause(self, seconds: float) -> bool:
        """Wait; return True at once when the robot has been told to leave."""
        return self._inbox.pause(seconds)

    def leaving(self) -> bool:
        """Return whether the robot has been told to leave: Ctrl-C, SIGTERM, the end of the session."""
        return self._inbox.leaving()

    def post(self, event: str, data: Mapping[str, object] | None = None) -> None:
        """Bring an event that stands under `inbox` in the machine file; from any thread, a state that waits gets it."""
        self._inbox.post(Event(event, dict(data or {})))

    def after(self, seconds: float, event: str, data: Mapping[str, object] | None = None) -> Callable[[], None]:
        """Post an event later; return what cancels it. A time that belongs to a state stands in its `after` instead.

        Raises:
            OSError: The system has no thread left.
        """
        happened = Event(event, dict(data or {}))
        return self._timers.after(seconds, lambda: self._inbox.post(happened))
