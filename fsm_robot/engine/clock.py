"""Time as the robot reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def utc_now(self) -> str:
        """Return the moment as ISO 8601 in UTC with microseconds and a `Z`."""
        return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
