"""A process that is alive, as both systems tell it."""

from __future__ import annotations

import attrs


@attrs.frozen
class Process:
    """A process that is alive.

    Attributes:
        pid: Its number, which the system may give to another one later.
        created: When it was created, in the system's own words; with the pid it names one process only.
        name: For people.
        parent: Number of the process that it belongs to.
    """

    pid: int
    created: str
    name: str
    parent: int = 0

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name})"
