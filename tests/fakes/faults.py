"""An exception at a chosen call of a chosen thread: what a full memory or a broken system may do anywhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

ERRORS = (MemoryError("no memory"), OSError(5, "input/output error"), RuntimeError("cannot be"))


@attrs.define
class Fault:
    """Raises `error` when the thread called `thread` enters its `number`-th Python function, once."""

    thread: str
    number: int
    error: BaseException
    calls: int = 0
    place: str = ""

    def meets(self, frame: FrameType, event: str) -> None:
        if event != "call" or self.place or threading.current_thread().name != self.thread:
            return
        self.calls += 1
        if self.calls > self.number:
            self.place = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
            raise self.error


_planned: list[Fault] = []


def _hook(frame: FrameType, event: str, _argument: object) -> None:
    for fault in _planned:
        fault.meets(frame, event)


@contextmanager
def faults_can_come() -> Iterator[None]:
    """Let threads that begin from now on be met by `fault`; those that live already are not."""
    threading.setprofile(_hook)
    try:
        yield
    finally:
        threading.setprofile(None)
        sys.setprofile(None)


@contextmanager
def fault(thread: str, number: int) -> Iterator[Fault]:
    """Plan one."""
    planned = Fault(thread, number, ERRORS[number % len(ERRORS)])
    _planned[:] = [planned]
    try:
        yield planned
    finally:
        _planned.clear()
