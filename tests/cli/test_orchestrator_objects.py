"""`fsm-robot orchestrator queue|task|asset|file|log|key|group|release` as a person types them."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.waiting import GUID, PATIENCE_S

Say = Callable[..., str]
ROWS = 'name,number,сумма\n4711,17,1 000\n4712,18,"2,5"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a person who tries it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Say something to the orchestrator and return what it prints."""

    def said(*words: str) -> str:
        assert main(["orchestrator", *words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return said


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder / "orchestrator.sqlite")


def tasks(store: Store) -> list[tuple[str, Any]]:
    found = store.tasks.fitting(TaskFilter())
    return [(task.name, json.loads(task.parameters)) for task in sorted(found, key=lambda task: task.row_id)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rows_of_a_table_become_tasks(
    folder: Path, say: Say, store: Store, delimiter: str, bom: str, newline: str
) -> None:
    """As Excel and others write it; the queue is made; the column `name` is the task's name, the others its parameters."""
    text = (
        ROWS
        if delimiter == ","
        else ROWS.replace('"2,5"', "2,5").replace(",", delimiter).replace(f"2{delimiter}5", "2,5")
    )
    (folder / "rows.csv").write_bytes((bom + text.replace("\n", newline)).encode())

    said = say("task", "add", "Счета", "@rows.csv", "--tags", "pdf")

    assert tasks(store) == [("4711", {"number": "17", "сумма": "1 000"}), ("4712", {"number": "18", "сумма": "2,5"})]
    assert [store.tasks.find(guid).tags for guid in said.split()] == ["pdf", "pdf"]
    assert [queue.name for queue in store.queues.all()] == ["Счета"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: must name every column"),
        ("a,,c\n1,2,3\n", "line 1: must name every column"),
        ("a,a\n1,2\n", "names the column 'a' twice"),
        ("a,b\n", "has no row"),
        ("a,b\n1\n", "line 2: has 1 cell for 2 columns"),
        ("a,b\n1,2\n1,2,3\n", "line 3: has 3 cells for 2 columns"),
        ('a,b\n"1,2\n', "is not CSV"),
        ('a\n"' + "x" * 200_000 + '"\n', "is not CSV"),
        ("a\n\x00\n", None),
    ],
)
def test_table_that_is_none_is_told_and_adds_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], store: Store, text: str, says: str | None
) -> None:
    """With its line; all rows or none."""
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    store.queues.add("q")

    code = main(["orchestrator", "task", "add", "q", "@rows.csv"])

    told = capsys.readouterr().err
    assert (code, "Traceback" in told) == (0 if says is None else 2, False)
    if says is not None:
        assert says in told
        assert "rows.csv" in told
        assert tasks(store) == []


def test_table_with_a_name_that_is_there_adds_all_or_none(folder: Path, say: Say, store: Store, capsys: Any) -> None:
    """Refused whole in a queue of unique names, or with what is new."""
    say("queue", "add", "q", "--unique")
    say("task", "add", "q", '{"a": 1}', "--name", "4712")
    (folder / "rows.csv").write_text(ROWS, encoding="utf-8")

    assert main(["orchestrator", "task", "add", "q", "@rows.csv"]) == 2
    assert "4712" in capsys.readouterr().err
    assert [name for name, _ in tasks(store)] == ["4712"]
    assert len(say("task", "add", "q", "@rows.csv", "--skip-duplicates").split()) == 1
    assert [name for name, _ in tasks(store)] == ["4712", "4711"]


def test_one_task_with_everything(folder: Path, say: Say, store: Store) -> None:
    """JSON here or in a file; then listed, shown with what became of it, put in again, deleted."""
    (folder / "task.json").write_text('{"месяц": "2026-10"}', encoding="utf-8")
    guid = say(
        *("task", "add", "q", "@task.json", "--name", "октябрь", "--tags", "a;b", "--priority", "high"),
        *("--deadline", "2026-10-31T17:30+03:00", "--comment", "срочно"),
    ).strip()
    store.tasks.change(store.tasks.find(guid), {"status": 3})

    assert tasks(store) == [("октябрь", {"месяц": "2026-10"})]
    (listed,) = json.loads(say("task", "list", "q", "--json"))
    assert (listed["status_word"], listed["priority"], listed["deadline"]) == (
        "Failed (Application)", "high", "2026-10-31T14:30:00.000Z"
    )  # fmt: skip
    assert "октябрь" in say("task", "list", "q", "--status", "failed", "--tags", "+a;-c")
    assert "октябрь" not in say("task", "list", "q", "--status", "new")
    again = say("task", "retry", guid[:8]).strip()
    shown = json.loads(say("task", "show", again, "--json"))
    assert (shown["parent_task"], shown["status_word"], json.loads(shown["parameters"])) == (
        guid, "New", {"месяц": "2026-10"}
    )  # fmt: skip
    assert "Failed (Application)" in say("task", "show", guid)
    say("task", "delete", again)
    assert [task["guid"] for task in json.loads(say("task", "list", "q", "--json"))] == [guid]


