"""Queues, tasks, assets, files, logs, jobs, processes and robots, as the vendor's pages show their calls."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from fsm_robot.orchestrator.api.routes import ROUTES
from fsm_robot.orchestrator.server import LARGEST_FILE_BYTES, Orchestrator
from tests.fakes.waiting import GUID
from tests.orchestrator.conftest import Api, OpenRobot, form_with_file, kept_in, parameters_of

# Of the published samples, word for word.
PUBLISHED = {
    "queue/read": "id guid name description auto_change_status unique_tasks",
    "task/read": "id guid queue_id name description status job_id priority created started postponed deadline updated"
    " comment is_deleted account_id tags retries parent_task",
    "queue/lastTask": "id guid queue_id name description status job_id priority created started postponed deadline"
    " updated comment is_deleted account_id tags retries parent_task parameters",
    "asset/read": "id guid name description type text password password_expiration robot_type robot_id robot_group_id"
    " is_deleted created_at updated_at",
    "folders/read": "id guid name description created updated is_deleted account_id",
    "log/read": "id guid robot_id process_version_id job_id Level Message created_at updated_at",
    "process/read": "id guid name description process_version_id min_version_to_run created updated is_deleted"
    " account_id process_type process_version_guid",
    "processVersion/read": "id guid process_id name description process_file_name created updated is_deleted account_id",
    "robot/read": "GUID Name Machine Status IP MAC Description LicenseExpiration LicenseString CreatedAt UpdatedAt"
    " LastHeartbeatAt",
}
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def made(api: Api) -> dict[str, str]:
    """One of each kind, by the call that reads it."""
    queue = api("POST", "queue/create", Name="Счета", UniqueTasks=0)["guid"]
    task = api("POST", "task/create", name="4711", queue_guid=queue, parameters='{"сумма": 17}')["guid"]
    api.server.service.quirks = api.server.service.quirks.with_("log_answer=guid")
    process = api("POST", "process/create", Name="Книга")["guid"]
    found = {
        "queue/read": queue,
        "task/read": task,
        "queue/lastTask": queue,
        "asset/read": api("POST", "asset/create", Name="ERP", Type=1, Text="anna", Password="geheim-17")["guid"],
        "folders/read": api("POST", "folders/create", Name="Входящие")["guid"],
        "log/read": api("POST", "log/create", message="строка")["guid"],
        "process/read": process,
        "processVersion/read": api("POST", "processVersion/create", Name="книга.py", ProcessGuid=process)["guid"],
        "robot/read": api.server.store.robots()[0].public_guid,
        "job/read": api("POST", "job/create", process_guid=process)["guid"],
    }
    api.server.service.quirks = type(api.server.service.quirks)()
    return found


@pytest.mark.parametrize("call", PUBLISHED)
def test_row_has_the_published_keys_and_no_other(api: Api, made: dict[str, str], call: str) -> None:
    """What is tried here must run there: a key of our own would be missed there."""
    row = api("GET", f"{call}/{made[call]}")

    assert list(row) == PUBLISHED[call].split() or set(row) == set(PUBLISHED[call].split())


@pytest.mark.parametrize("call", [call for call in PUBLISHED if call != "robot/read"])
def test_numbers_are_texts_and_times_have_the_vendors_form(api: Api, made: dict[str, str], call: str) -> None:
    """`"status": "0"`, `"2026-11-27 08:00:00"`; null stays null."""
    row = api("GET", f"{call}/{made[call]}")

    assert [key for key, value in row.items() if not isinstance(value, str | None)] == []
    times = [row[key] for key in ("created", "created_at") if key in row]
    assert all(STAMP.fullmatch(time) for time in times)


def test_robot_rows_have_unix_times_and_numbers(api: Api, robot: OpenRobot) -> None:
    """One, all, and the status alone; the GUID, a password, is not among them."""
    robot().announce(None)

    (row,) = api("GET", "robot/read")
    assert row == api("GET", f"robot/read/{row['GUID']}") == api("GET", f"robot/read/{GUID}")
    assert (row["Status"], type(row["LastHeartbeatAt"])) == (2, int)
    assert api("GET", f"robot/getStatus/{row['Name']}") == {"Status": 2}
    assert GUID not in json.dumps(row)


LIFE = {
    # family: what makes one, what changes it, the key that shows the change
    "queue": ({"Name": "a"}, {"Description": "neu"}, "description"),
    "task": ({"Name": "a", "QueueGuid": "q"}, {"Comment": "neu"}, "comment"),
    "asset": ({"Name": "a", "Text": "t"}, {"Text": "neu"}, "text"),
    "folders": ({"Name": "a"}, {"Description": "neu"}, "description"),
}


@pytest.mark.parametrize("family", LIFE)
@pytest.mark.parametrize("way", ["form", "json", "multipart"])
@pytest.mark.parametrize("spelling", ["as published", "snake"])
def test_thing_is_made_read_changed_and_deleted(api: Api, family: str, way: str, spelling: str) -> None:
    """In every kind of body and in both spellings; by name as by GUID; what was deleted is not there."""
    api("POST", "queue/create", Name="q")
    make, change, shown = LIFE[family]

    def send(verb: str, call: str, fields: dict[str, Any]) -> Any:
        if spelling == "snake":
            fields = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): value for name, value in fields.items()}
        if way == "json":
            return api(verb, call, json.dumps(fields).encode(), {"Content-Type": "application/json"})
        if way == "multipart":
            body = "".join(
                f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields.items()
            )
            return api(verb, call, f"{body}--b--\r\n".encode(), {"Content-Type": "multipart/form-data; boundary=b"})
        return api(verb, call, **fields)

    guid = send("POST", f"{family}/create", make)["guid"]
    before = api("GET", f"{family}/read/{guid}")
    assert send("PUT", f"{family}/update", {"Guid": guid, **change}) == []
    after = api("GET", f"{family}/read/a")
    gone = api("DELETE", f"{family}/delete/{guid}")

    assert (after[shown], after["name"], after["guid"]) == ("neu", "a", guid)
    assert {key for key in before if before[key] != after[key]} <= {shown, "updated", "updated_at"}
    assert gone == ({"result": "1"} if family == "task" else [])
    assert api.tried("GET", f"{family}/read/{guid}")[0] == 404
    assert api.tried("DELETE", f"{family}/delete/{guid}")[0] == 404


def test_last_task_shows_the_oldest_new_one_and_reserves_nothing(api: Api, made: dict[str, str]) -> None:
    """Two who ask get the same; an empty queue answers JSON too."""
    first, second = (api("GET", "queue/lastTask/Счета") for _ in range(2))

    assert first == second
    assert (first["status"], json.loads(first["parameters"])) == ("0", {"сумма": 17})
    api("PUT", "task/update", guid=first["guid"], status=1)
    assert api("GET", "queue/lastTask/Счета") == []
    status, _, found = api.whole("GET", "queue/lastTask/Счета", query="?status=1")
    assert (status, found["guid"]) == (200, first["guid"])


def test_take_and_settle_as_the_sdk_does(api: Api, robot: OpenRobot) -> None:
    """Announce by a tag, read, write the job, take the tag away, end: each step is seen by the next."""
    api.server.store.enqueue("x")
    job = robot().consume_job().job
    assert job is not None
    task = api("POST", "task/create", Name="4711", QueueGuid=api("POST", "queue/create", Name="q")["guid"])["guid"]

    assert api("PUT", "task/addTag", TaskGuid=task, TagNames="claim-1;pdf") == []
    assert (api("GET", f"task/read/{task}")["tags"], api("GET", f"task/read/{task}")["status"]) == ("claim-1;pdf", "0")
    assert api("PUT", "task/update", guid=task, status=1, job_guid=job.guid) == []
    assert api("DELETE", "task/removeTag", TaskGuid=task, TagNames="claim-1") == []
    busy = api("GET", f"task/read/{task}")
    assert (busy["status"], busy["tags"], busy["job_id"]) == ("1", "pdf", api("GET", f"job/read/{job.guid}")["id"])
    assert STAMP.fullmatch(busy["started"])
    assert api("PUT", "task/update", guid=task, status=2, comment="книга", job_guid=job.guid) == []
    assert api("GET", f"task/read/{task}")["comment"] == "книга"
    (shown,) = api.server.store.queues.all()
    moves = api.server.store.tasks.moves(api.server.store.tasks.find(task))
    assert [(move.before, move.after, move.job_guid) for move in moves] == [
        (None, 0, ""), (0, 1, job.guid), (1, 2, job.guid)
    ]  # fmt: skip
    assert api.server.store.queues.counts() == {shown.row_id: {2: 1}}


@pytest.mark.parametrize("where", ["body", "path"])
def test_filter_finds_tasks_by_everything_that_it_can_name(api: Api, where: str) -> None:
    """Status, name with wildcards, tags, priority, offset and limit; 100 without a limit."""
    queue = api("POST", "queue/create", Name="q")["guid"]
    for number in range(120):
        tags = "even;x" if number % 2 == 0 else "odd"
        api.server.store.tasks.add(api.server.store.queues.find(queue), f"n{number:03}", tags=tags)
    api("PUT", "task/update", guid=api("GET", "task/read/n000")["guid"], status=5, priority=2)

    def found(**wanted: Any) -> list[str]:
        if where == "path":
            text = "&".join(f"{name}={value}" for name, value in wanted.items()).replace("+", "%2B")
            rows = api("POST", f"task/filter/list/{queue}/{text}" if text else f"task/filter/list/{queue}", Name="q")
        else:
            rows = api("POST", f"task/filter/list/{queue}", Name="q", **wanted)
        return [row["name"] for row in rows]

    assert len(found()) == 100
    assert found(status=5) == found(priority=2) == ["n000"]
    assert found(tags="+even;-odd", limit=3) == ["n000", "n002", "n004"]
    assert found(tags="-even", offset=2, limit=2) == ["n005", "n007"]
    assert found(task_name="n11?", status=0) == [f"n11{digit}" for digit in range(10)]
    assert api("POST", f"task/filter/read/{queue}", Name="n007")["name"] == "n007"
    assert api.tried("POST", f"task/filter/read/{queue}", Name="none")[0] == 404


@pytest.mark.parametrize("size", [0, 1, 5000, 3 << 20])
def test_file_goes_in_and_comes_out_as_it_was(api: Api, size: int) -> None:
    """Bytes of every kind, what looks like a boundary among them; changed, found in its folder, deleted."""
    folder = api("POST", "folders/create", Name="Входящие")["guid"]
    content = (b"\x00\xff\r\n--b\r\n--b7x" * (size // 10 + 1))[:size].replace(b"\r\n--b7", b"\r\n--b8")
    body, head = form_with_file(content, Name="отчёт №1.pdf", folder_guid=folder)

    assert api("POST", "files/create", body, head) == []
    status, headers, back = api.whole("GET", "files/read/отчёт №1.pdf")
    assert (status, back) == (200, content)
    assert "%D0%BE%D1%82%D1%87%D1%91%D1%82" in headers["Content-Disposition"]
    (file,) = api.server.store.storage.files()
    assert (file.size, file.sha256, file.folder) == (size, hashlib.sha256(content).hexdigest(), "Входящие")

    body, head = form_with_file(b"neu", Guid=file.guid)
    assert api("PUT", "files/update", body, head) == []
    assert api("GET", f"files/read/{file.guid}") == b"neu"
    api("DELETE", f"files/delete/{file.guid}")
    assert api.tried("GET", f"files/read/{file.guid}")[0] == 404


@pytest.mark.parametrize("encode", [base64.b16encode, base64.b32encode], ids=["16", "32"])
@pytest.mark.parametrize("way", ["form", "json"])
def test_file_may_be_a_text_of_base_16_or_32(api: Api, encode: Any, way: str) -> None:
    """As the reference allows; anything else is told."""
    fields = {"Name": "f", "file": encode(b"\x00\x01\xfe\xff" * 5).decode()}
    if way == "form":
        api("POST", "files/create", **fields)
    else:
        api("POST", "files/create", json.dumps(fields).encode(), {"Content-Type": "application/json"})

    assert api("GET", "files/read/f") == b"\x00\x01\xfe\xff" * 5
    assert api.tried("POST", "files/create", Name="f", file="это не число")[0] == 400
    assert api.tried("POST", "files/create", Name="f")[0] == 400


def test_folder_takes_its_files_with_it(api: Api) -> None:
    """And two folders may have a file of the same name."""
    for folder in ("a", "b"):
        api("POST", "folders/create", Name=folder)
        body, head = form_with_file(folder.encode(), Name="f", folder_guid=folder)
        api("POST", "files/create", body, head)

    assert [row["name"] for row in api("GET", "folders/list")] == ["a", "b"]
    assert [
        api.server.store.storage.find_file("f", folder=each).sha256 for each in api.server.store.storage.folders()
    ] == [hashlib.sha256(name).hexdigest() for name in (b"a", b"b")]
    api("DELETE", "folders/delete/b")
    assert api("GET", "files/read/f") == b"a"


def test_file_may_be_larger_than_any_other_body_and_has_its_limit(api: Api) -> None:
    """64 MiB; what is larger is refused before it is sent, and nothing else may be so large."""
    status, _ = api.tried("POST", "files/create", b"", {"Content-Length": str(LARGEST_FILE_BYTES + 1)})
    assert status == 413
    assert api.tried("POST", "task/create", b"", {"Content-Length": str(2 << 20)})[0] == 413


def test_log_line_is_kept_with_its_job_and_the_last_one_is_shown_there(api: Api, robot: OpenRobot) -> None:
    """Level as a word or as a number; listed oldest first; purged by time."""
    job = api.server.store.enqueue("x")
    for level, message in (("Error", "одна"), ("1", "две"), ("", "три")):
        assert api("POST", "log/create", robot_guid=GUID, job_guid=job, level=level, message=message) == []

    rows = api("POST", "log/list")
    assert [(row["Level"], row["Message"]) for row in rows] == [("Error", "одна"), ("Info", "две"), ("Info", "три")]
    assert {row["job_id"] for row in rows} == {api("GET", f"job/read/{job}")["id"]}
    assert api.server.store.job(job).last_message == "три"
    assert api.tried("POST", "log/create", message="x", level="Loud")[0] == 400
    assert api.tried("POST", "log/create", level="Info")[0] == 400
    assert api("DELETE", "log/purge", Time="4000000000") == []
    assert api("POST", "log/list") == []


def test_job_is_made_asked_to_stop_and_deleted(api: Api, robot: OpenRobot) -> None:
    """By the name of its script, with a task and limits; another robot's job may be asked to stop, not ended."""
    task = api("POST", "task/create", Name="t", QueueGuid=api("POST", "queue/create", Name="q")["guid"],
               Parameters='{"месяц": 10}')["guid"]  # fmt: skip
    guid = api("POST", "job/create", ProcessGuid="книга", TaskGuid=task, Priority=3, StopAfter="2030-01-01 10:00:00")[
        "guid"
    ]
    other = Api(api.server, "99999999-0000-4000-8000-000000000000")

    row = api("GET", f"job/read/{guid}")
    assert (row["process_version_name"], row["priority"], row["stop_after"]) == ("книга", "3", "2030-01-01 10:00:00")
    gateway = robot()
    job = gateway.consume_job().job
    assert job is not None
    assert parameters_of(job) == {"месяц": 10}
    assert api("GET", f"task/read/{task}")["status"] == "1"
    assert other.tried("PUT", "job/update", Guid=guid, Status=4)[0] == 409
    assert other("PUT", "job/update", Guid=guid, Status=6) == []
    gateway.begin_beats(job)
    assert gateway.beat(job).code == 20
    assert api.server.store.job(guid).source == "API"
    api("DELETE", f"job/delete/{guid}")
    assert api.tried("GET", f"job/read/{guid}")[0] == 404
    assert api.tried("POST", "job/create", ProcessGuid="5c1e0000-0000-4000-8000-00000000000a")[0] == 404


