"""What the command line prints on: a terminal gets nothing that it would obey, and a stream that fails is one sentence.

`sys.stdout` and `sys.stderr` are guarded once, at the start, so that no print has to think of it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TextIO

from fsm_robot.engine.wording import counted, for_terminal
from fsm_robot.errors import RobotError
from fsm_robot.system import threads

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


STALL_S = 1.0
"""How long the robot waits for a console that nobody reads."""


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


class BoundedStream(io.RawIOBase):
    """A stream of a program that must go on whether somebody reads it or not.

    A reader may stop without leaving: Ctrl-S in a terminal, a few marked letters in a Windows console, a pipe into a
    program that hangs. A write then waits for ever, and a flag such as O_NONBLOCK would be shared with whoever
    inherited the same stream. So a thread writes, and is waited for `STALL_S`; after that everything is dropped until
    it is through.

    Where the stream is standard error (`complains` is false) nobody is told that it fails: whoever writes a line of the
    log would tell it there, with a traceback.
    """

    def __init__(self, raw: io.RawIOBase, complains: bool, *owners: TextIO) -> None:  # `RawIOBase` has state of its own
        super().__init__()
        self._raw = raw
        self._complains = complains
        self._owners = owners  # a stream that nobody holds closes what is below it
        self._todo: SimpleQueue[bytes] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._taken: bytes | None = None  # what is being handed on: somebody waits to hear what became of it
        self._stalled = False
        self._dropped = 0
        # Not with the first line: the locks of the streams above are held then, and a thread that dies wants to say so.
        threads.start("console", self._hand_on, self._failed)

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def isatty(self) -> bool:
        """Return whether a person may be looking."""
        return self._raw.isatty()

    def fileno(self) -> int:
        """Return the descriptor below."""
        return self._raw.fileno()

    def write(self, data: ReadableBuffer) -> int:
        """Hand bytes on, or drop them where nobody has read for `STALL_S`. Raises `OSError`."""
        data = bytes(data)
        if self._stalled:
            if self._done.empty():
                self._dropped += data.count(b"\n")
                return len(data)
            self._done.get()
            self._stalled = False
        lost, self._dropped = self._dropped, 0
        self._todo.put(
            (
                f"[{counted(lost, 'line')} {'is' if lost == 1 else 'are'} missing here, nobody read them]\n".encode()
                if lost
                else b""
            )
            + data
        )
        try:
            error = self._done.get(timeout=STALL_S)
        except Empty:
            self._stalled = True
            return len(data)
        if error is not None and self._complains:
            raise error
        return len(data)

    def _failed(self, error: BaseException) -> bool:
        # Only what was taken is answered: an answer too many would be taken for that of the next piece.
        if self._taken is not None:
            self._taken = None
            self._done.put(OSError(f"the console failed: {error!r}"))
        return True

    def _hand_on(self) -> None:
        while True:
            data = self._taken = self._todo.get()
            error: Exception | None = None
            try:
                while data:
                    data = data[self._raw.write(data) or 0 :]
            except Exception as refused:  # noqa: BLE001 - it belongs to who writes
                error = refused
            self._done.put(error)
            self._taken = None


def go_on_unread() -> None:
    """Make both streams of this process such that a reader who stops reading stops nothing else."""
    for name in ("stdout", "stderr"):
        buffer = getattr(getattr(sys, f"__{name}__"), "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # PYTHONUNBUFFERED leaves the buffer out
        if not isinstance(raw, io.RawIOBase) or not isinstance(getattr(sys, name), GuardedStream):
            continue
        old = getattr(sys, name)
        old.flush()
        below = BoundedStream(raw, not isinstance(old, GuardedErrors), old, getattr(sys, f"__{name}__"))
        stream = io.TextIOWrapper(io.BufferedWriter(below), old.encoding, old.errors, line_buffering=True)
        # loguru takes a stream for the console, and helps an old Windows to show its colours, by this name.
        setattr(sys, f"__{name}__", stream)
        setattr(sys, name, _guarded(stream, type(old)))


def guard() -> None:
    """Guard both streams of this process; under pythonw there are none, and None they stay."""
    system.hold_standard_descriptors()
    sys.stdout = _guarded(sys.stdout, GuardedStream)
    sys.stderr = _guarded(sys.stderr, GuardedErrors)


def _guarded(stream: TextIO, kind: type[GuardedStream]) -> TextIO:
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


def print_json(value: object, indent: int | None = None) -> None:
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
