"""Commands in the folder of a robot with a machine of its own: what `init --machine` writes, run by the real program."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fsm_robot.cli import main
from fsm_robot.cli.init import OWN_ROBOT

QUICK = {"greetings = 12": "greetings = 3", "rest_s = 5.0": "rest_s = 0.01"}
OF_ORCHESTRATORS = re.compile(r"orchestrat|\bjobs?\b|script", re.IGNORECASE)


def robot(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fsm_robot", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(command, done.returncode, as_text(done.stdout), as_text(done.stderr))


def as_text(data: bytes) -> str:
    """Read what a command has printed: on Windows in the code page, and a task for the scheduler in UTF-16."""
    data = data.replace(b"\r\n", b"\n")
    return data.decode("utf-16") if data.startswith(b"\xff\xfe") else data.decode("utf-8", "replace")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a new robot that does not rest for long."""
    folder = tmp_path / "робот"
    assert main(["init", "--machine", str(folder)]) == 0
    text = (folder / "robot.toml").read_text(encoding="utf-8")
    for old, new in QUICK.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "robot.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ran(own: Path) -> Path:
    """The same, after one run."""
    done = robot(own, "run", "--quiet")
    assert done.returncode == 0, done.stderr
    return own


def test_robot_that_init_wrote_is_right_runs_to_its_end_and_its_own_test_passes(own: Path) -> None:
    """Nothing has to be added: check, run, pytest."""
    assert robot(own, "check").returncode == 0

    done = robot(own, "run")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("hello") == 3

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tests = subprocess.run(command, cwd=own, capture_output=True, text=True, timeout=100, check=False)
    assert tests.returncode == 0, tests.stdout
    assert "3 passed" in tests.stdout


