"""`fsm-robot simulate`: the real machine, loop, journal and recovery in thousands of simulated worlds."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.streams import print_json
from fsm_robot.engine import machine_file
from fsm_robot.engine.wording import counted, did_you_mean
from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.robot import machine
from fsm_robot.simulator import explore, report
from fsm_robot.simulator.explore import Finding, Tally
from fsm_robot.simulator.invariants import violations
from fsm_robot.simulator.scenario import ALL_FAULTS, Scenario, scenario_from
from fsm_robot.simulator.world import Setup
from fsm_robot.system import threads

if TYPE_CHECKING:
    from fsm_robot.simulator.task_explore import TaskTally

BROKEN = 1
SAID_EVERY_S = 5.0
MOST_WORKERS = 61
"""What Windows lets a process wait for."""
TAKES: Mapping[str, Collection[str]] = {
    "scenario": ("machine", "no_shrink", "out", "json"),
    "exhaustive": ("machine", "no_shrink", "out", "json"),
    "world": ("tasks", "seed"),
    "tasks": ("seed", "workers", "cluster", "json"),
}
"""What is simulated in the place of the jobs of a seed -> the options that mean something there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="S",
        help="number that makes a simulation repeatable to the byte (default: 1)",
    )
    parser.add_argument("--jobs", type=int, default=1000, metavar="N", help="how many jobs (default: 1000)")
    parser.add_argument(
        "--faults", default="all", metavar="LIST", help=f"all, none, or some of: {', '.join(ALL_FAULTS)}"
    )
    parser.add_argument(
        "--exhaustive",
        action="store_true",
        help="two jobs with every combination of crash point and fault (without --seed and --faults)",
    )
    parser.add_argument(
        "--tasks",
        type=int,
        metavar="N",
        help="simulate N tasks of queues instead of jobs, with robots that die at any write",
    )
    parser.add_argument(
        "--world", type=int, metavar="NUMBER", help="with --tasks: simulate only this world, and print all that happens"
    )
    parser.add_argument("--scenario", metavar="FILE", help="run one scenario, from the file that a finding has written")
    parser.add_argument(
        "--machine", metavar="FILE|FOLDER", help=f"a machine file, or a robot's folder (default: {DEFAULT})"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="how many processes share the work (default: 1)"
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="a Dask scheduler whose workers share the work: tcp://host:8786 (extra dask)",
    )
    parser.add_argument("--no-shrink", action="store_true", help="do not reduce a finding to its smallest form")
    parser.add_argument("--out", default="simulated", metavar="DIR", help="folder for findings (default: simulated)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Simulate; 0 where every promise was kept, 1 where one was broken."""
    # The command line has turned the collector off for its start; here millions of objects follow.
    gc.enable()
    if arguments.jobs < 1:
        raise SettingsError("--jobs must be at least 1")
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise SettingsError(f"--workers must be from 1 to {MOST_WORKERS}")
    if arguments.cluster and arguments.workers != 1:
        raise SettingsError("--cluster brings its own workers; leave --workers out")
    _refuse_what_would_not_count(arguments)
    if arguments.tasks is not None:
        return _run_tasks(arguments)
    faults = _faults(arguments.faults)
    path = machine_meant(arguments.machine)
    if not machine_file.load(path, None, ()).has_jobs:
        what = "the simulator is a world of jobs, scripts and an orchestrator, and this machine has none of them"
        raise SettingsError(f"{path}: {what}; test it with `fsm-robot replay` and with docs/testing.md")
    setup = Setup(machine.load(path))
    watch = _Progress()
    if arguments.scenario:
        tally = Tally()
        tally.add(explore.counted(*explore.run(setup, _scenario(Path(arguments.scenario)))))
    elif arguments.exhaustive:
        tally = explore.all_small(setup, watch=watch.see)
    else:
        tally = _by_seed(setup, faults, arguments, watch)
    watch.end()
    values = report.as_values(tally, setup.definition)
    told = [_tell(setup, finding, arguments) for finding in tally.findings]
    if arguments.json:
        print_json(values, indent=2)
    else:
        print("\n\n".join([report.as_text(tally, setup.definition), *told]))
    return BROKEN if tally.findings else 0


def _refuse_what_would_not_count(arguments: argparse.Namespace) -> None:
    """Tell of an option that another one leaves without a meaning. Raises `SettingsError`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    usual = vars(parser.parse_args([]))
    given = {name for name, value in usual.items() if getattr(arguments, name) != value}
    if "world" in given and "tasks" not in given:
        raise SettingsError("--world: goes with --tasks")
    mode = next((mode for mode in TAKES if mode in given), None)
    if mode is None:
        return
    for name in usual:
        if name in given - {mode, *TAKES[mode]}:
            raise SettingsError(f"--{mode}: --{name.replace('_', '-')} does not go with it")


def _run_tasks(arguments: argparse.Namespace) -> int:
    """Simulate tasks of queues: the ledger and the taking, in the place of the machine."""
    from fsm_robot.simulator.task_explore import task_scenario, tasks_by_seed
    from fsm_robot.simulator.task_world import TaskWorld

    if arguments.tasks < 1:
        raise SettingsError("--tasks must be at least 1")
    if arguments.world is not None:
        if arguments.world < 0:
            raise SettingsError("--world must be at least 0")
        world = TaskWorld(task_scenario(arguments.seed, arguments.world))
        wrong = world.run()
        print("\n".join([f"{world.scenario}", *map(str, world.queue.facts), *(f"BROKEN {each}" for each in wrong)]))
        return BROKEN if wrong else 0
    watch = _Progress()

    def see(tally: TaskTally) -> None:
        watch.see_count(tally.tasks, "tasks", tally.worlds)

    with _executor(arguments) as executor:
        tally = tasks_by_seed(arguments.seed, arguments.tasks, see, executor)
    watch.end()
    if arguments.json:
        print_json(tally.as_values(), indent=2)
        return BROKEN if tally.findings else 0
    print(tally.as_text())
    for finding in tally.findings:
        print("\n".join(["", *(f"BROKEN {each}" for each in finding.wrong)]))
        print(f"again: fsm-robot simulate --tasks 1 --seed {arguments.seed} --world {finding.number}")
    return BROKEN if tally.findings else 0


def _by_seed(setup: Setup, faults: list[str], arguments: argparse.Namespace, watch: _Progress) -> Tally:
    seed, jobs, shrink = arguments.seed, arguments.jobs, not arguments.no_shrink
    with _executor(arguments) as executor:
        return explore.by_seed(setup, seed, jobs, faults, shrink=shrink, watch=watch.see, executor=executor)


@contextmanager
def _executor(arguments: argparse.Namespace) -> Iterator[Executor | None]:
    """Give the workers of a cluster, or so many processes; none for one."""
    if arguments.cluster:
        from fsm_robot.simulator.cluster import on_cluster

        with on_cluster(arguments.cluster) as executor:
            yield executor
        return
    workers = arguments.workers
    if workers == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Spawned on every system: what a worker knows is what it is told, on Linux too.
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_belong) as executor:
            yield executor
    except (BrokenProcessPool, OSError) as error:
        raise RobotError(f"--workers {workers}: a worker has ended before its time: {error}") from error


def _belong() -> None:
    """Let the process that started this one say when it ends: both hear Ctrl-C, and one answer is enough.

    Where that process has no time to say it, killed from outside, this one ends too: it would wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threads.start("end of the parent", _end_with_parent, lambda _: True)


def _end_with_parent() -> None:
    from multiprocessing import connection, parent_process

    parent = parent_process()
    assert parent is not None  # this runs in workers alone
    connection.wait([parent.sentinel])
    os._exit(BROKEN)


def _tell(setup: Setup, finding: Finding, arguments: argparse.Namespace) -> str:
    """Write a finding down, shrunk, and return what a person needs to know."""
    name = finding.violations[0].invariant
    if finding.small is None and not (arguments.scenario or arguments.no_shrink):
        finding = explore.smallest(setup, finding)
    small = finding.small or finding.scenario
    _, history = explore.run(setup, small)
    finding = Finding(small, tuple(broken for broken in violations(history) if broken.invariant == name))
    folder = Path(arguments.out) / f"{name}-{small.seed}"
    machine = f" --machine {arguments.machine}" if arguments.machine else ""
    command = f"fsm-robot simulate --scenario {(folder / 'scenario.json').as_posix()}{machine}"
    report.write_finding(Path(arguments.out), finding, history, command)
    return f"{report.finding_as_text(finding, history, command)}\nfiles: {folder.as_posix()}"


def _faults(text: str) -> list[str]:
    if text in ("all", "none"):
        return list(ALL_FAULTS) if text == "all" else []
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in ALL_FAULTS:
            raise SettingsError(f"--faults: there is no fault {kind!r}{did_you_mean(kind, ALL_FAULTS)}")
    return kinds


def _scenario(path: Path) -> Scenario:
    try:
        return scenario_from(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"--scenario: {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"--scenario: {path} is not a scenario of the simulator: {error!r}") from error


@attrs.define
class _Progress:
    """Says on stderr, now and then, how far a long run is; stdout stays the same for the same seed."""

    started_s: float = attrs.field(factory=time.monotonic)
    said_s: float = attrs.field(factory=time.monotonic)
    said: bool = False

    def see(self, tally: Tally) -> None:
        self.see_count(tally.jobs, "jobs", tally.worlds)

    def see_count(self, count: int, what: str, worlds: int) -> None:
        now_s = time.monotonic()
        if now_s - self.said_s >= SAID_EVERY_S and sys.stderr is not None:
            self.said_s, self.said = now_s, True
            rate = count / (now_s - self.started_s)
            end = "\r" if _is_terminal() else "\n"
            self._say(f"{count} {what}, {rate:.0f} a second, {counted(worlds, 'world')}", end)

    def end(self) -> None:
        if self.said and _is_terminal():
            self._say("", "\n")

    def _say(self, text: str, end: str) -> None:
        # Past what guards the stream, for to go back in the line is meant.
        print(text, end=end, file=getattr(sys.stderr, "trusted", sys.stderr), flush=True)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
