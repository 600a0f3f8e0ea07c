"""The calls over real HTTP: what goes out, and what every kind of answer becomes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayRejectedError, GatewayUnreachableError
from fsm_robot.robot.ports import ConsumeAnswer, HeartbeatAnswer, Job
from tests.fakes.raw_server import RawServer, answer
from tests.gateway.conftest import GUID, TOKEN, OpenGateway

JOB = Job("0a1b2c3d-0000-1111-2222-333344445555", "folder\\script")
NO_JOB = answer('{"HeartbeatErrorCode":0,"ErrorText":"","HasNewJob":0}')
HTML = answer("<html><body>Log in</body></html>", Content_Type="text/html")


def failure_of(open_gateway: OpenGateway, reply: bytes) -> GatewayError:
    with RawServer(reply) as server, pytest.raises(GatewayError) as raised:
        open_gateway(server.url).announce(None)
    return raised.value


# ---- what goes out


def test_announce_sends_the_documented_request(open_gateway: OpenGateway) -> None:
    """POST /api/robot/heartbeat, form-encoded, Status=2, all keys, and the machine says who it is."""
    with RawServer(NO_JOB) as server:
        assert open_gateway(server.url).announce(None) == HeartbeatAnswer(0, "", 0)

    request = server.requests[0]
    assert request.line == "POST /api/robot/heartbeat HTTP/1.1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"] == f"Basic {TOKEN}"
    assert list(request.form) == ["RobotGUID", "Machine", "IP", "MAC", "Status", "JobGUID", "JobName", "JobType"]
    assert (request.form["RobotGUID"], request.form["Status"], request.form["JobType"]) == (GUID, "2", "1")
    assert (request.form["JobGUID"], request.form["JobName"], request.form["IP"]) == ("", "", "127.0.0.1")
    assert request.form["Machine"]


def test_announce_names_the_last_job_when_there_was_one(open_gateway: OpenGateway) -> None:
    """After a job, JobGUID and JobName are those of the job."""
    with RawServer(NO_JOB) as server:
        open_gateway(server.url).announce(JOB)

    assert (server.requests[0].form["JobGUID"], server.requests[0].form["JobName"]) == (JOB.guid, JOB.script_name)


def test_bearer_is_sent_when_the_settings_say_so(open_gateway: OpenGateway) -> None:
    """The scheme changes, the token does not."""
    with RawServer(NO_JOB) as server:
        open_gateway(server.url, auth_scheme="bearer").announce(None)

    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("path", ["", "/", "/sherpa", "/sherpa/", "/a/b//"])
def test_the_path_of_the_url_is_kept_when_it_has_one(open_gateway: OpenGateway, path: str) -> None:
    """An orchestrator below a path, with or without a slash at its end, is found."""
    with RawServer(NO_JOB) as server:
        open_gateway(server.url + path).announce(None)

    assert server.requests[0].line == f"POST {path.rstrip('/')}/api/robot/heartbeat HTTP/1.1"


def test_consume_sends_the_documented_request(open_gateway: OpenGateway) -> None:
    """POST /api/robot/consumeNextJob with RobotGUID and Status; the job comes back."""
    reply = {"ConsumeJobErrorCode": "0", "Job": '{"GUID":"j"}', "ProcessVersion": '{"Name":"n"}', " Task ": "null"}
    with RawServer(answer(json.dumps(reply))) as server:
        taken = open_gateway(server.url).consume_job()

    assert (server.requests[0].line, server.requests[0].form) == (
        "POST /api/robot/consumeNextJob HTTP/1.1",
        {"RobotGUID": GUID, "Status": "2"},
    )
    assert taken.job is not None
    assert (taken.code, taken.job.guid, taken.job.script_name) == (0, "j", "n")


def test_consume_tells_that_the_job_is_gone(open_gateway: OpenGateway) -> None:
    """Code 102 is an answer, not an error."""
    with RawServer(answer('{"ConsumeJobErrorCode":102,"ErrorText":"gone"}')) as server:
        assert open_gateway(server.url).consume_job() == ConsumeAnswer(102, "gone", None)


def test_beat_sends_the_documented_request(open_gateway: OpenGateway) -> None:
    """Status=3 with the job; an order comes back."""
    with RawServer(answer('{"HeartbeatErrorCode":20,"ErrorText":"stop","HasNewJob":0}')) as server:
        gateway = open_gateway(server.url)
        gateway.begin_beats(JOB)
        assert gateway.beat(JOB) == HeartbeatAnswer(20, "stop", 0)

    form = server.requests[0].form
    assert (form["Status"], form["JobGUID"], form["JobName"], form["JobType"]) == ("3", JOB.guid, JOB.script_name, "1")


def test_connection_is_reused_when_calls_follow_each_other(open_gateway: OpenGateway) -> None:
    """consumeNextJob travels over the live connection that announce has just used."""
    with RawServer(NO_JOB, answer('{"ConsumeJobErrorCode":102}'), answer("[]")) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        gateway.consume_job()
        gateway.update_job("j", 4)

    assert [request.connection for request in server.requests] == [0, 0, 0]


def test_cookies_are_not_kept_when_the_server_sets_them(open_gateway: OpenGateway) -> None:
    """A session cookie would make a PHP server answer the robot's two threads one after the other."""
    with RawServer(answer('{"HeartbeatErrorCode":0}', Set_Cookie="PHPSESSID=abc; path=/")) as server:
        gateway = open_gateway(server.url)
        gateway.announce(None)
        gateway.announce(None)

    assert "cookie" not in server.requests[1].headers