def test_jobs_of_a_process_start_its_newest_version(api: Api) -> None:
    """And a process without one starts nothing."""
    process = api("POST", "process/create", Name="P")["guid"]
    assert api.tried("POST", "job/create", process_guid=process)[0] == 404
    for name in ("a.py", "b.py"):
        api("POST", "processVersion/create", Name=name, ProcessGuid="P")

    guid = api("POST", "job/create", process_guid=process)["guid"]

    assert api("GET", f"job/read/{guid}")["process_version_name"] == "b.py"
    assert api("GET", "process/read/P")["process_version_guid"] == api("GET", "processVersion/read/b.py")["guid"]


def test_key_may_call_and_is_no_robot(api: Api) -> None:
    """Its digest is kept, not the key; it may settle any job and see every asset, and gets no job itself."""
    store = api.server.store
    guid = store.credentials.add_key("boss")
    boss = Api(api.server, guid)
    job = store.enqueue("x")

    boss("POST", "queue/create", Name="q")
    boss("POST", "log/create", message="von mir", robot_guid=GUID)
    assert boss.tried("POST", "robot/consumeNextJob")[1]["ConsumeJobErrorCode"] == 101
    assert boss("PUT", "job/update", Guid=job, Status=6) == []
    assert store.job(job).status_word == "Stopped"
    assert [call.robot for call in store.calls()] == ["boss"] * 4
    assert store.logs.newest()[0].message == "von mir"
    store.close()
    assert guid.encode() not in kept_in(store.place)
    store.credentials.remove_key("boss")
    assert boss("GET", "queue/read/q")["name"] == "q"  # as a robot that was never seen


