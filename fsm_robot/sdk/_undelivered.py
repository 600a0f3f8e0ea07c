"""What a script has told that has not arrived: said on stderr at once with the reason, and counted at the end."""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock  # `threading` is not loaded for it; a signal's handler may log in the midst of it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FINISHED_WITHIN_S = 2.0
"""How long the end of a script waits for its robot to say that it has read everything."""
WORDS = {"log": ("log line", "log lines"), "step": ("step", "steps"), "picture": ("picture", "pictures")}
_counts: dict[str, int] = {}
_why = ""
_said = 0  # how many of them the first sentence has told
_finish: list[Callable[[float], None]] = []
_counting = RLock()
_is_registered = _is_over = False


def watch(finish: Callable[[float], None]) -> None:
    """Call `finish` when this process ends, with the seconds that it may take, before what is missing is counted."""
    with _counting:
        _register()
        _finish.append(finish)


def note(op: str, why: object, count: int = 1) -> None:
    """Count what was told and has not arrived. The first is said now, for a script that is killed has no end."""
    global _why, _said  # noqa: PLW0603 - one process has one stderr
    with _counting:
        _register()
        is_first = not _counts
        _counts[op] = _counts.get(op, 0) + count
        if is_first:
            _why, _said = str(why), count
    if is_first or _is_over:
        say(f"fsm_robot: the robot may have missed: {_counted(op, count)} ({why})")


def say(text: str) -> None:
    """Write a line on stderr, where there is one that takes it: else there is nobody to tell."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except (OSError, ValueError):
        return  # closed, or its reader has gone


def _register() -> None:
    global _is_registered  # noqa: PLW0603
    if not _is_registered:
        _is_registered = True
        atexit.register(_end)


def _end() -> None:
    global _is_over  # noqa: PLW0603 - a process ends once
    for finish in _finish:
        finish(FINISHED_WITHIN_S)
    _is_over = True
    if sum(_counts.values()) > _said:
        kinds = ", ".join(_counted(op, count) for op, count in _counts.items())
        say(f"fsm_robot: in total, the robot may have missed: {kinds} (the first: {_why})")


def _counted(op: str, count: int) -> str:
    one, many = WORDS.get(op, (f"message ({op})", f"messages ({op})"))
    return f"{count} {one if count == 1 else many}"


def _forked() -> None:
    # What the parent counts is the parent's; and no thread that was counting is here any more.
    global _counting, _said  # noqa: PLW0603
    _counting, _said = RLock(), 0
    _counts.clear()
    _finish.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