def test_the_credential_is_not_shown_when_the_gateway_is_printed(open_gateway: OpenGateway) -> None:
    """A gateway in a traceback gives nothing away."""
    shown = repr(open_gateway("http://127.0.0.1:9"))

    assert GUID not in shown
    assert TOKEN not in shown


# ---- what answers become


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        ("500 Internal Server Error", {}, "server_error"),
        ("502 Bad Gateway", {}, "server_error"),
        ("503 Service Unavailable", {}, "server_error"),
        ("504 Gateway Timeout", {"Retry_After": "3"}, "server_error"),
        ("503 Service Unavailable", {"Retry_After": "3"}, "throttled"),
        ("408 Request Timeout", {}, "throttled"),
        ("425 Too Early", {}, "throttled"),
        ("429 Too Many Requests", {}, "throttled"),
        ("407 Proxy Authentication Required", {}, "no_connection"),
    ],
)
def test_the_server_counts_as_unreachable_when_it_answers(
    open_gateway: OpenGateway, status: str, headers: dict[str, str], kind: str
) -> None:
    """5xx and "not now" are failures that may pass."""
    error = failure_of(open_gateway, answer("<h1>oops</h1>", status, **headers))

    assert isinstance(error, GatewayUnreachableError)
    assert error.kind == kind
    assert status[:3] in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", "refused"),
        ("403 Forbidden", "refused"),
        ("400 Bad Request", "rejected"),
        ("404 Not Found", "rejected"),
        ("422 Unprocessable Content", "rejected"),
    ],
)
def test_the_answer_is_final_when_it_is(open_gateway: OpenGateway, status: str, kind: str) -> None:
    """4xx is the server's decision; the status is kept."""
    error = failure_of(open_gateway, answer("no such thing", status))

    assert isinstance(error, GatewayRejectedError)
    assert (error.kind, error.status, error.exit_code) == (kind, int(status[:3]), 3)
    assert "no such thing" in str(error)


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_a_redirect_is_not_followed_when_it_comes(open_gateway: OpenGateway, status: str) -> None:
    """The credential goes to nobody but the configured server; the message names the other one."""
    with RawServer(NO_JOB) as elsewhere:
        location = f"http://user:word@127.0.0.1:{elsewhere.port}/api?x=1"
        error = failure_of(open_gateway, answer("", status, Location=location))

    assert isinstance(error, GatewayRejectedError)
    assert (error.kind, error.status) == ("rejected", int(status[:3]))
    assert "127.0.0.1" in str(error)
    assert "word" not in str(error)
    assert elsewhere.heads == 0


@pytest.mark.parametrize("location", ["", "/login", "http://[broken", "//"])
def test_a_redirect_is_told_when_its_target_is_odd(open_gateway: OpenGateway, location: str) -> None:
    """A missing or broken Location ends in the same error."""
    assert failure_of(open_gateway, answer("", "302 Found", Location=location)).kind == "rejected"


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7.0), ("0", 0.0), (" 12 ", 12.0), ("soon", None), ("-5", None), ("1.5", None)]
)
def test_retry_after_is_told_when_it_is_a_number(
    open_gateway: OpenGateway, header: str, expected: float | None
) -> None:
    """Seconds are handed to the caller, who bounds them; nonsense is no wish."""
    assert failure_of(open_gateway, answer("", "429 Too Many Requests", Retry_After=header)).retry_after_s == expected


