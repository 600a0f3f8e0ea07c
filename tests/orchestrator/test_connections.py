"""Clients that dawdle, flood, vanish or come by a wrong name."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.orchestrator.connections import Limits, Server
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.server import Office, Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.processes import under_wine
from tests.fakes.waiting import PATIENCE_S, until
from tests.orchestrator.conftest import TOKEN

Serve = Callable[..., Orchestrator]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file: a connection does not know where the tables are."""
    return tmp_path / "orchestrator.sqlite"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers with limits of their own."""
    started: list[Orchestrator] = []

    def start(**limits: Any) -> Orchestrator:
        store = Store(tmp_path / f"o{len(started)}.sqlite")
        started.append(Orchestrator(store, limits=Limits(**limits)))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def connect(server: Orchestrator) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def heartbeat(server: Orchestrator) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("POST", "/api/robot/heartbeat", "Status=2", {"Authorization": f"Basic {TOKEN}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def ended(connection: socket.socket) -> bool:
    """Return whether the server closes, after what it may still send; a test hangs in here for its patience at most."""
    try:
        while connection.recv(1 << 16):
            continue
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize(
    "beginning",
    [b"G", b"POST /api/robot/heartbeat HTTP/1.1\r\nX-Slow: ", b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"],
    ids=["line", "header", "body"],
)
def test_request_that_drips_is_ended_while_others_are_answered(serve: Serve, beginning: bytes) -> None:
    """A byte now and then is never silence; the time of the whole request counts."""
    server = serve(request_s=0.5)
    with connect(server) as dripping:
        dripping.sendall(beginning)
        dripping.settimeout(0.05)
        deadline_s, over = time.monotonic() + PATIENCE_S, False
        while not over and time.monotonic() < deadline_s:
            try:
                dripping.sendall(b"x")
                over = dripping.recv(1) == b""
            except TimeoutError:
                assert heartbeat(server) == 200
            except ConnectionError:
                over = True

    assert over


def test_idle_connection_is_ended(serve: Serve) -> None:
    """Nothing for so long, and its thread is free."""
    with connect(serve(idle_s=0.3)) as idle:
        assert ended(idle)


def test_connection_above_the_limit_is_told_to_come_back(serve: Serve) -> None:
    """503 at once; as soon as one of the others leaves, there is room."""
    server = serve(connections=2)
    first, second = connect(server), connect(server)
    for kept in (first, second):
        kept.sendall(b"GET /state.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert kept.recv(1 << 16).startswith(b"HTTP/1.1 200")

    with connect(server) as third:
        assert third.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
    first.close()
    until(lambda: heartbeat_or_busy(server) == 200)
    second.close()


def heartbeat_or_busy(server: Orchestrator) -> int:
    try:
        return heartbeat(server)
    except (ConnectionError, http.client.HTTPException):
        return 503


@pytest.mark.parametrize(
    "data",
    [
        b"POST /api/robot/heartbeat HTTP/1.1\r\n" + b"X-Many: y\r\n" * 5000 + b"\r\n",
        b"POST /api/robot/heartbeat HTTP/1.1\r\nX-Long: " + b"y" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /api/robot/heartbeat HTTP/9.9\r\n\r\n",
        b"FETCH / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n",
    ],
    ids=["many headers", "long header", "long path", "TLS", "version", "verb", "blank"],
)
def test_broken_head_is_refused_and_hurts_nobody(serve: Serve, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused or left alone; no traceback, and the next call is served."""
    server = serve(request_s=2.0)
    with connect(server) as broken:
        try:
            broken.sendall(data)
            broken.shutdown(socket.SHUT_WR)
            answer = broken.recv(1 << 16)
        except OSError:  # the server has closed already; which error that is depends on the moment
            answer = b""

    assert b" 200 " not in answer
    assert heartbeat(server) == 200
    assert "Traceback" not in capfd.readouterr().err


