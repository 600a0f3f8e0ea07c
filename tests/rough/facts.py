"""What happened, in the order in which it was seen from outside."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

import attrs


class Fact(NamedTuple):
    """One thing that was seen: seconds since the start of the case, the robot's life, what, of which job, and more."""

    at_s: float
    life: int
    what: str
    job: str = ""
    number: int = 0
    text: str = ""

    def told(self) -> str:
        """Return a line for people."""
        more = f" {self.number}" if self.number else ""
        return f"{self.at_s:8.3f} s  life {self.life}  {self.what:<18} {self.job[:8]}{more} {self.text}".rstrip()


@attrs.define(eq=False)
class Facts:
    """The list, written by several threads."""

    seen: list[Fact] = attrs.field(factory=list)
    life: int = 0
    began_s: float = attrs.field(factory=time.monotonic)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def add(self, what: str, job: str = "", number: int = 0, text: str = "") -> None:
        """Write one down."""
        with self._lock:
            self.seen.append(Fact(round(time.monotonic() - self.began_s, 3), self.life, what, job, number, text))

    def count(self, what: tuple[str, ...]) -> int:
        """Return how many facts of these sorts there are."""
        with self._lock:
            return sum(fact.what in what for fact in self.seen)

    def of(self, *what: str) -> list[Fact]:
        """Return those of one sort, or of several."""
        with self._lock:
            return [fact for fact in self.seen if fact.what in what]
