"""What happened: the machine's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


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
