"""A thread that makes the calls of the owner thread: a wait for an answer can be given up, a call itself cannot.

No signal ends what a thread waits for in a socket: Python goes on with it after the handler, and under Windows Ctrl-C
does not even come to the thread that waits.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import attrs

from fsm_robot.system import threads


@attrs.frozen(eq=False, repr=False)
class Came:
    """How a call ended: with its answer, or with what it raised."""

    answer: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        """Return the answer, or raise what the call has raised."""
        if self.error is not None:
            raise self.error
        return self.answer


Woken = SimpleQueue[Came | None]
"""What the owner thread waits in: the end of its call comes into it, or None for a word that it may have to obey."""


@attrs.define(eq=False, repr=False)
class Caller:
    """Makes calls, one after the other.

    Its thread is started with the first one, before any script, and kept: a script may use up what another would need.
    """

    _asked: SimpleQueue[tuple[Callable[[], Any], Woken] | None] = attrs.field(factory=SimpleQueue)
    _under_way: Woken | None = None
    _begun: bool = False

    def begin(self, call: Callable[[], Any], woken: Woken) -> None:
        """Let the call be made; what comes of it is put into `woken`.

        Raises:
            OSError: The system has no thread for it.
        """
        if not self._begun:
            threads.start("calls", self._make_calls, self._failed)
            self._begun = True
        self._asked.put((call, woken))

    def end(self) -> None:
        """Let the thread end, after the call that it makes now."""
        self._asked.put(None)

    # ---- in its thread

    def _make_calls(self) -> None:
        while order := self._asked.get():
            call, self._under_way = order
            came = Came(call())
            self._under_way.put(came)
            self._under_way = None

    def _failed(self, error: BaseException) -> bool:
        """Hand what was raised to who waits for the call, and go on with the next one."""
        if self._under_way is not None:
            self._under_way.put(Came(error=error))
            self._under_way = None
        return True
