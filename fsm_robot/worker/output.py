"""What a script prints -> a file that is bounded, in bytes of any encoding, with its head and its tail kept.

The script writes into a pipe that is always emptied, whatever the disk does, so it never blocks. The head goes to the
file at once. What comes after it stays in a ring in memory; a script that goes quiet after a flood is the one that a
person wants to look at, so the ring is also written beside the file from time to time.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import attrs

from fsm_robot.redact import Redactor
from fsm_robot.worker.decoding import decoded

BLOCK_BYTES = 256 * 1024
LONGEST_TAIL_BYTES = 4 << 20
PREVIEW_EVERY_S = 2.0
LONGEST_LINE_BYTES = 4096
PREVIEW_NAME = "output.tail.log"


@attrs.define
class _Ring:
    """The last bytes of a stream, in blocks that the stream is read into without another copy."""

    size: int
    total: int = 0
    _blocks: deque[bytearray] = attrs.field(factory=deque)
    _filled: int = BLOCK_BYTES

    def room(self) -> memoryview:
        """Return where the next bytes go; what stood there is older than the last `size` bytes, or nothing."""
        if self._filled == BLOCK_BYTES:
            # Besides the block that is being filled, the others must hold everything that `last` may be asked for.
            full = len(self._blocks) * BLOCK_BYTES >= self.size + BLOCK_BYTES
            self._blocks.append(self._blocks.popleft() if full else bytearray(BLOCK_BYTES))
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

    def last(self, count: int) -> bytes:
        """Return the last `count` bytes, or as many as are held: `size` of them always are."""
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
    _waiting: bytes = b""

    def write(self, data: bytes) -> None:
        data = self._waiting + data
        cut = len(data) - self.redactor.held_back(data)
        self.file.write(self.redactor.data(data[:cut]))
        self._waiting = data[cut:]

    def finish(self) -> None:
        self.file.write(self.redactor.data(self._waiting))
        self._waiting = b""

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
    """

    path: Path
    limit_bytes: int
    redactor: Redactor
    legacy_encodings: tuple[str, ...] = ()
    problem: str = ""
    _head_taken: int = 0
    _dropped: int = 0
    _reader: int = -1
    _writer: int = -1
    _mark: bytes = b""
    _head: _Cleaned | None = None
    _ring: _Ring = attrs.field(init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _thread: threading.Thread | None = None
    _preview: threading.Timer | None = None
    _finished: bool = False

    def __attrs_post_init__(self) -> None:
        """Divide the limit: half for the tail, which is in memory and therefore has a limit of its own."""
        self._ring = _Ring(max(1, min(self.limit_bytes // 2, LONGEST_TAIL_BYTES)))

    def open(self, pipe: Callable[[], tuple[int, int]] = os.pipe) -> int:
        """Begin, with both ends of a new pipe; return the descriptor that the script writes to. Raises `OSError`."""
        self._head = _Cleaned(self.path.open("wb", buffering=0), self.redactor)
        self._reader, self._writer = pipe()
        self._thread = threading.Thread(target=self._empty_the_pipe, name="output", daemon=True)
        self._thread.start()
        return self._writer

    def finish(self, patience_s: float) -> None:
        """Complete the file, with all that was printed until now.

        The end of the pipe is not waited for: a process that got away may hold it open for ever. A mark that we
        write into it ourselves comes out behind everything that was there before.
        """
        mark = os.urandom(16)
        self._mark = mark
        os.write(self._writer, mark)
        assert self._thread is not None, "finish comes after open"
        self._thread.join(patience_s)
        os.close(self._writer)
        with self._lock:
            self._finished = True
            self._complete()

    def last_line(self) -> str:
        """Return the last line that is not blank, without the secret."""
        # More than is shown, so that no secret is cut before it is looked for.
        data = self.redactor.data(self._ring.last(LONGEST_LINE_BYTES + self.redactor.longest))[-LONGEST_LINE_BYTES:]
        last = next((line for line in reversed(data.splitlines()) if line.strip()), b"")
        return decoded(last, self.legacy_encodings).strip()

    # ---- the pump, in a thread of its own

    def _empty_the_pipe(self) -> None:
        room = self._ring.room()
        with open(self._reader, "rb", buffering=0) as stream:
            while count := stream.readinto(room):
                with self._lock:
                    if self._finished or self._take(count):
                        return
                    # Under the lock as well: it moves the blocks that somebody may be reading.
                    room = self._ring.room()

    def _take(self, count: int) -> bool:
        """Take what was read; return whether the mark has come."""
        self._ring.add(count)
        unsure, ended = 0, False
        if self._mark:
            # It is set before it is written, so no byte of it is in a block that was read before.
            unsure = len(self._mark) - 1
            recent = self._ring.last(count + unsure)
            place = recent.find(self._mark)
            if ended := place >= 0:
                self._ring.take_back(len(recent) - place)
        self._fill_the_head(unsure)
        if self._ring.total > self._head_bytes and self._preview is None:
            self._preview = threading.Timer(PREVIEW_EVERY_S, self._write_preview)
            self._preview.daemon = True
            self._preview.start()
        return ended

    @property
    def _head_bytes(self) -> int:
        return self.limit_bytes - self._ring.size

    def _fill_the_head(self, unsure: int) -> None:
        behind = self._ring.total - self._head_taken
        count = min(behind - unsure, self._head_bytes - self._head_taken)
        if count > 0:
            self._head_taken += count
            self._write(self._ring.last(behind)[:count])

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
        if behind <= self._ring.size:
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

    def _write_preview(self) -> None:
        with self._lock:
            self._preview = None
            if self._finished or self.problem:
                return
            tail = self._behind_the_head()
        try:
            with (self.path.parent / PREVIEW_NAME).open("wb", buffering=0) as file:
                _in_pieces(_Cleaned(file, self.redactor), tail)
        except OSError:
            return  # it is only for who looks; the file itself will tell its own problem

    def _complete(self) -> None:
        if self._preview is not None:
            self._preview.cancel()
        head = self._head
        if head is None:
            return
        try:
            if not self.problem:
                _in_pieces(head, self._behind_the_head())
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
