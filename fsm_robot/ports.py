"""What the robot needs from outside, as protocols, and the values that cross them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import attrs

from fsm_robot.errors import JournalError
from fsm_robot.machine.core import Step
from fsm_robot.machine.events import Event

Answer = TypeVar("Answer")
Wait = Literal["to_the_end", "until_told", "until_told_again"]
"""How long the answer to a call is waited for by a robot that is told to leave.

`to_the_end`: whatever happens, for the answer may hold a job, or is an order to the orchestrator that must not arrive
late. `until_told`: not at all, the call changes nothing. `until_told_again`: until one word more comes than the one
that asks it to leave politely.
"""


def words_until(how_long: Wait, told: int) -> float:
    """Return how often in all the robot must be told to leave before it waits no longer; so far it was `told` times."""
    if how_long == "to_the_end":
        return math.inf
    # One that was told to leave, and to hurry, while its script ran still tries to deliver what came of it.
    return 1 if how_long == "until_told" else max(2, told + 1)


@attrs.frozen
class Job:
    """A job that the orchestrator handed out.

    Attributes:
        guid: `Job.GUID`.
        script_name: `ProcessVersion.Name` as it came: hostile until `worker.names` has resolved it.
        process_version_guid: `ProcessVersion.GUID`, empty where the server does not tell.
        documents: The parsed `Job`, `ProcessVersion` and `Task` under the keys `job`, `process_version`
            and `task`; a missing document is None.
    """

    guid: str
    script_name: str
    process_version_guid: str = ""
    documents: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class HeartbeatAnswer:
    """What the orchestrator said to a heartbeat. `has_new_job` is None where the key was missing."""

    code: int
    error_text: str = ""
    has_new_job: int | None = None


@attrs.frozen
class ConsumeAnswer:
    """What the orchestrator said to consumeNextJob. `job` is None unless `code` is 0."""

    code: int
    error_text: str = ""
    job: Job | None = None


class Gateway(Protocol):
    """What the orchestrator lets a robot do. Every call may raise `GatewayError`; none repeats itself."""

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        """Send a heartbeat with Status=2; JobGUID and JobName are empty before the first job."""

    def begin_beats(self, job: Job) -> None:
        """Allow Working heartbeats for `job` from now on."""

    def beat(self, job: Job) -> HeartbeatAnswer:
        """Send a heartbeat with Status=3, from any thread. Raises `BeatsEndedError` after `end_beats`."""

    def end_beats(self) -> None:
        """Return at once; from then on no Working heartbeat of the current job leaves this process."""

    def consume_job(self) -> ConsumeAnswer:
        """Take the next job."""

    def update_job(self, job_guid: str, status: int) -> None:
        """Set the status of a job; the same value may be sent again."""

    def close(self) -> None:
        """Close the connections."""


@attrs.frozen
class Ending:
    """How a script ended, settled once.

    Attributes:
        outcome: One of the names under `outcomes:` in the machine file: `succeeded`, `failed`, `stopped`,
            `stop_ran_out`, `aborted`, `refused`, `not_started`, `lost`.
        reason: One sentence for the log: the last line of the output, the signal, why it was refused.
        exit_code: The script's own; negative is a POSIX signal; None where no process was started, where it could not
            be ended, or where the system does not tell.
        survivors: Processes that were still there after the kill, as "pid 12 (name)".
        leftovers: Processes that the script left running and that were ended, same form.
        output_path: The job's own log file, or None where nothing was started.
    """

    outcome: str
    reason: str = ""
    exit_code: int | None = None
    survivors: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    output_path: Path | None = None


class Worker(Protocol):
    """How a script is run: one process tree at a time."""

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """Start the script of `job` and return; `ended` is called once, from another thread, when it is over.

        Args:
            job: What to run.
            run_token: Put into the environment of the whole tree, so that a later life can recognise it.
            ended: Called after the whole tree is gone and the output file is complete.

        Raises:
            ScriptRefusedError: The name leads nowhere inside the scripts folder; nothing was executed.
            ScriptNotStartedError: The operating system could not start it.
        """

    def ask_to_stop(self) -> None:
        """Raise the stop flag and interrupt the script's main thread; return at once. Idempotent."""

    def kill(self, outcome: str) -> None:
        """End the whole tree now, confirm that it is empty, name survivors; `outcome` is `aborted` or `stop_ran_out`.

        A script that had already ended keeps its own outcome. Idempotent.
        """

    def close(self) -> None:
        """End what runs now and return when it is gone, or after a bounded time: the robot itself has failed."""

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """End what an earlier life of the robot left running under `run_token`; return what was ended."""


@attrs.frozen
class Unsettled:
    """A job whose final status the orchestrator has not been told.

    Attributes:
        job_guid: The job.
        script_name: What it ran, as the orchestrator named it.
        run_token: Mark in the environment of its processes.
        outcome: How it ended, or empty where the robot died before it knew.
        last_state: State in which the record ends, for the log.
        repeated: Whether the orchestrator had given it a second time: an old outcome does not close it then.
    """

    job_guid: str
    script_name: str
    run_token: str
    outcome: str = ""
    last_state: str = ""
    repeated: bool = False


