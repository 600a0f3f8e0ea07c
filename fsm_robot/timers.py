"""Actions that come due beside the owner thread, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs


@attrs.frozen(eq=False, repr=False)
class ThreadTimers:
    """`ports.Timers` with a thread per call of `after`: an action that hangs holds up nobody else."""

    def after(self, wait_s: float, action: Callable[[], float | None]) -> Callable[[], None]:
        """See `ports.Timers.after`."""
        cancelled = threading.Event()
        threading.Thread(target=_repeat, args=(wait_s, action, cancelled), name="timer", daemon=True).start()
        return cancelled.set


def _repeat(wait_s: float | None, action: Callable[[], float | None], cancelled: threading.Event) -> None:
    while wait_s is not None and not cancelled.wait(wait_s):
        wait_s = action()
