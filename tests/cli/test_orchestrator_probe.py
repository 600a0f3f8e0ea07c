"""`orchestrator probe` at the embedded orchestrator with every quirk turned: it finds what was ordered."""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.cli.orchestrator_probe import quirks_of
from fsm_robot.orchestrator.quirks import CHOICES, Quirks
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.waiting import GUID


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orchestrator]:
    """A server, and a person in a folder with a credential."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "guid.txt").write_text(GUID, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    with Orchestrator(Store(tmp_path / "o.sqlite")) as running:
        yield running


def probed(server: Orchestrator, *more: str) -> dict[str, Any]:
    command = ["orchestrator", "probe", server.url, "--guid", "@guid.txt", "--yes", "-o", "server.toml", *more]
    assert main(command) == 0
    return tomllib.loads(Path("server.toml").read_text(encoding="utf-8"))


def ended_job(server: Orchestrator) -> str:
    guid = server.store.enqueue("x")
    server.store.order_abort(guid)
    return guid


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in CHOICES.items() for value in values],
)
def test_quirk_that_was_ordered_is_found(server: Orchestrator, name: str, value: str, capsys: Any) -> None:
    """And all others are found to be the default."""
    server.service.quirks = Quirks.parse([f"{name}={value}"])

    found = probed(server, "--job", ended_job(server))["quirks"]

    hidden = {"names": "off"}.get(name) == value  # what is found by name is not found then
    expected: dict[str, str | None] = {each: values[0] for each, values in CHOICES.items()}
    expected[name] = value
    if (name, value) == ("level", "text"):
        expected["level_numbers"] = None  # no number is taken
    assert {each: found.get(each) for each in expected if not (hidden and each in ("file_read",))} == {
        each: wanted for each, wanted in expected.items() if not (hidden and each in ("file_read",))
    }


def test_only_what_was_made_is_deleted(server: Orchestrator) -> None:
    """What was there is as it was; of what was made nothing is left but the log lines that were announced."""
    store = server.store
    queue = store.queues.add("Счета")
    task = store.tasks.add(queue, "4711")
    folder = store.storage.add_folder("f")

    probed(server)

    assert [each.name for each in store.queues.all()] == ["Счета"]
    assert [each.guid for each in store.tasks.fitting(TaskFilter())] == [task.guid]
    assert [each.guid for each in store.storage.folders()] == [folder.guid]
    assert (store.storage.files(), store.assets.all(), store.jobs()) == ([], [], [])
    assert {line.message.startswith("fsm-robot probe") for line in store.logs.newest()} == {True}


def test_server_is_made_that_does_as_the_one_that_was_probed(server: Orchestrator) -> None:
    """`serve --like`: what was written is read again, the verbs too."""
    ordered = ["empty_last=null", "task_rows=structured", "add_tag=racy", "verbs=task/update:POST"]
    server.service.quirks = Quirks.parse(ordered)
    probed(server)

    again = Quirks.parse(quirks_of("server.toml"))

    assert again.verbs == {"task/update": ("POST",)}
    assert [again[text.partition("=")[0]] for text in ordered[:3]] == ["null", "structured", "racy"]
    assert GUID not in Path("server.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("quirks", "job", "take"),
    [
        (["reserves=yes"], False, "server"),
        ([], False, "announce"),
        (["add_tag=racy"], True, "verify"),
        (["add_tag=racy"], False, "naive"),
        (["add_tag=racy", "job_field=none"], True, "naive"),
    ],
)
def test_way_of_taking_tasks_is_advised(
    server: Orchestrator, capsys: Any, quirks: list[str], job: bool, take: str
) -> None:
    """By what would keep two robots from one task there."""
    server.service.quirks = Quirks.parse(quirks)

    probed(server, *(["--job", ended_job(server)] if job else []))

    assert f'sdk.take = "{take}"' in capsys.readouterr().out
    assert f'sdk.take = "{take}"' in Path("server.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", ["off", "10/min:429", "7/min:drop"])
def test_limit_of_log_lines_is_found(server: Orchestrator, limit: str) -> None:
    """By many lines at once; those of the visit before them count."""
    server.service.quirks = Quirks.parse([f"log_limit={limit}"])

    assert probed(server, "--log-lines", "30")["quirks"]["log_limit"] == limit
    assert quirks_of("server.toml").count(f"log_limit={limit}") == 1
    assert len(server.store.logs.newest()) <= 34


def test_no_lines_are_sent_where_nobody_wants_them(server: Orchestrator, capsys: Any) -> None:
    """Then the limit is not found out."""
    found = probed(server, "--log-lines", "0")

    assert "log_limit" not in found["quirks"]
    assert "# log_limit: not found out" in Path("server.toml").read_text(encoding="utf-8")
    command = ["orchestrator", "probe", server.url, "--guid", "@guid.txt", "--yes", "--log-lines", "-1"]
    assert main(command) == 2
    assert "--log-lines: must be from 0" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_nothing_is_made_without_leave(
    server: Orchestrator, monkeypatch: pytest.MonkeyPatch, capsys: Any, answer: str, goes_on: bool
) -> None:
    """It is said what will be made, and asked; where nobody can answer it is no."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    code = main(["orchestrator", "probe", server.url, "--guid", "@guid.txt"])

    assert (code, len(server.store.calls()) > 0) == ((0, True) if goes_on else (2, False))
    assert "two queues" in capsys.readouterr().out


