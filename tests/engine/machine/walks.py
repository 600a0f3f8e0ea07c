"""A plain table interpreter of a definition, and walks that cover its transitions: the oracle of the machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from fsm_robot.engine.machine.definition import Definition, Transition


@attrs.define
class Table:
    """Looks events up in a dict and counts budgets; written without regard to `RobotMachine`."""

    definition: Definition
    state: str = ""
    budgets: dict[tuple[str, str], int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.state = self.definition.initial

    def edge(self, event: str) -> Transition | None:
        candidates = [e for e in self.definition.transitions if (e.source, e.trigger) == (self.state, event)]
        first = next((e for e in candidates if not e.spent), None)
        if (
            first is not None
            and first.at_most is not None
            and self.budgets.get((self.state, event), 0) >= first.at_most
        ):
            return next(e for e in candidates if e.spent)
        return first

    def handle(self, event: str) -> Transition | None:
        edge = self.edge(event)
        if edge is None:
            return None
        if edge.progress:
            self.budgets = {}
        if edge.at_most is not None:
            self.budgets[edge.source, edge.trigger] = self.budgets.get((edge.source, edge.trigger), 0) + 1
        self.state = edge.dest
        return edge


def covering_walks(definition: Definition) -> Iterator[list[str]]:
    """Yield lists of events, each from the start to a final state, that together take every transition."""
    open_keys = {edge.key for edge in definition.transitions}
    while open_keys:
        walk = _walk_over(definition, open_keys)
        if walk is None:
            raise AssertionError(f"no walk takes {sorted(open_keys)}")
        yield walk


def _walk_over(definition: Definition, open_keys: set[str]) -> list[str] | None:
    """Return a walk that takes at least one open transition, going to the nearest open one again and again."""
    table, walk, taken = Table(definition), [], False
    finals = {state.name for state in definition.states if state.final}
    while table.state not in finals:
        way = _nearest(table, open_keys) or _nearest(table, None)
        if way is None:
            return None
        for event in way:
            edge = table.handle(event)
            assert edge is not None
            taken = taken or edge.key in open_keys
            open_keys.discard(edge.key)
            walk.append(event)
    return walk if taken else None


def _nearest(table: Table, open_keys: set[str] | None) -> list[str] | None:
    """Return the shortest way to an open transition, or to a final state where `open_keys` is None."""
    finals = {state.name for state in table.definition.states if state.final}
    queue: deque[tuple[str, dict[tuple[str, str], int], list[str]]] = deque([(table.state, dict(table.budgets), [])])
    seen = set()
    while queue:
        state, budgets, way = queue.popleft()
        here = Table(table.definition)
        here.state, here.budgets = state, budgets
        for event in dict.fromkeys(e.trigger for e in table.definition.transitions_from(state)):
            copy = Table(table.definition)
            copy.state, copy.budgets = state, dict(budgets)
            edge = copy.handle(event)
            assert edge is not None
            done = edge.key in open_keys if open_keys is not None else edge.dest in finals
            if done:
                return [*way, event]
            mark = (copy.state, tuple(sorted(copy.budgets.items())))
            if mark not in seen and edge.dest not in finals:
                seen.add(mark)
                queue.append((copy.state, copy.budgets, [*way, event]))
    return None
