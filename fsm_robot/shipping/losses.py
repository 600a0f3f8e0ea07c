"""Lines that will not be seen: counted, with the reason and the time they were of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

import attrs

from fsm_robot.shipping.line import Line, moment


@attrs.define
class Losses:
    """What was lost and is not told yet.

    Attributes:
        count: How many lines.
        reasons: How many for which reason.
        since_s: Of when the first of them is, in seconds since 1970; None where nobody knows.
        until_s: Of when the last one is.
        jobs: The jobs that they are of, where that is known.
    """

    count: int = 0
    reasons: dict[str, int] = attrs.field(factory=dict)
    since_s: float | None = None
    until_s: float | None = None
    jobs: set[str] = attrs.field(factory=set)

    def add(self, count: int, reason: str, at_s: float | None = None, job: str = "") -> None:
        """Count lines."""
        self.count += count
        self.reasons[reason] = self.reasons.get(reason, 0) + count
        if at_s is not None:
            self.since_s = at_s if self.since_s is None else min(self.since_s, at_s)
            self.until_s = at_s if self.until_s is None else max(self.until_s, at_s)
        self.jobs |= {job} if job else set()

    def add_lines(self, lines: Iterable[Line], reason: str) -> None:
        """Count these."""
        for line in lines:
            self.add(1, reason, line.at_s, line.job)

    def told(self, zone: tzinfo | None) -> str:
        """Return it in one sentence."""
        why = "; ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        when = ""
        if self.since_s is not None and self.until_s is not None:
            when = f" between {moment(self.since_s, zone)} and {moment(self.until_s, zone)}"
        lines = "1 line is" if self.count == 1 else f"{self.count} lines are"
        return f"{lines} missing here{when}: {why}"