@pytest.mark.parametrize("there", OWN_ROBOT)
def test_init_overwrites_nothing_and_writes_all_or_nothing(
    tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file that is there already keeps the others from being written."""
    (tmp_path / there).write_text("mine")

    assert main(["init", "--machine", str(tmp_path)]) == 2

    assert "nothing was written" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "mine")]


def test_init_of_a_machine_takes_nothing_of_an_orchestrator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An option without effect is refused."""
    assert main(["init", "--machine", str(tmp_path), "--url", "http://127.0.0.1:1"]) == 2
    assert "takes no --url" in capsys.readouterr().err


def test_commands_take_the_machine_that_robot_toml_names(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to say --machine in the folder of a robot."""
    assert main(["replay", "state"]) == 0
    assert "identical" in capsys.readouterr().out
    assert main(["conformance", "state"]) == 0
    assert "fitness of the log 1.0000" in capsys.readouterr().out
    assert main(["diagram"]) == 0
    assert "Greeting" in capsys.readouterr().out
    assert main(["diagram", "--format", "html", "--runs", "state"]) == 0
    page = capsys.readouterr()
    assert "Greeting" in page.out
    assert not page.err


def test_machine_that_an_option_names_goes_before_that_of_robot_toml(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tomorrow's file is tried on yesterday's runs."""
    text = (ran / "machine.yaml").read_text(encoding="utf-8")
    (ran / "new.yaml").write_text(text.replace("dest: Done", "dest: Over").replace("name: Done", "name: Over"))

    assert main(["replay", "state", "--machine", "new.yaml"]) == 1
    assert main(["conformance", "state", "--machine", "new.yaml"]) == 1
    assert main(["diagram", "new.yaml"]) == 0
    assert "Over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("machine.yaml", "on_enter: greet", "on_enter: gret", "did you mean 'greet'?"),
        ("machine.yaml", "my.rest_s: rested", "30x: rested", "machine.yaml:5:29: after: '30x' is not a time"),
        ("machine.yaml", "my.rest_s: rested", "my.rest: rested", "did you mean 'my.rest_s'?"),
        ("machine.yaml", "all_greeted]}", "all_greeted], errors: {ConectionError: greeted}}", "'ConnectionError'?"),
        ("robot.toml", "rest_s = 5.0", 'rest_s = "five"', ":12: [my] rest_s: must be a number, not 'five'"),
        ("robot.toml", "rest_s = 5.0", "rests_s = 5.0", ":12: [my] rests_s: unknown key; did you mean 'rest_s'?"),
        ("callbacks.py", "class Callbacks", "def Callbacks", "cannot be imported: SyntaxError"),
        ("callbacks.py", "def greet", "def great", "the program has no callback 'greet'; did you mean 'great'?"),
        ("robot.toml", '"callbacks.py"', '"calbacks.py"', "there is no file"),
        ("robot.toml", '"callbacks.py"', '"made.py"', "Callbacks in made.py is a function; write a class"),
        ("robot.toml", '"machine.yaml"', '"machin.yaml"', "machin.yaml: cannot be read: No such file"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_mistake_of_a_newcomer_is_one_sentence_and_nothing_that_follows_from_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    """In what `init --machine` writes: the place, and what to write instead."""
    assert main(["init", "--machine", str(tmp_path)]) == 0
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    (tmp_path / "made.py").write_text("def Callbacks(context): ...\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    assert main([command]) == 2

    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) <= (2 if "gret" in new else 1), "the misspelt name, and the one that nobody uses now"


@pytest.mark.parametrize("below", [".", "state"])
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["check"], 0, "Greeting"),
        (["diagram"], 0, "Greeting"),
        (["diagram", "--diff", "machine.yaml"], 0, "do the same"),
        (["replay", "state", "--machine"], 0, "identical"),
        (["conformance", "state", "--machine"], 0, "fitness of the log 1.0000"),
        (["simulate", "--machine"], 2, "world of jobs"),
    ],
)
def test_folder_of_a_robot_means_its_machine_wherever_a_machine_file_is_asked_for(
    ran: Path, command: list[str], code: int, says: str, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One rule for all commands; and a folder that is none of a robot is told so."""
    if command == ["check"] and below == "state":
        pytest.skip("`check` looks at a robot.toml, and a storage folder has none")

    assert main([*command, below]) == code
    told = capsys.readouterr()
    assert says in told.out + told.err

    (ran.parent / "empty").mkdir()
    assert main([*command, str(ran.parent / "empty")]) == 2
    assert "empty" in capsys.readouterr().err


@pytest.mark.parametrize("below", [".", "state", "state/journal"])
@pytest.mark.parametrize("command", [["replay"], ["conformance"], ["diagram", "--format", "html", "--runs"]])
def test_journals_of_a_robot_are_held_against_its_own_machine_wherever_somebody_stands(
    ran: Path,
    command: list[str],
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The folder that is named says which robot is meant, and the robot which machine."""
    monkeypatch.chdir(tmp_path)

    assert main([*command, str(ran / below)]) == 0

    told = capsys.readouterr()
    assert not told.err
    assert command[0] != "diagram" or "Greeting" in told.out


def test_journals_of_robots_with_different_machines_need_a_machine_that_is_named(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file cannot be right for both, and nobody guesses."""
    assert main(["init", "--machine", str(tmp_path / "other")]) == 0
    assert robot(tmp_path / "other", "post", "x").returncode != 0  # no run of it yet: its folder is enough

    assert main(["replay", str(ran), str(tmp_path / "other")]) == 2
    assert "name one with --machine" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "conformance", "diagram"])
def test_folder_without_a_robot_means_the_built_in_machine_and_a_wrong_robot_toml_is_told(
    ran: Path, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To go on with another machine than the folder's own would mislead."""
    journal = next((ran / "state" / "journal").glob("*.jsonl"))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / journal.name).write_bytes(journal.read_bytes())
    arguments = [command] if command == "diagram" else [command, "kept"]
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == (0 if command == "diagram" else 1)
    capsys.readouterr()

    (tmp_path / "robot.toml").write_text("[machine]\nfil = 'x'\n")
    assert main(arguments) == 2
    assert "fil" in capsys.readouterr().err


def test_runs_of_a_machine_without_jobs_are_the_cases_of_its_logs(
    ran: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One case per run in every format, without a word of jobs but the columns that every table has."""
    robot(ran, "run", "--quiet")
    for kind in ("xes", "ocel", "csv"):
        assert main(["export", "state", "--format", kind, "-o", f"log.{kind}"]) == 0
    text = (ran / "log.xes").read_text(encoding="utf-8")
    traces = ElementTree.fromstring(text).findall("{*}trace")
    log = json.loads((ran / "log.ocel").read_text(encoding="utf-8"))
    with (ran / "log.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert len(traces) == 2
    assert [len(trace.findall("{*}event")) for trace in traces] == [6, 6]
    assert {kind["name"] for kind in log["objectTypes"]} == {"robot", "run"}
    assert len([found for found in log["objects"] if found["type"] == "run"]) == 2
    assert len({row["case"] for row in rows}) == 2
    assert not {row["job"] + row["script"] + row["outcome"] for row in rows} - {""}
    for name in ("log.xes", "log.ocel"):
        assert not OF_ORCHESTRATORS.findall((ran / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["xes", "csv"])
def test_cases_by_job_of_a_machine_without_jobs_say_why_the_log_is_empty(
    ran: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty file without a word looks like a robot that did nothing."""
    assert main(["export", "state", "--format", kind, "--case", "job"]) == 0
    assert "with `--case run`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["simulate", "--jobs", "1"], 2, "machine has none of them"),
        (["history"], 0, "has no jobs"),
        (["history", "."], 0, "has no jobs"),
        (["history", "--failed"], 0, "has no jobs"),
        (["logs"], 2, "has no jobs"),
        (["logs", "--folder", "."], 2, "has no jobs"),
        (["doctor"], 0, "free: this robot does not run now"),
        (["schedule", "show"], 0, "robot.toml"),
        (["status"], 0, "idle"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_commands_that_know_jobs_have_a_sentence_for_a_robot_without(
    ran: Path, command: list[str], code: int, said: str
) -> None:
    """What a command cannot do there is told, with the documented exit code, and never a traceback."""
    done = robot(ran, *command)

    assert done.returncode == code, done.stderr
    assert said in (done.stdout + done.stderr).replace(os.sep * 2, os.sep)
    assert "Traceback" not in done.stderr
