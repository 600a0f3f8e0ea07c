"""The tasks that this process has taken and not settled: what becomes of them when the script ends."""

from __future__ import annotations

import os
import sys
from _thread import get_ident  # `threading` is not loaded for it

from fsm_robot.sdk._errors import SdkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Task(Protocol):
        """A task that is open: see `_tasks.Task`."""

        guid: str
        name: str

        def _end_of_script(self) -> None: ...

        def _tell_failure(self, error: BaseException) -> None: ...

        def _settle_for(self, error: BaseException) -> None: ...


LEFT = "left without a result"
STOPPED = "stopped while at work"
_open: dict[str, Task] = {}
_taken_by: dict[str, int] = {}
_listening = False


def add(task: Task) -> None:
    """Remember a task that is in hand."""
    global _listening  # noqa: PLW0603 - one process ends once
    if not _listening:
        import atexit

        _listening = True
        atexit.register(_settle)
    _open[task.guid] = task
    _taken_by[task.guid] = get_ident()


def remove(task: Task) -> None:
    """Forget a task that has its end."""
    _open.pop(task.guid, None)
    _taken_by.pop(task.guid, None)


def current() -> str:
    """Return the GUID of the open task that this thread took last, else of the only open one, else an empty text."""
    mine, open_now = get_ident(), list(_open)
    taken = [guid for guid in open_now if _taken_by.get(guid) == mine] or (open_now if len(open_now) == 1 else [])
    return taken[-1] if taken else ""


def _settle() -> None:
    end(getattr(sys, "last_value", None))


def end(error: BaseException | None) -> None:
    """Give every open task the end that the script's own end means: `error` came out of it, or nothing.

    Where this is not reached (a kill, a crash of the interpreter) the robot does it.
    """
    for task in reversed(list(_open.values())):
        try:
            if error is None:
                task._end_of_script()
            else:
                # In a loop without `with`: the exception came out of the task that was taken last.
                task._tell_failure(error)
                task._settle_for(error)
        except SdkError as failure:
            print(f"task {task.name or task.guid} has no result: {failure}", file=sys.stderr)
        error = None


def _forget() -> None:
    _open.clear()  # they are the parent's
    _taken_by.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
