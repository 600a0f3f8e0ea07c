"""Worlds of tasks: robots take from one queue and die at any write or call, through the real ledger and protocol.

Everything that `jobapi` does for a script is the code of production: the steps of a taker, `Operations`, `Hands`,
`TaskLedger`. Simulated are the orchestrator's queue, the way to it, the disk below the ledger, and time. There are no
threads: while one robot makes a call or writes, others may do whole operations of theirs, and these may be interrupted
alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal, TypeVar, cast

import attrs

from fsm_robot.engine.redact import Secrets
from fsm_robot.errors import FailureKind, GatewayUnreachableError
from fsm_robot.jobapi.hands import LEFT, LOST, Hands
from fsm_robot.jobapi.ledger import NAME, TaskLedger
from fsm_robot.jobapi.lines import Lines
from fsm_robot.jobapi.operations import Operations
from fsm_robot.jobapi.ports import Objects, Row
from fsm_robot.robot.ports import Job
from fsm_robot.sdk import SdkError
from fsm_robot.simulator.disk import LifeDisk, SimulatedDisk
from fsm_robot.simulator.life import CrashError
from fsm_robot.simulator.scenario import CRASHES
from fsm_robot.simulator.schedule import EPOCH

Answer = TypeVar("Answer")
LEDGER = Path("state") / "jobs" / NAME
NEW, BUSY, DONE, FAILED, BUSINESS, POSTPONED = 0, 1, 2, 3, 4, 5
ENDS = (DONE, FAILED, BUSINESS, POSTPONED)
CALL_FAULTS: Mapping[str, tuple[FailureKind, bool]] = {
    "no_connection": ("no_connection", False),
    "request_lost": ("no_answer", False),
    "answer_lost": ("no_answer", True),
    "server_error": ("server_error", False),
    "error_after": ("server_error", True),
    "throttled": ("throttled", False),
}
"""Name of a fault of a call -> kind of the failure, and whether the orchestrator has acted."""
FAULT_NAMES = tuple(CALL_FAULTS)
CALL_S, LONGEST_CLAIM_S = 0.03, 700.0
OTHERS_ACT = 0.12
MOST_ACTS = 60
"""How often a robot acts for each task of its world, before the world calms down."""
MOST_DRAINS = 12
GIVEN, ENDED = "given", "ended"


@attrs.frozen
class TaskScenario:
    """One world.

    Attributes:
        seed: Decides everything that is left: who acts when, what scripts do, which call fails.
        tasks: How many wait in the queue.
        robots: How many take from it.
        crash_rate: Share of the writes and calls before which a robot dies.
        crash_kinds: How: see `scenario.CRASHES`.
        call_rate: Share of the calls that fail.
        full_rate: Share of the writes that a full disk cuts.
        patience_s: How long a call is repeated.
        crash_at: The robot dies before the effect of this number, from 1, and else at none; 0 is by `crash_rate`.
    """

    seed: int
    tasks: int = 24
    robots: int = 3
    crash_rate: float = 0.012
    crash_kinds: tuple[str, ...] = tuple(CRASHES)
    call_rate: float = 0.03
    full_rate: float = 0.002
    patience_s: float = 5.0
    crash_at: int = 0


@attrs.frozen
class TaskFact:
    """What happened to a task.

    Attributes:
        task: Its GUID.
        what: `status` at the orchestrator, `given` to a script, `ended` by the script's call.
        job: By which job.
        status: The status.
    """

    task: str
    what: Literal["status", "given", "ended"]
    job: str
    status: int


@attrs.define
class Queue:
    """The orchestrator's side: what it was told, in order."""

    facts: list[TaskFact] = attrs.field(factory=list)
    statuses: dict[str, int] = attrs.field(factory=dict)
    tags: dict[str, list[str]] = attrs.field(factory=dict)
    jobs: dict[str, str] = attrs.field(factory=dict)

    def add(self, guid: str) -> None:
        """Have one task more."""
        self.statuses[guid], self.tags[guid], self.jobs[guid] = NEW, [], ""

    def row(self, guid: str) -> Row:
        """Return a task as the gateway reads it."""
        row = {"job_id": self.jobs[guid] or None}
        return {
            "guid": guid, "name": guid, "parameters": {}, "status": self.statuses[guid], "tags": list(self.tags[guid]),
            "priority": 1, "created": None, "row": row,
        }  # fmt: skip

    def new(self) -> list[str]:
        """Return the tasks that are New, in their order."""
        return [guid for guid, status in self.statuses.items() if status == NEW]

    def set_status(self, guid: str, status: int, job: str) -> None:
        """Take a status, from whomever: the vendor's orchestrator does."""
        if self.statuses[guid] != status:
            self.facts.append(TaskFact(guid, "status", job, status))
        self.statuses[guid] = status
        self.jobs[guid] = "" if status == NEW else job


