"""Machines for the tests of formats: one with names that break exporters, and random ones."""

from __future__ import annotations

import random

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, Label, Labels, State, Transition

HOSTILE = (
    "end",
    "a;b",
    'say "no"',
    "a<b>&c",
    "с пробелом",
    "</script><script>alert(1)</script>",
    "back\\slash",
    "#1",
    "<!--",
    "]]>",
    "a'b",
    "日本語の状態",
    "tab\there",
    "x" * 90,
    "state-3",
    "3",
)


def hostile() -> Definition:
    """States and events called what breaks exporters, with all kinds of transitions."""
    return made(HOSTILE, [f"{name} happened" for name in HOSTILE], seed=5)


def random_machine(seed: int, states: int = 12) -> Definition:
    """A machine of any shape; it is to be drawn, not to be run."""
    return made([f"S{n}" for n in range(states)], [f"e{n}" for n in range(states)], seed)


def made(names: list[str] | tuple[str, ...], events: list[str], seed: int) -> Definition:
    chance = random.Random(seed)
    edges = []
    for name in names:
        for event in chance.sample(events, min(3, len(events))):
            dest = chance.choice(names)
            kind = chance.choice(("internal", "external")) if dest == name else "external"
            at_most = chance.choice((None, None, 2)) if kind == "external" else None
            edges.append(Transition(event, name, dest, kind, at_most=at_most, progress=chance.random() < 0.2))
            if at_most:
                edges.append(Transition(event, name, "Z<", exit_code=4, spent=True))
    edges.append(Transition(events[0] + "!", names[0], "Z<", exit_code=0))
    states = [State(name, "go & do", ignores=(events[-1],)) for name in names]
    return Definition(
        name="m <&> machine",
        initial=names[0],
        states=(*states, State("Z<", final=True)),
        transitions=tuple(edges),
        inbox={},
        callbacks=(CallbackSpec("go & do", "does <it>", tuple(events)),),
        outcomes={"failed": 5},
        labels=Labels(
            {names[0]: Label({"": "<b>first</b>"}, {"": "a <i>sentence</i> " * 12})}, {events[0]: Label({"": "ev&nt"})}
        ),
    )


Edges = set[tuple[str, str, str, str]]


def edges_of(definition: Definition) -> Edges:
    return {(edge.source, edge.trigger, edge.kind, edge.dest) for edge in definition.transitions}
