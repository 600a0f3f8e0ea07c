"""What the command line prints on: a terminal gets nothing that it would obey, and a stream that fails is one sentence.

`sys.stdout` and `sys.stderr` are guarded once, at the start, so that no print has to think of it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

from fsm_robot.errors import RobotError
from fsm_robot.wording import for_terminal

if sys.platform == "win32":
    from fsm_robot import _windows as system
else:
    from fsm_robot import _posix as system


class OutputError(RobotError):
    """Standard output takes nothing any more; `closed` says that its reader has left, which is no fault."""

    def __init__(self, error: OSError) -> None:
        # Windows tells of a pipe without a reader by another number.
        self.closed = isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL
        super().__init__(f"the output cannot be written: {error.strerror or error}")


class GuardedStream(io.TextIOWrapper):
    """Standard output.

    Attributes:
        trusted: The stream below, for what the program itself says to a terminal: colours and the cursor.
    """

    trusted: TextIO

    def write(self, text: str) -> int:
        """Write text; what would command the terminal is escaped. Raises `OutputError`."""
        try:
            super().write(for_terminal(text))
        except OSError as error:
            self.failed(error)
        return len(text)

    def flush(self) -> None:
        """Hand everything on. Raises `OutputError`."""
        try:
            super().flush()
        except OSError as error:
            self.failed(error)

    def failed(self, error: OSError) -> None:
        """Say that the stream is of no use."""
        raise OutputError(error) from error


class GuardedErrors(GuardedStream):
    """Standard error: where it fails nobody is left who could be told."""

    def failed(self, error: OSError) -> None:
        """Go on."""


def guard() -> None:
    """Guard both streams of this process; under pythonw there are none, and None they stay."""
    system.hold_standard_descriptors()
    sys.stdout = _guarded(sys.stdout, GuardedStream)
    sys.stderr = _guarded(sys.stderr, GuardedErrors)


def _guarded(stream: Any, kind: type[GuardedStream]) -> Any:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    # A Cyrillic name must not end the program where the code page of a pipe does not have it.
    stream.reconfigure(errors="backslashreplace")
    guarded = kind(
        stream.buffer,
        stream.encoding,
        "backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    guarded.trusted = stream
    return guarded


def tell(text: str) -> None:
    """Print what nobody has to read: work that is done is not undone by a reader who has left."""
    try:
        print(text, flush=True)
    except (OutputError, OSError):
        # What is still in the buffer would fail again at the end.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - closed by the end of the process


def complain(text: str) -> None:
    """Print on standard error, if there is one; never on standard output, whose reader wants data."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def print_json(value: Any, indent: int | None = None) -> None:
    """Print JSON in ASCII: it is read alike whatever the code page of a pipe is."""
    import json

    print(json.dumps(value, indent=indent))


def write_data(data: bytes) -> None:
    """Write what a command was asked for, byte for byte; a terminal gets it as text that cannot command it."""
    stream = sys.stdout
    if stream is None:
        return
    if stream.isatty():
        stream.write(data.decode("utf-8", "replace").replace("\r\n", "\n"))
        return
    stream.flush()
    try:
        stream.buffer.write(data)
        stream.buffer.flush()
    except OSError as error:
        raise OutputError(error) from error