class Over:
    """`operations.Over` on virtual time."""

    def __init__(self, world: TaskWorld) -> None:
        self._world, self._is_set = world, False

    def set(self) -> None:
        """See `operations.Over.set`."""
        self._is_set = True

    def is_set(self) -> bool:
        """See `operations.Over.is_set`."""
        return self._is_set

    def wait(self, timeout: float) -> bool:
        """See `operations.Over.wait`."""
        self._world.now_s += timeout
        return self._is_set


@attrs.define(eq=False)
class QueueObjects:
    """`jobapi.ports.Objects`, as far as tasks go, for one life of a robot."""

    world: TaskWorld
    robot: TaskRobot
    server_time: datetime | None = EPOCH

    def last_task(self, queue: str) -> Row | None:
        """See `Objects.last_task`."""

        def act() -> Row | None:
            found = self.world.queue.new()
            return self.world.queue.row(found[0]) if found else None

        return self._call(act)

    def tasks(self, queue: str, filters: Mapping[str, object], limit: int = 100) -> list[Row]:
        """See `Objects.tasks`."""
        return self._call(lambda: [self.world.queue.row(guid) for guid in self.world.queue.new()[:limit]])

    def task(self, guid: str) -> Row | None:
        """See `Objects.task`."""
        return self._call(lambda: self.world.queue.row(guid))

    def update_task(self, guid: str, fields: Mapping[str, int], job_guid: str = "") -> None:
        """See `Objects.update_task`."""
        self._call(lambda: self.world.queue.set_status(guid, fields["status"], job_guid))

    def add_tag(self, guid: str, tags: str) -> None:
        """See `Objects.add_tag`."""
        self._call(lambda: self.world.queue.tags[guid].append(tags))

    def remove_tag(self, guid: str, tags: str) -> None:
        """See `Objects.remove_tag`."""

        def act() -> None:
            self.world.queue.tags[guid] = [tag for tag in self.world.queue.tags[guid] if tag != tags]

        self._call(act)

    def _call(self, act: Callable[[], Answer]) -> Answer:
        world = self.world
        self.robot.effect("send")
        world.calls += 1
        world.now_s += CALL_S
        kind, acts = world.call_fault()
        answer = act() if acts else None
        self.robot.effect("hear")
        self.server_time = EPOCH + timedelta(seconds=world.now_s)
        if kind:
            raise GatewayUnreachableError("/api/task", kind, "the simulated way to the orchestrator failed")
        return cast(Answer, answer)


