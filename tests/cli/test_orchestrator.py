"""`fsm-robot orchestrator` as two terminals use it."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.cli.served_runs import ServedRuns
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from fsm_robot.robot.machine import built_in
from tests.fakes.waiting import GUID, PATIENCE_S

JOURNALS = Path(__file__).parents[1] / "journals"


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to a process of another group")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_ends_politely_when_told_to(serving: tuple[subprocess.Popen[str], str], number: int) -> None:
    """Ctrl-C and SIGTERM, with a kept connection: exit code 0, nothing on stderr, the file closed."""
    process, url = serving
    kept = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)
    kept.request("GET", "/state.json")
    kept.getresponse().read()

    process.send_signal(number)

    assert process.wait(PATIENCE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    kept.close()


def test_serve_tells_which_faults_are_in_force_and_who_can_reach_it(folder: Path) -> None:
    """A fault of last week is still in the file; an address that others reach is warned of."""
    Store(folder / "orchestrator.sqlite").order_fault(Fault.parse("beat:html@0.5"))
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--host", "0.0.0.0"]
    command += ["--fault", "all:drop-before*2", "--seed", "7"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None

    lines = [process.stdout.readline() for _ in range(2)]
    warning = process.stderr.readline()
    process.kill()
    process.communicate()

    assert lines[0].startswith("listening at http://0.0.0.0:")
    assert "beat:html@0.5, all:drop-before*2" in lines[1]
    assert "--tls-cert" in warning
    assert "other machines can reach this server" in warning


def served(address: str) -> tuple[int, str]:
    """Return the status and the text of a page."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_serve_shows_the_youngest_runs_as_they_come(folder: Path) -> None:
    """Before the robot's first run the page says what is missing; then it is there, without a restart."""
    command = [sys.executable, "-I", "-m", "fsm_robot", "orchestrator", "serve", "--port", "0", "--runs", "state"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = next(word for word in process.stdout.readline().split() if word.startswith("http")) + "/runs"
        before = served(address)
        (folder / "state" / "journal").mkdir(parents=True)
        for journal in sorted(JOURNALS.glob("*.jsonl"))[:2]:
            shutil.copy(journal, folder / "state" / "journal" / f"0000{journal.name}")
        after = served(address)
    finally:
        process.kill()
        process.communicate()

    assert before[0] == 404
    assert "state" in before[1]
    assert "does not exist" in before[1]
    assert after[0] == 200
    assert "000001-no_job" in after[1]
    assert "000002-no_job" in after[1]


def test_runs_are_shown_under_the_own_address_only(tmp_path: Path) -> None:
    """Another site's page that lets its name point here gets nothing of the journals; without --runs there is none."""
    runs = ServedRuns([str(JOURNALS)], 3, built_in())
    with Orchestrator(Store(tmp_path / "o.sqlite"), runs=runs) as server:
        asked = urllib.request.Request(f"{server.url}/runs", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="421"):
            urllib.request.urlopen(asked, timeout=10)
        assert served(f"{server.url}/runs")[0] == 200
        server.runs = None
        assert served(f"{server.url}/runs")[0] == 404


def test_robot_is_paused_resumed_forgotten_and_remembered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a file that holds its GUID before it has called, by its label afterwards."""
    (folder / "guid.txt").write_text(f"{{{GUID.upper()}}}\n", encoding="utf-8")
    assert main(["orchestrator", "remember", "@guid.txt"]) == 0
    label = capsys.readouterr().out.partition(":")[0]
    assert main(["orchestrator", "enqueue", "x", "--robot", "@guid.txt"]) == 0
    store = Store(folder / "orchestrator.sqlite")

    for action, standing in (("pause", (True, True)), ("resume", (True, False)), ("forget", (False, False))):
        assert main(["orchestrator", action, label]) == 0
        assert [(robot.active, robot.paused) for robot in store.robots()] == [standing]
    capsys.readouterr()
    assert main(["orchestrator", "robots", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["label"], store.jobs()[0].robot) == (label, label)
    assert GUID not in capsys.readouterr().out


def test_name_does_nothing_to_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters are shown, not sent; other scripts are left as they are."""
    Store(folder / "orchestrator.sqlite").enqueue("\x1b[2Jотчёт\n")

    assert main(["orchestrator", "jobs"]) == 0

    assert "\\x1b[2Jотчёт\\n" in capsys.readouterr().out


def test_jobs_are_the_newest_and_say_what_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million jobs fill no screen and no memory, and nobody takes a part for the whole."""
    monkeypatch.setattr("fsm_robot.cli.orchestrator.SHOWN_JOBS", 2)
    store = Store(folder / "orchestrator.sqlite")
    for name in ("a", "b", "c"):
        store.enqueue(name)

    assert main(["orchestrator", "jobs"]) == 0
    some = capsys.readouterr()
    assert main(["orchestrator", "jobs", "--all"]) == 0
    every = capsys.readouterr()

    assert [line.split()[-1] for line in some.out.splitlines()] == ["script", "b", "c"]
    assert some.err == "1 older jobs are left out; --all lists them\n"
    assert ([line.split()[-1] for line in every.out.splitlines()], every.err) == (["script", "a", "b", "c"], "")


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
        (["enqueue", "x", "--task", "{"], "is not JSON"),
        (["enqueue", "x", "--task", "[1]"], "must be a JSON object"),
        (["enqueue", "x", "--task", "@none.json"], "cannot be read"),
        (["enqueue", "x", "--robot", "robot-none"], "first heartbeat"),
        (["enqueue", "x", "--robot", "@none.txt"], "cannot be read"),
        (["enqueue", "x", "--task", '{"a": NaN}'], "NaN is not a number"),
        (["enqueue", "x", "--task", "[" * 100_000], "is not JSON"),
        (["enqueue", "\udcff"], "cannot be written as UTF-8"),
        (["enqueue", "x", "--times", "0"], "from 1 to"),
        (["enqueue", "x", "--db", "none/o.sqlite"], "unable to open"),
        (["pause", "robot-none"], "there is no such file"),
        (["serve", "--host", ""], "must be an address"),
        (["serve", "--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
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
