"""A thread that makes the calls of the owner thread: a wait for an answer can be given up, a call itself cannot.

No signal ends what a thread waits for in a socket: Python goes on with it after the handler, and under Windows Ctrl-C
does not even come to the thread that waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import attrs


@attrs.frozen(eq=False)
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


@attrs.define(eq=False)
class Caller:
    """Makes calls, one after the other.

    Its thread is started with the first one, before any script, and kept: a script may use up what another would need.
    """

    _asked: SimpleQueue[tuple[Callable[[], Any], Woken] | None] = attrs.field(factory=SimpleQueue)
    _thread: threading.Thread | None = None

    def begin(self, call: Callable[[], Any], woken: Woken) -> None:
        """Let the call be made; what comes of it is put into `woken`."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_make_calls, args=[self._asked], name="calls", daemon=True)
            self._thread.start()
        self._asked.put((call, woken))

    def end(self) -> None:
        """Let the thread end, after the call that it makes now."""
        self._asked.put(None)


def _make_calls(asked: SimpleQueue[tuple[Callable[[], Any], Woken] | None]) -> None:
    while order := asked.get():
        call, woken = order
        try:
            woken.put(Came(call()))
        except BaseException as error:  # it belongs to the thread that waits, and ends this one's turn only
            woken.put(Came(error=error))