def test_retry_after_is_told_when_it_is_a_date(open_gateway: OpenGateway) -> None:
    """An HTTP date becomes seconds from now; one in the past is 0."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    past = "Wed, 21 Oct 2015 07:28:00 GMT"

    wish_s = failure_of(open_gateway, answer("", "503 Service Unavailable", Retry_After=soon)).retry_after_s

    assert wish_s is not None
    assert 50 < wish_s <= 100
    assert failure_of(open_gateway, answer("", "503 Service Unavailable", Retry_After=past)).retry_after_s == 0.0


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        answer(""),
        answer("", "204 No Content"),
        answer('{"HeartbeatErrorCode": 0, "Err'),
        answer("[]"),
        answer('{"ErrorText":"x"}'),
        answer(b"\x1f\x8bnot gzip", Content_Encoding="gzip"),
        answer('{"HeartbeatErrorCode":0}' + " " * (1024 * 1024)),
    ],
    ids=["html", "empty", "204", "truncated", "array", "no code", "bad gzip", "too large"],
)
def test_an_answer_is_garbled_when_it_is_not_the_documented_one(open_gateway: OpenGateway, reply: bytes) -> None:
    """A 200 that says nothing is its own kind of failure and ends with exit code 4."""
    error = failure_of(open_gateway, reply)

    assert isinstance(error, GatewayGarbledError)
    assert (error.kind, error.exit_code) == ("garbled", 4)


def test_a_garbled_answer_is_shown_when_it_is_told(open_gateway: OpenGateway) -> None:
    """The error holds the content type and a short, printable beginning of the answer."""
    error = failure_of(open_gateway, answer("<html>\n\x1b[31mLog in\u202e" + "x" * 500, Content_Type="text/html"))

    assert "text/html" in str(error)
    assert "Log in" in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 500


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Internal Server Error"])
@pytest.mark.parametrize("padding", [0, 170, 195])
def test_the_credential_is_hidden_when_the_server_echoes_it(
    open_gateway: OpenGateway, status: str, padding: int
) -> None:
    """No form of the GUID gets into an error, not even the part that a shortened text would leave."""
    echo = "." * padding + f"{GUID.upper()} Basic {TOKEN} {GUID}"

    told = str(failure_of(open_gateway, answer(echo, status)))

    for secret in (GUID, GUID.upper(), TOKEN):
        assert not any(secret[start : start + 6] in told for start in range(len(secret) - 5))


def test_the_credential_is_hidden_when_error_text_echoes_it(open_gateway: OpenGateway) -> None:
    """ErrorText is cleaned before it is cut at 500 characters, so that no half of the GUID is left."""
    text = json.dumps({"HeartbeatErrorCode": 0, "ErrorText": "x" * 480 + GUID})
    with RawServer(answer(text)) as server:
        told = open_gateway(server.url).announce(None).error_text

    assert told == "x" * 480 + "***"


@pytest.mark.parametrize("padding", [0, 150, 170, 190])
def test_the_credential_is_hidden_when_no_http_comes_back(open_gateway: OpenGateway, padding: int) -> None:
    """An echo server, whose answer the HTTP library quotes, gives nothing away, and nothing unprintable gets through."""
    with RawServer(lambda c, r: c.sendall(b"." * padding + r.body + b"\x1b[31m\r\n")) as server:
        with pytest.raises(GatewayUnreachableError) as raised:
            open_gateway(server.url).consume_job()

    told = str(raised.value)
    assert not any(GUID[start : start + 6] in told for start in range(len(GUID) - 5))
    assert told.isprintable()


def test_an_answer_is_read_when_it_is_compressed_or_in_chunks(open_gateway: OpenGateway) -> None:
    """Transfer encodings are the server's choice."""
    import gzip

    body = b'{"HeartbeatErrorCode":0,"HasNewJob":1}'
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
        + body[:5]
        + b"\r\n21\r\n"
        + body[5:]
        + b"\r\n0\r\n\r\n"
    )
    with RawServer(answer(gzip.compress(body), Content_Encoding="gzip"), chunked) as server:
        gateway = open_gateway(server.url)
        assert gateway.announce(None).has_new_job == 1
        assert gateway.announce(None).has_new_job == 1


