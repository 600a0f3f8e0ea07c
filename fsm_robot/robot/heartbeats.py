"""The Working heartbeats, beside the owner thread: a hung request delays nothing, a busy script starves nothing."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.codes import event_for
from fsm_robot.engine.machine.definition import CallbackSpec, RetryPolicy
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.ports import Clock, Inbox, Timers
from fsm_robot.engine.retry import retry_wait_s
from fsm_robot.errors import BeatsEndedError, GatewayError, GatewayUnreachableError
from fsm_robot.robot.ports import Gateway, HeartbeatAnswer, Job

HEARTBEAT = "/api/robot/heartbeat"


@attrs.define(eq=False, repr=False)
class Heartbeats:
    """Sends heartbeats for one job at a time and posts the orders that their answers carry.

    Attributes:
        interval_s: Least distance between two heartbeats, and before the first one.
        contact_lost_after_s: Silence after which `contact_lost` is posted, or None for never.
    """

    gateway: Gateway
    inbox: Inbox
    clock: Clock
    timers: Timers
    log: Log
    spec: CallbackSpec
    interval_s: float
    contact_lost_after_s: float | None = None
    fraction: Callable[[], float] = random.random
    _cancel: Callable[[], None] | None = None
    _job_run: int | None = None

    def start(self, job: Job, job_run: int) -> None:
        """Begin, if it has not begun for this job; the first heartbeat goes out one interval from now."""
        if self._job_run == job_run:
            return
        self._job_run = job_run
        self.gateway.begin_beats(job)
        beats = _OfOneJob(self, job, job_run, self.clock.monotonic())
        self._cancel = self.timers.after(self.interval_s, beats.beat)

    def stop(self) -> None:
        """End: when this returns, no Working heartbeat leaves any more. Never waits for an answer."""
        self._job_run = None
        self.gateway.end_beats()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None


@attrs.define(eq=False, repr=False)
class _OfOneJob:
    """The heartbeats of one job."""

    of: Heartbeats
    job: Job
    job_run: int
    last_heard_s: float
    failures: int = 0
    last_order: str = ""
    contact_lost_told: bool = False

    def beat(self) -> float | None:
        """Send one; return the pause before the next, None when there is none.

        The pause counts from the end of a call, so the distance holds when a call is slow.
        """
        try:
            answer = self.of.gateway.beat(self.job)
        except BeatsEndedError:
            return None
        except GatewayError as error:
            return self._missed(error)
        # Whatever it is, the next one must go out: the order to abort may be in its answer.
        except Exception as error:
            return self._missed(GatewayUnreachableError(HEARTBEAT, "no_answer", repr(error)))
        return self._heard(answer)

    def _heard(self, answer: HeartbeatAnswer) -> float:
        if self.failures:
            self.of.log.info("orchestrator.answers", "the orchestrator answers again", after_failures=self.failures)
        self.failures, self.last_heard_s, self.contact_lost_told = 0, self.of.clock.monotonic(), False
        order = event_for(self.of.spec, {"HeartbeatErrorCode": answer.code})
        if order == "":
            self.of.log.warning(
                "heartbeat.unknown_code",
                "the answer to a heartbeat has an unknown code",
                code=answer.code,
                text=answer.error_text,
            )
        # The orchestrator repeats an order until the job ends; once is enough.
        elif order and order != self.last_order:
            self.last_order = order
            self._post(order, {"code": answer.code, "text": answer.error_text})
        return self.of.interval_s

    def _missed(self, error: GatewayError) -> float:
        self.failures += 1
        level = "warning" if self.failures in (1, 2, 5) or self.failures % 20 == 0 else "debug"
        self.of.log.write(level, "heartbeat.failed", "heartbeat failed", failures=self.failures, error=str(error))
        silent_s = self.of.clock.monotonic() - self.last_heard_s
        limit_s = self.of.contact_lost_after_s
        if limit_s is not None and silent_s >= limit_s and not self.contact_lost_told:
            self.contact_lost_told = True
            self._post("contact_lost", {"silent_s": round(silent_s)})
        policy = self.of.spec.retry or RetryPolicy()
        return max(self.of.interval_s, retry_wait_s(self.failures, error, policy, self.of.fraction()))

    def _post(self, name: str, data: dict[str, object]) -> None:
        self.of.inbox.post(Event(name, data, self.job_run))