def test_nothing_is_made_where_nobody_can_be_asked(server: Orchestrator, monkeypatch: Any, capsys: Any) -> None:
    """A pipe is no person."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert main(["orchestrator", "probe", server.url, "--guid", "@guid.txt"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert server.store.calls() == []


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("queue:status:401", 4, "refuses the credential"),
        ("queue:status:500", 4, "makes no queue"),
        ("all:drop-before~600", 4, "broke before the answer"),
        ("queue:html", 4, "makes no queue"),
    ],
)
def test_server_that_cannot_be_probed_is_told(
    server: Orchestrator, capsys: Any, fault: str, code: int, says: str
) -> None:
    """One sentence; nothing is left there."""
    server.fault(fault)

    assert main(["orchestrator", "probe", server.url, "--guid", "@guid.txt", "--yes"]) == code

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert GUID not in told


def test_what_could_not_be_deleted_is_named(server: Orchestrator, capsys: Any) -> None:
    """So that a person can do it; exit code 1."""
    server.service.quirks = Quirks.parse(["verbs=queue/delete:POST"])

    assert main(["orchestrator", "probe", server.url, "--guid", "@guid.txt", "--yes"]) == 1
    told = capsys.readouterr()
    left = [queue.guid for queue in server.store.queues.all()]
    assert len(left) == 2
    assert all(f"could not be deleted there: queue {guid}" in told.err for guid in left)


def test_one_call_that_fails_does_not_end_the_visit(server: Orchestrator) -> None:
    """What it would have shown is not found out; the rest is."""
    server.fault("log:drop-before*9")

    found = probed(server)

    assert "level" not in found["quirks"]
    assert found["quirks"]["file_read"] == "bytes"
    assert "# logs: not found out" in Path("server.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["probe", "http://127.0.0.1:1", "--guid", GUID], "@FILE or -"),
        (["probe", "http://127.0.0.1:1", "--guid", "@none"], "cannot be read"),
        (["probe", "http://127.0.0.1:1", "--guid", "@bad.txt"], "is not a GUID"),
        (["probe", "http://127.0.0.1:1"], "required"),
        (["probe", "http://127.0.0.1:1", "--guid", "@guid.txt", "-o", "."], "is a folder"),
        (["serve", "--like", "none.toml"], "cannot be read"),
        (["serve", "--like", "bad.txt"], "is not what"),
    ],
)
def test_mistake_is_one_sentence(server: Orchestrator, capsys: Any, arguments: list[str], says: str) -> None:
    """Exit code 2."""
    Path("bad.txt").write_text("x", encoding="utf-8")
    assert main(["orchestrator", *arguments]) == 2

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert json.dumps(GUID) not in told
