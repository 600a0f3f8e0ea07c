"""A world: runs the robot, life after life, through one scenario, and writes down what happened."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import cast
from uuid import UUID

import attrs

from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.machine.core import Engine, RobotMachine, Step, engine_for
from fsm_robot.engine.machine.definition import CallbackSpec, Definition
from fsm_robot.engine.redact import Redactor
from fsm_robot.engine.runner import Runner
from fsm_robot.gateway.reading import Reading
from fsm_robot.robot.assemble import assemble
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.look_back import find_outcome, find_unsettled
from fsm_robot.robot.machine import REPEATABLE
from fsm_robot.robot.ports import Options, Ports, Unsettled
from fsm_robot.robot.settings import times
from fsm_robot.simulator.disk import LifeDisk, LifeIndex, SimulatedDisk
from fsm_robot.simulator.history import Fact, History, Limits
from fsm_robot.simulator.life import CrashError, Life, LifeGateway, LifeInbox, LifeTimers, log_on
from fsm_robot.simulator.network import Network
from fsm_robot.simulator.orchestrator import SimulatedOrchestrator
from fsm_robot.simulator.processes import Processes, SimulatedWorker
from fsm_robot.simulator.raising import RaisingCallbacks
from fsm_robot.simulator.scenario import CALLBACK_FAULTS, CRASHES, NETWORK_FAULTS, Fault, Scenario
from fsm_robot.simulator.schedule import Schedule, StuckError
from fsm_robot.simulator.secrets import SecretForms, forms_of

ROBOT_GUID = "0F8fAd5b-D9cb-469f-A165-70867728950e"
MOST_LIVES = 150
GAP_S, GAP_WHEN_UNREACHABLE_S = (20.0, 600.0), (600.0, 5400.0)
"""Between two starts: shortest and longest. A scheduler does not knock at a closed door every minute."""
UNREACHABLE = 4
STORAGE = Path("state")
FOLD_AT = 2
ACTS = frozenset({"consume_job", "claim_job", "run_script"})
"""Callbacks whose steps have to be on disk before they act: it cannot be taken back, or asked again."""
NOTED_EVENTS = frozenset({"job_consumed", "job_repeated", "result_left", "job_reported", "report_refused"})


@attrs.frozen
class Setup:
    """What is the same in every world, made once.

    Attributes:
        definition: The machine, compiled.
        engine: Executes it.
        callbacks_class: What acts.
        redactor: Takes `ROBOT_GUID` out of everything.
        secrets: Its forms.
        times: Defaults of the settings that hold a time.
    """

    definition: Definition
    callbacks_class: type[Callbacks] = Callbacks
    engine: Engine = attrs.field(default=attrs.Factory(lambda self: engine_for(self.definition), takes_self=True))
    redactor: Redactor = attrs.field(factory=lambda: Redactor.for_guid(ROBOT_GUID))
    secrets: SecretForms = attrs.field(factory=lambda: forms_of(ROBOT_GUID))
    times: Mapping[str, float] = attrs.field(factory=times)


@attrs.define
class World:
    """One scenario, run once.

    Attributes:
        effects: Names of the effects so far: what changes something outside the robot, or tells it something.
        struck: Kind of fault -> how often it struck.
        transitions: Keys of the transitions that were taken.
        fallible: The callbacks with declared errors that were called, in order.
    """

    scenario: Scenario
    setup: Setup
    limits: Limits = attrs.field(factory=Limits)
    effects: list[str] = attrs.field(factory=list)
    struck: Counter[str] = attrs.field(factory=Counter)
    lives: int = 0
    transitions: set[str] = attrs.field(factory=set)
    fallible: list[CallbackSpec] = attrs.field(factory=list)
    schedule: Schedule = attrs.field(factory=Schedule)
    _facts: list[Fact] = attrs.field(factory=list)
    _life: Life = attrs.field(factory=lambda: Life(0, dead=True))
    _inbox: LifeInbox | None = None
    _start_now: bool = False
    chance: Random = attrs.field(init=False)
    disk: SimulatedDisk = attrs.field(init=False)
    processes: Processes = attrs.field(init=False)
    orchestrator: SimulatedOrchestrator = attrs.field(init=False)
    network: Network = attrs.field(init=False)
    _crash_at: dict[int, Fault] = attrs.field(init=False)
    _raised: dict[int, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make everything that outlives the robot."""
        scenario = self.scenario
        self.limits = attrs.evolve(self.limits, contact_lost_after_s=scenario.contact_lost_after_s)
        self.chance = Random(scenario.seed)
        spoken = self.setup.secrets.spoken
        by_kind: dict[str, list[Fault]] = {}
        for fault in scenario.faults:
            by_kind.setdefault(fault.kind, []).append(fault)
        full = (range(int(fault.at), int(fault.at + fault.value)) for fault in by_kind.get("disk_full", ()))
        self.disk = SimulatedDisk(frozenset(number for numbers in full for number in numbers), self.struck)
        self.processes = Processes(self.schedule, self.chance, self.note)
        self.orchestrator = SimulatedOrchestrator(self.schedule, self.chance, self.note, spoken)
        calls = {int(fault.at): fault for kind in NETWORK_FAULTS for fault in by_kind.get(kind, ())}
        self.network = Network(
            self.schedule, self.chance, calls, self.limits.timeout_s, self._page, self.struck, self._tell_to_leave
        )
        self._crash_at = {int(fault.at): fault for kind in CRASHES for fault in by_kind.get(kind, ())}
        self._raised = {int(fault.at): int(fault.value) for kind in CALLBACK_FAULTS for fault in by_kind.get(kind, ())}
        for plan in scenario.jobs:
            self.orchestrator.add(str(UUID(int=self.chance.getrandbits(128), version=4)), plan)
        self._enter_timed_faults()

    def run(self) -> History:
        """Start the robot again and again until everything is done, as a scheduler would."""
        while self.lives < MOST_LIVES:
            if not self._live() or self._done():
                break
            self._wait_for_the_next_start()
        else:
            self.note("no_progress", "", MOST_LIVES, "lives, and still not done")
        return History(tuple(self._facts), self.disk.files(), self.setup.secrets, self.limits)

    def note(self, what: str, job: str = "", number: int = 0, text: str = "") -> None:
        """Write a fact down."""
        life = 0 if self._life.dead else self._life.number
        self._facts.append(tuple.__new__(Fact, (self.schedule.now_s, life, what, job, number, text)))  # quicker

    def _page(self) -> bytes:
        return f"<html>{self.chance.choice(self.setup.secrets.spoken)}</html>".encode()

    # ---- one life

    def _live(self) -> bool:
        """Run the robot once; return whether the world can go on."""
        self.lives += 1
        life = self._life = Life(self.lives)
        self.note("life_began")
        try:
            runner = self._robot(life)
            exit_code = runner.run()
        except CrashError:
            return True
        except StuckError as error:
            self.note("stuck", "", 0, str(error))
            return False
        except Exception as error:  # a robot that fails by itself is a finding, whatever it raises
            place = traceback.extract_tb((error.__cause__ or error).__traceback__)[-1]
            where = f"{Path(place.filename).name}, line {place.lineno}"
            self.note("broke", "", 0, f"{type(error).__name__}: {error} ({where})")
            return False
        finally:
            life.dead = True
        self._facts.append(Fact(self.schedule.now_s, life.number, "life_ended", "", exit_code, runner.machine.state))
        return True

    def _robot(self, life: Life) -> Runner[Callbacks]:
        """Build the robot as for a run, on simulated ports."""
        effect = self._effect_for(life)
        disk = LifeDisk(self.disk, effect)
        inbox = self._inbox = LifeInbox(self.schedule)
        log = log_on(self.disk, STORAGE / "robot.log", self.schedule, self.setup.redactor)
        reading = Reading(self.setup.redactor)
        gateway = LifeGateway(
            self.schedule, self.network, self.orchestrator, self.processes, reading, self.note, effect
        )
        timers = LifeTimers(self.schedule, life)
        worker = SimulatedWorker(self.processes, self.orchestrator.plans, effect, life.when_alive, self.limits.grace_s)
        header = {"format": 1, "machine": self.setup.definition.name, "seed": self.scenario.seed, "life": life.number}
        written = JournalFile(
            STORAGE / "journal", header, self.schedule, self.setup.redactor, disk, repeatable=REPEATABLE
        )
        ports = Ports(
            gateway=gateway,
            worker=worker,
            inbox=inbox,
            clock=self.schedule,
            timers=timers,
            log=log,
            journal=NotedJournal(written, self.note, self.transitions),
            ledger=_ledger(disk),
            past=_Past(disk),
            leave=self._leaver(worker, effect),
            new_token=lambda: f"{self.chance.getrandbits(128):032x}",
            fraction=self.chance.random,
        )
        limits = self.limits
        own = {"scripts.stop_grace_s": limits.grace_s, "heartbeat.interval_s": limits.interval_s}
        options = Options(limits.interval_s, limits.contact_lost_after_s, times={**self.setup.times, **own})
        machine = RobotMachine(self.setup.definition, self.setup.engine)
        runner = assemble(machine, self.setup.callbacks_class, ports, options)
        runner.callbacks = self._fallible(runner.callbacks)
        return runner

    def _fallible(self, callbacks: Callbacks) -> Callbacks:
        if not any(spec.errors for spec in self.setup.definition.callbacks):
            return callbacks
        struck = partial(self.struck.update, ["raised"])
        return cast(Callbacks, RaisingCallbacks(callbacks, self._raised, self.fallible, struck))

    def _effect_for(self, life: Life) -> Callable[[str], None]:
        def effect(what: str) -> None:
            # Whatever a `finally` of the robot still wants to do: its process is gone.
            if life.dead:
                raise CrashError
            self.effects.append(what)
            crash = self._crash_at.get(len(self.effects))
            if crash is not None:
                self._crash(life, crash.kind)
                raise CrashError

        return effect

    def _crash(self, life: Life, kind: str) -> None:
        self.struck[kind] += 1
        self.note("crashed", "", 0, kind)
        life.dead = True
        if kind != "crash":
            self.processes.end_all()
            self.disk.lose_power(self.chance, torn=kind == "torn")

    def _leaver(self, worker: SimulatedWorker, effect: Callable[[str], None]) -> Callable[[], None]:
        def leave() -> None:
            if not worker.busy:
                effect("log off")
                self.note("logged_off")

        return leave

    # ---- between the lives

    def _done(self) -> bool:
        last = self._facts[-1]
        drained = last.what == "life_ended" and last.number == 0
        return drained and self.orchestrator.next_job_s() is None

    def _wait_for_the_next_start(self) -> None:
        last = self._facts[-1]
        drained = last.what == "life_ended" and last.number == 0
        unreachable = last.what == "life_ended" and last.number == UNREACHABLE
        gap_s = self.chance.uniform(*(GAP_WHEN_UNREACHABLE_S if unreachable else GAP_S))
        next_job_s = self.orchestrator.next_job_s()
        moment_s = self.schedule.now_s + gap_s
        if drained and next_job_s is not None:
            moment_s = max(moment_s, next_job_s)
        self._start_now = False
        self.schedule.run_until(moment_s, lambda: self._start_now)

    def _enter_timed_faults(self) -> None:
        actions: dict[str, Callable[[float], None]] = {
            "outage": self._begin_outage,
            "forgotten": self._begin_to_forget,
            "clock_jump": self._jump,
            "interrupted": self._interrupt,
            "double_start": self._start_second,
        }
        for fault in self.scenario.faults:
            if fault.kind in actions:
                self.schedule.after(fault.at, partial(actions[fault.kind], fault.value))

    def _begin_outage(self, value: float) -> None:
        self.struck["outage"] += 1
        self.network.outage_until_s = max(self.network.outage_until_s, self.schedule.now_s + value)

    def _begin_to_forget(self, value: float) -> None:
        self.struck["forgotten"] += 1
        self.orchestrator.forget(value)

    def _jump(self, value: float) -> None:
        self.struck["clock_jump"] += 1
        self.schedule.utc_ahead_s += value

    def _interrupt(self, _value: float) -> None:
        self.struck["interrupted"] += 1
        self._tell_to_leave()

    def _tell_to_leave(self) -> None:
        if not self._life.dead and self._inbox is not None:
            self.note("told_to_leave")
            self._inbox.tell_to_leave()

    def _start_second(self, _value: float) -> None:
        self.struck["double_start"] += 1
        # The lock of the instance is free as soon as its holder is dead, so a second start begins at once then.
        if self._life.dead:
            self._start_now = True
        else:
            self.note("second_refused", "", 5)


