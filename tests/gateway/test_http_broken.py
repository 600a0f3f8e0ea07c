"""Connections that fail: what certainly did not arrive is told from what may have arrived, and every call ends in time."""

from __future__ import annotations

import socket
import time

import pytest

from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayUnreachableError
from fsm_robot.robot.ports import Job
from tests.fakes.raw_server import RawServer, Reply, Request, answer, drop, reset
from tests.gateway.conftest import OpenGateway

NO_JOB = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')
# Far above every timeout of these tests and far below what a drip would take.
SOON_S = 8.0


def failed_call(open_gateway: OpenGateway, url: str, **settings: object) -> GatewayUnreachableError:
    started_s = time.monotonic()
    with pytest.raises(GatewayError) as raised:
        open_gateway(url, **settings).announce(None)
    assert time.monotonic() - started_s < SOON_S
    assert isinstance(raised.value, GatewayUnreachableError)
    assert raised.value.exit_code == 4
    return raised.value


def failure_of(open_gateway: OpenGateway, *replies: Reply, **settings: object) -> GatewayUnreachableError:
    with RawServer(*replies) as server:
        return failed_call(open_gateway, server.url, **settings)


def drip(data: bytes):
    def slowly(connection: socket.socket, request: Request) -> None:
        for value in data:
            connection.sendall(bytes([value]))
            if server_gone(connection, 0.05):
                return

    return slowly


def server_gone(connection: socket.socket, wait_s: float) -> bool:
    """Wait a moment; return whether the client has closed meanwhile."""
    connection.settimeout(wait_s)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def say_nothing(connection: socket.socket, request: Request) -> None:
    server_gone(connection, 30)


# ---- certainly did not arrive


def test_nothing_arrived_when_the_port_is_closed(open_gateway: OpenGateway) -> None:
    """A refused connection is told as such, with host, port and where to look."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    error = failed_call(open_gateway, f"http://127.0.0.1:{port}")

    assert error.kind == "no_connection"
    assert f"127.0.0.1:{port}" in str(error)
    assert "orchestrator.url" in str(error)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "xn--\u00df..invalid"])
def test_nothing_arrived_when_the_name_is_not_known(open_gateway: OpenGateway, host: str) -> None:
    """A host without an address, or with an impossible name, is a missing connection, not a crash."""
    assert failed_call(open_gateway, f"http://{host}:4500").kind == "no_connection"


def test_nothing_arrived_when_the_connection_is_not_accepted(open_gateway: OpenGateway) -> None:
    """A host that does not answer the connection attempt costs the timeout, not more."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers = [socket.socket() for _ in range(4)]
        for other in fillers:
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        error = failed_call(open_gateway, f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.3)
        for other in fillers:
            other.close()

    # Where the system queues more connections than asked for, it is the answer that does not come.
    assert error.kind in ("no_connection", "no_answer")
    assert "within 0.3 s" in str(error)


def test_nothing_arrived_when_the_server_speaks_no_tls(open_gateway: OpenGateway) -> None:
    """https to a plain port ends before the credential is sent."""
    with RawServer(NO_JOB) as server:
        error = failed_call(open_gateway, server.url.replace("http:", "https:"), verify=False, timeout_s=1.0)

    assert error.kind == "no_connection"
    assert "TLS" in str(error) or "within" in str(error)
    assert server.requests == []


# ---- may have arrived


@pytest.mark.parametrize(
    "reply",
    [
        drop,
        reset,
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{\r\n"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 2"),
        lambda connection, request: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n{}"),
    ],
    ids=[
        "closed", "reset", "body cut", "chunk cut", "bad chunk", "head cut", "no http", "long header", "many headers", "two lengths"
    ],
)  # fmt: skip
def test_the_request_may_have_arrived_when_the_answer_breaks(open_gateway: OpenGateway, reply: Reply) -> None:
    """Whatever happens after the body went out, the caller learns that the server may have acted."""
    error = failure_of(open_gateway, reply)

    assert error.kind == "no_answer"
    assert "may have arrived" in str(error)


def test_the_request_may_have_arrived_when_no_answer_comes(open_gateway: OpenGateway) -> None:
    """A silent server costs the timeout."""
    error = failure_of(open_gateway, say_nothing, timeout_s=0.3)

    assert error.kind == "no_answer"
    assert "within 0.3 s" in str(error)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        drip(HEAD + b" " * 4000),
        drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: " + b"y" * 4000),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1000),
        drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * 4000),
    ],
    ids=["body", "header", "chunks", "until closed"],
)
def test_the_whole_answer_is_bounded_when_it_drips(open_gateway: OpenGateway, reply: Reply) -> None:
    """Twenty bytes a second never reach a timeout between two bytes; the call still ends."""
    error = failure_of(open_gateway, reply, timeout_s=0.5)

    assert error.kind == "no_answer"
    assert "within 0.5 s" in str(error)