class Past(Protocol):
    """What earlier runs of this robot wrote down."""

    def unsettled(self) -> Unsettled | None:
        """Return the job that they left open, or None."""

    def outcome(self, job_guid: str) -> str:
        """Return how a job ended, or empty where no journal tells. Raises `JournalError`."""

    def tidy(self, job_guid: str) -> None:
        """Remove what only the running script of a job needed, such as its parameters. Raises `OSError`."""


class Ledger(Protocol):
    """Which jobs this robot has already had. Writing may raise `JournalError`."""

    def known(self, job_guid: str) -> bool:
        """Return whether the job was taken before."""

    def outcome(self, job_guid: str) -> str:
        """Return how the job ended, or empty where that is not known."""

    def add(self, job_guid: str, outcome: str = "") -> None:
        """Write that the job was taken, or how it ended; the latter is on disk when this returns."""

    def make_ready(self) -> None:
        """Return when the next job could be kept: called before one is asked for. Raises `JournalError`."""


class JobIndex(Protocol):
    """Every job of the list of jobs but the newest ones. Every method may raise `OSError`."""

    def exists(self) -> bool:
        """Return whether it was ever made and is still there."""

    def outcome(self, job_guid: str) -> str | None:
        """Return how a job ended, an empty text where that is not known, None where the job is not in it."""

    def take_over(self, entries: Iterable[tuple[str, str]]) -> None:
        """Return when job and outcome (empty: not known) of all entries are on disk, or fail and have none of them."""


class Journal(Protocol):
    """What did happen, step by step."""

    def append(self, step: Step) -> None:
        """Write one step and return when it is on disk. Raises `JournalError`."""

    def end(self, exit_code: int, crash: Mapping[str, str] | None = None) -> None:
        """Write the end record. Raises `JournalError`.

        Args:
            exit_code: What the process ends with.
            crash: Where it was not the machine that ended the run: `callback` and `state`, where the error came from
                (`callback` may be absent), and `error`, its class and text.
        """


class Clock(Protocol):
    """Time. Intervals are taken from `monotonic`, stamps from `utc_now`."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def utc_now(self) -> str:
        """The moment as ISO 8601 in UTC with microseconds and a `Z`."""


class Owner(Protocol):
    """Whose run it is: what the loop tells a robot, besides calling its callbacks."""

    def is_late(self, event: Event) -> bool:
        """Return whether an event speaks of something that is over: it is written down and changes nothing."""

    def note(self, taken: Step) -> None:
        """Remember what a step means beyond its transition; called for every step, before its callback."""

    def storage_broke(self, error: JournalError) -> None:
        """Decide what becomes of a run whose record could not be written; it ends where this raises."""

    def close(self) -> None:
        """End everything that still runs: the run ends in a way that its machine did not foresee."""


class Channel(Protocol):
    """Where other processes ask a running robot, or tell it something."""

    def open(self) -> None:
        """Listen from now on; called again, it does nothing."""

    def close(self) -> None:
        """Listen no more."""


class Inbox(Protocol):
    """Where everything that happens outside the owner thread arrives."""

    def post(self, event: Event) -> None:
        """Add an event, from any thread."""

    def take(self) -> Event:
        """Wait for the next event."""

    def pause(self, seconds: float) -> bool:
        """Wait up to `seconds`; return True at once when the robot has been told to leave."""

    def leaving(self) -> bool:
        """Whether the robot has been told to leave (Ctrl-C, SIGTERM, session ending)."""

    def wait_for(self, call: Callable[[], Answer], how_long: Wait) -> Answer:
        """Return what a call of the gateway returns, or raise what it raises.

        Raises:
            LeavingError: The robot was told to leave, and `how_long` says to wait no longer.
        """


class Timers(Protocol):
    """Time that passes beside the owner thread."""

    def prepare(self, calls: int) -> None:
        """Get ready what `calls` calls of `after` at a time need, so that none of them needs anything of the system.

        Raises:
            OSError: The system does not give it.
        """

    def after(self, wait_s: float, action: Callable[[], float | None]) -> Callable[[], None]:
        """Call `action` in `wait_s`, not in the owner thread, and again in as many seconds as it answers, until None.

        An action that makes a call of the gateway makes it before anything else, and one at most. One that raises
        something is called again after the same wait.

        Returns:
            What cancels it: once that has returned, `action` does not begin any more. It does not wait for one that
            is under way.
        """


class AppendedFile(Protocol):
    """A file that only grows. Every method may raise `OSError`."""

    def write(self, data: bytes) -> None:
        """Add all of `data`; it may be lost, or cut, until `sync` has returned."""

    def cut(self, size_bytes: int) -> None:
        """Drop everything behind `size_bytes`: what a write that failed has left."""

    def sync(self) -> None:
        """Return when everything written so far is on disk."""

    def close(self) -> None:
        """Close the file."""


class Disk(Protocol):
    """The files that the robot appends to. Every method may raise `OSError`."""

    def names(self, directory: Path) -> list[str]:
        """Return the names in a folder, in any order; an absent folder has none."""

    def read(self, path: Path) -> bytes:
        """Return the content of a file."""

    def append(self, path: Path, *, new: bool = False) -> AppendedFile:
        """Open a file, for this account only, and the folders above it; `new` refuses one that is there already."""

    def try_room(self, directory: Path) -> None:
        """Make a folder with a file in a folder, as a job needs them, and take them away again."""

    def sync_names(self, directory: Path) -> None:
        """Return when the names of the files in a folder survive a power loss, as far as the system can promise it."""
