"""Start, watch, stop and kill scripts with everything that they start, for as long as the robot lives."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import ScriptNotStartedError, ScriptRefusedError
from fsm_robot.robot.ports import Ending, Job, Limits
from fsm_robot.system import threads
from fsm_robot.system.held import PATIENCE
from fsm_robot.system.readers import NOBODY_ELSE, Readers
from fsm_robot.worker import screen
from fsm_robot.worker.decoding import last_words
from fsm_robot.worker.environment import script_environment
from fsm_robot.worker.job_folder import JobFolder, folder_name
from fsm_robot.worker.names import resolve_script
from fsm_robot.worker.output import Output
from fsm_robot.worker.process import Note, Process

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

if TYPE_CHECKING:
    from fsm_robot.worker.environments import Environments

RUNNING_NAME = "running.json"
COMPILED_NAME = "compiled"
"""Folder of the storage for what Python compiles, where it must not be beside the scripts."""
KILL_PATIENCE_S = 10.0
"""How long a killed tree gets to be gone; the system takes milliseconds unless a process hangs in a driver."""
LEFTOVER_PATIENCE_S = 0.5
"""How long children may outlive the script before they count as left over: multiprocessing's own helper does."""
OUTPUT_PATIENCE_S = 5.0
ASK_AGAIN_S = 3.0
"""How long a script gets to follow the first way of asking before the system's second one, where it has one."""
LOOK_FIRST_S, LOOK_LONGEST_S = 0.002, 0.05
LOOK_AT_MEMORY_S = 0.5
"""How often the memory of a script is looked at that has a limit of it."""
MIB = 1 << 20
LOOK_ANYWAY_S = 1.0
"""How often a script is looked at although nobody said that it has ended: a callback may have taken its end away."""
OVER_PATIENCE_S = 0.5
MOST_FAILURES = 5
LAST_WORDS_BYTES, LAST_LINES = 16_000, 20
MOST_NAMES = 20
"""How many processes are named in a log line."""