@pytest.mark.parametrize("status", ["500 Oops", "404 Not Found"])
def test_the_status_counts_when_the_body_of_an_error_breaks(open_gateway: OpenGateway, status: str) -> None:
    """A refusal whose page is cut short is still a refusal."""

    def cut(connection: socket.socket, request: Request) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 500\r\n\r\n<h1>".encode())

    with RawServer(cut) as server, pytest.raises(GatewayError) as raised:
        open_gateway(server.url).announce(None)

    assert raised.value.kind == ("server_error" if status[0] == "5" else "rejected")


def test_an_answer_is_garbled_when_it_never_ends(open_gateway: OpenGateway) -> None:
    """A server that pours out data is left after a mebibyte, long before the timeout."""

    def pour(connection: socket.socket, request: Request) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with RawServer(pour) as server, pytest.raises(GatewayGarbledError, match="larger than"):
        open_gateway(server.url, timeout_s=60.0).announce(None)


# ---- kept connections


def test_the_connection_is_kept_when_an_answer_is_empty(open_gateway: OpenGateway) -> None:
    """A success without a body costs no new connection."""
    with RawServer(answer("")) as server:
        gateway = open_gateway(server.url)
        gateway.update_job("j", 8)
        gateway.update_job("j", 4)

    assert [request.connection for request in server.requests] == [0, 0]


def test_a_new_connection_is_made_when_the_kept_one_is_closed(open_gateway: OpenGateway) -> None:
    """A server that closes idle connections costs no failed call."""
    with RawServer(NO_JOB) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        server.drop_connections()
        gateway.announce(None)

    assert [request.connection for request in server.requests] == [0, 1]


def test_the_request_may_have_arrived_when_the_kept_connection_breaks_under_it(open_gateway: OpenGateway) -> None:
    """A reset instead of an answer is not repeated by the gateway: it may have been a job."""
    with RawServer(NO_JOB, drop, NO_JOB) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        with pytest.raises(GatewayUnreachableError) as raised:
            gateway.consume_job()
        gateway.announce(None)

    assert raised.value.kind == "no_answer"
    assert [request.line.split()[1] for request in server.requests] == [
        "/api/robot/heartbeat", "/api/robot/consumeNextJob", "/api/robot/heartbeat",
    ]  # fmt: skip


def test_the_next_call_is_unharmed_when_an_answer_came_too_late(open_gateway: OpenGateway) -> None:
    """An answer that arrives after its deadline is never taken for the answer to the next call."""

    def late(connection: socket.socket, request: Request) -> bytes:
        server_gone(connection, 1.0)
        return answer('{"HeartbeatErrorCode":101}')

    with RawServer(late, NO_JOB) as server:
        gateway = open_gateway(server.url, timeout_s=0.3)
        with pytest.raises(GatewayUnreachableError):
            gateway.announce(None)
        assert gateway.announce(None).code == 0


@pytest.mark.parametrize("call", ["announce", "beat", "consume_job"])
def test_robot_that_is_not_known_asks_again_only_where_its_guid_was_replaced(
    open_gateway: OpenGateway, call: str
) -> None:
    """A call that was answered 101 did nothing, so it may be made again: once, with the new GUID, and then it counts."""
    job, new, kept = Job("j", "сводка"), "fedcba98-7654-3210-fedc-ba9876543210", [""]
    unknown = answer('{"HeartbeatErrorCode":101,"ConsumeJobErrorCode":101,"HasNewJob":0}')
    with RawServer(unknown, unknown, unknown) as server:
        gateway = open_gateway(server.url, renewed=lambda: kept[0])
        gateway.begin_beats(job)
        asks = {"announce": lambda: gateway.announce(None), "beat": lambda: gateway.beat(job)}
        ask = asks.get(call, gateway.consume_job)
        codes = [ask().code]
        kept[0] = new
        with pytest.raises(GatewayUnreachableError, match="was replaced meanwhile") as raised:
            ask()
        codes.append(ask().code)

    assert (codes, raised.value.kind, raised.value.retry_after_s) == ([101, 101], "throttled", 0.0)
    assert [new.encode() in request.body for request in server.requests] == [False, False, True]
    assert new not in str(raised.value)
