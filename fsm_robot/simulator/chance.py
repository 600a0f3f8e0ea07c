"""Scenarios by seed: what people, scripts, networks and machines do, at random but repeatably."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

import attrs

from fsm_robot.simulator.scenario import (
    ALL_FAULTS,
    CRASHES,
    NETWORK_FAULTS,
    Fault,
    JobPlan,
    Order,
    Scenario,
    Script,
)

JOBS_PER_WORLD = 16
CALLS_PER_JOB, EFFECTS_PER_JOB, WRITES_PER_JOB = 6, 36, 8
"""About how many there are, so that faults fall among them."""
NETWORK_FAULTS_PER_JOB, CRASHES_PER_JOB = 0.35, 0.12
CALLBACKS_PER_JOB, RAISED_SHARE, MOST_ERRORS = 6, 0.08, 8
HOUR_S = 3600.0


def world_seed(seed: int, number: int) -> int:
    """Return the seed of one world of a run: its own, so that a world can be repeated alone."""
    return seed * 1_000_003 + number


def scenario_by(seed: int, jobs: int, faults: Collection[str] = tuple(ALL_FAULTS)) -> Scenario:
    """Return the scenario that belongs to a seed.

    Args:
        seed: Of this world.
        jobs: How many jobs it has.
        faults: Kinds that may happen; see `scenario.ALL_FAULTS`.
    """
    chance = Random(f"scenario {seed}")
    allowed = [kind for kind in ALL_FAULTS if kind in faults]
    plans = tuple(_job(chance, number, allowed) for number in range(jobs))
    planned = [*_calls(chance, jobs, allowed), *_crashes(chance, jobs, allowed), *_timed(chance, jobs, allowed)]
    if "disk_full" in allowed and chance.random() < 0.2:
        planned.append(Fault("disk_full", _number(chance, jobs * WRITES_PER_JOB), chance.choice([1, 1, 2, 30])))
    lost_after_s = chance.choice([None, None, None, 60.0])
    return Scenario(chance.getrandbits(48), plans, tuple(planned), lost_after_s)


def with_raised(scenario: Scenario) -> Scenario:
    """Return a scenario in which callbacks also raise what their machine file declares, as its seed will have it.

    Not a part of `scenario_by`: the worlds of a machine that declares nothing stay what they were.
    """
    chance = Random(f"raised {scenario.seed}")
    calls = [call for call in range(1, len(scenario.jobs) * CALLBACKS_PER_JOB + 1) if chance.random() < RAISED_SHARE]
    raised = (Fault("raised", call, chance.randrange(MOST_ERRORS)) for call in calls)
    return attrs.evolve(scenario, faults=(*scenario.faults, *raised))


def _job(chance: Random, number: int, allowed: list[str]) -> JobPlan:
    script = Script(
        lasts_s=round(_lasts_s(chance), 3),
        exit_code=chance.choice([0, 0, 0, 1, 3, -11]),
        stop_takes_s=round(chance.uniform(0.0, 40.0), 3),
        children=chance.choice([0, 0, 0, 1, 3]),
    )
    if "ignore_stop" in allowed:
        script = attrs.evolve(script, on_stop=chance.choice(["leaves", "leaves", "late", "ignores"]))
    if "leak" in allowed and chance.random() < 0.15:
        script = attrs.evolve(script, children=2, leaks=True)
    if "not_started" in allowed and chance.random() < 0.06:
        script = attrs.evolve(script, trouble=chance.choice(["refused", "not_started"]))
    orders = _orders(chance)
    if orders and "end_at_order" in allowed and chance.random() < 0.3:
        script = attrs.evolve(script, ends_with_order=chance.choice(["before", "after"]), lasts_s=120.0)
    if "hang" in allowed and chance.random() < 0.03:
        script = attrs.evolve(script, lasts_s=50 * HOUR_S)
        orders = (*orders, Order("abort", round(chance.uniform(100, 900), 3)))
    return JobPlan(round(number * chance.choice([0.0, 0.0, 5.0, 60.0]), 3), script, orders)


def _lasts_s(chance: Random) -> float:
    kind = chance.random()
    if kind < 0.7:
        return chance.uniform(0.0, 12.0)
    return chance.uniform(5.0, 90.0) if kind < 0.97 else chance.uniform(90.0, 900.0)


def _orders(chance: Random) -> tuple[Order, ...]:
    if chance.random() > 0.15:
        return ()
    first = Order(chance.choice(["stop", "stop", "abort"]), round(chance.uniform(0.0, 40.0), 3))
    if first.kind == "stop" and chance.random() < 0.4:
        return first, Order("abort", round(first.after_s + chance.uniform(0.0, 70.0), 3))
    return (first,)


def _calls(chance: Random, jobs: int, allowed: list[str]) -> list[Fault]:
    kinds = [kind for kind in allowed if kind in NETWORK_FAULTS]
    found = []
    for _ in range(_count(chance, NETWORK_FAULTS_PER_JOB * jobs) if kinds else 0):
        at, kind = _number(chance, jobs * CALLS_PER_JOB), chance.choice(kinds)
        value = round(chance.choice([0.5, 5.0, 29.0, 45.0, 700.0]) * chance.random(), 3)
        # Trouble comes in rows as well: a retry policy or a budget is spent only by many failures, in a row or at
        # every second or third call.
        many, apart = chance.choice([(1, 1), (1, 1), (1, 1), (2, 1), (4, 1), (5, 2), (5, 3)])
        for number in range(many):
            found.append(Fault(kind, at + number * apart, value if kind in ("delayed", "duplicated") else 0.0))
    return found


def _crashes(chance: Random, jobs: int, allowed: list[str]) -> list[Fault]:
    kinds = [kind for kind in allowed if kind in CRASHES]
    count = _count(chance, CRASHES_PER_JOB * jobs) if kinds else 0
    return [Fault(chance.choice(kinds), _number(chance, jobs * EFFECTS_PER_JOB)) for _ in range(count)]


def _timed(chance: Random, jobs: int, allowed: list[str]) -> list[Fault]:
    about_s = 30.0 * jobs
    found = []
    for kind, share, longest in (
        ("outage", 0.3, 0.0),
        ("forgotten", 0.25, 900.0),
        ("clock_jump", 0.3, 2 * HOUR_S),
        ("interrupted", 0.4, 0.0),
        ("double_start", 0.4, 0.0),
    ):
        if kind not in allowed or chance.random() >= share:
            continue
        at = round(chance.uniform(0.0, about_s), 3)
        value = round(chance.uniform(-longest if kind == "clock_jump" else 0.0, longest), 3)
        if kind == "outage":
            value = chance.choice([45.0, 90.0, 700.0, 700.0, 5 * HOUR_S])
        found.append(Fault(kind, at, value))
        if kind == "interrupted" and chance.random() < 0.4:
            found.append(Fault(kind, round(at + chance.uniform(0.0, 30.0), 3)))
    return found


def _count(chance: Random, mean: float) -> int:
    return min(int(mean), 1) + sum(chance.random() < 0.5 for _ in range(max(0, int(2 * (mean - 1)))))


def _number(chance: Random, most: int) -> int:
    return chance.randrange(1, most + 1)
