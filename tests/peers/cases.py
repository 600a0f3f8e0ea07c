"""What peers are shown: good machines, and mutants of them that a check must tell from the machine they came from."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs

from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.analyst.random_machines import hostile
from tests.engine.machine.walks import Table, covering_walks


@attrs.frozen
class Case:
    """A machine, and the one that is drawn: the same, or a mutant."""

    machine: Definition
    drawn: Definition
    mutant: bool = False


@cache
def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def dropped(machine: Definition) -> Definition:
    """One transition less."""
    gone = next(edge for edge in machine.transitions if edge.trigger == "abort_ordered")
    return attrs.evolve(machine, transitions=tuple(edge for edge in machine.transitions if edge is not gone))


def swapped(machine: Definition) -> Definition:
    """One transition that leads to another state."""
    return _changed(machine, "claim_failed", dest="Ready")


def flipped(machine: Definition) -> Definition:
    """One internal transition that has become external: it calls again."""
    return _changed(machine, "robot_forgotten", kind="external")


def renamed(machine: Definition) -> Definition:
    """One transition with another event."""
    return _changed(machine, "grace_ended", trigger="grace_over")


def _changed(machine: Definition, event: str, **change: Any) -> Definition:
    which = next(edge for edge in machine.transitions if edge.trigger == event)
    edges = tuple(attrs.evolve(edge, **change) if edge is which else edge for edge in machine.transitions)
    return attrs.evolve(machine, transitions=edges)


MUTANTS = {"dropped": dropped, "swapped": swapped, "flipped": flipped, "renamed": renamed}


def cases(*mutants: str) -> Mapping[str, Case]:
    """Return the robot's machine, one with hostile names, and the mutants of the robot's, all of them by default."""
    good = {"robot": Case(robot(), robot()), "hostile": Case(hostile(), hostile())}
    return good | {name: Case(robot(), MUTANTS[name](robot()), True) for name in mutants or MUTANTS}


TIMED = compile_text(
    """\
format: 1
machine: timed
initial: Asking
states:
  - {name: Asking, on_enter: ask, after: {150ms: reminded}}
  - {name: Waiting, after: {100ms: nobody_answered, 60s: never_comes}}
  - {name: Over, final: true}
transitions:
  - {trigger: reminded, source: Asking, dest: Waiting}
  - {trigger: nobody_answered, source: Waiting, dest: Over, exit_code: 0}
  - {trigger: never_comes, source: Waiting, dest: Over, exit_code: 1}
callbacks:
  ask: {answers: [], waits: true}
outcomes: {}
""",
    "timed.yaml",
)
"""Nothing but time moves it."""


def timeless(machine: Definition) -> Definition:
    """The machine without its times, for an engine that lets nobody speak while a time runs."""
    return attrs.evolve(machine, states=tuple(attrs.evolve(state, after=()) for state in machine.states))


Trace = list[list[object]]
"""Per step: the state, and what was called since the step before."""


def traces(machine: Definition) -> list[tuple[list[str], Trace]]:
    """Return walks that take every transition, and long ones at random, each with what an engine must do on it."""
    walks = [*covering_walks(machine), *(_long_walk(machine, seed) for seed in range(8))]
    return [(walk, trace(machine, walk)) for walk in walks]


def _long_walk(machine: Definition, seed: int) -> list[str]:
    """Return a walk that goes on as long as it can: budgets are used up, started anew by progress, used up again."""
    chance, table = random.Random(seed), Table(machine)
    walk: list[str] = []
    finals = {state.name for state in machine.states if state.final}
    while table.state not in finals and len(walk) < 120:
        events = dict.fromkeys(edge.trigger for edge in machine.transitions_from(table.state))
        leads = {event: edge.dest for event in events if (edge := table.edge(event))}
        onward = [event for event, dest in leads.items() if dest not in finals]
        walk.append(chance.choice(onward or list(leads)))
        table.handle(walk[-1])
    return walk


def trace(machine: Definition, walk: list[str]) -> Trace:
    table = Table(machine)
    first = machine.state(machine.initial).on_enter
    steps: Trace = [[machine.initial, [first] if first else []]]
    for event in walk:
        edge = table.handle(event)
        assert edge is not None
        called = machine.state(edge.dest).on_enter if edge.kind == "external" else ""
        steps.append([edge.dest, [called] if called else []])
    return steps
