"""`fsm-robot orchestrator` as two terminals use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.orchestrator.store import Store
from tests.fakes.waiting import PATIENCE_S


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a person who tries it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own and its address."""
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, next(word for word in line.split() if word.startswith("http"))
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_second_terminal_reaches_the_server_through_its_file(
    folder: Path, serving: tuple[subprocess.Popen[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Enqueue, list, stop by the beginning of a GUID, abort the last one: the server shows it at once."""
    assert (
        main(["orchestrator", "enqueue", "отчёты\\сводка", "--task", '{"месяц": "2026-10"}', "--name", "сводка"]) == 0
    )
    guid = capsys.readouterr().out.strip()
    assert main(["orchestrator", "enqueue", "x", "--times", "2"]) == 0
    assert main(["orchestrator", "stop", guid[:8]]) == 0
    assert main(["orchestrator", "abort", "last"]) == 0
    capsys.readouterr()

    assert main(["orchestrator", "jobs", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    with urllib.request.urlopen(f"{serving[1]}/state.json", timeout=10) as answer:
        shown = json.load(answer)["jobs"]

    assert [job["status_word"] for job in listed] == ["Stopped", "Pending", "Aborted"]
    assert [job["guid"] for job in shown] == [job["guid"] for job in reversed(listed)]


def test_server_ends_politely_on_ctrl_c(serving: tuple[subprocess.Popen[str], str]) -> None:
    """Exit code 0, nothing on stderr."""
    process, _ = serving

    process.send_signal(signal.SIGINT)

    assert process.wait(PATIENCE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_faults_are_ordered_listed_and_cleared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From another terminal, at run time."""
    Store(folder / "orchestrator.sqlite").enqueue("x")

    assert main(["orchestrator", "fault", "beat:status:503*3", "report:drop-after@0.5"]) == 0
    assert capsys.readouterr().out.splitlines() == ["beat:status:503*3   3 left", "report:drop-after@0.5   without end"]
    assert main(["orchestrator", "fault", "--clear"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["jobs"], "there is no such file"),
        (["enqueue", "x", "--task", "{"], "is no JSON"),
        (["enqueue", "x", "--task", "[1]"], "must be a JSON object"),
        (["enqueue", "x", "--task", "@none.json"], "cannot be read"),
        (["enqueue", "x", "--robot", "robot-none"], "first heartbeat"),
        (["enqueue"], "required"),
        (["serve", "--port", "http"], "from 0 to 65535"),
        (["serve", "--port", "0", "--fault", "beet:html"], "did you mean 'beat'"),
        (["nothing"], "invalid choice"),
        ([], "required"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """What is wrong and what would be right."""
    assert main(["orchestrator", *arguments]) == 2

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told


def test_job_that_is_not_there_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A beginning that fits none, or more than one."""
    store = Store(folder / "orchestrator.sqlite")
    store.enqueue("x")

    assert main(["orchestrator", "stop", "zz"]) == 2
    assert "is the beginning of 0 jobs" in capsys.readouterr().err
    assert main(["orchestrator", "stop", "last"]) == 0
    assert main(["orchestrator", "stop", "last"]) == 2
    assert "already ended as Stopped" in capsys.readouterr().err
