"""Many worlds of tasks, by seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from random import Random

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.simulator.chance import world_seed
from fsm_robot.simulator.task_world import TaskScenario, TaskWorld
from fsm_robot.simulator.workers import in_order

TASKS_PER_WORLD = 24
WORLDS_AT_ONCE = 20
MOST_UNDER_WAY = 64
Watch = Callable[["TaskTally"], None]


@attrs.frozen
class TaskFinding:
    """A world in which a promise was broken: its number, from 0, and how."""

    number: int
    wrong: tuple[str, ...]


@attrs.define
class TaskTally:
    """What some worlds came to.

    Attributes:
        struck: What went wrong, and how often; of a crash also before what.
        given: How often a script was given a task.
        refused: How often a script got an error in the place of an answer.
    """

    worlds: int = 0
    tasks: int = 0
    lives: int = 0
    jobs: int = 0
    calls: int = 0
    given: int = 0
    refused: int = 0
    virtual_s: float = 0.0
    struck: Counter[str] = attrs.field(factory=Counter)
    findings: list[TaskFinding] = attrs.field(factory=list)
    digests: list[bytes] = attrs.field(factory=list)

    def add(self, world: TaskWorld, number: int, wrong: list[str]) -> None:
        """Add a world that has run."""
        facts = world.queue.facts
        self.worlds += 1
        self.tasks += world.scenario.tasks
        self.lives, self.jobs, self.calls = self.lives + world.lives, self.jobs + world.jobs, self.calls + world.calls
        self.given += sum(fact.what == "given" for fact in facts)
        self.refused += world.refused
        self.virtual_s += world.now_s
        self.struck += world.struck
        told = "\n".join(f"{fact.task} {fact.what} {fact.job} {fact.status}" for fact in facts)
        self.digests.append(hashlib.sha256(told.encode()).digest())
        if wrong:
            self.findings.append(TaskFinding(number, tuple(wrong)))

    def join(self, other: TaskTally) -> None:
        """Add what the worlds behind these came to."""
        for name in ("worlds", "tasks", "lives", "jobs", "calls", "given", "refused", "virtual_s"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.struck += other.struck
        self.findings += other.findings
        self.digests += other.digests

    def digest(self) -> str:
        """Return the SHA-256 over those of the worlds: two runs of one seed agree in all that happened."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()

    def as_values(self) -> dict[str, object]:
        """Return it as JSON values; the same seed gives the same bytes."""
        return {
            "worlds": self.worlds,
            "tasks": self.tasks,
            "jobs": self.jobs,
            "lives": self.lives,
            "calls": self.calls,
            "virtual_hours": round(self.virtual_s / 3600, 3),
            "given": self.given,
            "refused": self.refused,
            "faults": dict(sorted(self.struck.items())),
            "happened_sha256": self.digest(),
            "violations": [
                {"world": finding.number, "text": text} for finding in self.findings for text in finding.wrong
            ],
        }

    def as_text(self) -> str:
        """Return it for a person."""
        struck = ", ".join(f"{kind} {count}" for kind, count in sorted(self.struck.items())) or "none"
        return "\n".join(
            [
                f"{counted(self.tasks, 'task')} in {counted(self.worlds, 'world')},"
                f" {counted(self.lives, 'life', 'lives')} of robots, {counted(self.jobs, 'job')},"
                f" {counted(self.calls, 'call')}, {self.virtual_s / 3600:.1f} hours of virtual time",
                f"given to scripts: {self.given}; calls of scripts that ended in an error: {self.refused}",
                f"faults that struck: {struck}",
                f"SHA-256 of all that happened: {self.digest()}",
                f"promises broken: {sum(len(finding.wrong) for finding in self.findings) or 'none'}",
            ]
        )


def task_scenario(seed: int, number: int) -> TaskScenario:
    """Return one of the worlds of a seed, from 0."""
    chance = Random(f"task scenario {world_seed(seed, number)}")
    return TaskScenario(
        world_seed(seed, number),
        TASKS_PER_WORLD,
        robots=chance.choice([1, 2, 2, 3, 4]),
        crash_rate=chance.choice([0.0, 0.004, 0.012, 0.03]),
        call_rate=chance.choice([0.0, 0.01, 0.03, 0.1]),
        full_rate=chance.choice([0.0, 0.0, 0.005]),
        patience_s=chance.choice([0.0, 5.0, 120.0]),
    )


def tasks_by_seed(seed: int, tasks: int, watch: Watch, executor: Executor | None = None) -> TaskTally:
    """Run worlds until they have had so many tasks together, or one of them broke a promise.

    What comes of it is the same, however many workers an executor has.
    """
    tally = TaskTally()
    worlds = -(-tasks // TASKS_PER_WORLD)
    firsts = range(0, worlds, WORLDS_AT_ONCE)
    plans = ((seed, first, min(WORLDS_AT_ONCE, worlds - first)) for first in firsts)
    for one in map(_some, plans) if executor is None else in_order(executor, _some, plans, MOST_UNDER_WAY):
        tally.join(one)
        watch(tally)
        if tally.findings:
            break
    return tally


def _some(plan: tuple[int, int, int]) -> TaskTally:
    """Run some worlds: seed, first number, how many."""
    seed, first, count = plan
    tally = TaskTally()
    for number in range(first, first + count):
        world = TaskWorld(task_scenario(seed, number))
        tally.add(world, number, world.run())
    return tally