def test_queue_is_made_listed_with_its_counts_and_deleted(say: Say, store: Store) -> None:
    """With all that it can be told."""
    say("queue", "add", "q", "--retries", "2", "--auto-change", "--abandon-new", "5", "--abandon-busy", "0", "--unique")
    say("task", "add", "q")

    (listed,) = json.loads(say("queue", "list", "--json"))
    assert (listed["retries"], listed["auto_change_status"], listed["abandon_new_min"], listed["abandon_busy_min"]) == (
        2, True, 5, 0
    )  # fmt: skip
    assert listed["tasks"]["New"] == 1
    assert say("queue", "list").splitlines()[1].split() == ["q", "1", "0", "0", "0", "0", "0", "0"]
    say("queue", "delete", "q")
    assert store.queues.all() == []


def test_asset_is_kept_and_its_value_never_shown(
    folder: Path, say: Say, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password comes from a file or from standard input; the same name is given another value, not made twice."""
    (folder / "secret").write_text("geheim-17" * 2000 + "\n", encoding="utf-8")
    say("asset", "add", "ERP", "--login", "anna", "--password", "@secret")
    monkeypatch.setattr("sys.stdin", io.StringIO("geheim-18\n"))
    say("asset", "add", "ERP", "--login", "anna", "--password", "-")
    say("asset", "add", "Limit", "--text", "1000")
    say("asset", "add", "Limit", "--text", "2000", "--group", "7")
    say("asset", "add", "Tage", "--calendar", '["2026-12-25"]')

    assert [(asset.name, asset.text, asset.password) for asset in store.assets.all()] == [
        ("ERP", "anna", "geheim-18"), ("Limit", "1000", ""), ("Limit", "2000", ""), ("Tage", '["2026-12-25"]', "")
    ]  # fmt: skip
    shown = say("asset", "list") + say("asset", "list", "--json")
    assert not any(secret in shown for secret in ("geheim", "anna", "1000", "2026-12-25"))
    assert "group 7" in shown
    say("asset", "delete", "ERP")
    store.close()
    assert b"geheim" not in b"".join(file.read_bytes() for file in folder.glob("orchestrator.sqlite*"))


def test_file_is_put_listed_got_and_deleted(folder: Path, say: Say, store: Store) -> None:
    """Nothing that is there is written over, and a name that is a path leads nowhere."""
    content = bytes(range(256)) * 9000
    (folder / "отчёт.pdf").write_bytes(content)
    say("file", "put", "Входящие", "отчёт.pdf")
    say("file", "put", "Входящие", "отчёт.pdf", "--name", "../../evil")
    (folder / "отчёт.pdf").unlink()

    assert say("file", "get", "Входящие", "отчёт.pdf").strip() == "отчёт.pdf"
    assert (folder / "отчёт.pdf").read_bytes() == content
    assert main(["orchestrator", "file", "get", "Входящие", "отчёт.pdf"]) == 2
    assert say("file", "get", "Входящие", "../../evil").strip() == "evil"
    assert [file["size"] for file in json.loads(say("file", "list", "--json"))] == [len(content)] * 2
    say("file", "delete", "Входящие", "отчёт.pdf")
    assert "отчёт.pdf" not in say("file", "list")


def test_log_is_shown_by_job_and_level(say: Say, store: Store) -> None:
    """The youngest N; what would command a terminal is shown, not sent."""
    jobs = [store.enqueue("x") for _ in range(2)]
    for number in range(6):
        store.log(f"строка {number}\x1b[2J", ("Debug", "Warning", "Error")[number % 3], job_guid=jobs[number % 2])

    assert [line.split()[-1][0] for line in say("log").splitlines()] == list("012345")
    assert [json.loads(line)["message"][7] for line in say("log", jobs[1][:8], "--json").splitlines()] == list("135")
    assert [line.split()[-1][0] for line in say("log", "--level", "warning", "--limit", "2").splitlines()] == ["4", "5"]
    assert "\x1b" not in say("log")


def test_log_is_followed_until_the_job_has_ended(folder: Path, store: Store) -> None:
    """Lines come as they are sent; the last ones before the end are not lost."""
    job = store.enqueue("x")
    store.log("первая", "Info", job_guid=job)
    process = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-m", "fsm_robot", "orchestrator", "log", "--follow", job],
        cwd=folder, stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout is not None
    assert "первая" in process.stdout.readline()
    store.log("вторая", "Info", job_guid=job)
    assert "вторая" in process.stdout.readline()
    store.log("последняя", "Error", job_guid=job)
    store.order_stop(job)

    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert "последняя" in rest
    assert process.returncode == 0


def test_key_is_printed_once_and_can_be_taken_back(say: Say, store: Store, capsys: Any) -> None:
    """Two of one name would not be told apart."""
    key = say("key", "add", "boss").strip()
    assert store.credentials.key_name(key) == "boss"
    assert say("key", "list").split() == json.loads(say("key", "list", "--json")) == ["boss"]
    assert main(["orchestrator", "key", "add", "boss"]) == 2
    say("key", "delete", "boss")
    assert store.credentials.key_name(key) is None


def test_robot_is_put_into_a_group(say: Say, store: Store, folder: Path) -> None:
    """And out of it."""
    (folder / "guid.txt").write_text(GUID, encoding="utf-8")
    say("remember", "@guid.txt")
    say("group", "@guid.txt", "7")
    assert [robot.group_id for robot in store.robots()] == [7]
    say("group", "@guid.txt", "none")
    assert [robot.group_id for robot in store.robots()] == [None]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["queue", "list"], "there is no such file"),
        (["task", "add", "q", "{"], "is not JSON"),
        (["task", "add", "q", "@none.csv"], "cannot be read"),
        (["task", "add", "q", "@latin.csv"], "is not UTF-8"),
        (["task", "add", " "], "must not be empty"),
        (["task", "add", "q", "--deadline", "morgen"], "is not a moment"),
        (["task", "add", "q", "--priority", "highest"], "invalid choice"),
        (["asset", "add", "a"], "one of --text"),
        (["asset", "add", "a", "--text", "x", "--calendar", "[]"], "one of --text"),
        (["asset", "add", "a", "--login", "x"], "--login with --password"),
        (["asset", "add", "a", "--login", "x", "--password", "open"], "@FILE or -"),
        (["asset", "add", "a", "--text", "x" * 10_001], "10000 characters"),
        (["asset", "add", "a", "--text", "x", "--group", "7", "--robot", "r"], "one --robot or for one --group"),
        (["file", "put", "f", "none.pdf"], "cannot be read"),
        (["file", "put", "f", "."], "cannot be read"),
        (["serve", "--quirk", "empty=[]"], "NAME=VALUE"),
        (["serve", "--quirk", "empty_last=x"], "known are"),
        (["queue"], "required"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """What is wrong and what would be right; nothing is half done."""
    (folder / "latin.csv").write_bytes(b"name\n\xff\n")
    assert main(["orchestrator", *arguments]) == 2

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told


@pytest.mark.parametrize("what", ["queue delete", "task delete", "task show", "task list", "task retry", "asset delete",
                                  "key delete", "log", "group none", "file get none", "file delete none"])  # fmt: skip
def test_what_is_not_there_is_told(folder: Path, store: Store, capsys: pytest.CaptureFixture[str], what: str) -> None:
    """In a sentence."""
    store.queues.add("q")

    assert main(["orchestrator", *what.split(), "none" if what != "group none" else "7"]) == 2

    told = capsys.readouterr().err
    assert "none" in told
    assert "Traceback" not in told


def test_serve_does_as_it_was_told(folder: Path, store: Store) -> None:
    """`--quirk`, `--like` below it, `--show-data`, in a process of its own."""
    (folder / "server.toml").write_text('[quirks]\nempty_last = "null"\nabsent = "reset"\n', encoding="utf-8")
    store.tasks.add(store.queues.add("q"), "t", '{"a": "wort-17"}')
    store.queues.add("empty")
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--like", "server.toml"]
    command += ["--quirk", "empty_last=false", "--show-data"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        token = base64.b64encode(GUID.encode()).decode()

        def asked(path: str, method: str = "GET", body: bytes | None = None) -> str:
            request = urllib.request.Request(url + path, body, {"Authorization": f"Basic {token}"}, method=method)
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return str(answer.read().decode())

        assert asked("/api/queue/lastTask/empty") == "false"
        assert "wort-17" in asked("/task.json?guid=t")
        asked("/api/task/update", "PUT", b"name=t&comment=c")
        asked("/api/task/update", "PUT", b"name=t&priority=2")
        assert json.loads(asked("/api/task/read/t"))["comment"] == ""
    finally:
        process.kill()
        process.communicate()
