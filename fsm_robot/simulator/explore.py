"""Many worlds: by seed, or all small ones."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from functools import lru_cache, partial
from threading import Lock

import attrs

from fsm_robot.engine.machine.definition import Definition, from_values
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.simulator.chance import JOBS_PER_WORLD, scenario_by, with_raised, world_seed
from fsm_robot.simulator.history import History
from fsm_robot.simulator.invariants import Violation, violations
from fsm_robot.simulator.scenario import ALL_FAULTS, NETWORK_FAULTS, Fault, JobPlan, Order, Scenario, Script
from fsm_robot.simulator.shrink import shrunk
from fsm_robot.simulator.workers import in_order
from fsm_robot.simulator.world import Setup, World

HOUR_S = 3600.0
WORLDS_AT_ONCE = 4
"""Worlds that a worker runs between two answers: asking costs nothing then, and a finding is told soon."""
MOST_UNDER_WAY = 256
Watch = Callable[["Tally"], None]
_ONE_THREAD = Lock()


@attrs.frozen
class Finding:
    """A scenario whose history breaks promises.

    Attributes:
        small: What is left of it where nothing more can be left out, and its first promise is broken still; None where
            that was not looked for.
    """

    scenario: Scenario
    violations: tuple[Violation, ...]
    small: Scenario | None = None


@attrs.frozen
class Counted:
    """What one world came to; small enough to go from one process to another.

    Attributes:
        struck: Kind of fault -> how often it struck.
        transitions: Keys of the edges that were taken.
        sha256: Over every file that its robots left.
        finding: Where it broke a promise.
    """

    jobs: int
    lives: int
    calls: int
    virtual_s: float
    struck: Counter[str]
    transitions: frozenset[str]
    sha256: bytes
    finding: Finding | None


def counted(world: World, history: History) -> Counted:
    """Return what a world came to that has run; its history is checked here."""
    digest = hashlib.sha256()
    for path, content in history.files.items():
        digest.update(path.encode() + b"\n" + content)
    broken = violations(history)
    return Counted(
        jobs=len(world.scenario.jobs),
        lives=world.lives,
        calls=world.network.calls,
        virtual_s=world.schedule.now_s,
        struck=world.struck,
        transitions=frozenset(world.transitions),
        sha256=digest.digest(),
        finding=Finding(world.scenario, tuple(broken)) if broken else None,
    )


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

    def add(self, one: Counted) -> None:
        """Add what one world came to; the order is that of the worlds."""
        self.worlds += 1
        self.jobs += one.jobs
        self.lives += one.lives
        self.calls += one.calls
        self.virtual_s += one.virtual_s
        self.struck += one.struck
        self.transitions |= one.transitions
        self._digest.update(one.sha256)
        if one.finding is not None:
            self.findings.append(one.finding)

    def digest(self) -> str:
        """Return the SHA-256 over those of the worlds: two runs of one seed agree in every byte of every file."""
        return self._digest.hexdigest()


def run(setup: Setup, scenario: Scenario) -> tuple[World, History]:
    """Run one scenario."""
    world = World(scenario, setup)
    return world, world.run()


def smallest(setup: Setup, finding: Finding) -> Finding:
    """Return a finding with what is left of its scenario."""
    name = finding.violations[0].invariant

    def breaks(scenario: Scenario) -> bool:
        return any(broken.invariant == name for broken in violations(run(setup, scenario)[1]))

    return attrs.evolve(finding, small=shrunk(finding.scenario, breaks))


def by_seed(
    setup: Setup,
    seed: int,
    jobs: int,
    faults: Collection[str] = tuple(ALL_FAULTS),
    *,
    most_findings: int = 1,
    shrink: bool = False,
    watch: Watch | None = None,
    executor: Executor | None = None,
) -> Tally:
    """Run worlds until they have had `jobs` jobs together, or `most_findings` of them broke a promise.

    With an executor its workers run them, a few at a time; what comes of it is the same to the byte, however many they
    are, and wherever. The class of callbacks has to be one that they can import. With `shrink` a finding has what is
    left of it, which a worker has looked for too, and only for the findings that are told.
    """
    tally = Tally()
    plan = Plan(setup.definition, setup.callbacks_class, seed, jobs, tuple(faults))
    worlds = (one for number in range(plan.worlds) for one in (plan.run(number, setup),))
    for one in worlds if executor is None else _by_workers(plan, executor):
        tally.add(one)
        if watch is not None:
            watch(tally)
        if len(tally.findings) >= most_findings:
            break
    if shrink and executor is None:
        tally.findings = [smallest(setup, each) for each in tally.findings]
    elif shrink and executor is not None:
        under_way = [executor.submit(shrink_one, plan, each) for each in tally.findings]
        tally.findings = [each.result() for each in under_way]
    return tally


@attrs.frozen
class Plan:
    """Which worlds a seed means: world after world with 16 jobs each, so that anybody can run any of them."""

    definition: Definition
    callbacks_class: type[Callbacks]
    seed: int
    jobs: int
    faults: tuple[str, ...]

    @property
    def worlds(self) -> int:
        """How many there are."""
        return -(-self.jobs // JOBS_PER_WORLD)

    def run(self, number: int, setup: Setup) -> Counted:
        """Run one of them, from 0."""
        jobs = min(JOBS_PER_WORLD, self.jobs - number * JOBS_PER_WORLD)
        scenario = scenario_by(world_seed(self.seed, number), jobs, self.faults)
        fallible = self.faults and any(spec.errors for spec in self.definition.callbacks)
        return counted(*run(setup, with_raised(scenario) if fallible else scenario))


def _by_workers(plan: Plan, executor: Executor) -> Iterator[Counted]:
    """Yield what the worlds came to in their order; few enough are under way that a finding ends the rest soon."""
    firsts = range(0, plan.worlds, WORLDS_AT_ONCE)
    for some in in_order(executor, partial(run_some, plan), firsts, MOST_UNDER_WAY):
        yield from some


def run_some(plan: Plan, first: int) -> list[Counted]:
    """Run some worlds of a plan, in a worker. Threads of one process take turns: they would gain nothing by less."""
    with _ONE_THREAD:
        setup = _setup_of(plan)
        return [plan.run(number, setup) for number in range(first, min(first + WORLDS_AT_ONCE, plan.worlds))]


def shrink_one(plan: Plan, finding: Finding) -> Finding:
    """Return a finding of a plan with what is left of its scenario, in a worker."""
    with _ONE_THREAD:
        return smallest(_setup_of(plan), finding)


def _setup_of(plan: Plan) -> Setup:
    # As text it is a key of the cache below: a worker makes its machine once, not for every few worlds.
    machine = json.dumps(plan.definition.to_values())
    return _setup_for(machine, plan.callbacks_class)  # type: ignore[arg-type]  # a class can be hashed, whatever its objects


@lru_cache(maxsize=1)
def _setup_for(machine: str, callbacks_class: type[Callbacks]) -> Setup:
    return Setup(from_values(json.loads(machine)), callbacks_class)


def all_small(setup: Setup, *, most_findings: int = 1, watch: Watch | None = None) -> Tally:
    """Run two jobs with every single fault, and each of these with a crash before every effect."""
    tally = Tally()
    for scenario in small_scenarios(setup):
        world, history = run(setup, scenario)
        tally.add(counted(world, history))
        for crash in _crashes(world.effects):
            tally.add(counted(*run(setup, attrs.evolve(scenario, faults=(*scenario.faults, crash)))))
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
