"""The real gateway of the robot against the real server."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fsm_robot.errors import GatewayError
from fsm_robot.gateway.identity import machine_name
from fsm_robot.orchestrator.protocol import WireForm
from fsm_robot.orchestrator.server import AddressInUseError, Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.ports import ConsumeAnswer, HeartbeatAnswer, Job
from tests.fakes.waiting import GUID
from tests.orchestrator.conftest import TOKEN, OpenRobot, kept_in, parameters_of


def ask(server: Orchestrator, verb: str, path: str, body: bytes | str = b"", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(verb, path, body, {"Authorization": f"Basic {TOKEN}", **headers})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data) if data else None


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_whole_life_of_a_job(server: Orchestrator, robot: OpenRobot, scheme: str) -> None:
    """Announce, consume, claim, beat, report, announce: what the robot's own gateway reads of it."""
    gateway = robot(auth_scheme=scheme)
    assert gateway.announce(None).has_new_job == 0
    guid = server.store.enqueue("отчёты\\сводка", {"месяц": "2026-10"})
    assert gateway.announce(None).has_new_job == 1

    consumed = gateway.consume_job()
    assert consumed.job is not None
    assert (consumed.code, consumed.job.guid, consumed.job.script_name) == (0, guid, "отчёты\\сводка")
    assert parameters_of(consumed.job) == {"месяц": "2026-10"}
    gateway.update_job(guid, 8)
    gateway.begin_beats(consumed.job)
    assert gateway.beat(consumed.job).code == 0
    server.store.order_stop(guid)
    assert [gateway.beat(consumed.job).code for _ in range(2)] == [20, 20]
    server.store.order_abort(guid)
    assert gateway.beat(consumed.job).code == 10
    gateway.update_job(guid, 3)

    assert server.store.job(guid).status_word == "Aborted"
    assert gateway.consume_job().code == 102
    (seen,) = server.store.robots()
    assert (seen.job_name, seen.machine) == ("отчёты\\сводка", machine_name())


@pytest.mark.parametrize("nested", ["string", "object"])
@pytest.mark.parametrize("task_key", ["Task", " Task "])
@pytest.mark.parametrize("no_task", ["absent", "null", "empty", "null_text"])
def test_every_form_of_the_documents_is_read_by_the_robot(
    server: Orchestrator, robot: OpenRobot, nested: Any, task_key: str, no_task: Any
) -> None:
    """What the vendor's pages leave open, the server can send and the robot can read."""
    server.service.form = WireForm(task_key, nested, no_task)
    server.store.enqueue("with", {"a": 1})
    server.store.enqueue("without")

    first, second = (robot().consume_job().job for _ in range(2))

    assert first is not None
    assert second is not None
    assert (first.script_name, second.script_name) == ("with", "without")
    assert parameters_of(first) == {"a": 1}
    assert second.documents.get("task") is None


def test_unknown_robot_is_told_so_where_only_known_ones_count(server: Orchestrator, robot: OpenRobot) -> None:
    """101 for both calls; a forgotten robot is unknown again, a remembered one known."""
    server.service.known_only = True
    assert (robot().announce(None).code, robot().consume_job().code) == (101, 101)
    server.service.known_only = False
    robot().announce(None)
    label = server.store.robots()[0].label

    server.store.set_active(label, False)
    forgotten = robot().announce(None).code
    server.store.set_active(label, True)

    assert (forgotten, robot().announce(None).code) == (101, 0)


