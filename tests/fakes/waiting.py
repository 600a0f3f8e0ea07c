"""Waiting for what a test has set in motion, and the credential that all tests use."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Literal, TypeVar

Value = TypeVar("Value")

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENCE_S = 40.0 if os.name == "posix" else 100.0  # a process takes seconds to start under Wine


def until(condition: Callable[[], Value | Literal[False] | None], what: str = "the condition") -> Value:
    """Wait until `condition` is true; fail after a generous time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true; the threads stand at\n{stacks()}"
        time.sleep(0.02)
    return value


def stacks() -> str:
    """Return where every thread of this process is, for a failure that nobody can repeat."""
    return "\n".join(
        f"thread {number}:\n{''.join(traceback.format_stack(frame)[-8:])}"
        for number, frame in sys._current_frames().items()
    )
