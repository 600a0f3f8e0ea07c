from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import attrs
import pytest

from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.machine.definition import CallbackSpec, RetryPolicy
from fsm_robot.engine.timers import ThreadTimers
from fsm_robot.errors import BeatsEndedError, GatewayUnreachableError
from fsm_robot.robot.heartbeats import Heartbeats
from fsm_robot.robot.ports import HeartbeatAnswer, Job
from tests.fakes.world import JOB, FakeGateway, Lines

SPEC = CallbackSpec(
    "run_script",
    codes={"HeartbeatErrorCode": {0: None, 10: "abort_ordered", 20: "stop_ordered", 101: "robot_forgotten"}},
    retry=RetryPolicy(("no_answer",), float("inf"), 0.01, 1.0, 0.02, 0.0),
)
FINE = HeartbeatAnswer(0)


@attrs.define
class Server(FakeGateway):
    """Answers beats from a list; the last one repeats. A callable entry is called, for hanging."""

    at: list[float] = attrs.field(factory=list)
    wanted: int = 1
    reached: threading.Event = attrs.field(factory=threading.Event)

    def beat(self, job: Job) -> HeartbeatAnswer:
        if not self.beating:
            raise BeatsEndedError
        self.at.append(time.monotonic())
        if len(self.at) >= self.wanted:
            self.reached.set()
        answer = self.beats.pop(0) if len(self.beats) > 1 else self.beats[0]
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, HeartbeatAnswer)
        return answer

    def wait_for(self, beats: int) -> None:
        self.wanted = beats
        if len(self.at) < beats:
            assert self.reached.wait(20)


@pytest.fixture
def started() -> Iterator[Callable[..., tuple[Heartbeats, QueueInbox]]]:
    started_ones: list[Heartbeats] = []

    def start(
        server: Server, interval_s: float = 0.05, lost_after_s: float | None = None
    ) -> tuple[Heartbeats, QueueInbox]:
        inbox = QueueInbox()
        heartbeats = Heartbeats(
            server, inbox, SystemClock(), ThreadTimers(print), Lines().log(), SPEC, interval_s, lost_after_s
        )
        heartbeats.start(JOB, 3)
        started_ones.append(heartbeats)
        return heartbeats, inbox

    yield start
    for heartbeats in started_ones:
        heartbeats.stop()


def failure() -> GatewayUnreachableError:
    return GatewayUnreachableError("/api/robot/heartbeat", "no_answer", "timed out")


def test_beats_keep_their_distance_also_when_calls_fail(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """No two Working heartbeats are closer than the interval, whatever the answers are."""
    server = Server(beats=[FINE, failure(), failure(), FINE, failure(), FINE])
    before = time.monotonic()
    started(server, 0.05)
    server.wait_for(8)

    stamps = [before, *server.at]
    tick_s = time.get_clock_info("monotonic").resolution  # 16 ms on Windows
    assert all(later - earlier >= 0.05 - tick_s for earlier, later in itertools.pairwise(stamps))


@pytest.mark.parametrize(("code", "event"), [(10, "abort_ordered"), (20, "stop_ordered"), (101, "robot_forgotten")])
def test_order_is_posted_once_with_its_job(
    started: Callable[..., tuple[Heartbeats, QueueInbox]], code: int, event: str
) -> None:
    """The orchestrator repeats an order; the machine hears it once, with the number of the job it speaks of."""
    server = Server(beats=[HeartbeatAnswer(code, "please")])
    _, inbox = started(server)
    server.wait_for(4)

    posted = inbox.take()
    assert (posted.name, posted.job_run, posted.data["code"]) == (event, 3, code)
    assert inbox._events.empty()


def test_hard_order_after_a_soft_one_is_posted_too(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """20 first and 10 later are two orders."""
    server = Server(beats=[HeartbeatAnswer(20), HeartbeatAnswer(20), HeartbeatAnswer(10)])
    _, inbox = started(server)

    assert [inbox.take().name, inbox.take().name] == ["stop_ordered", "abort_ordered"]


def test_unknown_code_posts_nothing_and_the_beats_go_on(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """A code that the machine file does not know is no order."""
    server = Server(beats=[HeartbeatAnswer(55, "?")])
    _, inbox = started(server)
    server.wait_for(3)

    assert inbox._events.empty()


def test_stop_does_not_wait_for_a_hanging_request(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """A heartbeat that hangs delays the end of a job by nothing."""
    release, hanging = threading.Event(), threading.Event()

    def hang() -> HeartbeatAnswer:
        hanging.set()
        release.wait(30)
        return HeartbeatAnswer(10)

    server = Server(beats=[hang])
    heartbeats, _ = started(server)
    assert hanging.wait(20)

    before = time.monotonic()
    heartbeats.stop()

    assert time.monotonic() - before < 5
    release.set()


def test_long_silence_is_posted_once(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """`contact_lost` comes after the limit, once, so that the machine can stop the script."""
    server = Server(beats=[failure()])
    _, inbox = started(server, 0.02, 0.1)

    assert inbox.take().name == "contact_lost"
    server.wait_for(len(server.at) + 3)
    assert inbox._events.empty()


def test_stopped_pulse_beats_no_more(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """After stop nothing is sent any more."""
    server = Server(beats=[FINE])
    heartbeats, _ = started(server, 0.02)
    server.wait_for(2)

    heartbeats.stop()
    sent = len(server.at)
    threading.Event().wait(0.15)

    assert len(server.at) <= sent + 1


def test_stop_closes_the_gate_before_it_returns(started: Callable[..., tuple[Heartbeats, QueueInbox]]) -> None:
    """A heartbeat that is just about to leave is held back by the gateway; cancelling alone would let it out."""
    server = Server(beats=[FINE])
    heartbeats, _ = started(server, 60)

    heartbeats.stop()

    assert not server.beating
