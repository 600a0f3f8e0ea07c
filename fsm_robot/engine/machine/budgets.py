"""How often transitions may still be taken before there is progress."""

from __future__ import annotations

from fsm_robot.engine.machine.definition import Transition


class Budgets:
    """Counts the transitions that have an `at_most`, from one that makes `progress` to the next."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def allow(self, edge: Transition) -> bool:
        """Return whether `edge` may be taken once more."""
        return edge.at_most is None or self._taken.get(edge.key, 0) < edge.at_most

    def count(self, edge: Transition) -> None:
        """Take `edge` down as taken."""
        if edge.progress:
            self._taken.clear()
        if edge.at_most is not None:
            self._taken[edge.key] = self._taken.get(edge.key, 0) + 1

    @property
    def taken(self) -> tuple[tuple[str, int], ...]:
        """What was counted so far; two with the same counts allow the same."""
        return tuple(sorted(self._taken.items()))

    @taken.setter
    def taken(self, counts: tuple[tuple[str, int], ...]) -> None:
        self._taken = dict(counts)
