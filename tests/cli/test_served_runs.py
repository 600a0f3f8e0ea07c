"""The page of runs is small however many there are, and a run is read when somebody looks at it."""

from __future__ import annotations

import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli.diagram import player
from fsm_robot.cli.served_runs import ServedRuns
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in
from tests.cli.test_orchestrator import served
from tests.fakes.night import write_nights

JOURNALS = Path(__file__).parents[1] / "journals"
MANY = 1000
LARGEST_PAGE = 2_000_000


def data_of(page: str) -> Any:
    """Return what the page carries inside itself."""
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A thousand journals."""
    journal = sorted(JOURNALS.glob("*.jsonl"))[0]
    (tmp_path / "journal").mkdir()
    for number in range(1, MANY + 1):
        os.link(journal, tmp_path / "journal" / f"{number:06d}-20261127T100000Z.jsonl")
    return tmp_path


def test_page_reads_no_journal_and_a_look_reads_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lists the youngest, and what it says of a run is what the page in one file says of it."""
    looked_at: list[str] = []
    real = read_journal

    def noted(path: Path, **more: Any) -> Any:
        looked_at.append(path.name)
        return real(path, **more)

    monkeypatch.setattr("fsm_robot.cli.served_runs.read_journal", noted)
    runs = ServedRuns([str(folder)], MANY - 1, built_in())

    page = runs.page("/run.json")

    listed = data_of(page)["runs"]
    assert (len(listed), listed[0]["name"], looked_at) == (MANY - 1, "000002-20261127T100000Z", [])
    assert listed[0]["started"] == "2026-11-27T10:00:00Z"
    assert "steps" not in listed[0]
    assert len(page.encode()) < LARGEST_PAGE
    last = listed[-1]
    run = json.loads(runs.run(last["folder"], last["file"]))
    assert looked_at == ["001000-20261127T100000Z.jsonl"]
    (whole,) = data_of(player([str(folder / "journal" / last["file"])], 1, built_in()))["runs"]
    assert run == whole
    assert run["steps"]


def test_page_alone_asks_its_server_and_no_page_in_one_file_does(folder: Path) -> None:
    """What lies on a disk may ask nobody."""
    assert "connect-src 'self'" in ServedRuns([str(folder)], 1, built_in()).page("/run.json")
    assert "connect-src" not in player([str(folder)], 1, built_in())


@pytest.mark.parametrize(
    "asked",
    [
        "folder=0&name=000002-no_job_left.jsonl",
        "folder=7&name={name}",
        "folder=x&name={name}",
        "folder=0",
        "folder=0&name=..%2F..%2Frobot.toml",
        "folder=0&name=%2Fetc%2Fpasswd",
        "",
    ],
)
def test_what_is_not_listed_is_not_read(tmp_path: Path, asked: str) -> None:
    """A sentence, and nothing of any other file."""
    (path,) = write_nights(tmp_path / "state" / "journal", machine(), runs=1)
    (tmp_path / "robot.toml").write_text("secret", encoding="utf-8")
    with Orchestrator(
        Store(tmp_path / "o.sqlite"), runs=ServedRuns([str(tmp_path / "state")], 5, built_in())
    ) as server:
        status, text = served(f"{server.url}/run.json?{asked.format(name=path.name)}")
        whole = served(f"{server.url}/run.json?folder=0&name={urllib.parse.quote(path.name)}")

    assert status in (400, 404)
    assert set(json.loads(text)) == {"error"}
    assert "secret" not in text
    assert (whole[0], json.loads(whole[1])["name"]) == (200, path.name.removesuffix(".jsonl"))


def test_server_without_runs_has_none(tmp_path: Path) -> None:
    """The sentence says what would show them."""
    with Orchestrator(Store(tmp_path / "o.sqlite")) as server:
        for path in ("/runs", "/run.json?folder=0&name=x"):
            status, text = served(f"{server.url}{path}")
            assert (status, "--runs" in text) == (404, True)


def machine() -> Any:
    from fsm_robot.engine import machine_file

    return machine_file.load(built_in(), None, ())
