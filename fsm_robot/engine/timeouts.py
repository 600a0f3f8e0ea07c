"""The time that a state may last: `after` of the machine file, as events that come through the inbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from fsm_robot.engine.machine.definition import Definition, State, Timeout
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Inbox, Timers
from fsm_robot.errors import StateTimeError


@attrs.frozen(eq=False, repr=False)
class TimedOut(Event):
    """A time that is over; `visit` is the number of the stay in a state that it counted for."""

    visit: int = 0


def calls_needed(definition: Definition) -> int:
    """Return how many calls of `Timers.after` the states of a machine have at a time.

    One for a state that has just been left, whose action may be under way, and one for that which was entered.
    """
    return 2 if any(state.after for state in definition.states) else 0


@attrs.define(eq=False, repr=False)
class Timeouts:
    """Counts from the moment when a state is entered; leaving it, or entering it again, ends the count.

    Attributes:
        timers: One call at a time is enough for all entries of a state.
        inbox: Gets the events.
        settings: Setting, such as `scripts.stop_grace_s` -> seconds.
    """

    timers: Timers
    inbox: Inbox
    settings: Mapping[str, float] = attrs.field(factory=dict)
    _visit: int = 0
    _cancel: Callable[[], None] | None = None

    def enter(self, state: State) -> None:
        """Begin to count for a state that is entered; what counted for the one before ends.

        Raises:
            StateTimeError: A setting has no value, or the system has no thread left.
        """
        self.end()
        if state.after:
            self._begin(state)

    def end(self) -> None:
        """End the count: none of its events counts any more, also where one lies in the inbox already."""
        self._visit += 1
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def is_over(self, event: Event) -> bool:
        """Return whether an event speaks of a stay that has ended meanwhile: then it has not happened."""
        return isinstance(event, TimedOut) and event.visit != self._visit

    def _begin(self, state: State) -> None:
        due = sorted(((self._seconds(state, each), each) for each in state.after), key=lambda entry: entry[0])
        visit = self._visit

        def come() -> float | None:
            passed_s, timeout = due.pop(0)
            more = {"setting": timeout.setting} if timeout.setting else {}
            self.inbox.post(TimedOut(timeout.event, {"after_s": passed_s, **more}, visit=visit))
            return due[0][0] - passed_s if due else None

        try:
            self._cancel = self.timers.after(due[0][0], come)
        except OSError as error:
            raise StateTimeError(f"state {state.name}: its `after` cannot be counted: {error}") from error

    def _seconds(self, state: State, timeout: Timeout) -> float:
        if not timeout.setting:
            return timeout.seconds
        if timeout.setting not in self.settings:
            raise StateTimeError(f"state {state.name}: there is no setting {timeout.setting!r} for its `after`")
        return self.settings[timeout.setting]
