"""No Working heartbeat leaves after `end_beats`, wherever it was caught."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fsm_robot.errors import BeatsEndedError, GatewayUnreachableError, RobotError
from fsm_robot.gateway.beats import BeatGate, FormBody
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.robot.ports import Job
from tests.fakes.raw_server import RawServer, Request, answer
from tests.gateway.conftest import OpenGateway

JOB = Job("job-1", "script")
NEXT_JOB = Job("job-2", "script")
BEAT = answer('{"HeartbeatErrorCode":0}')
AT_ONCE_S = 2.0


@attrs.define
class Beating:
    """A heartbeat in a thread of its own, and how it ended."""

    gateway: HttpGateway
    job: Job = JOB
    error: Exception | None = None
    thread: threading.Thread = attrs.field(init=False)

    def start(self) -> Beating:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self) -> None:
        try:
            self.gateway.beat(self.job)
        except RobotError as error:
            self.error = error

    def end(self) -> Exception | None:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.error


def end_at_once(gateway: HttpGateway) -> None:
    started_s = time.monotonic()
    gateway.end_beats()
    assert time.monotonic() - started_s < AT_ONCE_S


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s
        pause.wait(0.005)


def test_a_beat_is_not_sent_when_none_was_begun(open_gateway: OpenGateway) -> None:
    """Without a job at work there is no Working heartbeat."""
    with RawServer(BEAT) as server, pytest.raises(BeatsEndedError):
        open_gateway(server.url).beat(JOB)

    assert server.heads == 0


def test_a_beat_is_not_sent_when_they_have_ended(open_gateway: OpenGateway) -> None:
    """After `end_beats` not even a connection is made; `begin_beats` opens the gate for the next job only."""
    with RawServer(BEAT) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        gateway.beat(JOB)
        gateway.end_beats()
        with pytest.raises(BeatsEndedError):
            gateway.beat(JOB)
        gateway.begin_beats(NEXT_JOB)
        with pytest.raises(BeatsEndedError):
            gateway.beat(JOB)
        gateway.beat(NEXT_JOB)

    assert [request.form["JobGUID"] for request in server.requests] == ["job-1", "job-2"]


def test_a_beat_is_not_sent_when_they_end_while_the_name_is_looked_up(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat that hangs in DNS wakes up after the end: the server gets no body."""
    asked, answered = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def slow_look_up(*args: Any, **kwargs: Any) -> object:
        if threading.current_thread() is not threading.main_thread() and args[0] == "127.0.0.1":
            asked.set()
            answered.wait(10)
        return look_up(*args, **kwargs)

    with RawServer(BEAT) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        gateway.begin_beats(JOB)
        monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)
        beating = Beating(gateway).start()
        assert asked.wait(10)
        end_at_once(gateway)
        gateway.update_job(JOB.guid, 4)  # the report does not wait for the heartbeat either
        answered.set()
        assert isinstance(beating.end(), BeatsEndedError)

    assert [request.line.split()[1] for request in server.requests] == ["/api/robot/heartbeat", "/api/job/update"]


