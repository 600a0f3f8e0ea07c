"""Asking again: one place that waits between two tries of a call."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.definition import CallbackSpec
from fsm_robot.engine.ports import Answer, Clock, Inbox, Wait
from fsm_robot.engine.retry import retry_wait_s, worth_another
from fsm_robot.errors import GatewayError, LeavingError


@attrs.define(eq=False, repr=False)
class Retries:
    """Repeats a call of the gateway by the retry policy of the machine file, and by nothing else."""

    inbox: Inbox
    clock: Clock
    log: Log
    fraction: Callable[[], float] = random.random

    def ask(self, spec: CallbackSpec, call: Callable[[], Answer], how_long: Wait = "to_the_end") -> Answer:
        """Return what `call` returns.

        Raises:
            GatewayError: The last failure, when the policy of `spec` allows no further try.
            LeavingError: The robot was told to leave during a pause, or while it waited for an answer that is not
                worth it; `how_long` says so.
        """
        policy = spec.retry
        started_s, attempt = self.clock.monotonic(), 0
        while True:
            attempt += 1
            try:
                return self.inbox.wait_for(call, how_long)
            except GatewayError as error:
                wait_s = retry_wait_s(attempt, error, policy, self.fraction()) if policy else 0.0
                if not worth_another(error, policy, self.clock.monotonic() - started_s, wait_s):
                    raise
                self.log.warning("call.retried", "a call failed, retrying", wait_s=round(wait_s, 1), error=str(error))
                if self.inbox.pause(wait_s):
                    raise LeavingError from error

    def linger(
        self, ask: Callable[[], Answer], idle: Callable[[Answer], bool], wait_s: float, interval_s: float
    ) -> Answer:
        """Return what `ask` returns, asked again every `interval_s` for `wait_s` while the answer is idle.

        The last answer comes from the very end of the wait, so that nobody leaves on old news.

        Raises:
            LeavingError: The robot was told to leave meanwhile.
        """
        ends_s = self.clock.monotonic() + wait_s
        while idle(answer := ask()) and (left_s := ends_s - self.clock.monotonic()) > 0:
            if self.inbox.pause(min(interval_s, left_s)):
                raise LeavingError
        return answer
