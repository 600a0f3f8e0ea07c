"""Simulated scripts: trees of processes that outlive the robot, and the worker that runs them for one life of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import attrs

from fsm_robot.errors import ScriptNotStartedError, ScriptRefusedError
from fsm_robot.robot.ports import Ending, Job
from fsm_robot.simulator.scenario import JobPlan, Script
from fsm_robot.simulator.schedule import Schedule

LEFTOVER_PATIENCE_S = 0.5
LONGEST_KILL_S = 2.0
"""How long a killed tree may need to be gone."""
REMAINS_S = 0.2
"""How long the start of a robot needs to end what the last life left."""

Note = Callable[[str, str, int, str], None]


@attrs.define(eq=False)
class Tree:
    """A script and everything that it started."""

    job_guid: str
    run_token: str
    script: Script
    main_pid: int
    pids: set[int]
    exited: bool = False
    exit_code: int = 0
    asked: bool = False
    killed: str = ""
    over: Callable[[], None] | None = None


@attrs.define
class Processes:
    """All processes of the account that belong to scripts; they go on when the robot dies."""

    schedule: Schedule
    chance: Random
    note: Note
    trees: list[Tree] = attrs.field(factory=list)
    _last_pid: int = 100

    def begin(self, job_guid: str, run_token: str, script: Script) -> Tree:
        """Start a script."""
        first = self._last_pid + 1
        self._last_pid += 1 + script.children
        tree = Tree(job_guid, run_token, script, first, set(range(first, self._last_pid + 1)))
        self.trees.append(tree)
        self.note("script_started", job_guid, first, run_token)
        for pid in sorted(tree.pids):
            self.note("born", job_guid, pid, "")
        self.schedule.after(script.lasts_s, lambda: self.exit(tree, script.exit_code))
        return tree

    def exit(self, tree: Tree, exit_code: int) -> None:
        """Let the script's own process end; its children end with it unless it leaks them."""
        if tree.exited:
            return
        tree.exited, tree.exit_code = True, exit_code
        self.note("script_exited", tree.job_guid, exit_code, tree.killed or ("asked" if tree.asked else "itself"))
        self._gone(tree, {tree.main_pid} if tree.script.leaks and not tree.killed else set(tree.pids))
        if tree.over is not None:
            self.schedule.after(LEFTOVER_PATIENCE_S if tree.pids else 0.01, tree.over)

    def ask(self, tree: Tree, grace_s: float) -> None:
        """Interrupt the script."""
        tree.asked = True
        wait_s = {"leaves": tree.script.stop_takes_s, "late": grace_s + tree.script.stop_takes_s}
        if tree.script.on_stop in wait_s:
            self.schedule.after(wait_s[tree.script.on_stop], lambda: self.exit(tree, 1))

    def kill(self, tree: Tree, outcome: str) -> None:
        """Kill the whole tree; it is gone a moment later."""
        tree.killed = outcome
        self.schedule.after(self.chance.uniform(0.001, LONGEST_KILL_S), lambda: self.exit(tree, -9))

    def end(self, tree: Tree) -> None:
        """End what is left of a tree, at once."""
        if not tree.exited:
            tree.killed, tree.exited = tree.killed or "remains", True
            self.note("script_exited", tree.job_guid, -9, tree.killed)
        self._gone(tree, set(tree.pids))

    def end_all(self) -> None:
        """The power is gone."""
        for tree in list(self.trees):
            self.end(tree)

    def order_heard(self, job_guid: str) -> None:
        """Let a script that waits for an order end in this very moment."""
        for tree in self.trees:
            if tree.job_guid == job_guid and not tree.exited and tree.script.ends_with_order:
                if tree.script.ends_with_order == "before":
                    self.exit(tree, tree.script.exit_code)
                else:
                    self.schedule.soon(partial(self.exit, tree, tree.script.exit_code))

    def _gone(self, tree: Tree, pids: set[int]) -> None:
        for pid in sorted(pids & tree.pids):
            self.note("gone", tree.job_guid, pid, "")
        tree.pids -= pids
        if not tree.pids and tree in self.trees:
            self.trees.remove(tree)


@attrs.define
class SimulatedWorker:
    """`ports.Worker` for one life of the robot."""

    processes: Processes
    plans: dict[str, JobPlan]
    effect: Callable[[str], None]
    when_alive: Callable[[Callable[[], None]], Callable[[], None]]
    grace_s: float
    busy: bool = False
    _tree: Tree | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""
        self.effect("start")
        script = self.plans[job.guid].script
        if script.trouble == "refused":
            raise ScriptRefusedError(job.script_name, "it leads outside the scripts folder")
        if script.trouble == "not_started":
            raise ScriptNotStartedError("no memory for another process")
        tree = self._tree = self.processes.begin(job.guid, run_token, script)
        self.busy = True
        tree.over = self.when_alive(lambda: self._over(tree, ended))
        self.effect("started")

    def ask_to_stop(self) -> None:
        """See `ports.Worker.ask_to_stop`."""
        tree = self._tree
        if tree is None or tree.asked or tree.killed or tree.exited:
            return
        self.effect("ask")
        self.processes.note("stop_asked", tree.job_guid, 0, "")
        self.processes.ask(tree, self.grace_s)

    def kill(self, outcome: str) -> None:
        """See `ports.Worker.kill`."""
        tree = self._tree
        if tree is None or tree.killed or tree.exited:
            return
        self.effect("kill")
        self.processes.note("killed", tree.job_guid, 0, outcome)
        self.processes.kill(tree, outcome)

    def close(self) -> None:
        """See `ports.Worker.close`."""
        self.kill("aborted")

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """See `ports.Worker.end_remains`."""
        self.effect("end_remains")
        self.processes.schedule.run_until(self.processes.schedule.now_s + REMAINS_S)
        names = []
        for tree in [tree for tree in self.processes.trees if tree.run_token == run_token]:
            names += [f"pid {pid} (python)" for pid in sorted(tree.pids)]
            self.processes.end(tree)
        return tuple(names)

    def _over(self, tree: Tree, ended: Callable[[Ending], None]) -> None:
        leftovers = tuple(f"pid {pid} (python)" for pid in sorted(tree.pids))
        self.processes.end(tree)
        self.busy = False
        self.effect("tell ending")
        outcome = tree.killed or ("stopped" if tree.asked else "succeeded" if tree.exit_code == 0 else "failed")
        ended(Ending(outcome, exit_code=tree.exit_code, leftovers=leftovers))
