"""What a script prints -> a file that is bounded, in bytes of any encoding, with its head and its tail kept.

Two threads share the work, since a disk may hang and a script must not hang with it. The pump empties the script's
pipe into a ring in memory and touches no disk. The writer takes the head of the stream out of the ring and into the
file. What comes after the head stays in the ring until the end; a script that goes quiet after a flood is the one that
a person wants to look at, so the ring is also written beside the file from time to time.

Where the disk is slower than the script, the pump waits for the writer, for `STALL_S` all in all; then the head ends
where it has got to, and the script goes on.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO

import attrs

from fsm_robot.engine.redact import Redactor
from fsm_robot.system import threads
from fsm_robot.system.readers import NOBODY_ELSE, Readers
from fsm_robot.worker.decoding import Lines, last_line, text_of
from fsm_robot.worker.job_folder import private_file

if sys.platform == "win32":
    from fsm_robot.worker import _windows as system
else:
    from fsm_robot.worker import _posix as system

BLOCK_BYTES = 256 * 1024
LONGEST_TAIL_BYTES = 4 << 20
PREVIEW_EVERY_S = 2.0
STALL_S = 1.0
"""How long the writer may keep the pump waiting, all in all: longer than a disk takes that is only busy."""
OPEN_S = 5.0
"""How long the file may take to be opened before the script starts without one."""
LONGEST_LINE_BYTES = 4096
PREVIEW_NAME = "output.tail.log"


@attrs.define
class _Ring:
    """The last bytes of a stream, in blocks that the stream is read into without another copy."""

    size: int
    total: int = 0
    _blocks: deque[bytearray] = attrs.field(factory=lambda: deque([bytearray(BLOCK_BYTES)]))
    _filled: int = 0
    _grows: bool = True

    def room(self) -> memoryview:
        """Return where the next bytes go; what stood there is older than the last `size` bytes, or nothing."""
        if self._filled == BLOCK_BYTES:
            # Besides the block that is being filled, the others must hold everything that `last` may be asked for.
            full = len(self._blocks) * BLOCK_BYTES >= self.size + BLOCK_BYTES
            self._blocks.append(self._new_block() if self._grows and not full else self._blocks.popleft())
            self._filled = 0
        return memoryview(self._blocks[-1])[self._filled :]

    def add(self, count: int) -> None:
        """Count what was put into the room."""
        self._filled += count
        self.total += count

    def take_back(self, count: int) -> None:
        """Forget the last `count` bytes; nothing is added after that."""
        self.total -= count
        while count > self._filled:
            self._blocks.pop()
            count -= self._filled
            self._filled = BLOCK_BYTES
        self._filled -= count

    def _new_block(self) -> bytearray:
        try:
            return bytearray(BLOCK_BYTES)
        except MemoryError:
            # A shorter tail, where memory is short: the script must go on. What is given back is for others.
            self._grows = False
            return self._blocks.popleft()

    @property
    def held(self) -> int:
        """How many of the last bytes are there."""
        return min(self.total, len(self._blocks) * BLOCK_BYTES - (BLOCK_BYTES - self._filled))

    def last(self, count: int) -> bytes:
        """Return the last `count` bytes, or as many as are held: `size` of them are, unless memory was short."""
        count = min(count, self.total)
        pieces, end = [], self._filled
        for block in reversed(self._blocks):
            if not count:
                break
            pieces.append(memoryview(block)[max(0, end - count) : end])
            count -= len(pieces[-1])
            end = BLOCK_BYTES
        return b"".join(reversed(pieces))


@attrs.define
class _Cleaned:
    """Writes a stream without the secret, wherever the blocks were cut."""

    file: BinaryIO
    redactor: Redactor
    lines: Lines | None = None
    _waiting: bytes = b""

    def write(self, data: bytes) -> None:
        data = self._waiting + data
        cut = len(data) - self.redactor.held_back(data)
        self._put(self.redactor.data(data[:cut]))
        self._waiting = data[cut:]

    def finish(self) -> None:
        self._put(self.redactor.data(self._waiting))
        self._waiting = b""
        if self.lines is not None:
            self.lines.finish()

    def _put(self, data: bytes) -> None:
        self.file.write(data)
        if self.lines is not None:
            self.lines.write(data)

    def forget(self) -> int:
        """Drop what may be the beginning of the secret, because its rest will never come; return its size."""
        size, self._waiting = len(self._waiting), b""
        return size


@attrs.define(eq=False)
class Output:
    """The output of one script.

    Attributes:
        path: The job's own log file.
        limit_bytes: Most that is kept.
        legacy_encodings: What programs print in that do not print UTF-8.
        problem: Why the file is not whole, or empty.
        printed: Takes each line of what is kept, as text without the secret, once it is in the file; or None.
        readers: Who else may read it.
    """

    path: Path
    limit_bytes: int
    redactor: Redactor
    legacy_encodings: tuple[str, ...] = ()
    problem: str = ""
    printed: Callable[[str], None] | None = None
    readers: Readers = NOBODY_ELSE
    _head_taken: int = 0
    _dropped: int = 0
    _head_over: bool = False
    _read: int = 0  # bytes that were read into the ring's room and are not counted yet
    _ended: bool = False
    _stalled_s: float = 0.0
    _stream: FileIO | None = None
    _writer: int = -1
    _mark: bytes = b""
    _head: _Cleaned | None = None
    _ring: _Ring = attrs.field(init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _work: SimpleQueue[None] = attrs.field(factory=SimpleQueue)  # something for the writer
    _room: SimpleQueue[None] = attrs.field(factory=SimpleQueue)  # something was written: for the pump
    _opened: threads.Flag = attrs.field(factory=threads.Flag)
    _refused: OSError | None = None
    _pumped: threads.Flag = attrs.field(factory=threads.Flag)
    _preview_s: float | None = None
    _finishing: bool = False
    _written: threads.Flag = attrs.field(factory=threads.Flag)

    def __attrs_post_init__(self) -> None:
        """Divide the limit: half for the tail, which is in memory and therefore has a limit of its own."""
        self._ring = _Ring(max(1, min(self.limit_bytes // 2, LONGEST_TAIL_BYTES)))

    def open(self, pipe: Callable[[], tuple[int, int]] = os.pipe) -> int:
        """Begin, with both ends of a new pipe; return the descriptor that the script writes to. Raises `OSError`."""
        try:
            threads.start("output file", self._write_out, self._writer_failed)
        except OSError:
            self._written.set()
            raise
        try:
            if not self._opened.wait(OPEN_S):
                self.problem = f"the output is not kept, {self.path} could not be opened within {OPEN_S:g} s"
            if self._refused is not None:
                raise self._refused
            reader, self._writer = pipe()
            self._stream = FileIO(reader, "rb")
            threads.start("output", self._empty_the_pipe, self._pump_failed)
        except OSError:
            self._pumped.set()
            raise
        return self._writer

    def finish(self, patience_s: float) -> None:
        """Complete the file, with all that was printed until now; takes twice `patience_s` at most.

        The end of the pipe is not waited for: a process that got away may hold it open for ever. A mark that we
        write into it ourselves comes out behind everything that was there before.
        """
        mark = os.urandom(16)
        with self._lock:
            self._mark = mark
        if self._writer >= 0:
            if not self._pumped.is_set() and system.write_within(self._writer, mark, patience_s):
                self._pumped.wait(patience_s)
            writer, self._writer = self._writer, -1
            os.close(writer)
        with self._lock:
            self._finishing = True
        self._work.put(None)
        if not self._written.wait(patience_s) and not self.problem:
            self.problem = f"the end of the output is not kept: the disk has not taken it within {patience_s:g} s"

    def last_line(self) -> str:
        """Return the last line that is not blank, without the secret."""
        with self._lock:
            # More than is shown, so that no secret is cut before it is looked for.
            data = self._ring.last(LONGEST_LINE_BYTES + self.redactor.longest)
        data = self.redactor.data(data)[-LONGEST_LINE_BYTES:]
        # Once more as text: in UTF-16 the secret is other bytes.
        return self.redactor.text(last_line(data, self.legacy_encodings))

    def last_words(self, most_bytes: int) -> str:
        """Return the end of what was printed, as text without the secret; the first line of it may be cut."""
        with self._lock:
            data = self._ring.last(most_bytes + self.redactor.longest)
        whole = self.redactor.text(text_of(self.redactor.data(data), self.legacy_encodings))
        return whole[-most_bytes:]

    # ---- the pump, in a thread of its own

    def _empty_the_pipe(self) -> None:
        assert self._stream is not None, "the pump comes after the pipe"
        while True:
            with self._lock:
                if self._finishing or self._ended or self._take():
                    break
                behind = self._writer_is_behind()
                if not behind:
                    # Under the lock: it moves the blocks that somebody may be reading.
                    room = self._ring.room()
            if behind:
                self._wait_for_the_writer()
                continue
            self._read = self._stream.readinto(room) or 0
            if not self._read:
                break
        self._pumped.set()
        self._stream.close()

    def _pump_failed(self, error: BaseException) -> bool:
        self.problem = self.problem or f"a piece of the output may be missing: {error!r}"
        # Without the pump the script would block as soon as the pipe is full.
        return not self._pumped.is_set() and not self._finishing

    def _take(self) -> bool:
        """Take what was read; return whether the mark has come. It can be done again after it has failed."""
        if self._read:
            self._ring.add(self._read)
            self._read = 0
        if self._mark:
            # It is set before it is written, so no byte of it is in a block that was read before.
            recent = self._ring.last(BLOCK_BYTES + len(self._mark))
            place = recent.find(self._mark)
            if place >= 0:
                self._ended = True
                self._ring.take_back(len(recent) - place)
        # Behind the head it looks by itself from time to time; waking it for each read would cost half of the speed.
        if self._preview_s is None or not (self._head_over or self._head_taken == self._head_bytes):
            _tell(self._work)
        return self._ended

    def _writer_is_behind(self) -> bool:
        """Return whether what comes next may overwrite what is not written yet, and the pump may wait for that."""
        behind = self._ring.total - self._head_taken > max(self._ring.size, BLOCK_BYTES)
        return behind and self._head_waits() > 0 and self._stalled_s < STALL_S and not self._finishing

    def _wait_for_the_writer(self) -> None:
        behind = True
        while behind:
            began_s = time.monotonic()
            _wait(self._room, STALL_S - self._stalled_s)
            self._stalled_s += time.monotonic() - began_s
            with self._lock:
                behind = self._writer_is_behind()

    # ---- the writer, in another one

    def _write_out(self) -> None:
        if self._head is None:
            self._open_file()
        while self._refused is None and not self._finish_is_due():
            piece = self._next_piece()
            if piece:
                self._write(piece)
        self._complete()
        self._written.set()

    def _open_file(self) -> None:
        try:
            lines = Lines(self.printed, self.legacy_encodings) if self.printed is not None else None
            self._head = _Cleaned(private_file(self.path), self.redactor, lines)
            self.readers.let(self.path)
        except OSError as error:
            self._refused = error
        finally:
            self._opened.set()

    def _writer_failed(self, error: BaseException) -> bool:
        self.problem = self.problem or f"the output is not kept any more: {error!r}"
        self._opened.set()
        self._written.set()
        if self._head is not None:
            self._head.file.close()
        return False

    def _finish_is_due(self) -> bool:
        with self._lock:
            return self._finishing and not self._head_waits()

    def _next_piece(self) -> bytes:
        """Wait for something to do; return the next piece of the head, or nothing after something else was done."""
        with self._lock:
            if waits := self._head_waits():
                piece = self._ring.last(self._ring.total - self._head_taken)[:waits]
                self._head_taken += waits
                _tell(self._room)
                return piece
            left_s = self._preview_comes_in()
            due = left_s is not None and left_s <= 0
            tail = self._behind_the_head() if due and not self._finishing else b""
        if due:
            self._write_preview(tail)
        else:
            _wait(self._work, left_s)
        return b""

    def _preview_comes_in(self) -> float | None:
        """Return in how many seconds the next preview is due, None where everything is in the head."""
        if self._preview_s is None and self._ring.total > self._head_taken:
            self._preview_s = time.monotonic() + PREVIEW_EVERY_S
        return self._preview_s - time.monotonic() if self._preview_s is not None else None

    def _head_waits(self) -> int:
        """Return how many bytes of the head are in the ring and not in the file yet; the head may end early."""
        behind = self._ring.total - self._head_taken
        if self.problem or behind > self._ring.held:
            self._head_over = True  # the pump has overtaken the writer: the rest is a part of the tail, or left out
        if self._head_over:
            return 0
        # What may be the beginning of the end mark is not the script's.
        unsure = len(self._mark) - 1 if self._mark and not self._pumped.is_set() else 0
        return max(0, min(behind - unsure, self._head_bytes - self._head_taken))

    @property
    def _head_bytes(self) -> int:
        return self.limit_bytes - self._ring.size

    def _write(self, data: bytes) -> None:
        if self._head is None or self.problem:
            return
        try:
            self._head.write(data)
        except OSError as error:
            self.problem = f"the output is not kept any more: {error}"

    # ---- what is not the head

    def _behind_the_head(self) -> bytes:
        """Return the tail, behind a line that tells how much is missing before it."""
        behind = self._ring.total - self._head_taken
        if behind <= min(self._ring.size, self._ring.held):
            return self._ring.last(behind)
        tail = self._ring.last(self._ring.size)
        # A cut line, and with it a piece of a secret that would not be recognised, is left out.
        tail = tail[tail.find(b"\n") + 1 or min(len(tail), LONGEST_LINE_BYTES) :]
        if self._head is not None:
            self._dropped += self._head.forget()
        return (
            f"\n[… {behind - len(tail) + self._dropped} bytes left out here: scripts.output_limit_mib …]\n".encode()
            + tail
        )

    def _write_preview(self, tail: bytes) -> None:
        self._preview_s = None
        if not tail or self.problem:
            return
        try:
            with private_file(self.path.parent / PREVIEW_NAME) as file:
                self.readers.let(self.path.parent / PREVIEW_NAME)
                _in_pieces(_Cleaned(file, self.redactor), tail)
        except OSError:
            return  # it is only for who looks; the file itself will tell its own problem

    def _complete(self) -> None:
        head = self._head
        if head is None:
            return
        try:
            if not self.problem:
                with self._lock:
                    tail = self._behind_the_head()
                _in_pieces(head, tail)
                head.finish()
            (self.path.parent / PREVIEW_NAME).unlink(missing_ok=True)
        except OSError as error:
            self.problem = f"the end of the output is not kept: {error}"
        finally:
            head.file.close()


def _in_pieces(target: _Cleaned, data: bytes) -> None:
    for start in range(0, len(data), BLOCK_BYTES):
        target.write(data[start : start + BLOCK_BYTES])
    target.finish()


def _tell(queue: SimpleQueue[None]) -> None:
    """Wake who waits at `queue`, or who comes next; one word waits there at most."""
    if queue.empty():
        queue.put(None)


def _wait(queue: SimpleQueue[None], timeout_s: float | None) -> None:
    try:
        queue.get(timeout=timeout_s if timeout_s is None else max(0.0, timeout_s))
    except Empty:
        return
