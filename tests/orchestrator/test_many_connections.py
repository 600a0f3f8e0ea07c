"""Many robots at once: connections without a thread each, calls in one transaction, each of which stands for itself."""

from __future__ import annotations

import base64
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.orchestrator.connections import Arrival, Limits
from fsm_robot.orchestrator.heads import RefusedHeadError, end_of_head, head_of
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store, StoreError
from tests.fakes.waiting import PATIENCE_S
from tests.orchestrator.conftest import TOKEN

MANY = 200
BODY = b"Status=2"


def heartbeat(token: str = TOKEN, body: bytes = BODY, more: str = "") -> bytes:
    head = f"POST /api/robot/heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {token}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def connected(server: Orchestrator) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)


def answer(client: socket.socket) -> bytes:
    """Return one whole answer."""
    told = b""
    while True:
        head, found, body = told.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]):
            return told
        piece = client.recv(1 << 16)
        assert piece, told
        told += piece


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Orchestrator]:
    with Orchestrator(Store(tmp_path / "o.sqlite"), limits=Limits(connections=2 * MANY)) as running:
        yield running


def test_open_connections_need_no_threads_and_each_is_answered(roomy: Orchestrator) -> None:
    """A robot's connection is open all day, and used for some milliseconds of it."""
    before = threading.active_count()
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(roomy)) for _ in range(MANY)]
        for _ in range(2):
            for client in clients:
                client.sendall(heartbeat())
            assert {answer(client)[:12] for client in clients} == {b"HTTP/1.1 200"}
        assert threading.active_count() - before <= 8

    assert len(roomy.store.calls()) == 2 * MANY


@pytest.mark.skipif(os.name == "nt", reason="how many calls the loop of Windows reads at once is by chance")
def test_calls_that_wait_together_are_written_together(roomy: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that come while one is answered are in one transaction, in the order in which they came."""
    begun, go_on, statements = threading.Event(), threading.Event(), list[str]()
    real = Store.add_call

    def slow(store: Store, call: CallRow) -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        real(store, call)

    roomy.store.robot("0f8fad5b-d9cb-469f-a165-70867728950e")
    monkeypatch.setattr(Store, "add_call", slow)
    with ExitStack() as stack:
        first = stack.enter_context(connected(roomy))
        first.sendall(heartbeat())
        assert begun.wait(PATIENCE_S)
        others = [stack.enter_context(connected(roomy)) for _ in range(20)]
        for other in others:
            other.sendall(heartbeat())
        go_on.set()
        answer(first)
        with roomy.store.file.reading() as db:
            assert isinstance(db, sqlite3.Connection)
            db.set_trace_callback(statements.append)
        for other in others:
            answer(other)
        with roomy.store.file.reading() as db:
            assert isinstance(db, sqlite3.Connection)
            db.set_trace_callback(None)

    assert len(roomy.store.calls()) == 21
    assert statements.count("COMMIT") < 10


def enqueue_and_fail(store: Store) -> None:
    with store.file.transaction():
        store.enqueue("lost")
        store.file.insert("robots", {"no_such_column": 1})


def test_call_that_fails_takes_back_itself_alone(tmp_path: Path) -> None:
    """What was written before and after it in the same transaction stands; a whole one that fails takes back all."""
    store = Store(tmp_path / "o.sqlite")
    with store.file.together():
        before = store.enqueue("before")
        with pytest.raises(StoreError):
            enqueue_and_fail(store)
        after = store.enqueue("after")

    assert [job.guid for job in store.jobs()] == [before, after]
    with pytest.raises(StoreError), store.file.together():
        enqueue_and_fail(store)
    assert [job.script for job in store.jobs()] == ["before", "after"]
    assert store.enqueue("as ever")
    with sqlite3.connect(store.place) as other:  # nothing is left open that others would wait for
        assert other.execute("SELECT COUNT(*) FROM jobs").fetchone()[0] == 3
    other.close()


def test_answer_leaves_when_its_call_is_written(roomy: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails is a 500 for all of them: nobody is told of a job that was not given to him."""
    guid = roomy.store.enqueue("x")

    def full(store: Store, call: CallRow) -> None:
        with store.file.reading() as db:
            db.execute("ROLLBACK")  # what SQLite does by itself when the disk is full

    with monkeypatch.context() as broken:
        broken.setattr(Store, "add_call", full)
        with connected(roomy) as client:
            client.sendall(heartbeat().replace(b"heartbeat", b"consumeNextJob"))
            told = answer(client)

    assert told.startswith(b"HTTP/1.1 500")
    assert guid.encode() not in told
    assert roomy.store.job(guid).consumed_at is None


def test_requests_of_one_connection_are_answered_in_their_order(roomy: Orchestrator) -> None:
    """Sent at once, a slow one first; what follows waits its turn, and the last one closes."""
    requests = [
        b"GET /state.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        heartbeat(),
        b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
        heartbeat(more="Connection: close\r\n"),
    ]
    told = b""
    with connected(roomy) as client:
        client.sendall(b"".join(requests))
        while piece := client.recv(1 << 16):
            told += piece

    lines = told.split(b"HTTP/1.1 ")[1:]
    assert [line[:3] for line in lines] == [b"200", b"200", b"404", b"200"]
    assert b'"jobs"' in lines[0]


def test_client_that_says_that_it_sends_no_more_gets_every_answer(roomy: Orchestrator) -> None:
    """A half-closed connection is no closed one."""
    with connected(roomy) as client:
        client.sendall(heartbeat() * 5)
        client.shutdown(socket.SHUT_WR)
        told = b""
        while piece := client.recv(1 << 16):
            told += piece

    assert told.count(b"HTTP/1.1 200") == 5


def test_client_that_asks_whether_to_send_its_body_is_told_to(roomy: Orchestrator) -> None:
    """`Expect: 100-continue`, as curl sends it before a file."""
    with connected(roomy) as client:
        client.sendall(heartbeat(more="Expect: 100-continue\r\n").removesuffix(BODY))
        assert client.recv(1 << 10).startswith(b"HTTP/1.1 100 ")
        client.sendall(BODY)
        assert answer(client).startswith(b"HTTP/1.1 200")


HEADERS = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True).map(str.lower),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).map(str.strip),
    max_size=6,
)


