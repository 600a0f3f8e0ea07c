"""Machines that have grown and shrunk since they were drawn."""

from __future__ import annotations

import random

import attrs

from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition

NAMES = (
    "Пауза",
    "NA",
    "__init__",
    "**b**",
    "a long name of sixty characters, as people write them, said so",
    "tab\there",
    "x",
)


def changed(machine: Definition, seed: int) -> Definition:
    """Return the machine with states and transitions less, more and led elsewhere; it is to be drawn, not to be run."""
    chance = random.Random(seed)
    states, edges = list(machine.states), list(machine.transitions)
    for _ in range(chance.randrange(3)):
        gone = chance.choice(states).name
        if gone != machine.initial:
            states = [state for state in states if state.name != gone]
            edges = [edge for edge in edges if gone not in (edge.source, edge.dest)]
    finals = [state.name for state in states if state.final]
    if edges and chance.random() < 0.5:
        place = chance.randrange(len(edges))
        if edges[place].kind == "external":
            edges[place] = attrs.evolve(edges[place], dest=chance.choice(states).name, spent=False, at_most=None)
    callbacks = list(machine.callbacks)
    for number in range(chance.randrange(5)):
        name = f"{chance.choice(NAMES)} {number}"
        callbacks.append(CallbackSpec(f"{name} call", "POST /api/new" if chance.random() < 0.5 else ""))
        states.append(State(name, callbacks[-1].name, final=chance.random() < 0.2))
        finals += [name] if states[-1].final else []
        for _ in range(chance.randrange(1, 4)):
            source = chance.choice([state.name for state in states if not state.final] or [name])
            dest = chance.choice([name, chance.choice(states).name])
            code = chance.choice((0, 1, 9)) if dest in finals else None
            trigger = f"{chance.choice(NAMES)} happened {len(edges)}"
            edges.append(Transition(trigger, source, dest, exit_code=code))
    spent = {(edge.source, edge.trigger) for edge in edges if edge.spent}
    edges = [
        edge if edge.spent or (edge.source, edge.trigger) in spent else attrs.evolve(edge, at_most=None)
        for edge in edges
    ]
    bounded = {(edge.source, edge.trigger) for edge in edges if edge.at_most is not None}
    edges = [edge for edge in edges if not edge.spent or (edge.source, edge.trigger) in bounded]
    return attrs.evolve(machine, states=tuple(states), transitions=tuple(edges), callbacks=tuple(callbacks))
