"""Machines of 20 to 100 states as people have them: a way with branches, a chain, a hub, a tree, a thicket."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition

FROM, TO = 20, 100
Pairs = list[tuple[int, int]]
WORDS = (
    "checked", "approved", "refused", "not found", "timed out", "printed", "sent", "received", "stored", "opened",
    "closed", "counted", "paid", "cancelled", "ready", "busy", "broken", "repaired", "delivered", "returned",
)  # fmt: skip


def _flow(count: int, chance: random.Random) -> Pairs:
    """A process: each state comes from one of the last few, some ways lead ahead, some back, failures to the last state."""
    pairs = [(max(0, place - 1 - min(chance.randrange(4), chance.randrange(4))), place) for place in range(1, count)]
    pairs += [(a, min(count - 1, a + chance.randrange(1, 6))) for a in chance.sample(range(count - 1), count // 4)]
    pairs += [(a, max(0, a - chance.randrange(1, 8))) for a in chance.sample(range(1, count), count // 6)]
    pairs += [(a, count - 1) for a in chance.sample(range(count - 1), count // 10)]
    return pairs


def _chain(count: int, chance: random.Random) -> Pairs:
    """One state after the other, now and then a way back or a short cut."""
    pairs = [(place - 1, place) for place in range(1, count)]
    pairs += [(a, max(0, a - chance.randrange(1, 5))) for a in chance.sample(range(1, count), count // 8)]
    pairs += [(a, min(count - 1, a + 2)) for a in chance.sample(range(count - 1), count // 10)]
    return pairs


def _hub(count: int, chance: random.Random) -> Pairs:
    """A state from which all others are entered, most of which lead back to it."""
    pairs = [(0, place) for place in range(1, count)]
    pairs += [(place, 0) for place in range(1, count - 1) if chance.random() < 0.8]
    pairs += [(a, a + 1) for a in chance.sample(range(1, count - 1), count // 10)]
    return pairs


def _tree(count: int, chance: random.Random) -> Pairs:
    """Decisions over decisions, with a few ways that come together again."""
    pairs = [((place - 1) // chance.choice((2, 2, 3)), place) for place in range(1, count)]
    pairs += [(chance.randrange(count // 2), chance.randrange(count // 2, count)) for _ in range(count // 8)]
    return pairs


def _thicket(count: int, chance: random.Random) -> Pairs:
    """Twice as many ways as states, from anywhere to anywhere."""
    pairs = [(chance.randrange(place), place) for place in range(1, count)]
    pairs += [(chance.randrange(count), chance.randrange(count)) for _ in range(count)]
    return pairs


KINDS: Mapping[str, Callable[[int, random.Random], Pairs]] = {
    "flow": _flow,
    "chain": _chain,
    "hub": _hub,
    "tree": _tree,
    "thicket": _thicket,
}


def large(number: int, count: int | None = None) -> Definition:
    """Return machine `number`: the kinds take turns; equal numbers give equal machines."""
    chance = random.Random(number)
    kind = list(KINDS)[number % len(KINDS)]
    states = count or chance.randrange(FROM, TO + 1)
    pairs = list(dict.fromkeys((a, b) for a, b in KINDS[kind](states, chance) if a != b))
    names = [f"{chance.choice(WORDS)} {place}" for place in range(states)]
    edges = [
        Transition(f"{chance.choice(WORDS)} {a} {b}", names[a], names[b], exit_code=0 if b == states - 1 else None)
        for a, b in pairs
        if a != states - 1
    ]
    found = (*(State(name, "go_on") for name in names[:-1]), State(names[-1], final=True))
    return Definition(f"{kind} {number}", names[0], found, tuple(edges), {}, (CallbackSpec("go_on"),), {})
