"""Every quirk that can be ordered, seen from outside; every new endpoint of faults with every kind."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.orchestrator.faults import ENDPOINTS, KINDS, Fault
from fsm_robot.orchestrator.objects import TASK_WORDS
from fsm_robot.orchestrator.quirks import CHOICES, MEANINGS, QuirkError, Quirks
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.waiting import GUID, until
from tests.orchestrator.conftest import Api, form_with_file

DOCS = Path(__file__).parents[2] / "docs" / "orchestrator.md"
NOTHING = "5c1e0000-0000-4000-8000-00000000000a"


def queue(api: Api, **settings: Any) -> str:
    return str(api("POST", "queue/create", Name="q", **settings)["guid"])


def task(api: Api, **fields: Any) -> str:
    where = fields.pop("queue", None) or queue(api)
    return str(
        api("POST", "task/create", **{"name": "t", "queue_guid": where, "parameters": '{"a": 1}', **fields})["guid"]
    )


def row(api: Api, guid: str) -> Any:
    return api("GET", f"task/read/{guid}")


def empty_last(api: Api, value: str) -> bool:
    return bool(api("GET", f"queue/lastTask/{queue(api)}") == json.loads(value))


def task_rows(api: Api, value: str) -> bool:
    return bool(row(api, task(api))["status"] == {"strings": "0", "structured": 0}[value])


def task_read(api: Api, value: str) -> bool:
    return ("parameters" in row(api, task(api))) == (value == "full")


def parameters(api: Api, value: str) -> bool:
    where = queue(api)
    task(api, queue=where)
    found = api("GET", f"queue/lastTask/{where}")["parameters"]
    times = {"text": 1, "object": 0, "nested": 2}[value]
    for _ in range(times):
        assert isinstance(found, str)
        found = json.loads(found)
    return bool(found == {"a": 1})


def names(api: Api, value: str) -> bool:
    task(api)
    statuses = {api.tried("GET", f"task/read/{name}")[0] for name in ("t", "1")}
    return statuses == ({200} if value == "on" else {404})


def absent(api: Api, value: str) -> bool:
    guid = task(api, comment="c", tags="x")
    api("PUT", "task/update", guid=guid, priority=2)
    found = row(api, guid)
    return (found["comment"], found["tags"], found["name"], found["priority"]) == (
        ("c", "x", "t", "2") if value == "keep" else ("", "", "t", "2")
    )


def job_field(api: Api, value: str) -> bool:
    guid, job = task(api), api.server.store.enqueue("x")
    seen = []
    for spelling in ("job_guid", "JobGUID"):
        api("PUT", "task/update", guid=guid, status=0)
        spelled: dict[str, Any] = {spelling: job}
        api("PUT", "task/update", guid=guid, status=1, **spelled)
        seen.append(row(api, guid)["job_id"] is not None)
    return (
        seen
        == {"any": [True, True], "job_guid": [True, False], "JobGUID": [False, True], "none": [False, False]}[value]
    )


def add_tag(api: Api, value: str) -> bool:
    guid = task(api)
    threads = [
        threading.Thread(target=api, args=("PUT", "task/addTag"), kwargs={"TaskGuid": guid, "TagNames": f"t{number}"})
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = len(row(api, guid)["tags"].split(";"))
    return kept == 20 if value == "atomic" else kept < 20


def filters(api: Api, value: str) -> bool:
    where = queue(api)
    task(api, queue=where)
    return len(api("POST", f"task/filter/list/{where}", Name="q", status=4)) == (0 if value == "on" else 1)


def reserves(api: Api, value: str) -> bool:
    where = queue(api)
    task(api, queue=where)
    api("GET", f"queue/lastTask/{where}")
    return bool(api("GET", f"queue/lastTask/{where}")) == (value == "no")


def duplicate(api: Api, value: str) -> bool:
    where = queue(api, UniqueTasks=1)
    first = task(api, queue=where)
    status, answer = api.tried("POST", "task/create", name="t", queue_guid=where)
    return (status, answer.get("guid")) == ((400, None) if value == "400" else (200, first))


def unknown(api: Api, value: str) -> bool:
    found = {
        repr(api.tried("GET", f"{family}/read/{NOTHING}")) for family in ("task", "queue", "asset", "job", "files")
    }
    if value == "200-empty":
        return found == {"(200, [])"}
    return len(found) == 5 and all(each.startswith(f"({value}, ") for each in found)


def no_credential(api: Api, value: str) -> bool:
    return api.tried("GET", "robot/read", None, {"Authorization": ""})[0] == int(value)


def log_answer(api: Api, value: str) -> bool:
    answer = api("POST", "log/create", message="x")
    return bool(answer == [] if value == "list" else api("GET", f"log/read/{answer['guid']}")["Message"] == "x")


def log_after_end(api: Api, value: str) -> bool:
    job = api.server.store.enqueue("x")
    before = api.tried("POST", "log/create", message="x", job_guid=job)[0]
    api.server.store.order_abort(job)
    return (before, api.tried("POST", "log/create", message="x", job_guid=job)[0]) == (
        200, 200 if value == "take" else 409
    )  # fmt: skip


def file_read(api: Api, value: str) -> bool:
    body, head = form_with_file(b"\x00\xff", Name="f")
    api("POST", "files/create", body, head)
    answer = api("GET", "files/read/f")
    decode: dict[str, Callable[[str], bytes]] = {
        "base64": base64.b64decode,
        "base32": base64.b32decode,
        "base16": base64.b16decode,
    }
    return bool((answer if value == "bytes" else decode[value](answer["file"])) == b"\x00\xff")


def level(api: Api, value: str) -> bool:
    taken = [api.tried("POST", "log/create", message="x", level=each)[0] == 200 for each in ("Error", "4")]
    return taken == {"any": [True, True], "text": [True, False], "number": [False, True]}[value]


def level_numbers(api: Api, value: str) -> bool:
    for number in range(7):
        api.tried("POST", "log/create", message="x", level=number)
    levels = ["Debug", "Info", "Notice", "Warning", "Error", "Critical"]
    expected = {"debug0": levels, "info1": ["Info", "Critical", "Error", "Warning", "Debug"]}
    return [line.level for line in api.server.store.logs.newest()] == expected[value]


def task_priority(api: Api, value: str) -> bool:
    where = queue(api)
    statuses = [api.tried("POST", "task/create", name=str(n), queue_guid=where, priority=n)[0] for n in range(4)]
    order = [row["name"] for row in api("POST", f"task/filter/list/{where}", Name="q")]
    shown = row(api, task(api, queue=where))["priority"]
    high = api("POST", f"task/filter/list/{where}", Name="q", priority=order[0])
    assert (shown, [each["name"] for each in high]) == ("1", order[:1])
    return (statuses, order) == (
        ([200, 200, 200, 400], ["2", "1", "0"]) if value == "low0" else ([400, 200, 200, 200], ["3", "2", "1"])
    )


def postponed(api: Api, value: str) -> bool:
    guid = task(api)
    api("PUT", "task/update", guid=guid, status=5, postponed="2999-01-01 00:00:00")
    found = row(api, guid)
    return (found["status"], found["postponed"]) == ("5", "2999-01-01 00:00:00" if value == "kept" else None)


PROOFS: dict[str, Callable[[Api, str], bool]] = {
    proof.__name__: proof
    for proof in (
        empty_last, task_rows, task_read, parameters, names, absent, job_field, add_tag, filters, reserves, duplicate, unknown,
        no_credential, log_answer, log_after_end, file_read, level, level_numbers, task_priority, postponed,
    )
}  # fmt: skip
MATRIX = [(name, value) for name, values in CHOICES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), MATRIX, ids=[f"{name}={value}" for name, value in MATRIX])
def test_quirk_is_what_it_says(api: Api, name: str, value: str) -> None:
    """Each value; a quirk without a proof fails here."""
    api.server.service.quirks = Quirks.parse([f"{name}={value}"])

    assert PROOFS[name](api, value)


@pytest.mark.parametrize("name", CHOICES)
def test_first_value_is_the_default(api: Api, name: str) -> None:
    """Without an order the server is what the pages say."""
    assert PROOFS[name](api, CHOICES[name][0])


@pytest.mark.parametrize("what", ["429", "drop"])
def test_robot_may_log_so_many_lines_a_minute(api: Api, what: str) -> None:
    """More are refused with the time to wait, or swallowed; another robot has its own count; later it goes on."""
    api.server.service.quirks = Quirks.parse([f"log_limit=3/min:{what}"])
    other = Api(api.server, "99999999-0000-4000-8000-000000000000")

    answers = [api.whole("POST", "log/create", message=str(number)) for number in range(5)]

    assert [status for status, _, _ in answers] == [200] * 3 + [200 if what == "drop" else 429] * 2
    if what == "429":
        assert answers[-1][1]["Retry-After"] == "20"
    assert [line.message for line in api.server.store.logs.newest()] == ["0", "1", "2"]
    assert other.tried("POST", "log/create", message="x")[0] == 200
    with api.server.store.file.transaction() as db:
        db.execute("UPDATE logs SET received = '2026-01-01'")
    assert api.tried("POST", "log/create", message="x")[0] == 200


def test_call_takes_the_verbs_that_are_ordered(api: Api) -> None:
    """And says which, for the others."""
    api.server.service.quirks = Quirks.parse(["verbs=task/update:POST", "verbs=job/update:POST,PUT"])
    guid = task(api)

    assert api.tried("PUT", "task/update", guid=guid)[0] == 405
    assert api.tried("POST", "task/update", guid=guid)[0] == 200


@pytest.mark.parametrize(
    "text",
    ["", "x", "empty_last", "empty_lost=[]", "empty_last=()", "log_limit=3", "log_limit=3/min:500", "verbs=POST",
     "verbs=task/update:BREW", "verbs=:POST"],
)  # fmt: skip
def test_text_that_orders_no_quirk_is_told(text: str) -> None:
    """With what is known."""
    with pytest.raises(QuirkError, match="quirk"):
        Quirks.parse([text])


def test_docs_tell_of_every_quirk_and_endpoint() -> None:
    """The table in docs is the one that the code has."""
    text = DOCS.read_text(encoding="utf-8")
    rows = {
        name: tuple(re.findall("`([^`]+)`", values))
        for name, values in re.findall(r"^\| `(\w+)` \| (.*?) \| ", text, re.M)
    }
    assert {name: rows.get(name) for name in CHOICES} == dict(CHOICES)
    assert [name for name in MEANINGS if f"`{name}`" not in text] == []
    assert [name for name in ENDPOINTS if f"`{name}`" not in text] == []


# ---- faults


CALLS: dict[str, Callable[[Api], tuple[int, Any]]] = {
    "log": lambda api: api.tried("POST", "log/create", message="x"),
    "queue": lambda api: api.tried("GET", "queue/read/q"),
    "task": lambda api: api.tried("GET", "task/read/t"),
    "take": lambda api: api.tried("GET", "queue/lastTask/q"),
    "asset": lambda api: api.tried("GET", "asset/read/a"),
    "file": lambda api: api.tried("GET", "files/read/f"),
    "job-create": lambda api: api.tried("POST", "job/create", process="x"),
}
BROKEN: dict[str, int | type[Exception]] = {
    "drop-before": OSError, "drop-after": OSError, "cut": OSError, "status:503": 503, "status:429/2": 429,
    "html": 200, "empty": ValueError, "truncated": ValueError, "garbage": 200, "delay:0.01": 200, "bom": 200,
}  # fmt: skip


@pytest.fixture
def furnished(api: Api) -> Api:
    """One of each."""
    task(api)
    api("POST", "asset/create", Name="a", Text="t")
    body, head = form_with_file(b"x" * 50, Name="f")
    api("POST", "files/create", body, head)
    return api


@pytest.mark.parametrize("endpoint", CALLS)
def test_fault_strikes_its_own_calls_alone(furnished: Api, endpoint: str) -> None:
    """A lastTask is a call of the queue and a taking one; the others are one thing each."""
    furnished.server.fault(f"{endpoint}:status:503~600")

    struck = {name for name, call in CALLS.items() if call(furnished)[0] == 503}

    assert (
        struck == {"take"} | ({endpoint} if endpoint == "queue" else set())
        if endpoint in ("queue", "take")
        else {endpoint}
    )


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("endpoint", CALLS)
def test_every_kind_of_fault_strikes_every_new_endpoint(furnished: Api, endpoint: str, kind: str) -> None:
    """Seen at the client; the call after it is answered as if nothing had been."""
    expected = BROKEN[kind]
    if (endpoint, kind) == ("file", "truncated"):
        expected = 200  # bytes are no JSON anyway
    furnished.server.fault(f"{endpoint}:{kind}")

    if isinstance(expected, int):
        assert CALLS[endpoint](furnished)[0] == expected
    else:
        with pytest.raises((expected, HTTPException)):
            CALLS[endpoint](furnished)
    assert furnished.server.store.faults() == []
    assert CALLS[endpoint](furnished)[0] == 200


def test_status_that_takes_a_task_is_a_taking_call(furnished: Api) -> None:
    """task/update to 1, and to nothing else."""
    guid = row(furnished, "t")["guid"]
    for status in TASK_WORDS:
        furnished.server.fault("take:status:503")
        told = furnished.tried("PUT", "task/update", guid=guid, status=status)[0]
        furnished.server.store.clear_faults()
        assert (told == 503) == (status == 1)


def test_every_kind_of_fault_is_in_the_matrix() -> None:
    """A new kind has to be seen."""
    own = {"hold", "code", "duplicate"}  # tests of their own
    assert {kind.partition(":")[0] for kind in BROKEN} | own == set(KINDS)
    assert set(CALLS) < set(ENDPOINTS)


def test_held_answer_comes_when_it_is_released_and_the_call_has_acted(furnished: Api) -> None:
    """So that a race can be made exact: between two steps of one, the other does all of his."""
    other = Api(furnished.server, "99999999-0000-4000-8000-000000000000")
    furnished.server.fault("take:hold:first")
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(CALLS["take"](furnished)))
    slow.start()
    until(lambda: furnished.server.store.held.held() == ["first"])

    assert CALLS["take"](other)[0] == 200
    other("PUT", "task/update", guid=row(other, "t")["guid"], status=1)
    assert (answers, slow.is_alive()) == ([], True)
    assert Store(furnished.server.store.place).held.release("first") == 1  # as the command line does, beside the server
    slow.join(10)

    assert answers[0][0] == 200
    assert answers[0][1]["name"] == "t"  # what was true when it acted
    assert furnished.server.store.tasks.fitting(TaskFilter(status=0)) == []


def test_held_answer_does_not_hold_the_server_that_leaves(tmp_path: Path) -> None:
    """Nor is it held for ever when faults are cleared."""
    server = Orchestrator(Store(tmp_path / "o.sqlite"))
    with server:
        api = Api(server)
        for way in (server.store.clear_faults, server.stop):
            server.fault("log:hold:x")
            thread = threading.Thread(target=lambda: _ignored(api))
            thread.start()
            until(lambda: server.store.held.held() != [])
            way()
            thread.join(10)
            assert not thread.is_alive()


def _ignored(api: Api) -> None:
    try:
        api.tried("POST", "log/create", message="x")
    except OSError:
        return


@pytest.mark.parametrize("text", ["log:hold", "log:hold:", "log:hold:a b", "log:hold:" + "x" * 51, "log:html:x"])
def test_hold_needs_a_name_and_nothing_else_has_one(text: str) -> None:
    """One sentence."""
    from fsm_robot.orchestrator.faults import FaultError

    with pytest.raises(FaultError):
        Fault.parse(text)
    assert Fault.parse("log:hold:a-1*3") == Fault("log:hold:a-1*3", "log", "hold", times=3, name="a-1")
    assert GUID
