"""One line for the orchestrator's log: as a value, as a line of the spool, and several of them as one message. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby

import attrs

LEVELS = {"DEBUG": "Debug", "INFO": "Info", "WARNING": "Warning", "ERROR": "Error", "CRITICAL": "Critical"}
"""As scripts call them -> as the orchestrator calls them, the least first."""
LEVEL_NAMES = tuple(LEVELS.values())
LEVEL_NUMBERS = {
    "": {},
    "debug0": {"Debug": "0", "Info": "1", "Warning": "3", "Error": "4", "Critical": "5"},  # 2 is Notice
    "info1": {name: str(number) for number, name in enumerate(("Info", "Critical", "Error", "Warning", "Debug"), 1)},
}
"""For servers that take numbers: their table is published as a picture; `orchestrator probe` finds out which it is."""
IMPORTANT = ("Warning", "Error", "Critical")
LONGEST_CHARACTERS = 4000
LATEST_S = 250_000_000_000.0
"""Year 9892: there are no dates after it."""
LATE_S = 5.0
"""A line that is sent later than this tells its own time: the server stamps the arrival."""
BESIDE_BYTES = 300
"""What a line takes in memory besides its text."""


@attrs.define(eq=False)
class Line:
    """A line on its way.

    Attributes:
        level: As the orchestrator calls it.
        message: Without any secret, and cut to what is sent.
        at_s: When it was written, in seconds since 1970.
        job: GUID of its job, or empty.
        version: GUID of the process version, or empty.
        number: Its place in the spool; 0 while it has none.
        kept: Whether it is in the spool.
        handled: Whether it was sent or given up.
        size: Bytes that it takes, roughly.
    """

    level: str
    message: str
    at_s: float
    job: str = ""
    version: str = ""
    number: int = 0
    kept: bool = False
    handled: bool = False
    size: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Count once what the bounds are measured by."""
        self.size = BESIDE_BYTES + 2 * len(self.message)

    def as_json(self) -> bytes:
        """Return it as a line of the spool."""
        values = [self.number, round(self.at_s, 3), self.level, self.job, self.version, self.message]
        return json.dumps(values).encode("ascii") + b"\n"

    @classmethod
    def parsed(cls, data: bytes) -> Line | None:
        """Return what a line of the spool holds, None where it is none: a crash may have cut it."""
        try:
            number, at_s, level, job, version, message = json.loads(data)
        except (ValueError, TypeError, RecursionError):
            return None
        texts = (level, job, version, message)
        if not (isinstance(number, int) and isinstance(at_s, int | float) and all(isinstance(x, str) for x in texts)):
            return None
        if not 0 <= at_s < LATEST_S:
            return None  # no time that can be told
        return cls(level, cut(message), float(at_s), job, version, number, kept=True)

    def goes_with(self, other: Line) -> bool:
        """Return whether both may stand in one message: filters of the orchestrator look at level and job."""
        mine, its = (self.level, self.job, self.version), (other.level, other.job, other.version)
        return mine == its and self.level not in IMPORTANT


def level_of(name: str) -> str:
    """Return the orchestrator's word for a level of a script; one that nobody knows is Info."""
    return LEVELS.get(name.upper(), "Info")


def cut(text: str) -> str:
    """Return a text in the length that is sent: its beginning and its end."""
    if len(text) <= LONGEST_CHARACTERS:
        return text
    half = LONGEST_CHARACTERS // 2 - 20
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


def merged(lines: Sequence[Line], now_s: float, zone: tzinfo | None = UTC) -> str:
    """Return lines as one message; equal neighbours are counted, and what is late tells its time."""
    told = []
    for message, equal in groupby(lines, key=lambda line: line.message):
        same = list(equal)
        times = f" (x{len(same)})" if len(same) > 1 else ""
        told.append(f"{_stamp(same[0].at_s, now_s, zone)}{message}{times}")
    return "\n".join(told)


def moment(at_s: float, zone: tzinfo | None) -> str:
    """Return a time as the server writes it."""
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _stamp(at_s: float, now_s: float, zone: tzinfo | None) -> str:
    if now_s - at_s <= LATE_S:
        return ""
    then, now = moment(at_s, zone), moment(now_s, zone)
    return f"[{then[11:] if then[:10] == now[:10] else then}] "