def test_many_robots_are_served_at_once(server: Orchestrator, robot: OpenRobot) -> None:
    """Eight robots drain forty jobs; each job is given and reported once."""
    for number in range(40):
        server.store.enqueue(f"job {number}")

    def drain(number: int) -> None:
        gateway = robot(f"0000000{number}-0000-4000-8000-000000000000")
        while (job := gateway.consume_job().job) is not None:
            gateway.update_job(job.guid, 8)
            gateway.update_job(job.guid, 4)

    threads = [threading.Thread(target=drain, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert {job.status_word for job in server.store.jobs()} == {"Success"}
    assert len([call for call in server.store.calls() if call.code == 0 and call.path.endswith("consumeNextJob")]) == 40


KINDS = {
    "drop-before": "no_answer",
    "drop-after": "no_answer",
    "status:500": "server_error",
    "status:502": "server_error",
    "status:503/3": "throttled",
    "status:429": "throttled",
    "status:401": "refused",
    "status:400": "rejected",
    "status:302": "rejected",
    "html": "garbled",
    "empty": "garbled",
    "truncated": "garbled",
    "garbage": "garbled",
    "cut": "no_answer",
}


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("endpoint", ["announce", "beat", "consume"])
def test_each_fault_is_the_failure_that_the_protocol_page_says(
    server: Orchestrator, robot: OpenRobot, endpoint: str, fault: str
) -> None:
    """And the call after it is answered as if nothing had been."""
    gateway, job = robot(), Job("5c1e0000-0000-4000-8000-00000000000a", "x")
    gateway.begin_beats(job)
    calls: dict[str, Callable[[], HeartbeatAnswer | ConsumeAnswer]] = {
        "announce": lambda: gateway.announce(None),
        "beat": lambda: gateway.beat(job),
        "consume": gateway.consume_job,
    }
    call = calls[endpoint]
    server.fault(f"{endpoint}:{fault}")

    with pytest.raises(GatewayError) as raised:
        call()

    assert raised.value.kind == KINDS[fault]
    assert call().code in (0, 102)


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize(("endpoint", "status"), [("claim", 8), ("report", 4)])
def test_each_fault_of_an_update_is_the_failure_that_the_protocol_page_says(
    server: Orchestrator, robot: OpenRobot, endpoint: str, status: int, fault: str
) -> None:
    """A body that is no page counts as taken; asked again, the same status means the same."""
    guid, gateway = server.store.enqueue("x"), robot()
    gateway.consume_job()
    gateway.update_job(guid, 8)
    taken = fault in ("empty", "truncated", "garbage")
    server.fault(f"{endpoint}:{fault}")

    if taken:
        gateway.update_job(guid, status)
    else:
        with pytest.raises(GatewayError) as raised:
            gateway.update_job(guid, status)
        assert raised.value.kind == KINDS[fault]
    acts = not fault.startswith(("drop-before", "status"))
    assert server.store.job(guid).status == (status if acts else 8)
    gateway.update_job(guid, status)
    assert server.store.job(guid).status == status


@pytest.mark.parametrize("code", [102, 101, 7])
def test_another_code_for_consume_takes_no_job(server: Orchestrator, robot: OpenRobot, code: int) -> None:
    """102 after HasNewJob 1: another robot seems faster, and the job is still there for the next one."""
    guid = server.store.enqueue("x")
    server.fault(f"consume:code:{code}")

    assert robot().consume_job().code == code
    taken = robot().consume_job().job
    assert taken is not None
    assert taken.guid == guid


def test_call_tells_the_code_that_was_sent_and_none_that_was_not(server: Orchestrator, robot: OpenRobot) -> None:
    """What the robot has read, not what it would have read."""
    for fault in ("announce:code:20", "announce:bom", "announce:html", "announce:drop-after", "announce:status:500"):
        server.fault(fault)
        try:
            robot().announce(None)
        except GatewayError:
            continue

    calls = server.store.calls()
    assert [call.code for call in calls] == [20, 0, None, None, None]
    assert [call.http_status for call in calls] == [200, 200, 200, None, 500]
    assert [call.fault for call in calls][-1] == "announce:status:500"


def test_paused_robot_gets_no_job_and_keeps_its_orders(server: Orchestrator, robot: OpenRobot) -> None:
    """It is known, hears HasNewJob 0 and 102, and may end what it has."""
    guid, gateway = server.store.enqueue("mine"), robot()
    job = gateway.consume_job().job
    assert job is not None
    server.store.enqueue("next")
    label = server.store.robots()[0].label
    server.store.set_paused(label, True)
    gateway.begin_beats(job)
    server.store.order_stop(guid)

    assert (gateway.beat(job).code, gateway.announce(None).has_new_job, gateway.consume_job().code) == (20, 0, 102)
    server.store.set_paused(label, False)
    assert (gateway.announce(None).has_new_job, gateway.consume_job().code) == (1, 0)


def test_robot_that_was_remembered_by_its_guid_is_known_before_it_calls(server: Orchestrator, robot: OpenRobot) -> None:
    """Where only known robots count, somebody has to name them first; a job may wait for one by its GUID too."""
    server.service.known_only = True
    server.store.set_active(GUID, True)
    server.store.enqueue("hers", robot="99999999-0000-4000-8000-000000000000")
    guid = server.store.enqueue("mine", robot=f"{{{GUID.upper()}}}")

    taken = robot().consume_job().job
    assert taken is not None
    assert (taken.guid, robot().consume_job().code) == (guid, 102)


@pytest.mark.parametrize("path", ["/api/robot/heartbeat", "/api/robot/consumeNextJob"])
@pytest.mark.parametrize("header", [f"Basic {TOKEN}", ""])
def test_credential_in_any_field_is_not_kept(server: Orchestrator, path: str, header: str) -> None:
    """A robot may put it into Machine or JobName by mistake, in any form; the file must not become a list of passwords."""
    forms = [GUID, GUID.upper(), GUID.replace("-", ""), TOKEN, GUID.encode().hex(), f"PC {GUID} x"]
    body = json.dumps({"RobotGUID": GUID, "Status": 2, **dict(zip(
        ("Machine", "IP", "MAC", "JobGUID", "JobName", GUID), forms, strict=True
    ))})  # fmt: skip
    ask(server, "POST", path, body, Authorization=header, **{"Content-Type": "application/json"})
    server.store.close()

    kept = kept_in(server.store.place)
    assert [form for form in forms if form.encode().lower() in kept.lower()] == []
    assert len(server.store.calls()) == 1


def test_delay_bom_and_code_are_what_they_say(server: Orchestrator, robot: OpenRobot) -> None:
    """A slow answer runs into the timeout, a byte order mark is read, another code is another code."""
    server.fault("announce:bom")
    assert robot().announce(None).code == 0
    server.fault("announce:code:20")
    assert robot().announce(None).code == 20
    server.fault("announce:delay:3")
    with pytest.raises(GatewayError) as raised:
        robot(timeout_s=0.3).announce(None)
    assert raised.value.kind == "no_answer"


def test_drop_before_does_nothing_and_drop_after_has_acted(server: Orchestrator, robot: OpenRobot) -> None:
    """The difference that a robot cannot see."""
    guid = server.store.enqueue("x")
    for fault, taken in (("consume:drop-before", False), ("consume:drop-after", True)):
        server.fault(fault)
        with pytest.raises(GatewayError):
            robot().consume_job()
        assert (server.store.job(guid).consumed_at is not None) == taken


def test_duplicate_gives_the_last_job_once_more(server: Orchestrator, robot: OpenRobot) -> None:
    """A server that repeats itself."""
    guid = server.store.enqueue("x")
    robot().consume_job()
    server.fault("consume:duplicate")

    again = robot().consume_job().job

    assert again is not None
    assert again.guid == guid


@pytest.mark.parametrize(
    ("verb", "path", "body", "headers", "status"),
    [
        ("GET", "/nothing", "", {}, 404),
        ("GET", "/api/robot/heartbeat", "", {}, 405),
        ("DELETE", "/api/job/update", "", {}, 405),
        ("POST", "/api/robot/heartbeat", "", {}, 400),
        ("POST", "/api/robot/heartbeat", "Status=7", {}, 400),
        ("POST", "/api/robot/heartbeat", "Status=\xff", {}, 400),
        ("POST", "/api/robot/heartbeat", "Status=2", {"Authorization": "Basic !!!"}, 401),
        ("POST", "/api/robot/heartbeat", "Status=2", {"Authorization": ""}, 401),
        ("POST", "/api/robot/heartbeat", "{", {"Content-Type": "application/json"}, 400),
        ("PUT", "/api/job/update", "guid=x&status=8", {}, 400),
        ("PUT", "/api/job/update", "guid=5c1e0000-0000-4000-8000-00000000000a&status=9", {}, 400),
        ("PUT", "/api/job/update", "guid=5c1e0000-0000-4000-8000-00000000000a&status=8", {}, 404),
        ("GET", "/api/job/read/5c1e0000-0000-4000-8000-00000000000a", "", {}, 404),
        ("POST", "/api/robot/heartbeat", "x" * (2 << 20), {}, 413),
        ("POST", "/api/robot/heartbeat", "Status=2", {"Content-Length": "-5"}, 400),
        ("POST", "/api/robot/heartbeat", "Status=2", {"Content-Length": "9" * 5000}, 413),
        ("HEAD", "/", "", {}, 200),
        ("POST", "/api/robot/heartbeat", "", {"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_wrong_call_is_answered_with_its_status(
    server: Orchestrator, verb: str, path: str, body: str, headers: dict[str, str], status: int
) -> None:
    """The answer arrives even where the body is too large to be read, and the next call is served."""
    assert ask(server, verb, path, body.encode("latin-1"), **headers)[0] == status
    assert ask(server, "POST", "/api/robot/heartbeat", "Status=2")[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "robot_guid=x&status=2"),
        ("application/json", '{"RobotGUID": "x", "Status": 2}'),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="Status"\r\n\r\n2\r\n--b--\r\n',
        ),
        ("", "STATUS=2"),
    ],
)
def test_form_json_and_multipart_are_the_same_to_it(server: Orchestrator, content_type: str, body: str) -> None:
    """Parameter names too: case and underscores do not matter."""
    assert (
        ask(server, "POST", "/api/robot/heartbeat", body, **({"Content-Type": content_type} if content_type else {}))[0]
        == 200
    )


def test_put_and_post_update_a_job_and_a_server_may_know_one_of_them(server: Orchestrator, robot: OpenRobot) -> None:
    """The robot falls back to POST where PUT is not known, and remembers."""
    server.service.verbs = ("POST",)
    gateway = robot()
    server.store.enqueue("x")
    job = gateway.consume_job().job
    assert job is not None

    gateway.update_job(job.guid, 8)
    gateway.update_job(job.guid, 4)

    assert server.store.job(job.guid).status_word == "Success"
    assert [call.verb for call in server.store.calls() if call.path.endswith("update")] == ["PUT", "POST", "POST"]
    assert ask(server, "GET", f"/api/job/read/{job.guid}")[1]["status"] == "4"


def test_client_that_vanishes_hurts_nobody(server: Orchestrator, capfd: pytest.CaptureFixture[str]) -> None:
    """In the middle of the head, of the body, or before the answer."""
    for data in (
        b"POST /api",
        b"POST /api/robot/heartbeat HTTP/1.1\r\nContent-Length: 100\r\n\r\nSta",
        b"\x16\x03\x01\x02\x00",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as vanishing:
            vanishing.sendall(data)

    assert ask(server, "POST", "/api/robot/heartbeat", "Status=2")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_calls_hold_no_credential(server: Orchestrator, robot: OpenRobot) -> None:
    """Neither from the header nor from the form nor from a path."""
    robot().announce(None)
    ask(server, "GET", f"/api/robot/{GUID}?key={GUID}")

    assert GUID not in repr(server.store.calls())
    assert len(server.store.calls()) == 2


def test_connection_is_kept_alive(server: Orchestrator) -> None:
    """Ten calls over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    ports = set()
    for _ in range(10):
        connection.request("POST", "/api/robot/heartbeat", "Status=2", {"Authorization": f"Basic {TOKEN}"})
        connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()

    assert len(ports) == 1


def test_port_in_use_is_told_in_a_sentence(server: Orchestrator, tmp_path: Any) -> None:
    """And how to get a free one."""
    with pytest.raises(AddressInUseError, match="--port"):
        Orchestrator(Store(tmp_path / "other.sqlite"), port=server.port).start()


def test_stop_ends_kept_connections_and_frees_the_file(tmp_path: Any) -> None:
    """A robot that keeps its connection does not hold the server; the file can be moved away."""
    server = Orchestrator(Store(tmp_path / "o.sqlite"))
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/api/robot/heartbeat", "Status=2", {"Authorization": f"Basic {TOKEN}"})
    connection.getresponse().read()

    server.stop()

    assert connection.sock.recv(1) == b""
    connection.close()
    (tmp_path / "o.sqlite").rename(tmp_path / "moved.sqlite")


def test_order_is_told_to_the_robot_of_the_job_and_while_it_runs_only(server: Orchestrator, robot: OpenRobot) -> None:
    """Another robot that names the job hears nothing, and nobody does once it has ended."""
    guid = server.store.enqueue("x")
    mine, other = robot(), robot("99999999-0000-4000-8000-000000000000")
    job = mine.consume_job().job
    assert job is not None
    server.store.order_abort(guid)
    mine.begin_beats(job)
    other.begin_beats(job)

    assert (mine.beat(job).code, other.beat(job).code) == (10, 0)
    mine.update_job(guid, 3)
    assert mine.beat(job).code == 0
