"""Many worlds: by seed, or all small ones."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator

import attrs

from fsm_robot.simulator.chance import JOBS_PER_WORLD, scenario_by, with_raised, world_seed
from fsm_robot.simulator.history import History
from fsm_robot.simulator.invariants import Violation, violations
from fsm_robot.simulator.scenario import ALL_FAULTS, NETWORK_FAULTS, Fault, JobPlan, Order, Scenario, Script
from fsm_robot.simulator.world import Setup, World

HOUR_S = 3600.0
Watch = Callable[["Tally"], None]


@attrs.frozen
class Finding:
    """A scenario whose history breaks promises."""

    scenario: Scenario
    violations: tuple[Violation, ...]


@attrs.define
class Tally:
    """What many worlds came to.

    Attributes:
        struck: Kind of fault -> how often it struck.
        transitions: Keys of the edges that were taken.
        findings: Scenarios that broke a promise.
    """

    worlds: int = 0
    jobs: int = 0
    lives: int = 0
    calls: int = 0
    virtual_s: float = 0.0
    struck: Counter[str] = attrs.field(factory=Counter)
    transitions: set[str] = attrs.field(factory=set)
    findings: list[Finding] = attrs.field(factory=list)
    _digest: hashlib._Hash = attrs.field(factory=hashlib.sha256)

    def add(self, world: World, history: History) -> None:
        """Count a world that has run, and check its history."""
        self.worlds += 1
        self.jobs += len(world.scenario.jobs)
        self.lives += world.lives
        self.calls += world.network.calls
        self.virtual_s += world.schedule.now_s
        self.struck += world.struck
        self.transitions |= world.transitions
        for path, content in history.files.items():
            self._digest.update(path.encode() + b"\n" + content)
        broken = violations(history)
        if broken:
            self.findings.append(Finding(world.scenario, tuple(broken)))

    def digest(self) -> str:
        """Return the SHA-256 over every file that the robots left: two runs of one seed agree in every byte."""
        return self._digest.hexdigest()


def run(setup: Setup, scenario: Scenario) -> tuple[World, History]:
    """Run one scenario."""
    world = World(scenario, setup)
    return world, world.run()


def by_seed(
    setup: Setup,
    seed: int,
    jobs: int,
    faults: Collection[str] = tuple(ALL_FAULTS),
    *,
    most_findings: int = 1,
    watch: Watch | None = None,
) -> Tally:
    """Run worlds until they have had `jobs` jobs together, or `most_findings` of them broke a promise."""
    tally, number = Tally(), 0
    fallible = any(spec.errors for spec in setup.definition.callbacks) and bool(faults)
    while tally.jobs < jobs and len(tally.findings) < most_findings:
        scenario = scenario_by(world_seed(seed, number), min(JOBS_PER_WORLD, jobs - tally.jobs), faults)
        tally.add(*run(setup, with_raised(scenario) if fallible else scenario))
        number += 1
        if watch is not None:
            watch(tally)
    return tally


def all_small(setup: Setup, *, most_findings: int = 1, watch: Watch | None = None) -> Tally:
    """Run two jobs with every single fault, and each of these with a crash before every effect."""
    tally = Tally()
    for scenario in small_scenarios(setup):
        world, history = run(setup, scenario)
        tally.add(world, history)
        for crash in _crashes(world.effects):
            tally.add(*run(setup, attrs.evolve(scenario, faults=(*scenario.faults, crash))))
            if len(tally.findings) >= most_findings:
                return tally
        if watch is not None:
            watch(tally)
    return tally


PLAIN = JobPlan(script=Script(lasts_s=12.0, children=1))
STOPPED = JobPlan(script=Script(lasts_s=100.0, exit_code=1), orders=(Order("stop", 5.0),))
ABORTED = JobPlan(script=Script(lasts_s=100.0, children=2), orders=(Order("abort", 5.0),))


def small_scenarios(setup: Setup) -> Iterator[Scenario]:
    """Yield two jobs without a fault, then with each single fault."""
    base = Scenario(1, (PLAIN, STOPPED))
    yield base
    for jobs in _script_variants():
        yield attrs.evolve(base, jobs=jobs)
    world, _ = run(setup, base)
    for fault in _single_faults(world):
        yield attrs.evolve(base, faults=(fault,))


def _script_variants() -> Iterator[tuple[JobPlan, ...]]:
    both = (Order("stop", 5.0), Order("abort", 25.0))
    scripts: list[tuple[Script, tuple[Order, ...]]] = [
        (Script(lasts_s=0.0), ()),
        (Script(exit_code=3), ()),
        (Script(trouble="refused"), ()),
        (Script(trouble="not_started"), ()),
        (Script(lasts_s=12.0, children=2, leaks=True), ()),
        (Script(lasts_s=200.0, on_stop="ignores"), (Order("stop", 5.0),)),
        (Script(lasts_s=200.0, on_stop="late", stop_takes_s=3.0), (Order("stop", 5.0),)),
        (Script(lasts_s=50 * HOUR_S, on_stop="ignores", children=2, leaks=True), both),
    ]
    for order in (Order("stop", 5.0), Order("abort", 5.0)):
        scripts.append((Script(lasts_s=100.0, ends_with_order="before"), (order,)))
        scripts.append((Script(lasts_s=100.0, ends_with_order="after"), (order,)))
    for script, orders in scripts:
        yield JobPlan(script=script, orders=orders), ABORTED


def _single_faults(world: World) -> Iterator[Fault]:
    values = {"delayed": (5.0, 45.0), "duplicated": (0.5, 20.0)}
    for kind in NETWORK_FAULTS:
        for value in values.get(kind, (0.0,)):
            yield from (Fault(kind, call, value) for call in range(1, world.network.calls + 1))
    yield from (Fault("disk_full", write, many) for write in range(1, world.disk.writes + 1) for many in (1, 50))
    for moment_s in range(0, int(world.schedule.now_s) + 1, 3):
        yield Fault("interrupted", float(moment_s))
    for moment_s in range(0, int(world.schedule.now_s) + 1, 12):
        for kind, value in (("outage", 45.0), ("outage", 900.0), ("forgotten", 60.0), ("clock_jump", -HOUR_S)):
            yield Fault(kind, float(moment_s), value)
        yield Fault("double_start", float(moment_s))
    for call, spec in enumerate(world.fallible, start=1):
        yield from (Fault("raised", call, place) for place in range(len(spec.errors)))
    yield from _crashes(world.effects)


def _crashes(effects: list[str]) -> Iterator[Fault]:
    """Yield a crash before every effect; torn bytes exist between a write and its sync only."""
    for number, effect in enumerate(effects, start=1):
        yield Fault("crash", number)
        yield Fault("power_lost", number)
        if effect == "sync":
            yield Fault("torn", number)