def test_client_that_vanishes_while_its_answer_is_delayed_hurts_nobody(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    """The answer finds nobody; the call has been acted on and written down."""
    server = serve()
    server.fault("announce:delay:0.3")
    with connect(server) as vanishing:
        head = f"POST /api/robot/heartbeat HTTP/1.1\r\nAuthorization: Basic {TOKEN}\r\nContent-Length: 8\r\n\r\n"
        vanishing.sendall(f"{head}Status=2".encode())
        until(lambda: len(server.store.calls()) == 1)

    assert heartbeat(server) == 200
    server.stop()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(under_wine(), reason="closing a connection does not wake who waits for it under Wine")
def test_stop_ends_a_delay_and_leaves_no_thread(tmp_path: Path) -> None:
    """A thread that went on would open the file again, and under Windows nobody could remove it."""
    server = Orchestrator(Store(tmp_path / "o.sqlite"))
    before = set(threading.enumerate())
    server.start()
    server.fault("all:delay:3600")
    with connect(server) as waiting, connect(server):
        head = f"POST /api/robot/heartbeat HTTP/1.1\r\nAuthorization: Basic {TOKEN}\r\nContent-Length: 8\r\n\r\n"
        waiting.sendall(f"{head}Status=2".encode())
        until(lambda: len(server.store.calls()) == 1)

        server.stop()

        assert set(threading.enumerate()) - before == set()
        assert ended(waiting)
    assert not (tmp_path / "o.sqlite-wal").exists()  # what SQLite removes when the last one closes the file


def test_stop_waits_for_a_call_that_is_being_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is in the file, and the file is closed after it."""
    server, writing, add_call = Orchestrator(Store(tmp_path / "o.sqlite")), threading.Event(), Store.add_call

    def slow(store: Store, call: CallRow) -> None:
        writing.set()
        time.sleep(0.5)
        add_call(store, call)

    monkeypatch.setattr(Store, "add_call", slow)
    server.start()
    with connect(server) as calling:
        head = f"POST /api/robot/heartbeat HTTP/1.1\r\nAuthorization: Basic {TOKEN}\r\nContent-Length: 8\r\n\r\n"
        calling.sendall(f"{head}Status=2".encode())
        assert writing.wait(PATIENCE_S)

        server.stop()

    assert not (tmp_path / "o.sqlite-wal").exists()
    assert len(server.store.calls()) == 1


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4500", 200), ("localhost", 200), ("[::1]:4500", 200), ("LOCALHOST:1", 200),
        ("evil.example:4500", 421), ("127.0.0.1.evil.example", 421), ("[", 421),
    ],
)  # fmt: skip
def test_page_is_not_shown_to_another_site(serve: Serve, host: str, status: int) -> None:
    """A site whose name points to 127.0.0.1 must not read what the page shows."""
    connection = http.client.HTTPConnection("127.0.0.1", serve().port, timeout=PATIENCE_S)
    connection.request("GET", "/state.json", headers={"Host": host})

    assert connection.getresponse().status == status
    connection.close()


def test_file_that_breaks_is_a_500_with_the_reason(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    """The robot takes it as a failure of the server, and asks again."""
    import sqlite3

    server = serve()
    assert heartbeat(server) == 200
    with sqlite3.connect(server.store.place) as other:
        other.execute("DROP TABLE robots")
    other.close()

    assert heartbeat(server) == 500
    assert "Traceback" not in capfd.readouterr().err


def test_ipv6_address_is_served_and_named_in_brackets(tmp_path: Path) -> None:
    """`--host ::1` is loopback too."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Orchestrator(Store(tmp_path / "o.sqlite"), host="::1") as server:
        connection = http.client.HTTPConnection("::1", server.port, timeout=PATIENCE_S)
        connection.request("GET", "/state.json")

        assert connection.getresponse().status == 200
        assert server.url == f"http://[::1]:{server.port}"
        connection.close()


def test_server_whose_thread_cannot_begin_says_so(tmp_path: Path) -> None:
    """It was waited for without end. A socket for datagrams is one that nothing can be served on."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    office = Office(Orchestrator(Store(tmp_path / "orchestrator.sqlite")))

    with pytest.raises(OSError, match="cannot begin"):
        Server(office, Limits(), datagrams)
    assert datagrams.fileno() == -1
