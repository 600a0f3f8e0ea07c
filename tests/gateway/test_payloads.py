"""What the robot sends is complete, and what it is sent is read with tolerance and never with a crash."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.errors import GatewayGarbledError
from fsm_robot.gateway import payloads
from fsm_robot.robot.ports import HeartbeatAnswer, Job

JOB_GUID = "0a1b2c3d-0000-1111-2222-333344445555"


def fields(body: bytes) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}


def consume(**keys: object) -> dict[str, object]:
    answer: dict[str, object] = {
        "ConsumeJobErrorCode": 0,
        "ErrorText": "",
        "Job": json.dumps({"GUID": JOB_GUID}),
        "ProcessVersion": json.dumps({"GUID": "v-1", "Name": "folder\\script"}),
        "Task": json.dumps({"client": "ООО Ромашка", "rows": [1, 2]}),
    }
    answer.update(keys)
    return {key: value for key, value in answer.items() if value is not ...}


def read(answer: object) -> Job:
    job = payloads.consume_answer(json.dumps(answer).encode()).job
    assert job is not None
    return job


# ---- what is sent


def test_heartbeat_has_every_key_when_there_was_no_job_yet() -> None:
    """Empty values are sent, not left out."""
    body = payloads.heartbeat_form("g", 2, None, machine="PC-1")

    assert fields(body) == {
        "RobotGUID": "g", "Machine": "PC-1", "IP": "", "MAC": "", "Status": "2", "JobGUID": "", "JobName": "", "JobType": "1",
    }  # fmt: skip


def test_heartbeat_names_the_job_when_there_is_one() -> None:
    """JobGUID and JobName (the script's name, in UTF-8) come from the job."""
    sent = fields(payloads.heartbeat_form("g", 3, Job(JOB_GUID, "отчёт\\счёт & co"), ip="10.0.0.1", mac="AA-BB"))

    assert (sent["Status"], sent["JobGUID"], sent["JobName"]) == ("3", JOB_GUID, "отчёт\\счёт & co")
    assert (sent["IP"], sent["MAC"]) == ("10.0.0.1", "AA-BB")


def test_a_name_is_sent_when_utf_8_cannot_carry_it() -> None:
    """A lone surrogate in a job's name stops no heartbeat."""
    assert fields(payloads.heartbeat_form("g", 3, Job("1", "a\ud800b")))["JobName"] == "a?b"


def test_consume_and_update_send_what_the_algorithm_says() -> None:
    """consumeNextJob sends RobotGUID and Status, job/update sends guid and status."""
    assert fields(payloads.consume_form("g")) == {"RobotGUID": "g", "Status": "2"}
    assert fields(payloads.job_form(JOB_GUID, 8)) == {"guid": JOB_GUID, "status": "8"}


# ---- heartbeat answers


@pytest.mark.parametrize(
    ("code", "expected"),
    [(10, 10), ("10", 10), (" 10 ", 10), (10.0, 10), ("10.0", 10), (True, 1), (False, 0), (-1, -1)],
)
def test_a_code_is_read_when_it_comes_as(code: object, expected: int) -> None:
    """Numbers may be numbers, texts or booleans."""
    assert payloads.heartbeat_answer(json.dumps({"HeartbeatErrorCode": code}).encode()).code == expected


@pytest.mark.parametrize("value", ["", "ten", "1e999", "nan", [], {}, None, 1.5, 10**30, "9" * 4000, "0x10"])
def test_an_answer_is_garbled_when_its_code_is_none(value: object) -> None:
    """What cannot be a code is not taken for 0; the message names the key."""
    with pytest.raises(GatewayGarbledError, match="HeartbeatErrorCode") as raised:
        payloads.heartbeat_answer(json.dumps({"HeartbeatErrorCode": value}).encode())

    assert raised.value.kind == "garbled"


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1" * 5000])
def test_an_answer_is_garbled_when_its_code_is_a_strange_number(literal: bytes) -> None:
    """NaN, infinities and numbers of thousands of digits end no robot."""
    with pytest.raises(GatewayGarbledError):
        payloads.heartbeat_answer(b'{"HeartbeatErrorCode": ' + literal + b"}")


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 1), (False, 0), ("1", 1), (0, 0), (None, None), ("maybe", None), ([1], None)]
)
def test_has_new_job_is_read_when_it_comes_as(value: object, expected: int | None) -> None:
    """HasNewJob may be a boolean; what says nothing is None and costs the code beside it nothing."""
    answer = payloads.heartbeat_answer(json.dumps({"HeartbeatErrorCode": 10, "HasNewJob": value}).encode())

    assert answer == HeartbeatAnswer(10, "", expected)


