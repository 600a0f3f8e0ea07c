"""Every thread of the robot begins here, so that none of them can end unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from mmap import mmap
from queue import Empty, SimpleQueue

import attrs

FAILED_AGAIN_S = 0.02
MOST_TRIES = 10
LOOK_S = 0.05
BEGIN_PATIENCE_S = 5.0
"""How long a new thread gets to come to its first line."""
STACK_BYTES = 1 << 20
"""Room for a thread's stack. The system's usual 8 MiB, times ten threads, do not fit into an account's memory limit."""
RESERVE_BYTES = 4 << 20
"""What a kill, an ending and a log line need at most, and much more: pages that nobody touches cost nothing."""
_reserve: list[mmap] = []
_never = threading.Lock()
_never.acquire()


def keep_reserve() -> None:
    """Put memory aside, for the moment when there is none: called before a script starts.

    Raises:
        OSError: There is not even that much.
    """
    if not _reserve:
        _reserve.append(mmap(-1, RESERVE_BYTES))


def _give_up_reserve() -> None:
    while _reserve:
        _reserve.pop().close()


@attrs.define(eq=False, repr=False)
class Flag:
    """Like `threading.Event`, for threads that must not hang with each other.

    An event of the library holds a lock while it runs code of its own; whoever fails in there, for lack of memory,
    leaves the lock behind, and everybody who looks at the event waits for ever. A `SimpleQueue` is the interpreter's
    own and has no such moment; neither has a bare lock.
    """

    _is_set: bool = False
    _told: SimpleQueue[None] = attrs.field(factory=SimpleQueue)

    def set(self) -> None:
        """Let everybody go on who waits."""
        self._is_set = True
        self._told.put(None)

    def is_set(self) -> bool:
        """Return whether it was set."""
        return self._is_set

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set; return False where it was not within so many seconds."""
        if not self._is_set:
            try:
                self._told.get(timeout=timeout_s)
            except Empty:
                return self._is_set
            self._told.put(None)  # there may be more who wait
        return True


class _Started(Flag):
    """What `Thread.start` waits for: there without end, although a thread that has no memory dies before it says so."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """See `Flag.wait`."""
        return super().wait(BEGIN_PATIENCE_S if timeout_s is None else timeout_s)

    def _at_fork_reinit(self) -> None:
        """Do what `threading` asks for in a forked child, where nobody waits."""


def start(name: str, work: Callable[[], None], failed: Callable[[BaseException], bool]) -> None:
    """Run `work` in a thread of its own and return once it has begun.

    Args:
        name: For people who look at the process.
        work: Must be able to begin anew where it was interrupted.
        failed: Gets whatever `work` raises, and answers whether `work` begins anew. It has to leave a log line and,
            where `work` does not begin anew, the event that somebody waits for.

    Raises:
        OSError: The system has no thread left, or the thread ended before it had begun.
    """
    begun, ticket = Flag(), SimpleQueue[None]()
    ticket.put(None)

    def body() -> None:
        is_counted_on = False
        while True:
            try:
                if not is_counted_on:
                    try:  # in this frame: a call of its own may fail between taking the ticket and saying so
                        ticket.get_nowait()
                    except Empty:
                        return None  # it came so late that nobody waits for it any more
                    is_counted_on = True
                begun.set()
                return work()
            except BaseException as error:  # a thread that died unseen would let the robot wait for ever
                if isinstance(error, MemoryError):
                    _give_up_reserve()
                if not _answer(failed, error):
                    return None

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread._started = started = _Started()  # type: ignore[attr-defined]
    usual = threading.stack_size(STACK_BYTES)
    try:
        thread.start()
    except (RuntimeError, MemoryError) as error:
        raise OSError(f"the system gives the robot no thread for {name}: {error}") from error
    finally:
        threading.stack_size(usual)  # threads of a user's callbacks have what they expect
    # A thread may be gone before its first line, for lack of memory: whoever relies on it has to know that now.
    while not begun.wait(LOOK_S):
        came = started.is_set()
        is_dead = not thread.is_alive() and not begun.is_set()
        # One that has not come yet must not come any more, once it is not counted on.
        if is_dead and (came or not _is_gone(ticket)):
            raise OSError(f"the thread for {name} ended before it had begun")


def _is_gone(ticket: SimpleQueue[None]) -> bool:
    """Take the one ticket of a thread; return whether the other side was faster."""
    try:
        ticket.get_nowait()
    except Empty:
        return True
    return False


def _answer(failed: Callable[[BaseException], bool], error: BaseException) -> bool:
    """Return what `failed` says, after a pause: what failed once, such as for lack of memory, may do so again."""
    for _ in range(MOST_TRIES):
        try:
            _never.acquire(timeout=FAILED_AGAIN_S)  # a lock that is there already: a new event would want memory
            return failed(error)
        except BaseException as another:
            error = another
    return True
