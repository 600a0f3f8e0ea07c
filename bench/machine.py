"""Events per second of the machine beside `transitions` alone, and what one more machine costs."""

from __future__ import annotations

import statistics
import time
import tracemalloc

from transitions import Machine

from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.core import RobotMachine, Step, engine_for
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in

JOB = [Event(name) for name in ("job_found", "job_consumed", "job_claimed", "script_ended", "job_reported")]
MACHINES = 1000


class Light:
    """A model that `transitions` knows by its state alone."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


def events_per_second(rounds: int = 9, jobs: int = 4000) -> tuple[float, float]:
    """Return those of this robot's machine and of `transitions` alone, in turns: medians."""
    definition = machine_file.load(built_in(), None, ())
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_ours(definition, jobs))
        theirs.append(_theirs(definition, jobs))
    return statistics.median(ours), statistics.median(theirs)


def _ours(definition: Definition, jobs: int) -> float:
    machine = RobotMachine(definition, engine_for(definition))
    machine.start()
    machine.handle(Event("nothing_left"))
    started = time.process_time()
    for _ in range(jobs):
        for event in JOB:
            machine.handle(event)
    return jobs * len(JOB) / (time.process_time() - started)


def _theirs(definition: Definition, jobs: int) -> float:
    """One shared machine, a light model, the public trigger, and a step made from the result."""
    edges = [edge for edge in definition.transitions if not edge.spent]
    wanted = [
        {"trigger": edge.trigger, "source": edge.source, "dest": None if edge.kind == "internal" else edge.dest}
        for edge in edges
    ]
    names = [state.name for state in definition.states]
    machine = Machine(
        model=None,
        states=names,
        initial=definition.initial,
        transitions=wanted,
        auto_transitions=False,
        send_event=False,
    )
    model, events, number = Light("Ready"), machine.events, 0
    callbacks = {state.name: state.on_enter for state in definition.states}
    started = time.process_time()
    for _ in range(jobs):
        for event in JOB:
            source = model.state
            events[event.name].trigger(model)
            dest = model.state
            Step(number, event, "taken", source, dest, event.name, callbacks[dest])
            number += 1
    return jobs * len(JOB) / (time.process_time() - started)


def one_more() -> tuple[float, float]:
    """Return bytes and microseconds of one more machine of the same definition."""
    definition = machine_file.load(built_in(), None, ())
    engine = engine_for(definition)
    tracemalloc.start()
    kept = [RobotMachine(definition, engine) for _ in range(MACHINES)]
    size = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    started = time.process_time()
    for _ in range(MACHINES):
        RobotMachine(definition, engine)
    return size, (time.process_time() - started) / MACHINES * 1e6


if __name__ == "__main__":
    robot, alone = events_per_second()
    size, took = one_more()
    print(f"{robot:.0f} events/s, transitions alone {alone:.0f}, ratio {robot / alone:.2f}")
    print(f"one more machine: {size:.0f} bytes, {took:.1f} microseconds")
