"""Whatever a server says, a call ends in an answer or in one of the gateway's kinds, and never in the answer of another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayRejectedError
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.operations import checks
from fsm_robot.robot import settings as robot_settings
from fsm_robot.robot import wiring
from fsm_robot.robot.ports import HeartbeatAnswer
from tests.fakes.raw_server import RawServer, Reply, answer
from tests.gateway.conftest import GUID, Certificates, OpenGateway

NO_JOB = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}')
JOB = json.dumps(
    {"ConsumeJobErrorCode": 0, "Job": {"GUID": "j"}, "ProcessVersion": {"Name": "счета"}, "ErrorText": "Ёлка"},
    ensure_ascii=False,
)
ENDLESS = "Fri, 01 Jan 99999999999 00:00:00 GMT"
KINDS = {"no_connection", "no_answer", "server_error", "throttled", "garbled", "refused", "rejected"}


# ---- whatever a call raises


NUMBERS = st.sampled_from(
    ["0", "5", "-1", "-ffff", "+5", "1_0", "9" * 400, "9" * 5000, "1e400", "0x10", "", " ", "²", "5, 7"]
)
DATES = st.sampled_from(
    [
        *(ENDLESS, "Fri, 01 Jan 0000 00:00:00 GMT", "Fri, 32 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 9999 23:59:59 -9999"),
        *("Fri, 01 Jan 2020 00:00:00 +99999999", "0", "-", "Jan", "1 1 1 1:1:1 +", "Mon, 1 Jan 0001 00:00:00 +2359"),
    ]
)  # fmt: skip
TEXTS = st.text(st.characters(codec="latin-1"), max_size=30)
VALUES = st.one_of(NUMBERS, DATES, TEXTS)
HEADERS = st.sampled_from(
    [
        *("Content-Length", "Transfer-Encoding", "Retry-After", "Date", "Content-Type", "Content-Encoding", "Location"),
        *("Connection", "Set-Cookie", "Keep-Alive", "Proxy-Authenticate", "X"),
    ]
)  # fmt: skip
SENSIBLE = st.sampled_from(
    ["chunked", "gzip", "deflate", "br", "close", "keep-alive", "text/html; charset=windows-1251", "a=b; expires=" + ENDLESS,
     "application/json; charset=undefined", "x; charset=idna", "x; charset=\x00", "x; charset=utf\x00", "x; charset=mac", "http://[x", "//", "chunked, chunked"]
)  # fmt: skip
STATUS_LINES = st.one_of(
    st.sampled_from(
        [100, 101, 103, 200, 201, 204, 205, 300, 301, 304, 401, 404, 407, 408, 429, 500, 503, 599, 999]
    ).map(lambda status: f"HTTP/1.1 {status} X"),
    st.sampled_from(
        [
            "HTTP/1.1 200",
            "HTTP/1.0 200 OK",
            "HTTP/2 200 OK",
            "HTTP/1.1 ²00 OK",
            "HTTP/1.1 -20 OK",
            "",
            "HTTP/0.9 200 OK",
        ]
    ),
    TEXTS,
)
BODIES = st.one_of(
    st.sampled_from(
        [b"", JOB.encode(), JOB.encode("cp1251"), b'{"HeartbeatErrorCode":0,"HasNewJob":0}', b"\x1f\x8b", b"[" * 5000]
    ),
    st.lists(st.tuples(NUMBERS, st.binary(max_size=9)), max_size=4).map(
        lambda chunks: b"".join(size.encode() + b"\r\n" + data + b"\r\n" for size, data in chunks)
    ),
    st.binary(max_size=40),
)


@st.composite
def strange_answers(draw: st.DrawFn) -> bytes:
    heads = draw(
        st.lists(
            st.tuples(STATUS_LINES, st.lists(st.tuples(HEADERS, VALUES | SENSIBLE), max_size=4)), min_size=1, max_size=3
        )
    )
    text = ""
    for line, fields in heads:
        text += "\r\n".join([line, *(f"{name}: {value}" for name, value in fields), "", ""])
    return text.encode("utf-8", "replace") + draw(BODIES) + draw(st.sampled_from([b"", NO_JOB]))


@pytest.fixture(scope="module")
def strange_server() -> Iterator[RawServer]:
    with RawServer(NO_JOB) as server:
        yield server


def say(server: RawServer, data: bytes) -> None:
    def reply(connection, request) -> None:
        connection.sendall(data)

    server.replies = (reply,)


@given(data=strange_answers() | st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_call_ends_in_a_value_or_in_a_kind_whatever_the_server_says(strange_server: RawServer, data: bytes) -> None:
    """Headers, status lines, chunk sizes, dates and bodies that nobody foresaw raise nothing but the gateway's errors."""
    say(strange_server, data)
    gateway = HttpGateway(strange_server.url, GUID, timeout_s=2.0, redactor=Redactor.for_guid(GUID))
    for call in (lambda: gateway.announce(None), gateway.consume_job, lambda: gateway.update_job("j", 4)):
        try:
            call()
        except GatewayError as error:
            assert error.kind in KINDS
            assert str(error).isprintable()
    gateway.close()


