"""The one inbox: heartbeat, script, timers and signals post here; only the owner thread takes."""

from __future__ import annotations

from queue import Empty, SimpleQueue

import attrs

from fsm_robot.machine.events import Event


@attrs.define(eq=False, repr=False)
class QueueInbox:
    """An inbox on `SimpleQueue`, whose `put` is safe inside a signal handler.

    Locks and conditions of `threading` are not: a handler that runs while its own thread holds one never returns.
    """

    _events: SimpleQueue[Event] = attrs.field(factory=SimpleQueue)
    _wake: SimpleQueue[None] = attrs.field(factory=SimpleQueue)
    _told_to_leave: int = 0

    def post(self, event: Event) -> None:
        """Add an event, from any thread."""
        self._events.put(event)

    def take(self) -> Event:
        """Wait for the next event."""
        return self._events.get()

    def tell_to_leave(self, reason: str) -> None:
        """Ask the robot to leave politely; a second call asks it to hurry. Safe in a signal handler."""
        self._told_to_leave += 1
        name = "interrupted" if self._told_to_leave == 1 else "interrupted_again"
        self._events.put(Event(name, {"reason": reason}))
        self._wake.put(None)

    def leaving(self) -> bool:
        """Return whether the robot has been told to leave."""
        return self._told_to_leave > 0

    def pause(self, seconds: float) -> bool:
        """Wait up to `seconds`; return True at once when the robot has been, or is now, told to leave."""
        if not self.leaving() and seconds > 0:
            try:
                self._wake.get(timeout=seconds)
            except Empty:
                return self.leaving()
        return self.leaving()
