"""The wire between a script and its robot: who may ask, and what becomes of nonsense."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine import channel as channels
from fsm_robot.engine.channel import Channel
from fsm_robot.jobapi.server import JobServer
from fsm_robot.robot.ports import Job
from fsm_robot.sdk import ConflictError, MaybeDoneError, NotSupportedError, RefusedError, UnavailableError
from fsm_robot.sdk._folder import Folder
from fsm_robot.sdk._jobapi import JobApi

JOB = Job("j", "script")
if sys.platform == "win32":
    pytest.skip("writes on the socket by hand", allow_module_level=True)


@attrs.define(eq=False)
class Served:
    channel: Channel
    server: JobServer
    warnings: list[str]
    offered: Mapping[str, Any]

    def api(self) -> JobApi:
        return JobApi(self.offered["address"], self.offered["token"])

    def raw(self, *messages: bytes) -> bytes:
        """Send bytes as they are, and return everything that comes back until the other end closes."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(self.offered["address"])
            answer = b""
            try:
                client.sendall(b"".join(messages))
                client.shutdown(socket.SHUT_WR)
                while piece := client.recv(65536):
                    answer += piece
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has seen enough
            return answer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "data" / "queues").mkdir(parents=True)
    rows = [{"name": str(number)} for number in range(20)]
    (tmp_path / "data" / "queues" / "Q.json").write_text(json.dumps(rows))
    warnings: list[str] = []
    channel = Channel(tmp_path, lambda _: {"state": "Ready"}, lambda _, text, **more: warnings.append(f"{text} {more}"))

    def listen() -> str:
        channel.open()
        return channel.address

    folder = Folder(str(tmp_path / "data"))
    server = JobServer(listen, lambda _: folder)
    channel.job = server
    offered = server.begin(JOB)
    assert offered is not None
    yield Served(channel, server, warnings, offered)
    channel.close()


def test_a_connection_is_kept_for_the_next_question(served: Served) -> None:
    """A thousand calls are one connection and one thread of the robot."""
    api = served.api()
    before = threading.active_count()

    names = [api.call("task.take", {"queue": "Q"})["task"]["name"] for _ in range(20)]

    assert names == [str(number) for number in range(20)]
    assert threading.active_count() <= before + 1


def test_lines_that_nobody_waits_for_come_in_order(served: Served, tmp_path: Path) -> None:
    """Many messages in one packet are told apart."""
    api = served.api()
    for number in range(500):
        api.tell("log", {"level": "INFO", "message": f"{number} ш"})
    api.call("task.list", {"queue": "Q"})

    lines = (tmp_path / "data" / ".run" / "logs.jsonl").read_text(encoding="utf-8").splitlines()

    assert [json.loads(line)["message"] for line in lines] == [f"{number} ш" for number in range(500)]


def test_a_token_ends_with_its_job(served: Served) -> None:
    """What was left of an old script can ask nothing, and the next job has a token of its own."""
    old = served.api()
    old.call("task.list", {"queue": "Q"})
    served.server.end()
    with pytest.raises(RefusedError, match="has ended"):
        old.call("task.list", {"queue": "Q"})

    again = served.server.begin(JOB)

    assert again is not None
    assert again["token"] != served.offered["token"]
    with pytest.raises(RefusedError):
        JobApi(str(served.offered["address"]), str(served.offered["token"])).call("task.list", {"queue": "Q"})
    assert JobApi(str(again["address"]), str(again["token"])).call("task.list", {"queue": "Q"})["tasks"]


def test_the_token_of_the_channel_is_no_token_of_a_job(served: Served, tmp_path: Path) -> None:
    """And the other way round: a script cannot post events with what it has."""
    written = json.loads((tmp_path / "channel.json").read_text())

    with pytest.raises(RefusedError):
        JobApi(written["address"], written["token"]).call("task.list", {"queue": "Q"})
    request = {"ask": "status", "token": served.offered["token"]}
    answer = json.loads(served.raw(json.dumps(request).encode() + b"\n"))
    assert "error" in answer


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\n",
        b"\x00\xff\n",
        b"[]\n",
        b'{"ask": "job"}\n',
        b'{"ask": "job", "token": 5}\n',
        '{"ask": "job", "token": "т"}\n'.encode(),
        b'{"ask": "job", "token": "\\ud800"}\n',
        b'{"ask": "job", "token": "' + b"x" * 100_000 + b'"}\n',
        b"x" * (2 << 20),
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 100_000 + b"\n",
    ],
    ids=range(12),
)
def test_nonsense_without_a_token_changes_nothing(served: Served, nonsense: bytes) -> None:
    """It is refused or cut off, and the next one is served."""
    answer = served.raw(nonsense)

    assert b"result" not in answer
    assert b"Traceback" not in answer
    assert served.api().call("task.take", {"queue": "Q"})["task"]["name"] == "0"