@given(data=strange_answers() | st.binary(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_doctor_ends_in_a_verdict_whatever_the_server_says(
    strange_server: RawServer, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same bytes, and a judgement in the end."""
    say(strange_server, data)
    folder = tmp_path_factory.getbasetemp()
    found = doctor(folder, strange_server.url)

    assert "server" in found


def doctor(folder: Path, url: str) -> Mapping[str, str]:
    (folder / "robot.toml").write_text(f'[orchestrator]\nurl = "{url}"\nrobot_guid = "{GUID}"\ntimeout_s = 2\n')
    loaded = robot_settings.load(folder / "robot.toml")
    gateway = wiring.gateway_for(loaded, wiring.redactor_for(loaded), warn=print)
    found = {each.name: each.verdict for each in checks.network_diagnoses(loaded, gateway, datetime.now(UTC))}
    gateway.close()
    return found


@pytest.mark.parametrize(
    "reply",
    [
        answer("", "429 Too Many Requests", Retry_After=ENDLESS),
        answer("", "503 Service Unavailable", Retry_After=ENDLESS),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-ffff\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n-ffff\r\n{}\r\n0\r\n\r\n",
        answer("{}", Date=ENDLESS),
    ],
    ids=["date of 429", "date of 503", "chunk", "chunk of 500", "date"],
)
def test_a_call_fails_with_a_kind_when_a_number_cannot_be(open_gateway: OpenGateway, reply: bytes) -> None:
    """Years of eleven digits and chunks of negative size end where every failure ends."""
    with RawServer(reply) as server, pytest.raises(GatewayError) as raised:
        open_gateway(server.url).announce(None)

    assert raised.value.kind in KINDS


def test_a_chunk_without_an_end_costs_no_memory(open_gateway: OpenGateway) -> None:
    """A size of -1 is read to the end of a connection that does not end: there is another bound."""

    def pour(connection, request) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with RawServer(pour) as server, pytest.raises(GatewayError, match="goes on after 16 MiB"):
        open_gateway(server.url, timeout_s=30.0).announce(None)


# ---- interim answers


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "interim", [INTERIM, HINTS, CONTINUE, HINTS + INTERIM * 3 + CONTINUE + b"HTTP/1.1 199 X\r\nA: b\r\n\r\n"]
)
def test_interim_answers_are_passed_over(open_gateway: OpenGateway, interim: bytes) -> None:
    """A job, a claim and the next call each get their own answer, over the same connection."""
    with RawServer(interim + answer(JOB), interim + answer("[]"), NO_JOB) as server:
        gateway = open_gateway(server.url)
        taken = gateway.consume_job()
        gateway.update_job("j", 8)
        assert gateway.announce(None).code == 0

    assert taken.job is not None
    assert taken.job.script_name == "счета"
    assert [request.connection for request in server.requests] == [0, 0, 0]


def test_an_answer_that_never_gets_past_its_interim_ones_costs_the_timeout(open_gateway: OpenGateway) -> None:
    """103 again and again is no answer."""

    def hints(connection, request) -> None:
        while True:
            connection.sendall(HINTS)
            request_gone.wait(0.01)

    request_gone = Event()
    with RawServer(hints) as server, pytest.raises(GatewayError, match=r"within 0\.3 s"):
        open_gateway(server.url, timeout_s=0.3).announce(None)


def test_a_switch_of_protocols_is_no_answer(open_gateway: OpenGateway) -> None:
    """101 is final, and what follows is no HTTP."""
    with RawServer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + NO_JOB, NO_JOB) as server:
        gateway = open_gateway(server.url)
        with pytest.raises(GatewayError, match="101") as raised:
            gateway.announce(None)
        assert gateway.announce(None).code == 0

    assert raised.value.kind == "no_answer"
    assert server.requests[1].connection == 1


# ---- nothing unread


STRAY = answer('{"HeartbeatErrorCode":101,"ErrorText":"of another call","HasNewJob":1}')
WITH_MORE: dict[str, bytes] = {
    "a second answer": NO_JOB + STRAY,
    "a late body of 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n" + STRAY,
    "a body of 204": b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n" % len(STRAY) + STRAY,
    "chunks of 204": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + STRAY,
    "a body of 304": b"HTTP/1.1 304 Not Modified\r\n\r\n" + STRAY,
    "after the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n" + STRAY,
    "a longer body": answer("[]", Content_Length="1") + STRAY,
    "two framings": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "an error and more": answer("no", "404 Not Found", Content_Length="1") + STRAY,
}  # fmt: skip


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("first", WITH_MORE.values(), ids=WITH_MORE.keys())
def test_a_connection_with_anything_unread_is_not_used_again(
    open_gateway: OpenGateway, certificates: Certificates, first: bytes, tls: bool
) -> None:
    """What a server sends too much never becomes the answer to the next call."""
    context = certificates.serving(certificates.server) if tls else None
    with RawServer(first, first, NO_JOB, tls=context) as server:
        gateway = open_gateway(server.url, verify=str(certificates.authority))
        for _ in range(2):  # a 404 to PUT is followed by POST
            try:
                gateway.look("/")
            except GatewayError:
                continue
        assert gateway.announce(None) == HeartbeatAnswer(0, "", 0)

    assert [request.connection for request in server.requests] == [0, 1, 2]


def test_a_record_that_was_not_read_to_its_end_is_not_read_by_the_next_call(
    open_gateway: OpenGateway, certificates: Certificates
) -> None:
    """TLS opens up to 16 KiB at once: what is left of it is in no socket where one could look for it."""
    padded = answer('{"HeartbeatErrorCode":0,"HasNewJob":0}' + " " * 8000)
    first = padded + STRAY
    assert 8192 < len(first) < 16384
    with RawServer(first, NO_JOB, tls=certificates.serving(certificates.server)) as server:
        gateway = open_gateway(server.url, verify=str(certificates.authority))
        assert gateway.announce(None).code == 0
        assert gateway.announce(None).code == 0

    assert [request.connection for request in server.requests] == [0, 1]


def test_204_ends_with_its_head_though_it_announces_chunks(open_gateway: OpenGateway) -> None:
    """A body that never comes is not waited for."""
    with RawServer(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n") as server:
        open_gateway(server.url, timeout_s=5.0).update_job("j", 4)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        ("304 Not Modified", "garbled", "cache"),
        ("301 Moved Permanently", "rejected", "redirects"),
        ("308 Permanent Redirect", "rejected", "redirects"),
        ("300 Multiple Choices", "rejected", "HTTP 300"),
        ("305 Use Proxy", "rejected", "HTTP 305"),
    ],
)
def test_three_hundreds_are_told_apart(open_gateway: OpenGateway, status: str, kind: str, word: str) -> None:
    """Only a redirect is called one; a result is not given up for a cache in between."""
    with (
        RawServer(answer("", status, Location="https://elsewhere.invalid/")) as server,
        pytest.raises(GatewayError) as raised,
    ):
        open_gateway(server.url).announce(None)

    assert raised.value.kind == kind
    assert word in str(raised.value)
    assert ("redirects" in str(raised.value)) == (word == "redirects")


# ---- text


ORDER = '{"HeartbeatErrorCode":10,"ErrorText":"Задание снято","HasNewJob":0}'


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (ORDER.encode("cp1251"), "application/json; charset=windows-1251", "Задание снято"),
        (ORDER.encode("cp1251"), 'text/html; Charset="windows-1251"', "Задание снято"),
        (ORDER.encode("koi8-r"), "text/html; charset=KOI8-R", "Задание снято"),
        (ORDER.encode("cp866"), "text/html; charset=cp866", "Задание снято"),
        (ORDER.encode("utf-16"), "application/json", "Задание снято"),
        (ORDER.encode(), "text/html; charset=windows-1251", "Задание снято"),
        (ORDER.encode(), "text/html; charset=iso-8859-1", "Задание снято"),
        (ORDER.encode("cp1251"), "application/json", "\ufffd" * 7 + " " + "\ufffd" * 5),
        (ORDER.encode("cp1251"), "application/json; charset=utf-8", "\ufffd" * 7 + " " + "\ufffd" * 5),
        (ORDER.encode("cp1251"), "application/json; charset=no-such", "\ufffd" * 7 + " " + "\ufffd" * 5),
        (ORDER.replace(" ", "\n").encode(), "application/json", "Задание\nснято"),
    ],
)
def test_a_text_never_costs_a_code(open_gateway: OpenGateway, body: bytes, content_type: str, text: str) -> None:
    """An abort arrives in whatever the text beside it is written."""
    with RawServer(answer(body, Content_Type=content_type)) as server:
        heard = open_gateway(server.url).announce(None)

    assert heard == HeartbeatAnswer(10, text, 0)


def test_a_job_is_taken_when_it_is_written_in_windows_1251(open_gateway: OpenGateway) -> None:
    """Its script has the name that was meant."""
    with RawServer(answer(JOB.encode("cp1251"), Content_Type="application/json; charset=windows-1251")) as server:
        taken = open_gateway(server.url).consume_job()

    assert taken.job is not None
    assert taken.job.script_name == "счета"


def test_an_odd_charset_costs_no_time(open_gateway: OpenGateway) -> None:
    """Python's own codecs that are no charsets are not used: some need minutes for a mebibyte."""
    body = b"\xff" + b"a" * 1_000_000
    with (
        RawServer(answer(body, Content_Type="text/plain; charset=punycode")) as server,
        pytest.raises(GatewayGarbledError),
    ):
        open_gateway(server.url, timeout_s=5.0).announce(None)


# ---- a front end that closes early


def closing_soon(data: bytes, seconds: float) -> Reply:
    """Answer, say nothing of closing, and close `seconds` later whatever has come until then."""

    def reply(connection, request) -> None:
        connection.sendall(data)
        Event().wait(seconds)

    return reply


def test_a_job_is_taken_from_a_front_end_that_closes_each_connection_after_a_moment(open_gateway: OpenGateway) -> None:
    """The first consume may fall into the gap, once; it is not repeated blindly, and the next has a connection of its own."""
    with RawServer(closing_soon(NO_JOB, 0.03), closing_soon(answer(JOB), 0.03)) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        with pytest.raises(GatewayError) as raised:
            gateway.consume_job()  # arrives before the front end closes, and is never read
        assert len(server.requests) == 1
        server.replies = (closing_soon(NO_JOB, 0.03), closing_soon(NO_JOB, 0.03), closing_soon(answer(JOB), 0.03))
        gateway.announce(None)
        taken = gateway.consume_job()

    assert raised.value.kind == "no_answer"
    assert taken.job is not None
    assert server.requests[-2].connection != server.requests[-1].connection


def test_a_refused_credential_stays_one_after_a_lost_answer(open_gateway: OpenGateway) -> None:
    """Connections of their own change nothing but the connection."""
    with RawServer(lambda connection, request: None, answer("", "401 Unauthorized")) as server:
        gateway = open_gateway(server.url)
        with pytest.raises(GatewayError):
            gateway.announce(None)
        with pytest.raises(GatewayRejectedError):
            gateway.consume_job()