# ---- job/update


@pytest.mark.parametrize("reply", ["[]", "", "{}", '{"result":"1"}', "true", "OK"])
def test_update_is_done_when_the_answer_is_any_2xx(open_gateway: OpenGateway, reply: str) -> None:
    """PUT with guid and status; what a success says does not matter, nor that PHP calls it text/html."""
    with RawServer(answer(reply, "201 Created", Content_Type="text/html")) as server:
        open_gateway(server.url).update_job(JOB.guid, 8)

    assert server.requests[0].line == "PUT /api/job/update HTTP/1.1"
    assert server.requests[0].form == {"guid": JOB.guid, "status": "8"}


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><html>Log in</html>", "\n <html>", "\ufeff<html>", "<br />\n<b>Fatal error</b>"]
)
def test_update_is_garbled_when_the_answer_is_a_page(open_gateway: OpenGateway, page: str) -> None:
    """The login page of a proxy with status 200 is no success."""
    with RawServer(answer(page, Content_Type="text/html")) as server, pytest.raises(GatewayGarbledError):
        open_gateway(server.url).update_job(JOB.guid, 8)


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed"])
def test_update_goes_by_post_when_put_is_not_taken(open_gateway: OpenGateway, status: str) -> None:
    """POST with the same body follows in the same attempt, and is used from then on."""
    with RawServer(answer("", status), answer("[]")) as server:
        gateway = open_gateway(server.url)
        gateway.update_job(JOB.guid, 8)
        gateway.update_job(JOB.guid, 4)

    assert [(request.line.split()[0], request.form["status"]) for request in server.requests] == [
        ("PUT", "8"),
        ("POST", "8"),
        ("POST", "4"),
    ]


def test_update_is_rejected_when_neither_verb_finds_the_job(open_gateway: OpenGateway) -> None:
    """A real 404 is the answer to PUT, and PUT stays the first choice."""
    with RawServer(
        answer("unknown job", "404 Not Found"), answer("no POST", "405 Method Not Allowed"), answer("[]")
    ) as server:
        gateway = open_gateway(server.url)
        with pytest.raises(GatewayRejectedError, match="unknown job") as raised:
            gateway.update_job(JOB.guid, 8)
        gateway.update_job(JOB.guid, 8)

    assert raised.value.status == 404
    assert [request.line.split()[0] for request in server.requests] == ["PUT", "POST", "PUT"]


def test_update_fails_as_post_failed_when_put_is_not_taken(open_gateway: OpenGateway) -> None:
    """An error of the fallback is the error of the attempt; the next attempt finds the verb anew."""
    replies = [
        answer("", "405 Method Not Allowed"),
        answer("", "500 Oops"),
        answer("", "405 Method Not Allowed"),
        answer("[]"),
    ]
    with RawServer(*replies) as server:
        gateway = open_gateway(server.url)
        with pytest.raises(GatewayUnreachableError) as raised:
            gateway.update_job(JOB.guid, 8)
        gateway.update_job(JOB.guid, 8)

    assert raised.value.kind == "server_error"
    assert [request.line.split()[0] for request in server.requests] == ["PUT", "POST", "PUT", "POST"]


@pytest.mark.parametrize(
    ("status", "kind"), [("400 Bad Request", "rejected"), ("409 Conflict", "rejected"), ("401 No", "refused")]
)
def test_update_is_not_sent_by_post_when_put_is_refused(open_gateway: OpenGateway, status: str, kind: str) -> None:
    """Only "no such path or verb" makes another verb worth a try."""
    with RawServer(answer("", status)) as server, pytest.raises(GatewayRejectedError) as raised:
        open_gateway(server.url).update_job(JOB.guid, 8)

    assert raised.value.kind == kind
    assert len(server.requests) == 1


# ---- the import


def test_character_detection_is_kept_out_when_the_gateway_is_imported() -> None:
    """A poll does not pay for a library that guesses encodings, and others may still import it afterwards."""
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import sys, fsm_robot.gateway.http\n"
        "assert not {'charset_normalizer', 'chardet', 'truststore'} & set(sys.modules)\n"
        "import charset_normalizer\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""
    assert done.returncode == 0