def test_has_new_job_is_none_when_missing() -> None:
    """A missing key is not a 0."""
    assert payloads.heartbeat_answer(b'{"HeartbeatErrorCode":0}').has_new_job is None


@pytest.mark.parametrize(
    "key", ["heartbeatErrorCode", "heartbeat_error_code", " HeartbeatErrorCode ", "HEARTBEATERRORCODE"]
)
def test_a_key_is_found_when_it_is_spelled(key: str) -> None:
    """Case, blanks and underscores of a key do not matter."""
    assert payloads.heartbeat_answer(json.dumps({key: 20, "extra": {"x": 1}}).encode()).code == 20


@pytest.mark.parametrize(
    "keys", [("heartbeaterrorcode", "HeartbeatErrorCode"), ("HeartbeatErrorCode", " heartbeaterrorcode")]
)
def test_the_exact_key_wins_when_several_fit(keys: tuple[str, str]) -> None:
    """Among spellings of one key the documented one counts, in either order."""
    document = {key: 20 if key == "HeartbeatErrorCode" else 10 for key in keys}

    assert payloads.heartbeat_answer(json.dumps(document).encode()).code == 20


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n \xef\xbb\xbf\xef\xbb\xbf", b"\n\n"])
def test_an_answer_is_read_when_a_byte_order_mark_stands_before_it(before: bytes) -> None:
    """PHP files saved with a byte order mark put it, or several, before the answer."""
    assert payloads.heartbeat_answer(before + b'{"HeartbeatErrorCode":0}').code == 0


@pytest.mark.parametrize("text", ["x" * 600, None, 5, ["a"]])
def test_error_text_is_short_text_whatever_comes(text: object) -> None:
    """ErrorText is at most 500 characters and always a text."""
    told = payloads.heartbeat_answer(json.dumps({"HeartbeatErrorCode": 0, "ErrorText": text}).encode()).error_text

    assert isinstance(told, str)
    assert len(told) <= 500


