"""Sends lines to the orchestrator's log in their order: nobody waits for it, and no failure of it is one of a job.

Whoever has a line puts it into a queue in memory. One thread keeps the spool, a file of what is in that queue, which
another life of the robot sends; if the disk hangs, it alone hangs, and if it is full, the queue goes on without it.
Another thread sends, one message at a time.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Protocol

import attrs

from fsm_robot.errors import GatewayError
from fsm_robot.shipping.line import IMPORTANT, LEVEL_NAMES, Line, cut, merged
from fsm_robot.shipping.losses import Losses
from fsm_robot.shipping.spool import Spool
from fsm_robot.system import threads

BURST = 20
"""Messages that go out at once; also how many lines may wait before they share messages."""
LONGEST_MESSAGE = 4000
FIRST_WAIT_S, LONGEST_WAIT_S, LONGEST_WISH_S = 1.0, 60.0, 300.0
MOST_TRIES = {"no_answer": 1, "server_error": 3, "garbled": 3}
"""After these nobody knows whether the line was kept. One that is important is sent once more after `no_answer`: to see
it twice is better than never. Not without end, for a line that the server fails at must not hold up the others."""
SURELY_NOT_KEPT = ("no_connection", "throttled")
REFUSING = ("refused", "rejected")
UNKNOWN_CREDENTIAL = 401
MOST_ENDED = 100
"""How many jobs are remembered that have ended."""
KEPT_S = 7 * 86400.0
DISK_S = 1.0
"""How long the disk may take before a line is sent that is not in the spool yet, or the robot leaves without it."""
DISK_AGAIN_S = 30.0
MOST_FORGOTTEN = 100
"""Lines that were sent while the disk did not take them, before they are looked through."""
DEBUG_ROOM, INFO_ROOM = 0.5, 0.75
"""How full it may be for lines of these levels: what is important needs the rest."""
NO_ROOM = "not kept, for too many waited to be sent"
TOO_OLD = "were older than a week when they could be sent"
NOT_READ = "could not be read from the spool"
NOT_ANSWERED = "may be missing, the orchestrator has not said that it kept them"
NOT_WANTED = "were refused by the orchestrator"
NOT_TAKEN = "were lost between script and robot"


class Send(Protocol):
    """Sends a message once; may raise `GatewayError`."""

    def __call__(self, level: str, message: str, job: str, version: str) -> None:
        """Level and text, GUIDs of job and process version, or empty."""


@attrs.define(eq=False, repr=False)
class Shipper:
    """The lines of one robot.

    Attributes:
        spool: Where they are kept.
        send: Sends a message.
        log: Writes a line of the robot's own log.
        redact: Takes every secret out of a text, before it is kept anywhere.
        per_s: How many messages a second the orchestrator gets after the first ones.
        room_bytes: How much may wait.
        zone: In which the orchestrator writes its times.
    """

    spool: Spool
    send: Send
    log: Callable[..., None]
    redact: Callable[[str], str]
    per_s: float = 5.0
    room_bytes: int = 16 << 20
    zone: tzinfo | None = UTC
    _waiting: deque[Line] = attrs.field(factory=deque)
    _new: deque[Line] = attrs.field(factory=deque)  # not in the spool yet
    _size: int = 0
    _in_flight: int = 0  # lines at the head of `_waiting`
    _losses: Losses = attrs.field(factory=Losses)
    _lost: int = 0
    _changed: threading.Condition = attrs.field(factory=threading.Condition)
    _may_send: bool = False
    _threads: set[str] = attrs.field(factory=set)
    _closing: bool = False
    _loaded: bool = False
    _number: int = 0
    _done: int = 0
    _marked: int = 0
    _disk_fails: bool = False
    _disk_again_s: float = 0.0
    _slow_disk: bool = False
    _kept: bool = False  # whether everything is on disk that has to be
    _closed: threads.Flag = attrs.field(factory=threads.Flag)
    _trouble: str = ""
    _next_try_s: float = 0.0
    _wait_s: float = FIRST_WAIT_S
    _tries: int = 0
    _unnamed: Line | None = None  # it was refused as one of its job, and goes once more without naming it
    _ended: dict[str, bool] = attrs.field(factory=dict)  # jobs -> whether their lines are refused
    _tried: Line | None = None
    _tokens: float = BURST
    _tokens_s: float = attrs.field(factory=time.monotonic)
    _rate: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin at the full rate."""
        self._rate = self.per_s

    # ---- from any thread; none of it waits

    def add(self, level: str, message: str, job: str = "", version: str = "", *, at_s: float | None = None) -> None:
        """Take a line. `level` is the orchestrator's word; one that has no room is counted."""
        line = Line(level, cut(self.redact(message)), time.time() if at_s is None else at_s, job, version)
        with self._changed:
            if not self._has_room(line):
                self._lose([line], NO_ROOM)
                return
            self._waiting.append(line)
            self._new.append(line)
            self._size += line.size
            self._begin_threads()
            self._changed.notify_all()

    def lost_before(self, count: int, job: str = "") -> None:
        """Count lines that were given up before they came here."""
        with self._changed:
            self._losses.add(count, NOT_TAKEN, time.time(), job)
            self._tell_of_losses(count, NOT_TAKEN)

    def job_ended(self, job: str) -> None:
        """Know that a job has ended, or is about to: the orchestrator may take no line of it any more."""
        with self._changed:
            self._remember(job)

    def begin(self) -> None:
        """Send from now on: the orchestrator knows this run of the robot. Also what an earlier life has left."""
        with self._changed:
            if not self._may_send:
                self._may_send = True
                self._begin_threads()
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many lines wait."""
        return len(self._waiting)

    # ---- waiting for it

    def flush(self, within_s: float) -> bool:
        """Return whether every line was sent in so many seconds; at once where the orchestrator cannot be reached."""
        deadline_s = time.monotonic() + within_s
        with self._changed:
            self._changed.wait_for(lambda: self._is_done() or self._is_vain(deadline_s), within_s)
            return self._is_done()

    def close(self, within_s: float) -> None:
        """Send for so long what can be sent, then stop; what is left is sent by the next run of the robot."""
        if "lines file" not in self._threads:
            if self._waiting:
                self.log(
                    "error", "lines.lost_at_end", "lines for the orchestrator's log are lost", lines=len(self._waiting)
                )
            return
        with self._changed:
            deadline_s = time.monotonic() + within_s
            self._changed.wait_for(lambda: self._is_done() or self._is_vain(deadline_s), within_s)
            # Its answer is a moment away, and without it the next run would send it once more.
            self._changed.wait_for(lambda: not self._in_flight, DISK_S)
            self._leave_word()
            self._closing = True
            self._changed.notify_all()
        self._closed.wait(DISK_S)
        with self._changed:
            left, unkept = len(self._waiting), 0 if self._kept else len(self._new)
        if unkept:
            self.log(
                "error",
                "lines.lost_unkept",
                "lines for the orchestrator's log are lost, they could not be kept on disk",
                lines=unkept,
            )
        if left > unkept:
            self.log(
                "info",
                "lines.left_for_next_run",
                "lines for the orchestrator's log wait for the next run",
                lines=left - unkept,
            )

    def _leave_word(self) -> None:
        """Let the next run tell what is missing."""
        if self._losses.count:
            self._waiting.append(self._notice())
            self._new.append(self._waiting[-1])
        for line in self._waiting:
            if line.kept and 0 < line.number <= self._done:
                line.number, line.kept = 0, False  # a word of this run that has not gone out
                self._new.append(line)

    def _is_done(self) -> bool:
        # Before the spool was read nobody knows what an earlier life has left in it.
        return not self._waiting and (self._loaded or "lines file" not in self._threads)

    def _is_vain(self, deadline_s: float) -> bool:
        return not self._may_send or self._trouble == "no_connection" or self._next_try_s > deadline_s

    # ---- pieces, all with the lock

    def _has_room(self, line: Line) -> bool:
        room = {LEVEL_NAMES[0]: DEBUG_ROOM, LEVEL_NAMES[1]: INFO_ROOM}.get(line.level, 1.0) * self.room_bytes
        if self._size + line.size <= room:
            return True
        if line.level not in IMPORTANT:
            return False
        # The newest matter most.
        while self._size + line.size > room and len(self._waiting) > self._in_flight:
            oldest = self._waiting[self._in_flight]
            del self._waiting[self._in_flight]
            self._handled([oldest])
            self._lose([oldest], NO_ROOM)
        return self._size + line.size <= room

    def _lose(self, lines: list[Line], reason: str) -> None:
        self._losses.add_lines(lines, reason)
        self._tell_of_losses(len(lines), reason)

    def _tell_of_losses(self, count: int, reason: str) -> None:
        # At 1, 10, 100, …: a flood of losses must not be one of this log.
        before, self._lost = self._lost, self._lost + count
        if len(str(before)) < len(str(self._lost)) or not before:
            self.log(
                "warning",
                "lines.lost",
                "lines are missing in the orchestrator's log",
                reason=reason,
                lost_in_this_run=self._lost,
            )

    def _handled(self, lines: list[Line]) -> None:
        """Let lines go that were sent or given up; they are not in `_waiting` any more."""
        for line in lines:
            line.handled = True
            self._size -= line.size
            self._done = max(self._done, line.number)
        if len(self._new) > 2 * len(self._waiting) + MOST_FORGOTTEN:
            self._new = deque(line for line in self._new if not line.handled)

    def _notice(self) -> Line:
        """Return the line that tells what is missing, which is told by it."""
        losses, self._losses = self._losses, Losses()
        job = next(iter(losses.jobs)) if len(losses.jobs) == 1 else ""
        line = Line("Warning", cut(losses.told(self.zone)), time.time(), job)
        self._size += line.size
        return line

    def _begin_threads(self) -> None:
        for name, work in (("lines file", self._keep), ("lines", self._send_all)):
            if name in self._threads:
                continue
            try:
                threads.start(name, work, self._failed)
            except OSError as error:
                self.log(
                    "warning",
                    "lines.no_thread",
                    "lines wait for the orchestrator's log, no thread could be started",
                    error=str(error),
                )
                return  # the next line tries again
            self._threads.add(name)

    def _failed(self, error: BaseException) -> bool:
        self.log(
            "error",
            "lines.sender_failed",
            "an error in sending lines to the orchestrator's log, sending goes on",
            error=repr(error),
        )
        return True

    # ---- the spool, in a thread of its own

    def _keep(self) -> None:
        if not self._loaded:
            self._load()
        while True:
            with self._changed:
                self._changed.wait_for(self._is_to_keep, self._disk_pause_s())
                closing, batch = self._closing, [line for line in self._new if not line.handled]
                if not self._is_to_keep() and not closing:
                    continue
                for line in batch:
                    if not line.number:
                        line.number = self._number = self._number + 1
                done = self._done
            self._write(batch, done)
            if closing:
                self._close_spool()
                return

    def _is_to_keep(self) -> bool:
        if self._closing:
            return True
        return bool(self._new or self._done > self._marked) and time.monotonic() >= self._disk_again_s

    def _disk_pause_s(self) -> float | None:
        return max(0.01, self._disk_again_s - time.monotonic()) if self._disk_fails else None

    def _load(self) -> None:
        left, torn = list[Line](), 0
        try:
            left, torn = self.spool.load()
            known = self.spool.last_known
        except OSError as error:
            known = 0
            self.log(
                "warning",
                "lines.unreadable",
                "lines that an earlier run has left for the orchestrator cannot be read",
                error=str(error),
            )
        # They are in order, but for a clock that was set back.
        old = next((place for place, line in enumerate(left) if time.time() - line.at_s <= KEPT_S), len(left))
        fresh = left[old:]
        with self._changed:
            self._number = self._done = self._marked = max([known, *(line.number for line in left)])
            # All that is before the first one that still waits.
            if fresh:
                self._done = self._marked = fresh[0].number - 1
            # Before the new ones; what is being sent at this moment, with a disk that took very long, stays the first.
            self._waiting.rotate(-self._in_flight)
            self._waiting.extendleft(reversed(fresh))
            self._waiting.rotate(self._in_flight)
            self._size += sum(line.size for line in fresh)
            for job in dict.fromkeys(line.job for line in fresh if line.job):
                self._remember(job)
            if len(left) > len(fresh):
                self._lose(left[: len(left) - len(fresh)], TOO_OLD)
            if torn:
                self._losses.add(torn, NOT_READ)
                self._tell_of_losses(torn, NOT_READ)
            self._loaded = True
            self._changed.notify_all()

    def _write(self, batch: list[Line], done: int) -> None:
        try:
            self.spool.append(batch)
            self.spool.mark(done)
        except OSError as error:
            with self._changed:
                self._disk_again_s = time.monotonic() + DISK_AGAIN_S
                begins, self._disk_fails = not self._disk_fails, True
                self._changed.notify_all()
            if begins:
                self.log(
                    "error",
                    "lines.disk_failed",
                    "lines for the orchestrator's log are kept in memory only, the disk does not take them",
                    error=str(error),
                )
            return
        with self._changed:
            for line in batch:
                line.kept = True
            self._new = deque(line for line in self._new if not (line.kept or line.handled))
            # One that was sent meanwhile, before it had a number.
            self._done = max([self._done, *(line.number for line in batch if line.handled)])
            self._marked, self._slow_disk = max(self._marked, done), False
            ended, self._disk_fails = self._disk_fails, False
            self._changed.notify_all()
        if ended:
            self.log("info", "lines.disk_works", "lines for the orchestrator's log are on disk again")

    def _close_spool(self) -> None:
        with self._changed:
            is_empty = not self._waiting
            self._kept = not self._disk_fails
        try:
            self.spool.close(is_empty=is_empty)
        except OSError as error:
            self.log(
                "warning", "lines.not_closed", "the spool of the orchestrator's log cannot be closed", error=str(error)
            )
        self._closed.set()

    # ---- the sender, in another one

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._in_flight = 0
                self._changed.wait_for(lambda: self._closing or (self._waiting and self._may_send))
                if self._closing:
                    return
                if not self._is_kept(self._waiting[0]):
                    continue
                pause_s = max(self._next_try_s - time.monotonic(), self._token_in_s())
                if pause_s > 0:
                    # Woken by each new line; then it looks again.
                    self._changed.wait(pause_s)
                    continue
                batch = self._batch()
                self._in_flight = len(batch)
            self._try(batch)

    def _is_kept(self, line: Line) -> bool:
        """Return whether a line may go out: it is in the spool first, unless the disk is slow or fails."""
        if line.kept or self._slow_disk or self._disk_fails:
            return True
        ready = self._changed.wait_for(lambda: line.kept or self._disk_fails or self._closing, DISK_S)
        self._slow_disk = not ready
        return False

    def _token_in_s(self) -> float:
        now_s = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now_s - self._tokens_s) * self._rate)
        self._tokens_s = now_s
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._rate

    def _batch(self) -> list[Line]:
        """Return the lines of the next message: one, or several of a backlog."""
        first = self._waiting[0]
        batch, length = [first], len(first.message)
        if len(self._waiting) > BURST:
            for line in list(self._waiting)[1 : LONGEST_MESSAGE // 2]:
                is_equal = line.message == batch[-1].message
                length += 0 if is_equal else len(line.message) + len("\n[2026-11-27 11:52:03] ")
                if not line.goes_with(first) or length > LONGEST_MESSAGE:
                    break
                batch.append(line)
        return batch

    def _try(self, batch: list[Line]) -> None:
        first = batch[0]
        self._tries, self._tried = (self._tries if self._tried is first else 0) + 1, first
        self._tokens -= 1
        message, job = merged(batch, time.time(), self.zone), first.job
        if first is self._unnamed or self._ended.get(job):
            message, job = f"[job {job}] {message}", ""
        try:
            self.send(first.level, message, job, first.version)
        except GatewayError as error:
            self._not_sent(batch, error)
            return
        with self._changed:
            if first is self._unnamed:
                self._unnamed, self._ended[first.job] = None, True
            self._go(batch)
            recovered, self._trouble = bool(self._trouble), ""
            self._wait_s, self._next_try_s, self._rate = FIRST_WAIT_S, 0.0, min(self.per_s, 1.1 * self._rate)
            if self._losses.count:
                notice = self._notice()
                self._waiting.appendleft(notice)
                # It is told at once, so the spool has nothing to do with it.
                notice.number, notice.kept = first.number or self._done, True
            self._wait_for_mark()
        if recovered:
            self.log("info", "lines.delivered_again", "lines reach the orchestrator's log again")

    def _goes_unnamed(self, line: Line) -> bool:
        """Let a line that was refused go once more, without the GUID of its job; return whether it may.

        A server may take no line of a job that has ended, and after an abort the final status goes first.
        """
        may = line is not self._unnamed and self._ended.get(line.job) is False
        self._unnamed = line if may else None
        return may

    def _remember(self, job: str) -> None:
        self._ended.setdefault(job, False)
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]

    def _go(self, batch: list[Line]) -> None:
        for _ in batch:
            self._waiting.popleft()
        self._handled(batch)
        self._in_flight = 0
        self._changed.notify_all()

    def _wait_for_mark(self) -> None:
        """Let the disk know what was sent before more is: a robot that dies then sends one message twice at most."""
        if not (self._slow_disk or self._disk_fails):
            done = self._done
            self._slow_disk = not self._changed.wait_for(
                lambda: self._marked >= done or self._disk_fails or self._closing, DISK_S
            )

    def _not_sent(self, batch: list[Line], error: GatewayError) -> None:
        status = getattr(error, "status", None)
        if error.kind in REFUSING and status != UNKNOWN_CREDENTIAL and self._goes_unnamed(batch[0]):
            return
        keep = error.kind in SURELY_NOT_KEPT or status == UNKNOWN_CREDENTIAL
        most = MOST_TRIES.get(error.kind, 0)
        if error.kind == "no_answer" and batch[0].level in IMPORTANT:
            most += 1
        wish_s = min(getattr(error, "retry_after_s", None) or 0.0, LONGEST_WISH_S)
        with self._changed:
            begins, self._trouble = not self._trouble, error.kind
            if not keep and self._tries >= most:
                self._go(batch)
                self._lose(batch, NOT_ANSWERED if most else NOT_WANTED)
            if error.kind == "throttled":
                self._rate = max(self._rate / 2, 0.1)
            pause_s = max(wish_s, self._wait_s * (0.5 + random.random() / 2))
            self._next_try_s = time.monotonic() + pause_s
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            self._changed.notify_all()
        if begins:
            self.log(
                "warning",
                "lines.not_delivered",
                "lines do not reach the orchestrator's log, retrying",
                error=str(error),
            )
