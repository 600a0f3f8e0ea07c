"""Whatever a client sends, it gets one answer, and the server's console stays clean."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm_robot.cli import main
from fsm_robot.errors import GatewayError
from fsm_robot.orchestrator.api.routes import ROUTES
from fsm_robot.orchestrator.faults import Fault, FaultError
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store, StoreError
from tests.fakes.waiting import PATIENCE_S
from tests.orchestrator.conftest import TOKEN, OpenRobot

LONG = "9" * 400
HEARTBEAT = "/api/robot/heartbeat"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file: what comes over the wire is refused before the tables are asked."""
    return tmp_path / "orchestrator.sqlite"


def sent(server: Orchestrator, data: bytes) -> bytes:
    """Send bytes, say that no more will come, and return all that is answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as client:
        client.sendall(data)
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was faster, and has closed
        told = b""
        try:
            while piece := client.recv(1 << 16):
                told += piece
        except ConnectionResetError:
            return told
        return told


def call(
    path: str, body: bytes, content_type: str = "application/json", host: str = "127.0.0.1", verb: str = "POST"
) -> bytes:
    head = f"{verb} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {TOKEN}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1", "replace") + body


def statuses(told: bytes) -> list[int]:
    return [int(line.split()[1]) for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


STRANGE = {
    "HTTP/0.9": (b"GET /\r\n", 505),
    "HTTP/0.9 of an unknown path": (b"GET /nothing\r\n", 505),
    "HTTP/0.9 said": (b"GET / HTTP/0.9\r\n\r\n", 505),
    "HTTP/0.9 that posts": (b"POST /api/robot/heartbeat HTTP/0.9\r\n\r\n", 505),
    "no version": (b"GET / HTTX/1.1\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a b\r\n\r\n", 400),
    "verb": (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
    "lone surrogate": (call(HEARTBEAT, rb'{"Status": 2, "Machine": "\ud800"}'), 400),
    "lone surrogate in a name": (call(HEARTBEAT, rb'{"Status": 2, "\udfff": 1}'), 400),
    "lone surrogate in a GUID": (call("/api/job/update", rb'{"guid": "\ud800", "status": 4}', verb="PUT"), 400),
    "whole pair": (call(HEARTBEAT, rb'{"Status": 2, "Machine": "\ud83d\ude00"}'), 200),
    "number of 400 digits": (call(HEARTBEAT, f'{{"Status": {LONG}}}'.encode()), 400),
    "number of 5,000 digits": (call(HEARTBEAT, f'{{"Status": {"9" * 5000}}}'.encode()), 400),
    "number of 400 digits in a form": (call(HEARTBEAT, f"Status={LONG}".encode(), "text/plain"), 400),
    "number that is none": (call(HEARTBEAT, b'{"Status": 1e999, "X": NaN}'), 400),
    "status of 400 digits": (call("/api/job/update", f"guid={'0' * 32}&status={LONG}".encode(), "text/plain", verb="PUT"), 400),
    "nested": (call(HEARTBEAT, b'{"Status": ' + b"[" * 100_000), 400),
    "NUL": (call(HEARTBEAT, b'{"Status": 2, "Machine": "\\u0000"}'), 200),
    "multipart": (call(HEARTBEAT, b"--b\r\nContent-Disposition: form-data; name=\xff\xfe\r\n\r\n2\r\n--b--", "multipart/form-data; boundary=b"), 400),
}  # fmt: skip


@pytest.mark.parametrize(("data", "status"), STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_request_gets_one_answer_and_no_traceback(
    server: Orchestrator, capfd: pytest.CaptureFixture[str], data: bytes, status: int
) -> None:
    """A status and a reason for whoever sent it."""
    assert statuses(sent(server, data)) == [status]
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrator]:
    with Orchestrator(Store(tmp_path_factory.mktemp("strange") / "o.sqlite")) as running:
        yield running


TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[]), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    st.sampled_from(["Status", "guid", "JobGUID", "RobotGUID", "Machine", "IP"])
    | st.sampled_from(["name", "QueueGuid", "parameters", "deadline", "postponed", "priority", "limit", "tags", "file"])
    | st.sampled_from(["message", "level", "time", "TagNames", "TaskGuid", "type", "text", "RobotId", "ProcessGuid"])
    | TEXT
)
REQUESTS = st.builds(
    call,
    st.sampled_from([HEARTBEAT, "/api/robot/consumeNextJob", "/api/job/update", "/api/job/read/x", "/", "/x"])
    | st.sampled_from([f"/api/{name}" for name in ROUTES])
    | st.sampled_from([f"/api/{name}/1" for name in ROUTES])
    | st.builds("/api/{}/{}".format, st.sampled_from([*ROUTES]), st.text("aя%/?&=#2 \x7f'\"", max_size=9).map(quote)),
    st.dictionaries(NAMES, JSON, max_size=4).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60),
    st.sampled_from(["application/json", "text/plain", "multipart/form-data; boundary=b", "multipart/form-data", ""]),
    st.sampled_from(["127.0.0.1", "localhost", "[", "evil.example"]),
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE"]),
)


@given(data=REQUESTS | st.binary(min_size=3, max_size=80).map(lambda data: data + b"\r\n\r\n"))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_generated_request_gets_one_answer_and_no_traceback(
    long_lived: Orchestrator, capfd: pytest.CaptureFixture[str], data: bytes
) -> None:
    """Bodies of any JSON, and bytes of any kind; blank lines alone are no request."""
    told = sent(long_lived, data)

    assert statuses(told) or not data.splitlines()[0].split()
    assert capfd.readouterr().err == ""


FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "name",
            "guid",
            "queue_guid",
            "task_guid",
            "tag_names",
            "parameters",
            "deadline",
            "postponed",
            "priority",
            "limit",
            "offset",
            "tags",
            "status",
            "file",
            "message",
            "level",
            "time",
            "type",
            "text",
            "robot_id",
            "robot_type",
            "robot_group_id",
            "process_guid",
            "folder_guid",
            "retries",
            "password_expiration",
            "unique_tasks",
            "job_guid",
            "stop_after",
            "robot_guid",
            "created_after",
        ]
    ),
    st.sampled_from(
        ["1", "q", "0", "9999999999", "-1", "2026-10-31 10:00:00", "0001-01-01 00:00:00+23:59", "{}", "\x00"]
    )
    | st.text(max_size=9)
    | JSON,
    max_size=6,
)


@pytest.mark.alike
@given(
    call_name=st.sampled_from(sorted(ROUTES)),
    fields=FIELDS,
    name=st.sampled_from(["1", "q", "%", "%00", "%FF", "9" * 30]),
)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_object_call_with_any_fields_is_done_or_refused(
    long_lived: Orchestrator, capfd: pytest.CaptureFixture[str], call_name: str, fields: dict[str, object], name: str
) -> None:
    """Never a 500: what cannot be kept is told to who sent it. Things called `1` and `q` are there, and get deleted."""
    store, route = long_lived.store, ROUTES[call_name]
    queue = store.queues.named("q")
    store.tasks.add(queue, "q")
    store.assets.add("q")
    path = f"/api/{call_name}" if route.reference == "none" else f"/api/{call_name}/{name}"

    told = sent(long_lived, call(path, json.dumps(fields).encode(), verb=route.verbs[0]))

    assert statuses(told)[0] in (200, 400, 404, 409), told
    assert capfd.readouterr().err == ""


# ---- faults


@pytest.mark.parametrize(
    "text", [f"consume:code:{LONG}", f"all:status:503/{LONG}", f"all:delay:{LONG}", f"beat:code:{'9' * 5000}"]
)
def test_a_fault_with_a_number_of_400_digits_is_refused(text: str) -> None:
    """One sentence of a length that can be read."""
    with pytest.raises(FaultError) as raised:
        Fault.parse(text)

    assert len(str(raised.value)) < 300


def test_a_fault_that_an_older_version_left_is_answered(
    server: Orchestrator, capfd: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read any more is a 500 with its reason."""
    server.store.order_fault(Fault(f"consume:code:{LONG}", "consume", "code", 1.0))

    told = sent(server, call(HEARTBEAT, b'{"Status": 2}'))

    assert statuses(told) == [500]
    assert b"fault" in told
    assert capfd.readouterr().err == ""


