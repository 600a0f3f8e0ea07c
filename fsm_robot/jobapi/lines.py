"""Lines of a script for the orchestrator's log: a bounded queue, and one sender that keeps their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import attrs

from fsm_robot.errors import GatewayError
from fsm_robot.system import threads

MOST_WAITING = 1000
LONGEST_CHARACTERS = 4000
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
SENT_BY = ("no_connection", "throttled")
"""Failures after which a line was certainly not kept, and is sent again."""
LEVELS = {"DEBUG": "Debug", "INFO": "Info", "WARNING": "Warning", "ERROR": "Error", "CRITICAL": "Critical"}
LOSSES_WORTH_REPEATING = ("Warning", "Error", "Critical")


@attrs.define(eq=False, repr=False)
class Lines:
    """Takes lines without waiting, and sends them one after the other.

    Attributes:
        send: Sends a line: level and message. Raises `GatewayError`.
        log: Writes a line of the robot's own log.
    """

    send: Callable[[str, str], None]
    log: Callable[..., None]
    _waiting: deque[tuple[str, str]] = attrs.field(factory=deque)
    _lost: int = 0
    _sending: bool = False
    _pause: threading.Event = attrs.field(factory=threading.Event)
    _changed: threading.Condition = attrs.field(factory=threading.Condition)

    def add(self, level: str, message: str, *, lost: int = 0) -> None:
        """Take a line; `lost` more were given up before it was sent here."""
        line = LEVELS.get(level.upper(), "Info"), _cut(message)
        with self._changed:
            self._lost += lost
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(line)
            begins, self._sending = not self._sending, True
            self._changed.notify_all()
        if begins:
            try:
                threads.start("lines", self._work, self._failed)
            except OSError as error:
                self._sending = False
                self.log("warning", "lines of the script wait for the orchestrator", error=str(error))

    def flush(self, within_s: float) -> bool:
        """Wait until every line was sent, at most so many seconds; tell how many were lost."""
        with self._changed:
            in_time = self._changed.wait_for(lambda: not self._waiting, within_s)
            lost, self._lost = self._lost, 0
            left = len(self._waiting)
        if lost:
            self.log("warning", "lines of the script did not reach the orchestrator's log", lost=lost)
        if left:
            self.log("warning", "lines of the script are still on their way to the orchestrator's log", lines=left)
        return in_time

    def _work(self) -> None:
        wait_s = FIRST_WAIT_S
        again = False
        while True:
            with self._changed:
                if not self._waiting:
                    self._sending = False
                    self._changed.notify_all()
                    return
                level, message = self._waiting[0]
            try:
                self.send(level, message)
            except GatewayError as error:
                repeat_s = getattr(error, "retry_after_s", None)
                keep = error.kind in SENT_BY or (level in LOSSES_WORTH_REPEATING and not again)
                if keep and error.kind not in ("rejected", "refused"):
                    again = error.kind not in SENT_BY
                    self._pause.wait(max(wait_s, repeat_s or 0.0))
                    wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                    continue
                with self._changed:
                    self._lost += 1
            wait_s, again = FIRST_WAIT_S, False
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()

    def _failed(self, error: BaseException) -> bool:
        self.log("error", "sending lines to the orchestrator's log failed, it goes on", error=repr(error))
        return True


def _cut(message: str) -> str:
    if len(message) <= LONGEST_CHARACTERS:
        return message
    half = LONGEST_CHARACTERS // 2 - 20
    return f"{message[:half]}\n[… {len(message) - 2 * half} characters …]\n{message[-half:]}"
