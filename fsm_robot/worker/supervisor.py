"""Start, watch, stop and kill one script with everything that it starts."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.errors import ScriptNotStartedError
from fsm_robot.ports import Ending, Job
from fsm_robot.redact import Redactor
from fsm_robot.worker.environment import script_environment
from fsm_robot.worker.job_folder import JobFolder, folder_name
from fsm_robot.worker.names import resolve_script
from fsm_robot.worker.output import Output
from fsm_robot.worker.process import Process

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

RUNNING_NAME = "running.json"
KILL_PATIENCE_S = 10.0
"""How long a killed tree gets to be gone; the system takes milliseconds unless a process hangs in a driver."""
LEFTOVER_PATIENCE_S = 0.5
"""How long children may outlive the script before they count as left over: multiprocessing's own helper does."""
OUTPUT_PATIENCE_S = 5.0
ASK_AGAIN_S = 3.0
"""How long a script gets to follow the first way of asking before the system's second one, where it has one."""
LOOK_FIRST_S, LOOK_LONGEST_S = 0.002, 0.05


@attrs.define
class ScriptWorker:
    """`ports.Worker` on real processes.

    Attributes:
        scripts_directory: Where scripts are looked up; also their working directory.
        jobs_directory: Where each job gets a folder of its own.
        python: Interpreter of the scripts.
        redactor: Keeps the robot's GUID out of the job's files.
        output_limit_bytes: Most of a job's output that is kept.
        keep_job_files: Whether the job's JSON file stays after the job.
        log: Writes a line: level, sentence, values.
        arguments: What the script of a job gets on its command line.
    """

    scripts_directory: Path
    jobs_directory: Path
    python: str
    redactor: Redactor
    output_limit_bytes: int
    keep_job_files: bool
    log: Callable[..., None]
    arguments: Callable[[Job], Sequence[str]] = lambda _: ()
    _running: _Running | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""
        script = resolve_script(job.script_name, self.scripts_directory)
        if problem := system.adopt_orphans():
            self.log("warning", "supervision of scripts is weaker here", reason=problem)
        folder = JobFolder(self.jobs_directory / folder_name(job.guid))
        output = Output(folder.output, self.output_limit_bytes, self.redactor, system.legacy_encodings())
        try:
            folder.create(job, self.redactor)
            tree = self._start([str(script), *self.arguments(job)], folder, output, run_token)
        except (OSError, ValueError) as error:
            raise ScriptNotStartedError(f"{script} cannot be started by {self.python}: {error}") from error
        self._running = _Running(tree, folder, output, self.keep_job_files, self.log, ended)
        threading.Thread(target=self._running.watch, name="script", daemon=True).start()

    def ask_to_stop(self) -> None:
        """See `ports.Worker.ask_to_stop`."""
        if self._running is not None:
            self._running.ask_to_stop()

    def kill(self, outcome: str) -> None:
        """See `ports.Worker.kill`."""
        if self._running is not None:
            self._running.kill(outcome)

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """See `ports.Worker.end_remains`."""
        pid, created = self._last_script(run_token)
        ended: dict[tuple[int, str], Process] = {}
        deadline_s = time.monotonic() + KILL_PATIENCE_S
        for _ in _looks():
            ended.update({(each.pid, each.created): each for each in system.remains(run_token, pid, created)})
            # What is being killed loses its marks before it is gone, so everything that was found is looked at again.
            remains = [each for each in ended.values() if system.is_alive(each)]
            if not remains:
                return tuple(map(str, ended.values()))
            if time.monotonic() > deadline_s:
                return tuple(
                    f"{each}, which could not be ended" if each in remains else str(each) for each in ended.values()
                )
            system.kill(remains)
        raise AssertionError("looking never ends by itself")

    def _start(self, script: Sequence[str], folder: JobFolder, output: Output, run_token: str) -> system.Tree:
        writer = output.open(system.open_pipe)
        try:
            environment = {**script_environment(os.environ, folder), system.RUN_TOKEN: run_token}
            tree = system.start([self.python, *script], environment, str(self.scripts_directory), writer)
            self._let_run(tree, run_token)
        except BaseException:
            output.finish(OUTPUT_PATIENCE_S)
            folder.clear(keep_job_file=False)
            raise
        return tree

    def _let_run(self, tree: system.Tree, run_token: str) -> None:
        """Write the process down first: what runs can then be found by a later life of the robot."""
        try:
            if tree.weakness:
                self.log("warning", "the script may leave processes that are not seen", reason=tree.weakness)
            self._note(run_token, tree)
            tree.resume()
        except BaseException:
            tree.kill()
            tree.reap()
            tree.close()
            raise

    def _note(self, run_token: str, tree: system.Tree) -> None:
        """Write down, for a later life of the robot, which process the script is."""
        entry = {"run_token": run_token, "pid": tree.pid, "created": tree.created}
        try:
            (self.jobs_directory / RUNNING_NAME).write_text(json.dumps(entry), encoding="ascii")
        except OSError as error:
            # Its run token tells it as well.
            self.log("warning", "the script's process could not be written down", error=str(error))

    def _last_script(self, run_token: str) -> tuple[int, str]:
        try:
            entry = json.loads((self.jobs_directory / RUNNING_NAME).read_bytes())
            if entry["run_token"] == run_token:
                return int(entry["pid"]), str(entry["created"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, ""  # not there or torn
        return 0, ""


@attrs.define(eq=False)
class _Running:
    """A script from its start to its settled ending."""

    tree: system.Tree
    folder: JobFolder
    output: Output
    keep_job_file: bool
    log: Callable[..., None]
    ended: Callable[[Ending], None]
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    asked: bool = False
    killed: str = ""
    exit_code: int | None = None
    settled: bool = False
    give_up: threading.Timer | None = None
    second: threading.Timer | None = None

    def watch(self) -> None:
        """Wait for the script's own process, end what it leaves, complete its output, tell how it ended."""
        self.tree.wait()
        with self.lock:
            # The one point that settles the race between an order and the natural end.
            self.exit_code = self.tree.reap()
        left = self._leftovers() if not self.killed else ()
        self._settle(left, self._emptied())

    def ask_to_stop(self) -> None:
        with self.lock:
            if self.asked or self.killed or self._over():
                return
            self.asked = True
            try:
                self.folder.raise_stop_flag()
            except OSError as error:
                self.log("warning", "the stop flag cannot be raised, the script is interrupted only", error=str(error))
            self.log("info", "the script is interrupted", by=self.tree.interrupt())
            self.second = threading.Timer(ASK_AGAIN_S, self._ask_again)
            self.second.daemon = True
            self.second.start()

    def _ask_again(self) -> None:
        if self.killed or self._over():
            return
        if how := self.tree.interrupt_again():
            self.log("info", "the script is interrupted once more", by=how)

    def kill(self, outcome: str) -> None:
        with self.lock:
            if self.killed or self._over():
                return
            self.killed = outcome
            # A process that hangs in the system does not end by being killed; the job must not hang with it.
            self.give_up = threading.Timer(KILL_PATIENCE_S, self._give_up)
            self.give_up.daemon = True
            self.give_up.start()
        self.tree.kill()

    def _over(self) -> bool:
        return self.exit_code is not None or self.tree.has_exited()

    def _leftovers(self) -> tuple[str, ...]:
        deadline_s = time.monotonic() + LEFTOVER_PATIENCE_S
        for _ in _looks():
            others = self.tree.others()
            if not others or time.monotonic() > deadline_s:
                return tuple(map(str, others))
        return ()

    def _emptied(self) -> tuple[str, ...]:
        """Kill until nothing is left; return who would not go."""
        deadline_s = time.monotonic() + KILL_PATIENCE_S
        for _ in _looks():
            others = self.tree.others()
            if not others or time.monotonic() > deadline_s:
                return tuple(map(str, others))
            self.tree.kill()
        return ()

    def _give_up(self) -> None:
        if self.exit_code is None:
            self._settle((), (f"pid {self.tree.pid} (the script)", *map(str, self.tree.others())))

    def _settle(self, leftovers: tuple[str, ...], survivors: tuple[str, ...]) -> None:
        with self.lock:
            if self.settled:
                return
            self.settled = True
        for timer in (self.give_up, self.second):
            if timer is not None:
                timer.cancel()
        self.output.finish(OUTPUT_PATIENCE_S)
        reason = self._reason()
        self._clear()
        self.ended(Ending(self._outcome(), reason, self.exit_code, survivors, leftovers, self.folder.output))

    def _clear(self) -> None:
        self.tree.close()
        if self.output.problem:
            self.log("warning", self.output.problem, file=self.folder.output)
        try:
            self.folder.clear(keep_job_file=self.keep_job_file)
        except OSError as error:
            self.log("warning", "the files of the job cannot be removed", error=str(error))

    def _outcome(self) -> str:
        if self.killed:
            return self.killed
        if self.asked:
            return "stopped"
        return "succeeded" if self.exit_code == 0 else "failed"

    def _reason(self) -> str:
        if self.exit_code is None or self.exit_code == 0:
            return ""
        how = system.died_of(self.exit_code) or f"exit code {self.exit_code}"
        said = self.folder.told_exception(self.output.redactor) or self.output.last_line()
        return f"{how}: {said}" if said else how


def _looks() -> Any:
    """Yield for ever, with a pause before each but the first: a tree cannot be waited for in one piece."""
    pause_s = LOOK_FIRST_S
    never = threading.Event()
    while True:
        yield
        never.wait(pause_s)
        pause_s = min(2 * pause_s, LOOK_LONGEST_S)
