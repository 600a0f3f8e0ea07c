"""Steps of a script, by its own names: for who looks at where the time goes."""

from __future__ import annotations

import time
from _thread import allocate_lock  # `threading` is not loaded for it

from fsm_robot.sdk import _open_tasks, _transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from fsm_robot.sdk._tasks import TaskRow

LONGEST_NAME = 200
_counting = allocate_lock()
_count = 0


class Step:
    """A step under way; see `step`."""

    def __init__(self, name: str, task: str) -> None:
        self._name = name
        self._task = task
        self._number = 0
        self._began_s = 0.0

    def __enter__(self) -> Step:
        global _count  # noqa: PLW0603 - the steps of one process have one numbering
        with _counting:
            _count += 1
            self._number = _count
        self._task = self._task or _open_tasks.current()
        self._began_s = time.monotonic()
        _transport.tell("step", name=self._name, number=self._number, task=self._task)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = round(time.monotonic() - self._began_s, 3)
        failed = "" if kind is None else kind.__name__
        _transport.tell("step", name=self._name, number=self._number, task=self._task, seconds=seconds, failed=failed)


def step(name: str, task: TaskRow | None = None) -> Step:
    """Make the lines inside a `with` one step of the work, such as "check supplier".

    It belongs to `task`, or to the task that this thread has taken last and not settled. `fsm-robot export --case task`
    tells each step with its times, and which error ended it. Raises `ValueError` without a name.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError("a step needs a name, such as 'check supplier'")
    return Step(name.strip()[:LONGEST_NAME], "" if task is None else task.guid)
