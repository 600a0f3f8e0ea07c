from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.bpmn.process import ROBOT_POOL, Plan, Process
from fsm_robot.analyst.words import Words, words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.engine.machine.definition import Definition
from tests.analyst.changed_machines import changed
from tests.analyst.drawings import runs_through
from tests.analyst.random_machines import machines
from tests.analyst.test_bpmn_drawing import POOLS, faults, figures, moved, plan_of, robot

PROFILES: dict[str, Callable[[Words], Process]] = {"bpmn": analysts_process, "bpmn-exact": exact_process}


def wrong(process: Process, old: Plan, plan: Plan) -> list[str]:
    """Return what an analyst would not like about a drawing that was theirs before."""
    found = faults(process, plan)
    hosts = {item.id: item.host for item in process.items}
    for name in [item.id for item in process.items if not item.host]:
        if name in old.shapes and plan.shapes[name] != old.shapes[name]:
            found.append(f"{name} was moved")
    found += upon_each_other(process, plan)
    messages = {message.id for message in process.messages}
    pool = plan.shapes.get(ROBOT_POOL)
    for name, box in plan.labels.items():
        if pool and name not in messages and not (pool.x <= box.x and box.right <= pool.right):
            found.append(f"the label of {name} is not in the pool")
        if pool and name not in messages and not (pool.y <= box.y and box.bottom <= pool.bottom):
            found.append(f"the label of {name} is not in the pool")
    for message in process.messages:
        for piece in itertools.pairwise(plan.lines[message.id]):
            for name, box in plan.shapes.items():
                if name not in (*POOLS, message.task) and hosts.get(name) != message.task and runs_through(piece, box):
                    found.append(f"{message.id} runs through {name}")
    return found


def upon_each_other(process: Process, plan: Plan) -> list[str]:
    """Return pairs of flows that nobody could tell apart; those of one gateway or end may share the last piece of their way."""
    gateways = {item.id for item in process.items if item.kind.endswith("Gateway") or item.kind == "endEvent"}
    found = []
    for one, other in itertools.combinations(process.flows, 2):
        if {one.source} & {other.source} & gateways or {one.target} & {other.target} & gateways:
            continue
        for a, b in itertools.product(*(itertools.pairwise(plan.lines[flow.id]) for flow in (one, other))):
            for axis, across in ((0, 1), (1, 0)):
                if a[0][axis] == a[1][axis] and b[0][axis] == b[1][axis] and abs(a[0][axis] - b[0][axis]) < 1:
                    low = max(min(a[0][across], a[1][across]), min(b[0][across], b[1][across]))
                    high = min(max(a[0][across], a[1][across]), max(b[0][across], b[1][across]))
                    if high - low > 3:
                        found.append(f"{one.id} and {other.id} run upon each other")
    return found


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=25, deadline=None)
@given(machine=machines(), seed=st.integers(0, 2**32))
def test_what_is_new_is_drawn_around_what_is_kept(profile: str, machine: Definition, seed: int) -> None:
    """Random machines with random additions and removals: nothing old moves, nothing new covers anything."""
    before = moved(drawn(PROFILES[profile](words(machine))), 300, -70)
    process = PROFILES[profile](words(changed(machine, seed)))

    plan = plan_of(drawn(process, parse(before.encode(), "old.bpmn")))

    assert wrong(process, plan_of(before), plan) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_the_robots_process_may_grow_anywhere(seed: int) -> None:
    """A large drawing, with messages and figures, changed in places that differ with each seed."""
    machine = robot()
    before = moved(drawn(analysts_process(words(machine))), -50, 40)
    new = changed(machine, seed)
    process = analysts_process(words(new), figures(new) if seed % 2 else None)

    plan = plan_of(drawn(process, parse(before.encode(), "old.bpmn")))

    assert wrong(process, plan_of(before), plan) == []