# ---- who may call


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "["])
@pytest.mark.parametrize(
    ("verb", "path"), [("POST", "/api/robot/consumeNextJob"), ("PUT", "/api/job/update"), ("GET", "/api/job/read/x")]
)
def test_a_foreign_name_gets_no_job(server: Orchestrator, host: str, verb: str, path: str) -> None:
    """A page of another site whose name points to loopback is turned away before anything is done."""
    guid = server.store.enqueue("x")

    told = sent(server, call(path, b"Status=2", "application/x-www-form-urlencoded", host, verb))

    assert statuses(told) == [421]
    assert guid.encode() not in told
    assert server.store.job(guid).status_word == "Pending"
    assert server.store.calls() == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]", "LocalHost:4500"])
def test_a_name_of_this_machine_gets_the_job(server: Orchestrator, host: str) -> None:
    """Every way to name loopback is ours."""
    guid = server.store.enqueue("x")

    assert guid.encode() in sent(
        server, call("/api/robot/consumeNextJob", b"Status=2", "application/x-www-form-urlencoded", host)
    )


# ---- a file that was deleted


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that somebody has open")
def test_enqueue_says_that_the_file_was_deleted_under_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], robot: OpenRobot, server: Orchestrator
) -> None:
    """No server would see the job, so none is added; the robots hear it as well, and nothing is printed by the server."""
    gateway = robot()
    gateway.announce(None)
    os.unlink(server.store.place)

    assert main(["orchestrator", "enqueue", "x", "--db", str(server.store.place)]) == 2
    assert "deleted while" in capsys.readouterr().err
    assert not Path(server.store.place).exists()
    with pytest.raises(GatewayError, match="deleted or replaced"):
        gateway.announce(None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that somebody has open")
@pytest.mark.parametrize("renewed", [False, True], ids=["gone", "another in its place"])
def test_serve_ends_with_a_sentence_when_its_file_is_deleted(tmp_path: Path, renewed: bool) -> None:
    """It would go on giving out jobs that nobody can see, and never those that are added."""
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for path in tmp_path.glob("orchestrator.sqlite*"):
            path.unlink()
        guid = Store(tmp_path / "orchestrator.sqlite").enqueue("x") if renewed else ""
        _, told = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()

    assert process.returncode == 2
    assert "deleted or replaced" in told
    assert "Traceback" not in told
    if renewed:  # the old server took nothing of the new file with it
        assert Store(tmp_path / "orchestrator.sqlite").job(guid).status_word == "Pending"


def test_a_file_that_stays_is_used_after_it_was_closed(tmp_path: Path) -> None:
    """What is left beside the file by a process that was killed is no reason to refuse it."""
    store = Store(tmp_path / "o.sqlite")
    guid = store.enqueue("x")
    store.close()
    (tmp_path / "o.sqlite-wal").touch()

    assert store.job(guid).status_word == "Pending"
    store.close()
    os.unlink(store.place)
    (tmp_path / "o.sqlite-wal").touch()
    with pytest.raises(StoreError, match="sqlite-wal"):
        store.jobs()