@attrs.define(eq=False)
class TaskRobot:
    """A robot whose scripts take tasks, life after life."""

    number: int
    world: TaskWorld
    disk: SimulatedDisk
    alive: bool = False
    acting: bool = False
    work: Operations | None = None
    hands: Hands | None = None
    open: list[str] = attrs.field(factory=list)
    takes_left: int = 0

    def effect(self, what: str) -> None:
        """Let the robot die here, or let others act first."""
        self.world.effect(self, what)

    def act(self) -> None:
        """Do one thing: start, begin a job, take, settle, end the job; or die meanwhile."""
        self.acting = True
        try:
            if self.hands is None:
                self._start()
            elif self.work is None:
                self._begin_job(self.hands)
            else:
                self._go_on(self.work)
        except CrashError:
            self.alive, self.work, self.hands = False, None, None
            self.open.clear()
        finally:
            self.acting = False

    def _start(self) -> None:
        self.world.lives += 1
        self.alive = True
        objects = cast(Objects, QueueObjects(self.world, self))
        ledger = TaskLedger(LEDGER, LifeDisk(self.disk, self.effect))
        hands = Hands(objects, ledger, lambda *_, **__: None, start=lambda _, work, __: work())
        hands.settle(LOST, 10.0)
        self.hands = hands

    def _begin_job(self, hands: Hands) -> None:
        world = self.world
        world.jobs += 1
        guid = f"{world.jobs:08x}"
        job = Job(guid, "script", documents={"job": {"Id": guid}})
        hands.begin(job)
        self.takes_left = world.chance.choice([1, 2, 3, 6])
        self.work = Operations(
            job,
            hands.objects,
            hands,
            Secrets(""),
            Lines(job, None),
            patience_s=world.scenario.patience_s,
            clock=lambda: world.now_s,
            fraction=world.chance.random,
            over=Over(world),
        )

    def _go_on(self, work: Operations) -> None:
        chance = self.world.chance
        try:
            if self.open and chance.random() < 0.6:
                self._settle(work, self.open.pop(chance.randrange(len(self.open))))
            elif self.takes_left > 0:
                self.takes_left -= 1
                self._take(work)
            else:
                self.end_job()
        except SdkError:
            self.world.refused += 1

    def _take(self, work: Operations) -> None:
        row = work.call("task.take", {"queue": "Q"})["task"]
        if isinstance(row, Mapping):
            task = str(row["guid"])
            self.world.tell(task, "given", work.job.guid, BUSY)
            self.open.append(task)

    def _settle(self, work: Operations, task: str) -> None:
        """Give a task an end, or leave it to the robot."""
        status = self.world.chance.choice([DONE, DONE, DONE, FAILED, BUSINESS, POSTPONED, NEW, None])
        if status is None:
            return
        answer = work.call("task.end", {"task": task, "status": status})
        if answer.get("kept", True):
            self.world.tell(task, "ended", work.job.guid, status)

    def end_job(self) -> None:
        """Let the script end: what it has left open is settled."""
        if self.work is not None:
            work, self.work = self.work, None
            self.open.clear()
            work.wind_up(LEFT, 5.0)

    def stop(self) -> None:
        """End the robot as it should."""
        self.end_job()
        self.alive, self.hands = False, None

    def ledger(self) -> TaskLedger:
        """Return what it has on its disk."""
        return TaskLedger(LEDGER, LifeDisk(self.disk, lambda _: None))


