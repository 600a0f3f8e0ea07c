"""Waiting for what a test has set in motion, and the credential that all tests use."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from fsm_robot.system.held import PATIENCE

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


def written(file: Path) -> str:
    """Wait until a file is there that gets its name when it is whole, and return what it holds."""
    until(file.exists, f"a file called {file.name}")
    # Under Windows it is held for a moment by who gives it its name.
    return PATIENCE.until_free(file, file.read_text)


def stacks() -> str:
    """Return where every thread of this process is, for a failure that nobody can repeat."""
    return "\n".join(
        f"thread {number}:\n{''.join(traceback.format_stack(frame)[-8:])}"
        for number, frame in sys._current_frames().items()
    )
