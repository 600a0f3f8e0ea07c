"""Who may do what at a server that others reach, over TLS: the table in docs/orchestrator.md."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.service import Service
from fsm_robot.orchestrator.store import Store
from tests.fakes import needed
from tests.fakes.waiting import GUID, PATIENCE_S

PAGE = Path(__file__).parent.parent.parent / "docs" / "orchestrator.md"
STRANGER, OTHER = "99999999-0000-4000-8000-000000000001", "99999999-0000-4000-8000-000000000002"
WHO = ("nobody", "a robot that is not known", "a robot", "an API key")


@attrs.frozen
class Place:
    """A server that others reach, and what is there to be reached for."""

    server: Orchestrator
    trust: ssl.SSLContext
    key: str
    own: str
    other: str

    def ask(self, who: str, verb: str, path: str, body: str = "") -> tuple[int, object]:
        """Return the status and what is answered."""
        guid = {"a robot that is not known": STRANGER, "a robot": GUID, "an API key": self.key}.get(who)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": "robots.example.com"}
        if guid:
            headers["Authorization"] = f"Basic {base64.b64encode(f'{guid}:'.encode()).decode()}"
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S, context=self.trust)
        try:
            connection.request(verb, path, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(data) if "json" in answer.headers["Content-Type"] else data


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Place]:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        [needed.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    store = Store(tmp_path / "o.sqlite")
    me, other = store.robot(GUID), store.robot(OTHER)
    assert me is not None
    assert other is not None
    own, others = store.enqueue("x"), store.enqueue("x")
    store.take(me.row_id)
    store.take(other.row_id)
    store.enqueue("x")
    store.assets.add("mine", type=2, text="t", robot_type=1, robot_id=other.row_id)
    server = Orchestrator(store, service=Service(store, known_only=True), tls=context, is_proxied=True)
    with server:
        assert server.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        yield Place(server, trust, store.credentials.add_key("boss"), own, others)


CALLS = {
    "heartbeat, consumeNextJob": [("POST", "/api/robot/heartbeat", "Status=2"), ("POST", "/api/robot/consumeNextJob", "")],
    "job/update of a job that it has": [("PUT", "/api/job/update", "Guid={own}&Status=8")],
    "job/update of a job of another": [("PUT", "/api/job/update", "Guid={other}&Status=8")],
    "queues, tasks, files, logs, job/create": [
        ("POST", "/api/queue/create", "Name=q"), ("POST", "/api/job/create", "Name=x"), ("GET", "/api/folders/list", ""),
    ],
    "an asset of another robot": [("GET", "/api/asset/read/mine", "")],
    "the page": [("GET", "/", ""), ("GET", "/state.json", ""), ("GET", "/assets.json", "")],
    "an action of the page": [("POST", "/page/job/enqueue", "script=x")],
}  # fmt: skip


def said(status: int, answer: object) -> str:
    """Return an answer in the word of the table."""
    if isinstance(answer, dict) and 101 in (answer.get("HeartbeatErrorCode"), answer.get("ConsumeJobErrorCode")):
        return "101"
    return "yes" if status == 200 else str(status)


def test_who_may_do_what_is_the_table_of_the_docs(shared: Place) -> None:
    """Each cell over the wire: nobody gets more than it says, and nobody less."""
    found = {}
    for what, calls in CALLS.items():
        for who in WHO:
            words = {
                said(*shared.ask(who, verb, path, body.format(own=shared.own, other=shared.other)))
                for verb, path, body in calls
            }
            assert len(words) == 1, (what, who, words)
            found[what, who] = words.pop()
    text = PAGE.read_text(encoding="utf-8")
    head = re.search(r"^\| what \|(.*)\|$", text, re.MULTILINE)
    assert head is not None
    assert [cell.strip() for cell in head[1].split("|")] == list(WHO)
    for what in CALLS:
        row = re.search(rf"^\| {re.escape(what)} \|(.*)\|$", text, re.MULTILINE)
        assert row is not None, f"docs/orchestrator.md has no row {what!r}: {[found[what, who] for who in WHO]}"
        assert [cell.strip().split()[0] for cell in row[1].split("|")] == [found[what, who] for who in WHO]


def test_a_plain_request_to_a_port_of_tls_gets_nothing(shared: Place) -> None:
    """And the server answers the next one."""
    plain = http.client.HTTPConnection("127.0.0.1", shared.server.port, timeout=PATIENCE_S)
    plain.request("GET", "/")
    with pytest.raises((OSError, http.client.HTTPException)):
        plain.getresponse()
    plain.close()

    assert shared.ask("an API key", "GET", "/state.json")[0] == 200