def test_unknown_robot_may_call_nothing_where_only_known_ones_count(api: Api) -> None:
    """403 for every call of the object API, 401 without a credential."""
    api.server.service.known_only = True
    for call, route in ROUTES.items():
        path = f"{call}/x" if route.reference == "needed" else call
        assert api.tried(route.verbs[0], path)[0] == 403
        assert api.tried(route.verbs[0], path, None, {"Authorization": ""})[0] == 401


@pytest.mark.parametrize("call", ROUTES)
def test_wrong_verb_missing_fields_and_unknown_things_are_told(api: Api, call: str) -> None:
    """405, 400, 404: never a 200, never a traceback."""
    route = ROUTES[call]
    path = f"{call}/nothing" if route.reference == "needed" else call
    free = ("folders/list", "log/list", "robot/read")

    assert api.tried("GET" if route.verbs[0] != "GET" else "PUT", path)[0] == 405
    status, answer = api.tried(route.verbs[0], path)
    assert (status in (400, 404)) != (call in free), answer
    if route.reference == "needed":
        assert api.tried(route.verbs[0], call)[0] == 404


def test_a_secret_is_in_no_record_of_a_call_and_in_no_page(api: Api, made: dict[str, str]) -> None:
    """Passwords and texts of assets, parameters of tasks, GUIDs of other robots."""
    other = "99999999-0000-4000-8000-000000000000"
    api.server.store.set_active(other, True)
    api("PUT", "asset/update", Guid="ERP", Password="geheim-18", Text="логин-19", RobotId=other, Name="ERP")
    api("POST", "task/create", Name="t", QueueGuid="Счета", Parameters='{"a": "geheim-20"}')

    kept = repr([(call.fields, call.path) for call in api.server.store.calls()])
    pages = b"".join(api_page(api.server, path) for path in ("/", "/state.json"))
    for secret in ("geheim-17", "geheim-18", "логин-19", "geheim-20", "anna", "сумма", other):
        assert secret not in kept
        assert secret.encode() not in pages
    assert "sha256:" in kept


def api_page(server: Orchestrator, path: str) -> bytes:
    import urllib.request

    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        return bytes(answer.read())
