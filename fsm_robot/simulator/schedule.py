"""Virtual time: what is due next happens next, and nothing takes longer than it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush

import attrs

MOST_ENTRIES = 200_000
"""A world with every fault on has a thousand or so, one in which nobody ends a script some ten thousand."""
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
_EPOCH_AS_TOLD = EPOCH.replace(tzinfo=None)


class StuckError(BaseException):
    """The robot waits and nothing will ever happen, or it is busy without end."""


@attrs.define(eq=False)
class Entry:
    """Something that is due; without an action it has been cancelled."""

    action: Callable[[], None] | None

    def cancel(self) -> None:
        """Let it not happen."""
        self.action = None


@attrs.define
class Schedule:
    """The one queue of everything that will happen, and the clock.

    Who waits runs the queue until what it waits for has happened, so there are no threads: the owner thread of the
    robot is the caller, everything else is an entry, and an entry never waits.
    """

    now_s: float = 0.0
    utc_ahead_s: float = 0.0
    _due: list[tuple[float, int, Entry]] = attrs.field(factory=list)
    _soon: list[Callable[[], None]] = attrs.field(factory=list)
    _entries: int = 0

    def after(self, wait_s: float, action: Callable[[], None]) -> Entry:
        """Let `action` happen in `wait_s`; of two at the same moment the one that was entered first comes first."""
        entry = Entry(action)
        self._entries += 1
        heappush(self._due, (self.now_s + wait_s, self._entries, entry))
        return entry

    def soon(self, action: Callable[[], None]) -> None:
        """Let `action` happen when the current entry is done, before anyone who waits goes on."""
        self._soon.append(action)

    def run_next(self) -> None:
        """Let the next entry happen.

        Raises:
            StuckError: There is none, or there have been far too many.
        """
        if not self._due:
            raise StuckError("the robot waits for something that never comes")
        self._run(*heappop(self._due))

    def run_until(self, moment_s: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen that is due up to `moment_s`, or until `enough` says so."""
        while not enough():
            if not self._due or self._due[0][0] > moment_s:
                self.now_s = max(self.now_s, moment_s)
                return
            self._run(*heappop(self._due))

    def _run(self, moment_s: float, _number: int, entry: Entry) -> None:
        if self._entries > MOST_ENTRIES:
            raise StuckError(f"the robot is busy without end: {MOST_ENTRIES} things happened")
        if entry.action is None:
            return
        self.now_s = max(self.now_s, moment_s)
        entry.action()
        while self._soon:
            self._soon.pop(0)()

    # ---- ports.Clock

    def monotonic(self) -> float:
        """See `ports.Clock.monotonic`."""
        return self.now_s

    def utc_now(self) -> str:
        """See `ports.Clock.utc_now`; a clock jump is in it."""
        return _stamp(self.now_s + self.utc_ahead_s)


@lru_cache(maxsize=16)
def _stamp(seconds: float) -> str:
    # Much is written down at one moment, and nothing of it takes time.
    moment = _EPOCH_AS_TOLD + timedelta(seconds=seconds)
    return f"{moment.isoformat(timespec='microseconds')}Z"
