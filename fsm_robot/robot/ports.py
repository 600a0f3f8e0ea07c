"""What a robot of jobs needs from outside, as protocols, and the values that cross them.

Those that speak of a job are made in `job_values.py`, with their first use: a wake-up that finds no job has none.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.ports import Clock, Inbox, Journal, Timers

if TYPE_CHECKING:
    from fsm_robot.robot.job_values import ConsumeAnswer, Ending, Job, Limits, Unsettled

OF_JOBS = ("ConsumeAnswer", "Ending", "Job", "Limits", "Unsettled")
__all__ = (
    "Clock",
    "ConsumeAnswer",
    "Ending",
    "Gateway",
    "HeartbeatAnswer",
    "Inbox",
    "Job",
    "JobIndex",
    "Journal",
    "Ledger",
    "Limits",
    "Options",
    "Past",
    "Ports",
    "Status",
    "Tasks",
    "Timers",
    "Unsettled",
    "Worker",
)


def __getattr__(name: str) -> object:
    if name not in OF_JOBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, so that each is looked for here once: answers are read by these names.
    found = globals()[name] = getattr(import_module("fsm_robot.robot.job_values"), name)
    return found


@attrs.frozen
class HeartbeatAnswer:
    """What the orchestrator said to a heartbeat. `has_new_job` is None where the key was missing."""

    code: int
    error_text: str = ""
    has_new_job: int | None = None


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


class Tasks(Protocol):
    """The tasks of queues that scripts have in hand."""

    def settle_left(self) -> None:
        """Give the tasks that an earlier life left open their end, as far as that is possible at once."""

    def job_ended(self, job: Job, outcome: str, ending: Ending | None, *, in_a_hurry: bool) -> None:
        """Give the tasks that the script left open their end, and send its lines and how it ended.

        That takes a few seconds at most; in a hurry nothing is waited for.
        """

    def announced(self) -> None:
        """Send lines from now on, also those of an earlier life: the orchestrator has answered this one."""

    def leaving(self, *, in_a_hurry: bool) -> None:
        """Give tasks their end and send lines, as far as that takes some seconds; in a hurry nothing is waited for."""


class Status(Protocol):
    """What others may read of what the robot does."""

    def note(self, step: Step, job: str, script: str, outcome: str) -> None:
        """Take in a step, with the job in hand or the last one; never raises."""

    def waits(self, state: str) -> None:
        """Say that the robot waits for a job."""


class JobIndex(Protocol):
    """Every job of the list of jobs but the newest ones. Every method may raise `OSError`."""

    def exists(self) -> bool:
        """Return whether it was ever made and is still there."""

    def outcome(self, job_guid: str) -> str | None:
        """Return how a job ended, an empty text where that is not known, None where the job is not in it."""

    def take_over(self, entries: Iterable[tuple[str, str]]) -> None:
        """Return when job and outcome (empty: not known) of all entries are on disk, or fail and have none of them."""


def _random_token() -> str:
    return secrets.token_hex(16)


@attrs.frozen(eq=False, repr=False)
class Ports:
    """Everything outside a robot of jobs.

    Attributes:
        leave: Logs the account off, or only ends.
        after_failure: Leaves the session, or keeps it, where a job of the run has failed; returns whether `leave` has
            nothing to do any more.
        closed: Told that a job is closed here, before another one is asked for.
        tasks: The tasks of queues that scripts have in hand, None where scripts cannot take any.
        died_of: Says what ended the last run, which did not end itself; empty where that is not known.
        status: What others may read of what the robot does, None where nobody keeps it.
        paused: Says why no job may be asked for now, empty where one may.
        new_token: Makes the mark of the processes of a job.
        fraction: Gives numbers from 0 to 1, which spread the robots of a fleet.
    """

    gateway: Gateway
    worker: Worker
    inbox: Inbox
    clock: Clock
    timers: Timers
    log: Log
    journal: Journal
    ledger: Ledger
    past: Past
    leave: Callable[[], None]
    after_failure: Callable[[], bool] = bool
    closed: Callable[[], object] = bool
    tasks: Tasks | None = None
    status: Status | None = None
    died_of: Callable[[], str] = str
    paused: Callable[[], str] = str
    new_token: Callable[[], str] = _random_token
    fraction: Callable[[], float] = random.random


@attrs.frozen(eq=False, repr=False)
class Options:
    """What the settings say to a robot of jobs. Times in seconds.

    Attributes:
        interval_s: Least distance between two heartbeats.
        contact_lost_after_s: Silence of the orchestrator after which the script is stopped, or None for never.
        idle_wait_s: How long `announce` goes on asking, every `interval_s`, while there is no job.
        keep_task: Whether the journal gets the Task itself, and not only its digest.
        times: Setting -> seconds, for the `after` of states.
        my: What the section `[my]` gives to callbacks of one's own.
    """

    interval_s: float = 10.0
    contact_lost_after_s: float | None = None
    idle_wait_s: float = 0.0
    keep_task: bool = False
    times: Mapping[str, float] = attrs.field(factory=dict)
    my: object = None
