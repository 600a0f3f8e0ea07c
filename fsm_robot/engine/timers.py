"""Actions that come due beside the owner thread, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import attrs

from fsm_robot.system import threads

SHORTEST_AGAIN_S = 0.05
BEGINNING_S = 0.05
"""How long cancelling waits for an action that has just begun: to show its first effect takes it far less."""

Action = Callable[[], float | None]


@attrs.define(eq=False, repr=False)
class ThreadTimers:
    """`ports.Timers` with a thread per call of `after`: an action that hangs holds up nobody else.

    A thread whose call is over waits for the next one, so the calls that a job needs can be made ready before it: those
    that the states need for their `after` too, whatever the script uses up.

    Attributes:
        log: Writes a line: level, sentence, values.
    """

    log: Callable[..., None]
    _idle: list[_Seat] = attrs.field(factory=list)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def prepare(self, calls: int) -> None:
        """See `ports.Timers.prepare`."""
        while len(self._idle) < calls:
            self._sit_down(_Seat(self._sit_down, self.log))

    def after(self, wait_s: float, action: Action) -> Callable[[], None]:
        """See `ports.Timers.after`."""
        with self._lock:
            seat = self._idle.pop() if self._idle else None
        return (seat or _Seat(self._sit_down, self.log)).take(_Call(action, wait_s, time.monotonic() + wait_s))

    def _sit_down(self, seat: _Seat) -> None:
        with self._lock:
            self._idle.append(seat)


@attrs.define(eq=False, repr=False)
class _Call:
    action: Action
    wait_s: float
    due_s: float
    running: bool = False
    over: bool = False
    returned: threads.Flag = attrs.field(factory=threads.Flag)


@attrs.define(eq=False, repr=False)
class _Seat:
    """A thread, and the call that it has now."""

    free: Callable[[_Seat], None]
    log: Callable[..., None]
    call: _Call | None = None
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    changed: SimpleQueue[None] = attrs.field(factory=SimpleQueue)

    def __attrs_post_init__(self) -> None:
        """Begin to wait for a call. Raises `OSError`: there is no thread left."""
        threads.start("timer", self._serve, self._failed)

    def take(self, call: _Call) -> Callable[[], None]:
        """Begin a call; return what cancels it."""
        with self.lock:
            self.call = call
        self.changed.put(None)
        return lambda: self._cancel(call)

    def _cancel(self, call: _Call) -> None:
        with self.lock:
            call.over = True
            running = call.running
            freed = self.call is call and not running
            if freed:
                self.call = None
        if freed:
            # At once, not when the thread looks next: who leaves one state and enters another needs no second thread.
            # It is not woken for that: it looks when the call would have been due, or another one is taken.
            self.free(self)
        # Between the decision to begin and the first effect of the action lies a moment that no flag can show.
        if running:
            call.returned.wait(BEGINNING_S)

    def _serve(self) -> None:
        while True:
            call = self._due()
            try:
                wait_s = call.action()
            finally:
                call.returned.set()
            self._next(call, wait_s)

    def _due(self) -> _Call:
        """Return a call whose time has come and which nobody has cancelled."""
        while True:
            with self.lock:
                call, left_s, freed = self.call, None, False
                if call is not None and call.over:
                    self.call, freed = None, True
                elif call is not None:
                    left_s = min(call.due_s - time.monotonic(), threading.TIMEOUT_MAX)
                    if left_s <= 0:
                        call.running, call.returned = True, threads.Flag()
                        return call
            if freed:
                self.free(self)
            try:
                self.changed.get(timeout=left_s)
            except Empty:
                continue

    def _next(self, call: _Call, wait_s: float | None) -> None:
        with self.lock:
            call.running = False
            if wait_s is None:
                call.over = True
            else:
                call.wait_s, call.due_s = wait_s, time.monotonic() + wait_s

    def _failed(self, error: BaseException) -> bool:
        # Whoever waits for what the action brings would wait for ever without another call. It comes after the same
        # wait as before, never sooner: it may have sent a heartbeat before it failed.
        call = self.call
        if call is not None:
            again_s = max(call.wait_s, SHORTEST_AGAIN_S)
            call.due_s = time.monotonic() + again_s
            self.log(
                "error",
                "timer.failed",
                "the action of a timer failed, retrying",
                wait_s=again_s,
                error=repr(error),
            )
        return True
