"""Every thread of the robot begins here, so that none of them can end unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable

FAILED_AGAIN_S = 0.02
MOST_TRIES = 10
LONGEST_START_S = 10.0


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
    begun = threading.Event()

    def body() -> None:
        while True:
            try:
                begun.set()
                return work()
            except BaseException as error:  # a thread that died unseen would let the robot wait for ever
                if not _answer(failed, error):
                    return None

    try:
        threading.Thread(target=body, name=name, daemon=True).start()
    except (RuntimeError, MemoryError) as error:
        raise OSError(f"the system gives the robot no thread for {name}: {error}") from error
    # A thread may be gone before its first line, for want of memory: whoever relies on it has to know that now.
    if not begun.wait(LONGEST_START_S):
        raise OSError(f"the thread for {name} did not begin")


def _answer(failed: Callable[[BaseException], bool], error: BaseException) -> bool:
    """Return what `failed` says, after a pause: what failed once, for want of memory say, may do so again at once."""
    for _ in range(MOST_TRIES):
        try:
            threading.Event().wait(FAILED_AGAIN_S)
            return failed(error)
        except BaseException as another:
            error = another
    return True
