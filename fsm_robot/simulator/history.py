"""What happened in a world, on both sides, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import attrs

from fsm_robot.simulator.secrets import SecretForms


class Fact(NamedTuple):
    """One thing that happened.

    Attributes:
        at_s: Virtual seconds.
        life: Number of the robot's life, from 1; 0 where no robot is concerned.
        what: See docs/simulator.md, "Facts".
        job: GUID of the job it is about, or empty.
        number: Status, code, exit code or pid, as `what` says.
        text: More, as `what` says.
    """

    at_s: float
    life: int
    what: str
    job: str = ""
    number: int = 0
    text: str = ""

    def __str__(self) -> str:
        """Return one line for a person."""
        more = " ".join(part for part in (self.job[:8], str(self.number) if self.number else "", self.text) if part)
        return f"{self.at_s:>12.3f} s  life {self.life:<3} {self.what:<16} {more}".rstrip()


@attrs.frozen
class Limits:
    """What the robot of a world was set to; the invariants measure against it."""

    interval_s: float = 10.0
    grace_s: float = 60.0
    timeout_s: float = 30.0
    contact_lost_after_s: float | None = None


@attrs.frozen
class History:
    """Everything that a checker may look at.

    Attributes:
        facts: In the order in which they happened.
        files: Path -> content, as the disk was left.
        secrets: Forms of the robot's GUID, none of which may be in a file.
        limits: Settings of the robot.
    """

    facts: tuple[Fact, ...]
    files: dict[str, bytes]
    secrets: SecretForms
    limits: Limits = attrs.field(factory=Limits)

    def of(self, *kinds: str) -> Iterator[Fact]:
        """Yield the facts of these kinds."""
        return (fact for fact in self.facts if fact.what in kinds)
