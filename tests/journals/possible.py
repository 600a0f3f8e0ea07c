"""Which pairs of transitions can follow each other at all, and walks that take every one of them.

The machine alone would allow more than the robot can do: a callback that does not wait answers before the inbox is
looked at, a robot that was told to leave asks for no job, one that the orchestrator has forgotten neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from fsm_robot.engine.machine.definition import Definition, Transition

LONGEST_WALK = 40


@attrs.frozen
class Here:
    """Where a run is, as far as it decides what can come next.

    Attributes:
        budgets: Key of an edge with a budget -> how often it was taken.
        fresh: Whether the callback of the state has just been called, so that its answer can come.
        told: How often the robot was told to leave.
        forgotten: Whether the orchestrator said that it does not know the robot.
        last: Key of the transition that led here, empty at the start.
    """

    state: str
    budgets: tuple[tuple[str, int], ...] = ()
    fresh: bool = True
    told: int = 0
    forgotten: bool = False
    last: str = ""


def next_edges(definition: Definition, here: Here) -> Iterator[tuple[Transition, Here]]:
    """Yield every transition that the robot can take now, and where it is then."""
    budgets = dict(here.budgets)
    for edge in definition.transitions_from(here.state):
        twin = next(
            (e for e in definition.transitions_from(here.state) if e.trigger == edge.trigger and not e.spent), edge
        )
        used_up = twin.at_most is not None and budgets.get(twin.key, 0) >= twin.at_most
        if edge.spent == used_up and _can_come(definition, here, edge):
            yield edge, _after(here, edge)


def _can_come(definition: Definition, here: Here, edge: Transition) -> bool:
    spec = definition.callback(definition.state(here.state).on_enter)
    event = edge.trigger
    answered = here.fresh and event in spec.answers
    if not answered and not (spec.waits and event in definition.inbox):
        return False
    if spec.name == "announce" and event != "storage_unusable":
        # In this order: see `Callbacks.announce`.
        if here.forgotten:
            return event == "robot_unknown"
        return not here.told or event == "interrupted"
    if spec.name == "report_outcome" and here.told:
        # A pause before the next try ends at once, so the result is never undeliverable: it is kept.
        return event != "report_undelivered"
    return event != "interrupted" or not here.told


def _after(here: Here, edge: Transition) -> Here:
    budgets = {} if edge.progress else dict(here.budgets)
    if edge.at_most is not None:
        budgets[edge.key] = budgets.get(edge.key, 0) + 1
    told = {"interrupted": max(1, here.told), "interrupted_again": 2}.get(edge.trigger, here.told)
    return Here(
        edge.dest,
        tuple(sorted(budgets.items())),
        edge.kind == "external",
        told,
        here.forgotten or edge.trigger == "robot_forgotten",
        edge.key,
    )


def possible_pairs(definition: Definition) -> set[tuple[str, str]]:
    """Return every pair of transitions, by their keys, that can be taken one right after the other."""
    found: set[tuple[str, str]] = set()
    seen = {Here(definition.initial)}
    queue = deque(seen)
    while queue:
        here = queue.popleft()
        for edge, after in next_edges(definition, here):
            if here.last:
                found.add((here.last, edge.key))
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return found


def covering_walks(definition: Definition) -> Iterator[list[str]]:
    """Yield lists of events, each from the start to a final state, that together take every possible pair."""
    missing = possible_pairs(definition)
    finals = {state.name for state in definition.states if state.final}
    while missing:
        here, walk, before = Here(definition.initial), list[str](), len(missing)
        while here.state not in finals:
            way = _way(definition, here, missing if len(walk) < LONGEST_WALK else set()) or _way(
                definition, here, set()
            )
            assert way, f"nothing leads on from {here}"
            for edge, after in way:
                missing.discard((here.last, edge.key))
                walk.append(edge.trigger)
                here = after
        assert len(missing) < before, f"no walk takes {sorted(missing)}"
        yield walk


def _way(definition: Definition, start: Here, missing: set[tuple[str, str]]) -> list[tuple[Transition, Here]]:
    """Return the shortest way to a missing pair, or to a final state where none is missing; empty if there is none."""
    finals = {state.name for state in definition.states if state.final}
    ways: dict[Here, list[tuple[Transition, Here]]] = {start: []}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for edge, after in next_edges(definition, here):
            way = [*ways[here], (edge, after)]
            if (here.last, edge.key) in missing or (not missing and after.state in finals):
                return way
            if after not in ways:
                ways[after] = way
                queue.append(after)
    return []