def _ledger(disk: LifeDisk) -> JobLedger:
    # A short list, so that even a world with few jobs hands some over to the index, and crashes in between.
    return JobLedger(STORAGE / "jobs" / "ledger.jsonl", disk, LifeIndex(disk), fold_at=FOLD_AT)


@attrs.frozen
class _Past:
    disk: LifeDisk

    def unsettled(self) -> Unsettled | None:
        """See `ports.Past.unsettled`."""
        return find_unsettled(STORAGE / "journal", self.disk, _ledger(self.disk))

    def outcome(self, job_guid: str) -> str:
        """See `ports.Past.outcome`."""
        return find_outcome(STORAGE / "journal", job_guid, self.disk)

    def tidy(self, job_guid: str) -> None:
        """See `ports.Past.tidy`: a simulated script has no files."""


@attrs.define
class NotedJournal:
    """The real journal; what it wrote is noted as a fact, before and after."""

    journal: JournalFile
    note: Callable[[str, str, int, str], None]
    transitions: set[str]
    _job: str = ""

    def append(self, step: Step) -> None:
        """See `ports.Journal.append`."""
        data, name = step.event.data, step.event.name
        if step.transition:
            self.transitions.add(step.transition)
        if name not in NOTED_EVENTS and "outcome" not in data:
            self.journal.append(step)
        else:
            self._job = str(data.get("job", self._job))
            told = (self._job, 0, name if step.kind == "taken" else step.kind)
            self.note("recording", *told)
            self.journal.append(step)
            self.note("recorded", *told)
        if step.callback in ACTS:
            self.note("due", "", step.seq, step.callback)

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        """See `ports.Journal.end`."""
        self.journal.end(exit_code, crash)
