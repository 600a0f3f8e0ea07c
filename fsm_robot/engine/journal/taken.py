"""The path of runs and its counts: which states were entered and which transitions taken, how often. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from fsm_robot.engine.journal.record import Record, RecordedStep, steps_in
from fsm_robot.engine.machine.definition import Definition


@attrs.frozen
class Taken:
    """What runs did on a machine.

    Attributes:
        path: Keys of the transitions in the order in which they were taken, over all runs.
        states: State -> how often it was entered; staying in one (an internal transition) does not count.
        transitions: Key -> how often it was taken.
        pairs: Two keys, one taken right after the other within a run -> how often. Events that were ignored or came too
            late in between do not part them.
    """

    path: tuple[str, ...] = ()
    states: Mapping[str, int] = attrs.field(factory=dict)
    transitions: Mapping[str, int] = attrs.field(factory=dict)
    pairs: Mapping[tuple[str, str], int] = attrs.field(factory=dict)


def taken_in(runs: Iterable[Sequence[Record]], definition: Definition | None = None) -> Taken:
    """Return the path and the counts of runs; with a definition, in its names (`renamed:`) where it has new ones."""
    renamed = definition.renamed if definition else {}
    path: list[str] = []
    states: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for records in runs:
        before = ""
        for step in steps_in(records):
            if step.kind in ("started", "taken"):
                states[renamed.get(step.dest, step.dest)] += 1
            if step.kind in ("taken", "stayed"):
                key = _key(step, renamed)
                path.append(key)
                if before:
                    pairs[before, key] += 1
                before = key
    return Taken(tuple(path), dict(states), dict(Counter(path)), dict(pairs))


def _key(step: RecordedStep, renamed: Mapping[str, str]) -> str:
    names = step.source, step.event.name, step.dest
    if not any(name in renamed for name in names):
        return step.transition
    source, event, dest = (renamed.get(name, name) for name in names)
    return f"{source}--{event}{'(spent)' if '(spent)-->' in step.transition else ''}-->{dest}"
