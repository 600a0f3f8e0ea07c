"""What the loop of any robot needs from outside, as protocols, and the one event that knows who waits for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import attrs

from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import JournalError

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


def _nobody(_step: Step, _problem: str) -> None:
    return None


@attrs.frozen(eq=False, repr=False)
class Posted(Event):
    """An event that a person or another program has brought.

    Attributes:
        written: Called once it stands in the journal, with an empty text; or once it is known that it does not, with
            the reason and what becomes of the event.
    """

    written: Callable[[Step, str], None] = attrs.field(default=_nobody, eq=False, repr=False)


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
