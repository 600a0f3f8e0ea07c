"""What happened: the machine's input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

LEAVING = ("interrupted", "interrupted_again")
"""What comes into the inbox when the robot is told to leave, and told once more."""


@attrs.frozen
class Event:
    """Something that happened.

    One class with a name, not a class per event, so that a machine file may bring its own events.

    Attributes:
        name: As in the machine file: past tense, snake_case.
        data: JSON values that say more; they go into the journal, so no secret and no Task content.
        job_run: Number of the job within this run that the event speaks of, or None where it speaks of none.
            The runner ignores an event of another job than the current one.
    """

    name: str
    data: Mapping[str, Any] = attrs.field(factory=dict)
    job_run: int | None = None


def as_spelled(name: str, known: Iterable[str]) -> str:
    """Return the one of `known` that people read as `name`: `й` may be one character or two, and nobody sees which."""
    if name.isascii():
        return name
    import unicodedata  # only names that were not found pay for it

    composed = unicodedata.normalize("NFC", name)
    return next((other for other in known if unicodedata.normalize("NFC", other) == composed), name)