@given(headers=HEADERS, line_end=st.sampled_from(["\r\n", "\n"]), cut=st.integers(1, 400), blank=st.booleans())
def test_head_is_read_however_it_arrives(headers: dict[str, str], line_end: str, cut: int, blank: bool) -> None:
    """In two pieces, with blank lines before it, with either end of lines: what it says is the same."""
    lines = ["GET /a?b=c HTTP/1.1", *(f"{name.title()}: {value}" for name, value in headers.items()), "", ""]
    whole = ((line_end if blank else "") + line_end.join(lines)).encode()
    data = bytearray(whole[:cut])
    if not (end := end_of_head(data)):
        data += whole[cut:]
        end = end_of_head(data)

    head = head_of(bytes(data[:end]))

    assert (head.verb, head.path, head.query) == ("GET", "/a", "b=c")
    assert {name: [*values] for name, values in head.headers.items()} == {
        name: [value] for name, value in headers.items()
    }


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused_or_not_whole(data: bytes) -> None:
    """Nothing else comes out of the reader."""
    try:
        end = end_of_head(held := bytearray(data))
        if end:
            head_of(bytes(held[:end]))
    except RefusedHeadError as error:
        assert error.status in (400, 414, 431, 501, 505)


def test_office_answers_one_at_a_time_as_it_answers_many(tmp_path: Path) -> None:
    """Whether calls wait together changes nothing in what they are answered."""
    from datetime import UTC, datetime

    from fsm_robot.orchestrator.server import Office

    told = []
    for together in (True, False):
        server = Orchestrator(Store(tmp_path / f"{together}.sqlite"))
        server.store.enqueue("x")
        office, requests = Office(server), []
        for number in range(3):
            token = base64.b64encode(f"{number:08x}-0000-4000-8000-000000000000".encode()).decode()
            data = bytearray(heartbeat(token).replace(b"heartbeat", b"consumeNextJob"))
            end = end_of_head(data)
            requests.append(Arrival(head_of(bytes(data[:end])), datetime.now(UTC), 0.0, len(BODY), BODY))
        outcomes = office.answer_together(requests) if together else [office.answer(each) for each in requests]
        told.append([each.reply and (each.reply.status, b"New job not found" in each.reply.data) for each in outcomes])
        server.store.close()

    assert told[0] == told[1] == [(200, False), (200, True), (200, True)]
