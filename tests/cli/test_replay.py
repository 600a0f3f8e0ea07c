from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fsm_robot.cli import main
from fsm_robot.engine.machine.schema import schema
from fsm_robot.robot.machine import built_in

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "journals"
TEXT = built_in().read_text(encoding="utf-8")
OLD = "{trigger: grace_ended, source: Stopping, dest: Aborting}"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three runs, and a machine file that decides one of them otherwise."""
    (tmp_path / "runs").mkdir()
    for story in ("night", "stopped", "stop-ran-out"):
        shutil.copyfile(RECORDED / f"{story}.jsonl", tmp_path / "runs" / f"{story}.jsonl")
    assert OLD in TEXT
    (tmp_path / "my_states.yaml").write_text(TEXT.replace(OLD, OLD.replace("Aborting", "Reporting")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_example_of_the_documentation_is_what_the_command_prints(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/replay.md shows the true output, and the advice in it mends the file."""
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    shown = page.partition("$ fsm-robot replay runs --machine my_states.yaml\n")[2].partition("```")[0]

    assert main(["replay", "runs", "--machine", "my_states.yaml"]) == 1
    said = capsys.readouterr().out.replace("\\", "/")
    assert _without_line_numbers(said) == _without_line_numbers(shown)

    (number,) = re.findall(r"write `dest: Aborting` in line (\d+)", said)
    lines = (runs / "my_states.yaml").read_text(encoding="utf-8").splitlines()
    assert "dest: Reporting" in lines[int(number) - 1]
    lines[int(number) - 1] = lines[int(number) - 1].replace("dest: Reporting", "dest: Aborting")
    (runs / "my_states.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert main(["replay", "runs", "--machine", "my_states.yaml"]) == 0


def _without_line_numbers(text: str) -> str:
    return re.sub(r"(my_states\.yaml:|in line )\d+", r"\1N", text)


def test_identical_runs_give_0_and_a_summary(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The built-in machine decides its own runs alike."""
    assert main(["replay", "runs"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 runs: 3 identical"


def test_storage_folder_stands_for_the_journals_in_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`fsm-robot replay state` is what people write first."""
    (runs / "state").mkdir()
    (runs / "runs").rename(runs / "state" / "journal")

    assert main(["replay", "state"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 runs: 3 identical"


def test_renamed_map_in_the_machine_file_gives_compatible(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A renamed state is told, and is no failure."""
    renamed = TEXT.replace("Stopping", "Halting") + "\nrenamed: {Stopping: Halting}\n"
    (runs / "new.yaml").write_text(renamed, encoding="utf-8")

    assert main(["replay", "runs/stopped.jsonl", "--machine", "new.yaml"]) == 0
    out = capsys.readouterr().out
    assert "compatible, 9 steps" in out
    assert "renamed   Stopping -> Halting" in out


def test_json_and_junit_tell_the_same(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs and CI servers get the verdicts, the exit code with them."""
    assert main(["replay", "runs", "--machine", "my_states.yaml", "--json", "--junit", "out.xml"]) == 1

    values = json.loads(capsys.readouterr().out)
    assert values["exit_code"] == 1
    assert {run["verdict"] for run in values["runs"]} == {"identical", "divergent"}
    suite = ElementTree.parse(runs / "out.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")


BAD = {
    "no file": (["replay", "nothing.jsonl"], "there is no such file or folder"),
    "empty folder": (["replay", "empty"], "there is no journal (*.jsonl) in this folder"),
    "no machine": (["replay", "runs", "--machine", "no.yaml"], "no.yaml: cannot be read"),
    "bad machine": (["replay", "runs", "--machine", "bad.yaml"], "bad.yaml:1:1:"),
    "no such step": (["replay", "runs/night.jsonl", "--until", "99"], "no such step; its steps are 0 to 12"),
    "report cannot be written": (["replay", "runs", "--junit", "empty"], "cannot be written"),
    "no argument": (["replay"], "JOURNAL|FOLDER"),
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_sentence_and_code_2(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """What, where, what to do; no traceback."""
    (runs / "empty").mkdir()
    (runs / "bad.yaml").write_text("states: []\n", encoding="utf-8")

    assert main(arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err + said.out


NO_JOURNALS = {
    "empty": b"",
    "text": b"hello\nworld\n",
    "binary": bytes(range(256)) * 50,
    "json": b'{"record":"header","format":1}\n',
    "zeros": b"\0" * 4096,
}


@pytest.mark.parametrize("data", NO_JOURNALS.values(), ids=NO_JOURNALS.keys())
def test_file_that_is_no_journal_is_told_and_code_2(
    runs: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    """Whatever somebody hands over, the others are judged, and the exit code is 2."""
    (runs / "runs" / "other.jsonl").write_bytes(data)

    for more in ([], ["--steps"], ["--json"]):
        assert main(["replay", "runs", *more]) == 2
    out = capsys.readouterr().out
    assert "this is not a journal: " in out
    assert "4 runs: 3 identical, 1 damaged" in out


def test_torn_journal_is_judged_and_code_0(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A power loss is no divergence."""
    path = runs / "runs" / "night.jsonl"
    path.write_bytes(path.read_bytes()[:-300])

    assert main(["replay", str(path)]) == 0
    assert "is torn, as a power loss leaves it" in capsys.readouterr().out


def test_steps_and_until_tell_the_story_and_the_state(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict stands below what people asked for."""
    assert main(["replay", "runs/stop-ran-out.jsonl", "--steps"]) == 0
    story = capsys.readouterr().out
    assert "Stopping -> Aborting   grace_ended (inbox)   kill_script" in story
    assert story.splitlines()[-1].endswith("identical, 10 steps")

    assert main(["replay", "runs/stop-ran-out.jsonl", "--until", "6"]) == 0
    assert "state     Aborting, since step 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "marks"),
    [
        ("mermaid", ["Stopping", "grace_ended (taken 1#215;, after", "classDef taken", "class s1,s2,"]),
        ("dot", ['label="grace_ended (taken 1×, after scripts.stop_grace_s = 1m)"', 'color="#1f6fb2"', "fillcolor="]),
        (
            "markdown",
            [
                "| from | event | to | exit code | remarks | taken |",
                "| `grace_ended` | Aborting |  | after scripts.stop_grace_s = 1m | 1 |",
            ],
        ),
    ],
)
def test_diagram_marks_the_way_of_a_run(
    runs: Path, capsys: pytest.CaptureFixture[str], form: str, marks: list[str]
) -> None:
    """What was taken shows on the drawing, with its count; without --run nothing is marked."""
    assert main(["diagram", "--format", form, "--run", "runs/stop-ran-out.jsonl"]) == 0
    text = capsys.readouterr().out
    assert all(mark in text for mark in marks)
    assert "taken" not in _labels(text, "interrupted_again")

    assert main(["diagram", "--format", form]) == 0
    plain = capsys.readouterr().out
    assert not any(mark in plain for mark in marks[1:])


def _labels(text: str, event: str) -> str:
    return "\n".join(line for line in text.splitlines() if event in line)


def test_check_refuses_renamed_names_that_lead_nowhere(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt new name and an old name that is still used are mistakes with their place."""
    (runs / "bad.yaml").write_text(TEXT + "\nrenamed: {Old: Stoping, Ready: Working}\n", encoding="utf-8")

    assert main(["check", "bad.yaml"]) == 2
    said = capsys.readouterr().err
    assert "no state, event or callback is called 'Stoping'; did you mean 'Stopping'?" in said
    assert "'Ready' is still a name of this file" in said
    described: Any = schema()
    assert "renamed" in described["properties"]