@attrs.define
class ScriptWorker:
    """`ports.Worker` on real processes.

    Attributes:
        scripts_directory: Where scripts are looked up; also their working directory.
        jobs_directory: Where each job gets a folder of its own.
        python: Interpreter of the scripts that have no environment of their own.
        redactor: Keeps the robot's GUID out of the job's files.
        output_limit_bytes: Most of a job's output that is kept.
        keep_job_files: Whether the job's JSON file stays after the job.
        log: Writes a line: level, sentence, values.
        arguments: What the script of a job gets on its command line.
        environments: Which environments scripts have; None: none.
        locked: Whether scripts run only as their folder's lock says that they are.
        vendor_api: Whether scripts of the vendor's framework find `fsm_robot.sdk.legacy` under its name.
        offer: Lets the script of a job ask the robot, and returns how; None where it cannot.
        withdraw: Lets it ask no more, once everything of it has ended.
        printed: Returns what takes each line that the script of a job prints, None where nobody wants them.
        screenshots: How many pictures of the screen a job may have; 0 takes none.
        on_failure: Whether one is taken when a script or a task fails.
        limits: What the script of a job may use.
        stop_grace_s: How long a script that is over its time gets to leave.
        readers: Who else may read what a script printed.
        variables: What its environment gets besides, by the mark of its processes.
    """

    scripts_directory: Path
    jobs_directory: Path
    python: str
    redactor: Redactor
    output_limit_bytes: int
    keep_job_files: bool
    log: Callable[..., None]
    arguments: Callable[[Job], Sequence[str]] = lambda _: ()
    environments: Environments | None = None
    locked: bool = False
    vendor_api: bool = False
    offer: Callable[[Job], Mapping[str, object] | None] = lambda _: None
    withdraw: Callable[[], None] = lambda: None
    printed: Callable[[Job], Callable[[str], None] | None] = lambda _: None
    screenshots: int = 0
    on_failure: bool = True
    limits: Callable[[Job], Limits] = lambda _: Limits()
    stop_grace_s: float = 60.0
    readers: Readers = NOBODY_ELSE
    variables: Callable[[str], Mapping[str, str]] = lambda _: {}
    _no_picture: str | None = None
    _running: _Running | None = None
    _given_up: list[_Running] = attrs.field(factory=list)

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""
        script = resolve_script(job.script_name, self.scripts_directory)
        if self.locked:
            self._check_lock(job.script_name)
        folder = JobFolder(self.jobs_directory / folder_name(job.guid))
        command = self._command(job, script, folder)
        output = Output(
            folder.output,
            self.output_limit_bytes,
            self.redactor,
            system.legacy_encodings(),
            printed=self.printed(job),
            readers=self.readers,
        )
        try:
            running = self._prepared(folder, output, run_token, self._then_withdrawn(ended), self.limits(job))
            self._start(running, job, command, run_token)
        except (OSError, ValueError) as error:
            raise ScriptNotStartedError(f"{script} cannot be started by {command[0]}: {_told(error)}") from error

    def ask_to_stop(self) -> None:
        """See `ports.Worker.ask_to_stop`."""
        if self._running is not None:
            self._running.tell("stop")

    def kill(self, outcome: str) -> None:
        """See `ports.Worker.kill`."""
        if self._running is not None:
            self._running.tell("kill", outcome)

    def close(self) -> None:
        """See `ports.Worker.close`."""
        self.kill("aborted")
        if self._running is not None:
            self._running.over.wait(KILL_PATIENCE_S + 2 * OUTPUT_PATIENCE_S)

    def is_idle(self) -> bool:
        """Return whether nothing of any job is alive, those that could not be ended included."""
        # Who has heard of the end may be faster than the thread that has told it.
        if self._running is not None and not self._running.over.wait(OVER_PATIENCE_S):
            return False
        return all(each.tree.is_empty() for each in (*self._given_up, self._running) if each and each.given_up)

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """See `ports.Worker.end_remains`."""
        left = self._noted(run_token)
        ended: dict[tuple[int, str], Process] = {}
        deadline_s = time.monotonic() + KILL_PATIENCE_S
        for _ in _looks():
            ended.update({(each.pid, each.created): each for each in system.remains(left)})
            # What is being killed loses its marks before it is gone, so everything that was found is looked at again.
            remains = [each for each in ended.values() if system.is_alive(each)]
            if not remains:
                return tuple(map(str, ended.values()))
            if time.monotonic() > deadline_s:
                return tuple(
                    f"{each}, which could not be ended" if each in remains else str(each) for each in ended.values()
                )
            system.end_group(left)
            system.kill(remains)
        raise AssertionError("looking never ends by itself")

    def _prepared(
        self, folder: JobFolder, output: Output, run_token: str, ended: Callable[[Ending], None], limits: Limits
    ) -> _Running:
        """Make everything that a stop or a kill needs: the script may use up whatever the account may have."""
        threads.keep_reserve()
        running = _Running(folder, output, self.keep_job_files, self.log, ended, limits, self.stop_grace_s)
        running.tree = system.children().tree(run_token, running.exited, self.log)
        try:
            threads.start("script", running.live, running.failed)
        except OSError:
            running.tree.close()
            raise
        return running

    def _check_lock(self, name: str) -> None:
        from fsm_robot.worker import pinned

        if problems := pinned.differences(self.scripts_directory):
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise ScriptRefusedError(name, f"{problems[0]}{more}; nothing was run")

    def _command(self, job: Job, script: Path, folder: JobFolder) -> list[str]:
        """Return what is run for a job; where its environment is not built yet, what builds it and then runs that."""
        then = [str(script), *self.arguments(job)]
        if self.environments is None:
            return [self.python, *then]
        found = self.environments.of(script)
        if found.python:
            return [found.python, *then]
        assert found.lock is not None
        if not self.environments.build_s:
            raise ScriptNotStartedError(
                f"the environment of {found.lock.path} is not built, and jobs may not build it: fsm-robot env sync"
            )
        from fsm_robot.worker.building import command_of

        self.log(
            "info", "environment.built_first", "the environment of the script is built first", lock=found.lock.path
        )
        return command_of(self.environments, found.lock, folder.building, folder.stop_flag, then)

    def _then_withdrawn(self, ended: Callable[[Ending], None]) -> Callable[[Ending], None]:
        def told(ending: Ending) -> None:
            self.withdraw()
            ended(ending)

        return told

    def _start(self, running: _Running, job: Job, command: Sequence[str], run_token: str) -> None:
        if self._running is not None and self._running.given_up:
            self._given_up.append(self._running)
        self._running, folder, tree = running, running.folder, running.tree
        try:
            how = self._screen(folder)
            folder.create(job, self.redactor, self.offer(job), how)
            self.readers.let(self.jobs_directory)
            self.readers.let(folder.path, within=True)
            running.no_picture = str(how["why_not"]) if how and how["on_failure"] else ""
            writer = running.output.open(system.open_pipe)
            picture = how and how["on_failure"] and not how["why_not"]
            by = f"{self.screenshots} {sys.executable}" if picture else ""
            own = script_environment(os.environ, folder, vendor_api=self.vendor_api, screen=by)
            if self.locked:
                # What Python keeps beside a script is no part of its lock, and would be run in its place.
                own["PYTHONPYCACHEPREFIX"] = str(self.jobs_directory.parent / COMPILED_NAME)
            environment = {**own, **self.variables(run_token), system.RUN_TOKEN: run_token}
            tree.start(command, environment, str(self.scripts_directory), writer)
            if tree.weakness:
                self.log(
                    "warning",
                    "script.processes_unseen",
                    "processes that the script leaves behind may not be noticed",
                    reason=tree.weakness,
                )
            # What runs is written down first: it can then be found by a later life of the robot.
            self._note(tree.note())
            if running.limits != Limits() and (unlimited := tree.limit(running.limits)):
                self.log(
                    "warning", "limit.weaker", "a limit of the script cannot be fully enforced here", reason=unlimited
                )
            tree.resume()
        except BaseException:
            running.tell("withdraw")
            running.over.wait(KILL_PATIENCE_S + 2 * OUTPUT_PATIENCE_S)
            self.withdraw()
            self._running = None
            raise
        running.tell("started")

    def _screen(self, folder: JobFolder) -> dict[str, object] | None:
        """Return how a script takes a picture of the screen, and why it cannot where that is known before."""
        if not self.screenshots:
            return None
        if self._no_picture is None:
            self._no_picture = _no_picture()
        program = Path(screen.__file__)
        return {
            "folder": str(folder.screenshots),
            "python": sys.executable,
            "program": str(program),
            "most": self.screenshots,
            "on_failure": self.on_failure,
            "why_not": self._no_picture,
        }

    def _note(self, note: Note) -> None:
        """Write down, for a later life of the robot, which process the script is."""
        path = self.jobs_directory / RUNNING_NAME
        try:
            PATIENCE.until_free(path, lambda: path.write_text(json.dumps(attrs.asdict(note)), encoding="ascii"))
        except OSError as error:
            # Its run token tells it as well.
            self.log("warning", "process.not_recorded", "the script's process could not be recorded", error=str(error))

    def _noted(self, run_token: str) -> Note:
        """Return what an earlier life has written down of the script with this token."""
        path = self.jobs_directory / RUNNING_NAME
        try:
            entry = json.loads(PATIENCE.content(path))
            if entry["run_token"] == run_token:
                return Note(run_token, int(entry["pid"]), str(entry["created"]), str(entry.get("group", "")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Note(run_token)  # not there or torn
        return Note(run_token)


@attrs.define(eq=False)
class _Running:
    """The run of one script, from before its start to its settled ending, in a thread of its own.

    Orders of the owner thread and the end of the script arrive as words in one queue, and nobody else touches the
    state. Whatever fails, the thread goes on with the next word or look.

    Attributes:
        limit: What the script has used too much of: then it failed, unless it was asked to stop before.
        began_s: When its time began, on the monotonic clock.
        limit_grace_ends_s: How long it gets to leave, once it is over its time.
        left: What the script left running, once that was killed.
        ended_s: When the script's own process had ended, on the monotonic clock.
        killing_s: Since when everything of the tree is killed.
        word: What is being obeyed.
        over: Set when `ended` has been told, or when the start was withdrawn.
    """

    folder: JobFolder
    output: Output
    keep_job_file: bool
    log: Callable[..., None]
    ended: Callable[[Ending], None]
    limits: Limits
    stop_grace_s: float
    tree: system.Tree = attrs.field(init=False)
    words: SimpleQueue[tuple[str, str]] = attrs.field(factory=SimpleQueue)
    over: threads.Flag = attrs.field(factory=threads.Flag)
    word: tuple[str, str] | None = None
    no_picture: str = ""
    given_up: bool = False
    began: bool = False
    withdrawn: bool = False
    asked: bool = False
    killed: str = ""
    limit: str = ""
    began_s: float = 0.0
    limit_grace_ends_s: float = 0.0
    left: tuple[str, ...] = ()
    ended_s: float | None = None
    killing_s: float | None = None
    ask_again_s: float | None = None
    failures: int = 0
    pause_s: float = LOOK_FIRST_S

    # ---- from other threads

    def tell(self, word: str, outcome: str = "") -> None:
        """Give an order; what came first is obeyed first."""
        self.words.put((word, outcome))

    def exited(self, exit_code: int | None) -> None:
        """Take note that the script's own process has ended."""
        self.words.put(("exited", ""))

    # ---- the thread

    def live(self) -> None:
        """Obey and look until the ending is told."""
        while not self.over.is_set():
            # A word stays the next one until it was obeyed, whatever fails meanwhile.
            self.word = self.word or self._next_word()
            self._obey(*self.word)
            self.word = None
            self._look()

    def failed(self, error: BaseException) -> bool:
        """Go on after something that nobody foresaw; after too much of it, end the job with what is known."""
        self.failures += 1
        if self.over.is_set():
            return False
        self.log(
            "error",
            "supervision.failed",
            "an error in watching the script, watching goes on",
            error=repr(error),
            failures=self.failures,
        )
        if self.failures >= MOST_FAILURES and self.killing_s is None:
            # It cannot be supervised, so it must not go on.
            self.killing_s = time.monotonic()
            self.killed = self.killed or ("" if self.tree.has_exited() else "aborted")
        if self.failures > 2 * MOST_FAILURES and self.tree.has_exited() and not self.withdrawn:
            # The outcome counts more than the rest of it, which nobody could look for: so the account stays logged on.
            self.given_up = True
            unseen = ("whatever else it may have started",)
            self.ended(Ending(self._outcome(), "", self.tree.exit_code, unseen, (), self.folder.output))
            self.over.set()
        return True

    def _next_word(self) -> tuple[str, str]:
        try:
            return self.words.get(timeout=self._wait_s())
        except Empty:
            return "", ""

    def _wait_s(self) -> float:
        if self.ended_s is None and self.killing_s is None:
            return max(0.0, min(LOOK_ANYWAY_S, *self._due_s(time.monotonic())))
        pause_s, self.pause_s = self.pause_s, min(2 * self.pause_s, LOOK_LONGEST_S)
        return pause_s

    def _due_s(self, now_s: float) -> Iterator[float]:
        """Yield in how many seconds something is due while the script runs; nothing of it may be negative for long."""
        yield LOOK_ANYWAY_S
        if self.ask_again_s is not None:
            yield self.ask_again_s - now_s
        if self.began and self.limits.memory_bytes:
            yield LOOK_AT_MEMORY_S
        if self.limit:
            yield self.limit_grace_ends_s - now_s
        elif self.began and self.limits.time_s and not self.asked:
            yield self.began_s + self.limits.time_s - now_s

    def _obey(self, word: str, outcome: str) -> None:
        match word:
            case "started":
                self.began, self.began_s = True, time.monotonic()
            case "stop":
                self._ask_to_stop()
            case "kill":
                self._kill(outcome)
            case "withdraw":
                self.withdrawn, self.killing_s = True, time.monotonic()

    def _ask_to_stop(self) -> None:
        if self.asked or self.killed or self.tree.has_exited():
            return
        try:
            self.folder.raise_stop_flag()
        except OSError as error:
            self.log(
                "warning",
                "stop.flag_failed",
                "the stop flag cannot be set, the script is only interrupted",
                error=str(error),
            )
        how = self.tree.interrupt()
        self.asked = True
        self.log("info", "script.interrupted", "the script is interrupted", by=how)
        self.ask_again_s = time.monotonic() + ASK_AGAIN_S

    def _kill(self, outcome: str) -> None:
        if self.killing_s is not None:
            return
        # The one point that settles the race between an order and the natural end.
        if not self.tree.has_exited():
            self.killed = outcome
        self.killing_s, self.pause_s = time.monotonic(), LOOK_FIRST_S

    def _look(self) -> None:
        """Do what is due now."""
        if self.ask_again_s is not None and time.monotonic() >= self.ask_again_s:
            self._ask_again()
        if self.ended_s is None and (self.began or self.withdrawn) and self.tree.has_exited():
            self.ended_s = time.monotonic()
        if self.began and self.ended_s is None and self.killing_s is None:
            self._look_at_limits(time.monotonic())
        if self.killing_s is not None:
            self._go_on_killing(self.killing_s)
        elif self.ended_s is not None:
            self._wait_for_the_rest(self.ended_s)

    def _look_at_limits(self, now_s: float) -> None:
        """Hold the script to its limits; a stop that came before them keeps its word for the outcome."""
        limits = self.limits
        if limits.time_s and self.folder.building.exists():
            self.began_s = now_s  # that has a time of its own
        if self.limit and now_s >= self.limit_grace_ends_s:
            self._kill("failed")
        elif limits.memory_bytes and (used := self.tree.memory_bytes()) > limits.memory_bytes:
            if self.tree.has_exited():
                return  # while it was looked at: its own outcome counts
            self._over(memory_limit(limits), used=f"{used / MIB:.0f} MiB")
            self._kill("stopped" if self.asked and not self.limit else "failed")
        elif limits.time_s and not self.asked and now_s >= self.began_s + limits.time_s:
            self._over(time_limit(limits), grace_s=self.stop_grace_s)
            self.limit_grace_ends_s = now_s + self.stop_grace_s
            self._ask_to_stop()

    def _over(self, limit: str, **values: object) -> None:
        if not self.asked:
            self.limit = limit
        self.log("warning", "limit.exceeded", "the script exceeded a limit and is ended", limit=limit, **values)

    def _ask_again(self) -> None:
        self.ask_again_s = None
        if not self.killed and not self.tree.has_exited() and (how := self.tree.interrupt_again()):
            self.log("info", "script.interrupted_again", "the script is interrupted once more", by=how)

    def _wait_for_the_rest(self, ended_s: float) -> None:
        """Let what the script has started end too; not for long, unless the whole tree was asked to stop."""
        if self.tree.is_empty():
            self._settle(())
        # Who has asked for a stop says himself when it is enough.
        elif (self.limit or not self.asked) and time.monotonic() > self._rest_ends_s(ended_s):
            self.killing_s, self.pause_s = time.monotonic(), LOOK_FIRST_S

    def _rest_ends_s(self, ended_s: float) -> float:
        return self.limit_grace_ends_s if self.limit else ended_s + LEFTOVER_PATIENCE_S

    def _go_on_killing(self, killing_s: float) -> None:
        """Kill until it is proved that nothing is left, or until nobody can say so."""
        killed = [str(each) for each in self.tree.kill()]
        if not self.killed:
            self.left = tuple(dict.fromkeys([*self.left, *killed]))[:MOST_NAMES]
        if self.tree.is_empty():
            return self._settle(())
        others = tuple(map(str, self.tree.others()))
        gone = self.tree.has_exited()
        if gone and not others and (doubt := self.tree.doubt()):
            self.log(
                "warning",
                "script.end_unproved",
                "it cannot be proved that no process of the script is left",
                reason=doubt,
            )
            return self._settle(())
        if time.monotonic() - killing_s > KILL_PATIENCE_S:
            # A process that hangs in the system does not end by being killed; the job must not hang with it.
            self.given_up = True
            script = () if gone else (f"pid {self.tree.pid} (the script)",)
            self._settle((*script, *others) or ("a process that could not be seen",))
        return None

    def _settle(self, survivors: tuple[str, ...]) -> None:
        self.output.finish(OUTPUT_PATIENCE_S)
        self._ask_who_broke_it()
        reason, outcome = self._reason(), self._outcome()
        self._complete(survivors)
        if not self.withdrawn:
            code = self.tree.exit_code
            words = "" if code == 0 else last_words(self.output.last_words(LAST_WORDS_BYTES), LAST_LINES)
            pictures = self._pictures()
            if pictures:
                self.log("info", "screenshot.kept", "screenshots were kept", files=pictures)
                words += f"\npicture of the screen: {pictures[-1]}" if code != 0 else ""
            if why_not := self._why_no_picture():
                self.log("info", "screenshot.none", "no screenshot was taken", reason=why_not)
            self.ended(
                Ending(outcome, reason, code, survivors, self.left, self.folder.output, words, pictures, self.limit)
            )
        self.over.set()

    def _complete(self, survivors: tuple[str, ...]) -> None:
        if not survivors:
            self.tree.close()
        if self.output.problem and not self.withdrawn:
            self.log(
                "warning",
                "output.not_whole",
                "the output of the script is incomplete",
                problem=self.output.problem,
                file=self.folder.output,
            )
        try:
            self.folder.clear(keep_job_file=self.keep_job_file and not self.withdrawn)
        except OSError as error:
            self.log("warning", "job.files_stay", "the files of the job cannot be removed", error=str(error))

    def _ask_who_broke_it(self) -> None:
        """Learn whether the system itself has kept the script from more memory, faster than anybody looked."""
        if self.limits.memory_bytes and not (self.killed or self.asked or self.tree.exit_code == 0):
            self.limit = memory_limit(self.limits) if self.tree.hit_memory_limit() else ""

    def _outcome(self) -> str:
        if self.limit:
            return "failed"
        if self.killed:
            return self.killed
        if self.asked:
            return "stopped"
        if self.tree.exit_code == 0:
            return "succeeded"
        return "not_started" if self.folder.building.exists() else "failed"

    def _pictures(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(map(str, self.folder.screenshots.glob("*.png"))))
        except OSError:
            return ()  # none was taken

    def _why_no_picture(self) -> str:
        if self._outcome() == "failed" and self.no_picture:
            return self.no_picture
        try:
            return (self.folder.screenshots / screen.WHY_NOT_NAME).read_text("utf-8", "replace")
        except OSError:
            return ""  # each one was taken, or none was wanted

    def _reason(self) -> str:
        code = self.tree.exit_code
        if self.limit:
            return self.limit
        if code == 0:
            return ""
        if code is None:
            return "" if self.given_up else "its exit code is not known: another part of the robot has read it"
        how = system.died_of(code) or f"exit code {code}"
        said = self.folder.told_exception(self.output.redactor) or self.output.last_line()
        return f"{how}: {said}" if said else how


def time_limit(limits: Limits) -> str:
    """Return what a script is over that runs for too long, as people say it."""
    size, unit = next(
        (size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if limits.time_s >= 2 * size or size == 1
    )
    return f"time limit of {limits.time_s / size:g} {unit}"


def memory_limit(limits: Limits) -> str:
    """Return what a script is over that uses too much memory."""
    return f"memory limit of {limits.memory_bytes / MIB:g} MiB"


def _no_picture() -> str:
    """Return why no picture of the screen can be taken here, empty where one may be."""
    from importlib.util import find_spec

    if sys.platform != "win32" and not os.environ.get("DISPLAY"):
        return screen.WITHOUT_DESKTOP
    return "" if find_spec("mss") is not None else screen.WITHOUT_LIBRARY


def _looks() -> Iterator[None]:
    """Yield for ever, with a pause before each but the first: what is not our child cannot be waited for."""
    pause_s = LOOK_FIRST_S
    never = threading.Event()
    while True:
        yield
        never.wait(pause_s)
        pause_s = min(2 * pause_s, LOOK_LONGEST_S)


def _told(error: OSError | ValueError) -> str:
    """Return what the system said, without its number and without the path that the sentence names already."""
    return getattr(error, "strerror", None) or str(error)