GARBAGE = {
    "empty": b"",
    "blank": b" \r\n",
    "html": b"<!DOCTYPE html><html>Login</html>",
    "php": b"<br />\n<b>Fatal error</b>",
    "truncated": b'{"HeartbeatErrorCode": 0, "Err',
    "array": b"[]",
    "string": b'"0"',
    "null": b"null",
    "number": b"0",
    "no code": b'{"ErrorText": "x"}',
    "deep list": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000,
    "deep but parseable": b'{"HeartbeatErrorCode":0,"x":' + b"[" * 400 + b"]" * 400 + b"}",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_is_garbled_when_it_is(data: bytes) -> None:
    """Whatever is not the documented object is one kind of error, with a reason."""
    for reader in (payloads.heartbeat_answer, payloads.consume_answer):
        with pytest.raises(GatewayGarbledError) as raised:
            reader(data)
        assert raised.value.kind == "garbled"
        assert raised.value.detail


@given(st.binary(max_size=200))
def test_reading_ends_with_an_answer_or_garbled_when_anything_comes(data: bytes) -> None:
    """No bytes make the reader raise anything else."""
    for reader in (payloads.heartbeat_answer, payloads.consume_answer):
        try:
            reader(data)
        except GatewayGarbledError:
            pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["GUID", "Name", " Task ", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENT = JSON | JSON.map(json.dumps)


@given(DOCUMENT, DOCUMENT, DOCUMENT)
def test_a_job_is_usable_or_garbled_when_any_documents_come(job: object, version: object, task: object) -> None:
    """A job that is handed on always has a GUID and a script name, and its documents are JSON again."""
    answer = {"ConsumeJobErrorCode": 0, "Job": job, "ProcessVersion": version, "Task": task}
    try:
        taken = read(answer)
    except GatewayGarbledError:
        return
    assert taken.guid.isprintable()
    assert 0 < len(taken.guid) <= 200
    assert isinstance(taken.script_name, str)
    json.dumps(dict(taken.documents))


# ---- consume answers


def test_a_job_is_read_when_documents_are_texts() -> None:
    """Job, ProcessVersion and Task are JSON inside a string."""
    job = read(consume())

    assert (job.guid, job.script_name, job.process_version_guid) == (JOB_GUID, "folder\\script", "v-1")
    assert job.documents["task"] == {"client": "ООО Ромашка", "rows": [1, 2]}


def test_a_job_is_read_when_documents_are_objects_or_wrapped_twice() -> None:
    """Already parsed objects and strings in strings mean the same."""
    twice = json.dumps(json.dumps({"GUID": JOB_GUID}))

    job = read(consume(Job=twice, ProcessVersion={"name": "a"}, Task={"k": "10"}))

    assert (job.guid, job.script_name, job.documents["task"]) == (JOB_GUID, "a", {"k": "10"})


@pytest.mark.parametrize("task", [None, "", " ", "null", '""', "[]", "{}", [], {}, "\ufeff", ...])
def test_there_is_no_task_when_it_holds_nothing(task: object) -> None:
    """Every way to say "no task" is None."""
    assert read(consume(Task=task)).documents["task"] is None


@pytest.mark.parametrize(
    ("task", "expected"), [("plain text", "plain text"), ("[1,", "[1,"), ("0", 0), (0, 0), ("false", False)]
)
def test_a_task_is_kept_when_it_is_no_document(task: object, expected: object) -> None:
    """Parameters that are no JSON are not worth losing a job that cannot be asked for twice."""
    assert read(consume(Task=task)).documents["task"] == expected


def test_a_task_is_found_when_its_key_has_blanks() -> None:
    """The vendor's sample spells the key `' Task '`."""
    assert read(consume(**{"Task": ..., " Task ": '{"a": 1}'})).documents["task"] == {"a": 1}


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"Job": ...}, "Job.GUID"),
        ({"Job": "{}"}, "Job.GUID"),
        ({"Job": "not json"}, "Job.GUID"),
        ({"Job": [1]}, "Job.GUID"),
        ({"Job": {"GUID": 5}}, "Job.GUID"),
        ({"Job": {"GUID": "  "}}, "Job.GUID"),
        ({"Job": {"GUID": "a" * 201}}, "Job.GUID"),
        ({"Job": {"GUID": "a\x00b"}}, "Job.GUID"),
        ({"Job": {"GUID": "a\nb"}}, "Job.GUID"),
        ({"Job": {"GUID": "a\ud800"}}, "Job.GUID"),
        ({"ProcessVersion": ...}, "ProcessVersion.Name"),
        ({"ProcessVersion": {"Name": None}}, "ProcessVersion.Name"),
        ({"ProcessVersion": {"Name": ["x"]}}, "ProcessVersion.Name"),
        ({"Task": "[" * 100_000}, "Task"),
        ({"Task": "[" * 100 + "]" * 100}, "Task"),
    ],
)
def test_a_job_is_garbled_when_it_cannot_be_worked_on(broken: dict[str, object], named: str) -> None:
    """The error says which key is wrong."""
    with pytest.raises(GatewayGarbledError, match=named):
        read(consume(**broken))


@pytest.mark.parametrize("code", [101, 102, "102"])
def test_there_is_no_job_when_the_code_says_so(code: int | str) -> None:
    """Documents beside another code than 0 are not looked at."""
    answer = payloads.consume_answer(
        json.dumps(consume(ConsumeJobErrorCode=code, Job="broken", ErrorText="no")).encode()
    )

    assert (answer.code, answer.error_text, answer.job) == (int(code), "no", None)
