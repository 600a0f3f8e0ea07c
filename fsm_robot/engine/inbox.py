"""The one inbox: heartbeat, script, timers and signals post here; only the owner thread takes.

Whatever the owner thread waits for, it waits in a `SimpleQueue` that who tells it to leave puts something into. So no
signal has to end a wait: under Windows none can, elsewhere one that comes just before the wait does not.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

import attrs

from fsm_robot.engine.calls import Caller, Woken
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Answer, Wait, words_until
from fsm_robot.errors import LeavingError

LASTS_S = 0.05
"""How long a wait is one of those that nobody would see."""

Word = TypeVar("Word")


@attrs.define(eq=False, repr=False)
class QueueInbox:
    """An inbox on `SimpleQueue`, whose `put` is safe inside a signal handler.

    Locks and conditions of `threading` are not: a handler that runs while its own thread holds one never returns.

    Attributes:
        lasting: Called by who waits, once a wait lasts: what others see of the robot is for them to read, and a job
            that is over in moments would pay for each of its states.
    """

    lasting: Callable[[], object] = lambda: None
    _events: SimpleQueue[Event] = attrs.field(factory=SimpleQueue)
    _woken: Woken = attrs.field(factory=SimpleQueue)
    _caller: Caller = attrs.field(factory=Caller)
    _told_to_leave: int = 0

    def post(self, event: Event) -> None:
        """Add an event, from any thread."""
        self._events.put(event)

    def take(self) -> Event:
        """Wait for the next event."""
        return self._next(self._events)

    def tell_to_leave(self, reason: str) -> None:
        """Ask the robot to leave politely; a second call asks it to hurry. From any thread, and in a signal handler."""
        self._told_to_leave += 1
        name = "interrupted" if self._told_to_leave == 1 else "interrupted_again"
        self._events.put(Event(name, {"reason": reason}))
        self._woken.put(None)

    def leaving(self) -> bool:
        """Return whether the robot has been told to leave."""
        return self._told_to_leave > 0

    def pause(self, seconds: float) -> bool:
        """Wait up to `seconds`; return True at once when the robot has been, or is now, told to leave."""
        woken = self._woken_by_the_next_word()
        if seconds > LASTS_S:
            self.lasting()
        if not self.leaving() and seconds > 0:
            try:
                woken.get(timeout=seconds)
            except Empty:
                return self.leaving()
        return self.leaving()

    def wait_for(self, call: Callable[[], Answer], how_long: Wait) -> Answer:
        """See `ports.Inbox.wait_for`. A call that is given up goes on by itself, and nobody hears of it."""
        enough = words_until(how_long, self._told_to_leave)
        woken, caller = self._woken_by_the_next_word(), self._caller
        try:
            caller.begin(call, woken)
        except OSError:
            # Without a thread for it the call is made here, and nobody is heard meanwhile: better than no robot.
            self.lasting()
            return call()
        while self._told_to_leave < enough:
            came = self._next(woken)
            if came is not None:
                answer: Answer = came.result()
                return answer
        # That call may go on for as long as calls may: the next one, if there is one, is not made behind it.
        self._caller = Caller()
        caller.end()
        raise LeavingError

    def close(self) -> None:
        """End the thread that makes the calls."""
        self._caller.end()

    def _next(self, queue: SimpleQueue[Word]) -> Word:
        try:
            return queue.get(timeout=LASTS_S)
        except Empty:
            self.lasting()
            return queue.get()

    def _woken_by_the_next_word(self) -> Woken:
        # A new one for each wait: no answer comes into it that an earlier wait has given up. What was said before tells
        # the counter, which is looked at after this.
        woken = self._woken = SimpleQueue()
        return woken