@attrs.define(eq=False)
class TaskWorld:
    """One scenario, run once."""

    scenario: TaskScenario
    queue: Queue = attrs.field(factory=Queue)
    struck: Counter[str] = attrs.field(factory=Counter)
    now_s: float = 0.0
    calls: int = 0
    lives: int = 0
    jobs: int = 0
    effects: int = 0
    refused: int = 0
    calm: bool = False
    outage_until_s: float = -1.0
    chance: Random = attrs.field(init=False)
    robots: list[TaskRobot] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make what outlives the robots."""
        scenario = self.scenario
        self.chance = Random(f"tasks {scenario.seed}")
        for number in range(scenario.tasks):
            self.queue.add(f"task-{number}")
        writes = range(1, scenario.tasks * 10)
        self.robots = [
            TaskRobot(
                number,
                self,
                SimulatedDisk(
                    frozenset(each for each in writes if self.chance.random() < scenario.full_rate), self.struck
                ),
            )
            for number in range(scenario.robots)
        ]

    def run(self) -> list[str]:
        """Let the robots work until every task has its end, and return what is wrong."""
        for _ in range(self.scenario.tasks * MOST_ACTS):
            if not any(status in (NEW, BUSY) for status in self.queue.statuses.values()):
                break
            self.chance.choice(self.robots).act()
            self.now_s += self.chance.random()
        self._drain()
        return list(self._wrong())

    def tell(self, task: str, what: Literal["given", "ended"], job: str, status: int) -> None:
        """Write down what a script has seen, or has got an answer for."""
        self.queue.facts.append(TaskFact(task, what, job, status))

    # ---- what goes wrong

    def effect(self, robot: TaskRobot, what: str) -> None:
        """Let a robot die before what it is about to do, or let another one act first."""
        # What a `finally` of the dying code still wants to do does not happen: the process is gone.
        if not robot.alive:
            raise CrashError
        self.effects += 1
        scenario, chance = self.scenario, self.chance
        dies = self.effects == scenario.crash_at if scenario.crash_at else chance.random() < scenario.crash_rate
        if not self.calm and dies and scenario.crash_kinds:
            kind = chance.choice(scenario.crash_kinds)
            self.struck[f"{kind} before {what}"] += 1
            if kind != "crash":
                robot.disk.lose_power(chance, torn=kind == "torn")
            robot.alive = False
            raise CrashError
        if not self.calm and chance.random() < OTHERS_ACT:
            others = [each for each in self.robots if not each.acting]
            if others:
                chance.choice(others).act()

    def call_fault(self) -> tuple[FailureKind | None, bool]:
        """Return what happens to a call: the kind of its failure, or None, and whether the orchestrator acts."""
        if self.calm:
            return None, True
        if self.now_s < self.outage_until_s:
            return "no_connection", False
        if self.chance.random() >= self.scenario.call_rate:
            return None, True
        if self.chance.random() < 0.03:
            self.struck["outage"] += 1
            self.outage_until_s = self.now_s + self.chance.choice([5.0, 60.0, 400.0])
            return "no_connection", False
        name = self.chance.choice(FAULT_NAMES)
        self.struck[name] += 1
        return CALL_FAULTS[name]

    # ---- the end

    def _drain(self) -> None:
        """Let everything go well: each robot starts once more, and all that is New is taken."""
        self.calm = True
        for robot in self.robots:
            robot.disk.full_at = frozenset()
            robot.stop()
            robot.act()
            robot.stop()
        for _ in range(MOST_DRAINS):
            if not self.queue.new():
                return
            self.now_s += LONGEST_CLAIM_S  # what the dead have announced is stale
            self._take_all(self.robots[0])

    def _take_all(self, robot: TaskRobot) -> None:
        robot.act()
        robot.act()
        assert robot.work is not None
        robot.takes_left = 10 * self.scenario.tasks
        while robot.takes_left and self.queue.new():
            robot.act()
        robot.stop()

    def _wrong(self) -> list[str]:
        wrong = task_violations(self.queue.facts)
        for guid, status in self.queue.statuses.items():
            if status not in ENDS:
                wrong.append(f"{guid} has no end: it is {status}")
        for robot in self.robots:
            wrong += [
                f"robot {robot.number} still has {entry.task} as {entry.stage}" for entry in robot.ledger().open()
            ]
        return wrong


def task_violations(facts: list[TaskFact]) -> list[str]:
    """Return how what happened breaks the promises: one taker, one end, and that of the script where it had an answer.

    Pure.
    """
    wrong: list[str] = []
    ends: dict[str, int] = {}
    holders: dict[str, str] = {}
    wanted: dict[str, int] = {}
    for fact in facts:
        task = fact.task
        if fact.what == GIVEN:
            if task in holders:
                wrong.append(f"{task} was given to the scripts of two jobs: {holders[task]} and {fact.job}")
            if task in ends:
                wrong.append(f"{task} was given to job {fact.job} after its end {ends[task]}")
            holders[task] = fact.job
        elif fact.what == ENDED:
            wanted[task] = fact.status
        else:
            if task in ends:
                wrong.append(f"{task} went on to {fact.status} after its end {ends[task]}")
            if fact.status in ENDS:
                ends[task] = fact.status
            if fact.status != BUSY:
                holders.pop(task, None)
    return wrong + [
        f"{task} ended as {ends.get(task)}, and its script has said {status}"
        for task, status in wanted.items()
        if status != NEW and ends.get(task) != status
    ]