def test_a_beat_is_not_sent_when_they_end_while_the_connection_is_made(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat whose connection is accepted late sends no body."""
    connecting, accepted = threading.Event(), threading.Event()
    connect = socket.socket.connect

    class SlowSocket(socket.socket):
        def connect(self, address: Any) -> None:
            if self.type == socket.SOCK_STREAM and threading.current_thread() is not threading.main_thread():
                connecting.set()
                accepted.wait(10)
            connect(self, address)

    with RawServer(BEAT) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        monkeypatch.setattr(socket, "socket", SlowSocket)
        beating = Beating(gateway).start()
        assert connecting.wait(10)
        end_at_once(gateway)
        accepted.set()
        assert isinstance(beating.end(), BeatsEndedError)

    assert server.requests == []


def test_a_beat_ends_cleanly_when_they_end_while_the_server_does_not_accept(open_gateway: OpenGateway) -> None:
    """A TLS server that never shakes hands holds up neither the end nor the report's own connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = open_gateway(f"https://127.0.0.1:{listener.getsockname()[1]}", verify=True, timeout_s=1.0)
        gateway.begin_beats(JOB)
        beating = Beating(gateway).start()
        silent, _ = listener.accept()
        silent.settimeout(10)
        hello = silent.recv(65536)
        end_at_once(gateway)
        with pytest.raises(GatewayUnreachableError):
            gateway.update_job(JOB.guid, 4)  # times out on its own, as nobody shakes hands
        assert isinstance(beating.end(), BeatsEndedError)
        silent.close()

    assert hello


def test_end_returns_at_once_when_an_answer_is_awaited(open_gateway: OpenGateway) -> None:
    """`end_beats` waits for no answer; the beat that is already out may still get its own."""
    arrived, go = threading.Event(), threading.Event()

    def slow(connection: socket.socket, request: Request) -> bytes:
        arrived.set()
        go.wait(10)
        return BEAT

    with RawServer(slow) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        beating = Beating(gateway).start()
        assert arrived.wait(10)
        end_at_once(gateway)
        go.set()
        assert beating.end() is None


def test_a_failure_is_the_end_when_they_have_ended(open_gateway: OpenGateway) -> None:
    """A beat that fails after the end is no failure that anyone should read about."""
    arrived, go = threading.Event(), threading.Event()

    def broken(connection: socket.socket, request: Request) -> None:
        arrived.set()
        go.wait(10)

    with RawServer(broken) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        beating = Beating(gateway).start()
        assert arrived.wait(10)
        gateway.end_beats()
        go.set()
        assert isinstance(beating.end(), BeatsEndedError)


def test_a_failure_is_told_when_they_go_on(open_gateway: OpenGateway) -> None:
    """While the job works, a failed beat says how it failed, and the next one goes through."""
    with RawServer(answer("", "500 Oops"), lambda connection, request: None, BEAT) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        kinds = []
        for _ in range(2):
            with pytest.raises(GatewayUnreachableError) as raised:
                gateway.beat(JOB)
            kinds.append(raised.value.kind)
        assert gateway.beat(JOB).code == 0

    assert kinds == ["server_error", "no_answer"]


def test_beats_go_on_when_a_send_broke(open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks in the middle of a body does not leave the gate locked."""
    send = socket.socket.sendall

    def break_once(self: socket.socket, data: bytes, *flags: int) -> None:
        if b"RobotGUID" in data:
            monkeypatch.setattr(socket.socket, "sendall", send)
            raise ConnectionAbortedError("the body did not go out")
        send(self, data, *flags)

    with RawServer(BEAT) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        monkeypatch.setattr(socket.socket, "sendall", break_once)
        first, second = Beating(gateway).start(), Beating(gateway)
        assert isinstance(first.end(), GatewayUnreachableError)
        assert second.start().end() is None
        end_at_once(gateway)


def _heard_or_over(server: RawServer, beating: Beating) -> bool:
    return server.heads > 0 or not beating.thread.is_alive()


def test_no_body_arrives_after_the_end_when_they_race(open_gateway: OpenGateway) -> None:
    """Whatever the moment, every body that the server gets was on its way before `end_beats` returned."""
    for _ in range(30):
        with RawServer(BEAT) as server:
            gateway = open_gateway(server.url)
            gateway.begin_beats(JOB)
            beating = Beating(gateway).start()
            wait_for(functools.partial(_heard_or_over, server, beating))
            gateway.end_beats()
            error = beating.end()
            # Either it was out, and then it got its answer, or the server never saw its body.
            assert len(server.requests) == (0 if isinstance(error, BeatsEndedError) else 1)


def test_the_gate_is_free_again_when_a_send_breaks() -> None:
    """A body that was handed over but never finished does not lock the gate for good."""
    gate = BeatGate("job")
    body = FormBody(b"a=1", gate)
    assert (body.handed_over, body.read(), body.handed_over) == (False, b"a=1", True)

    body.release()
    body.release()

    second = FormBody(b"b=2", gate)
    assert [second.read(), second.read()] == [b"b=2", b""]
    gate.close()
    third = FormBody(b"c=3", gate)
    with pytest.raises(BeatsEndedError):
        third.read()
    assert not third.handed_over


def test_close_of_the_gate_waits_for_a_body_on_its_way() -> None:
    """What has begun to leave has left when the gate is shut."""
    gate = BeatGate("job")
    body = FormBody(b"a=1", gate)
    body.read()
    closed = threading.Event()

    def close() -> None:
        gate.close()
        closed.set()

    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    wait_for(lambda: not gate.is_open)
    left_before = closed.is_set()

    body.read()

    assert not left_before
    assert closed.wait(10)