@pytest.mark.parametrize(
    "request_of",
    [
        {"op": "no.such"},
        {"op": 5},
        {"op": "task.take", "with": []},
        {"op": "task.take", "with": {"wrong": 1}},
        {"op": "task.take", "with": {}},
        {"op": "task.end", "with": {"task": "x", "status": "y"}},
        {"op": "task.add", "with": {"queue": "Q", "rows": 5}},
        {"op": "task.take", "with": {"queue": "Q"}, "protocol": 99},
        {"op": "__class__"},
    ],
)
def test_nonsense_with_a_token_is_answered_with_a_sentence(served: Served, request_of: dict[str, Any]) -> None:
    """Whoever writes on the wire himself gets an error, and keeps his connection."""
    head = {"ask": "job", "token": served.offered["token"], "protocol": 1}
    good = {**head, "op": "task.take", "with": {"queue": "Q"}}

    first, second = served.raw(
        *(json.dumps(each).encode() + b"\n" for each in ({**head, **request_of}, good))
    ).splitlines()

    assert set(json.loads(first)) == {"error", "kind"}
    assert json.loads(second)["result"]["task"]["name"] == "0"


def test_an_op_that_the_robot_does_not_know_is_said_to_be_one(served: Served) -> None:
    """A newer script at an older robot."""
    with pytest.raises(NotSupportedError, match="screenshot"):
        served.api().call("screenshot", {"label": ""})


def test_errors_come_over_as_what_they_are(served: Served) -> None:
    """The same classes on both ends."""
    api = served.api()
    guid = api.call("task.take", {"queue": "Q"})["task"]["guid"]
    api.call("task.end", {"task": guid, "status": 2})

    with pytest.raises(ConflictError, match="is Success"):
        api.call("task.end", {"task": guid, "status": 3})


def test_a_hundred_connections_do_not_use_up_the_robot(served: Served) -> None:
    """Too many are told so; those within the limit work, and so does the channel afterwards."""
    clients = []
    for _ in range(100):
        client = socket.socket(socket.AF_UNIX)
        client.connect(served.offered["address"])
        client.settimeout(20)
        clients.append(client)
    refused = [client for client in clients[channels.MOST_CONNECTIONS :] if b"nothing was done" in client.recv(4096)]
    for client in clients:
        client.close()

    assert len(refused) == 100 - channels.MOST_CONNECTIONS
    for _ in range(200):
        try:
            assert served.api().call("task.take", {"queue": "Q"})["task"]["name"] == "0"
            break
        except (UnavailableError, MaybeDoneError):
            threading.Event().wait(0.02)  # the robot is about to see that they are gone
    else:
        pytest.fail("the channel did not come back")


def test_a_robot_that_is_gone_is_told_as_such(served: Served) -> None:
    """Not reached: nothing was done."""
    api = served.api()
    served.channel.close()

    with pytest.raises(UnavailableError, match="has it ended"):
        api.call("task.take", {"queue": "Q"})


def test_a_robot_that_goes_in_the_middle_may_have_done_it(tmp_path: Path) -> None:
    """An answer that does not come is no reason to ask again."""
    address = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()

    def hang_up() -> None:
        end = listener.accept()[0]
        end.recv(65536)
        end.close()

    threading.Thread(target=hang_up).start()
    with pytest.raises(MaybeDoneError, match=r"task\.take"):
        JobApi(address, "t").call("task.take", {"queue": "Q"})
    listener.close()


def test_a_robot_that_does_not_read_costs_a_line_not_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are given up and counted; the next one that goes through tells how many."""
    monkeypatch.setattr("fsm_robot.sdk._undelivered.note", lambda *_: None)
    monkeypatch.setattr("fsm_robot.sdk._undelivered.watch", lambda _: None)
    monkeypatch.setattr("fsm_robot.sdk._jobapi.TOLD_WITHIN_S", 0.05)
    monkeypatch.setattr("fsm_robot.sdk._jobapi.SILENT_CALLS", 3)
    address = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    api = JobApi(address, "t")
    while not api._giving_up:
        api.tell("log", {"level": "INFO", "message": "x" * 30_000})
    for _ in range(3):
        api.tell("log", {"level": "INFO", "message": "lost"})
    listener.accept()[0].close()

    api.tell("log", {"level": "INFO", "message": "told"})

    told = listener.accept()[0].recv(65536)
    assert json.loads(told)["with"]["lost"] == 4
    listener.close()
