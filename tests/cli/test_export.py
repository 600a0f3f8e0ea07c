from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import journal_arguments, main
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.errors import JournalError
from tests.fakes.journals import JournalMaker, Told, done, job

NIGHT: list[Told] = ["nothing_left", *done(1), *done(2), "no_job"]
KILLED: list[Told] = ["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A storage folder with two runs and what else lies in it."""
    JournalMaker().write(tmp_path / "journal" / "000002-20261124T100000Z.jsonl", NIGHT)
    JournalMaker().write(tmp_path / "journal" / "000001-20261123T100000Z.jsonl", ["nothing_left", "no_job"])
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "ledger.jsonl").write_text('{"job": "x"}\n')
    return tmp_path


@pytest.mark.parametrize("below", ["", "journal", "journal/000002-20261124T100000Z.jsonl", "journal/0*.jsonl"])
def test_journals_are_found_wherever_the_argument_points(storage: Path, below: str) -> None:
    """A journal, a folder of them, a storage folder, a pattern that the shell left alone."""
    target = storage / "log.csv"

    assert main(["export", str(storage / below), "--format", "csv", "-o", str(target)]) == 0

    with target.open(encoding="utf-8", newline="") as stream:
        cases = list(dict.fromkeys(row["case"].rpartition("/")[2] for row in csv.DictReader(stream)))
    expected = ["000001-20261123T100000Z", "000002-20261124T100000Z"]
    assert cases == (expected[1:] if "000002" in below else expected)


@pytest.mark.parametrize(
    "command",
    [
        *(["export", "--format", kind] for kind in ("xes", "csv", "ocel")),
        *(["conformance"], ["history"], ["status"], ["replay", "--json"]),
        ["diagram", "--format", "markdown", "--runs"],
    ],
    ids=" ".join,
)
def test_journals_that_git_turned_to_crlf_tell_every_command_the_same(
    storage: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No line is called changed, and only replay remarks on it."""
    code = main([*command, str(storage)])
    before = capsys.readouterr()
    for journal in (storage / "journal").iterdir():
        journal.write_bytes(journal.read_bytes().replace(b"\n", b"\r\n"))

    assert main([*command, str(storage)]) == code == 0
    after = capsys.readouterr()
    if command[0] == "replay":
        assert [len(run["remarks"]) for run in json.loads(after.out)["runs"]] == [1, 1]
    else:
        assert after == before


def test_xes_and_ocel_are_written_whole(storage: Path) -> None:
    """Each format by its own reader, and nothing but the file is left."""
    for name, read in (("log.xes", ET.fromstring), ("log.json", json.loads)):
        kind = "xes" if name.endswith("xes") else "ocel"
        assert main(["export", str(storage), "--format", kind, "--case", "job", "-o", str(storage / name)]) == 0
        read((storage / name).read_bytes())
    assert sorted(path.name for path in storage.iterdir()) == ["jobs", "journal", "log.json", "log.xes"]


def test_log_on_standard_output_is_utf_8_whatever_the_console_speaks(storage: Path) -> None:
    """A pipe gets the same bytes as a file."""
    arguments = ["-m", "fsm_robot", "export", str(storage), "--format", "csv", "--bom"]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, check=True, timeout=60, env={"PYTHONIOENCODING": "cp1252"}
    )

    assert done.stdout.decode("utf-8-sig").startswith("case,activity,timestamp,seq")
    assert "сводка" in done.stdout.decode()


def test_torn_tail_is_told_and_the_rest_is_exported(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a power loss left is used up to where it is whole."""
    journal = storage / "journal" / "000002-20261124T100000Z.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])

    assert main(["export", str(storage), "--format", "csv"]) == 0

    assert "is torn; what stands before it is used, 14 lines" in capsys.readouterr().err


def test_same_run_twice_is_counted_once(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder and a file of it, or a copy of a journal, do not double the figures."""
    copy = storage / "copy" / "000001-20261123T100000Z.jsonl"
    copy.parent.mkdir()
    copy.write_bytes((storage / "journal" / copy.name).read_bytes())

    assert main(["conformance", str(storage), str(storage / "journal"), str(copy), "--json"]) == 0

    told = capsys.readouterr()
    assert json.loads(told.out)["runs"] == 2
    assert "is a copy" in told.err


@pytest.mark.parametrize("lines", [3, 10, 15], ids=lambda lines: f"{lines} lines")
@pytest.mark.parametrize("first", [True, False], ids=["copy first", "copy last"])
def test_run_under_another_name_is_counted_once_by_its_chain(
    storage: Path, capsys: pytest.CaptureFixture[str], lines: int, first: bool
) -> None:
    """A copy that was made while the robot was at work is the beginning of the run; the whole one counts."""
    whole = (storage / "journal" / "000002-20261124T100000Z.jsonl").read_bytes()
    copy = storage / "copies" / "backup-of-tuesday.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
    given = [str(copy), str(storage)] if first else [str(storage), str(copy)]

    for command in (["export", "--format", "csv"], ["diagram", "--format", "markdown", "--runs"]):
        assert main([*command, str(storage)]) == 0
        alone = capsys.readouterr()
        assert main([*command, *given]) == 0
        told = capsys.readouterr()
        assert len(told.out.splitlines()) == len(alone.out.splitlines())
        assert "is a copy of" in told.err
        assert "backup-of-tuesday.jsonl" in told.err


def test_two_runs_under_one_name_are_both_counted(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a run is, its chain says: of a folder that was set up anew nothing is lost."""
    other = storage / "other" / "000001-20261123T100000Z.jsonl"
    JournalMaker().write(other, KILLED)

    assert main(["export", "--format", "csv", str(storage), str(other)]) == 0

    told = capsys.readouterr()
    cases = {line.partition(",")[0] for line in told.out.splitlines()[1:]}
    assert len(cases) == 3
    assert told.err == ""


def test_clock_a_year_ahead_is_repaired_and_told(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 15 records one has another year: it alone is worked out anew."""

    def spoil(written: list[tuple[str, dict[str, Any]]]) -> None:
        written[5][1]["at"] = written[5][1]["at"].replace("2026", "2027")

    journal = JournalMaker().write(storage / "spoilt" / "000009-20261123T100000Z.jsonl", NIGHT, change=spoil)

    assert main(["export", "--format", "csv", "--activity", "event", str(journal)]) == 0

    told = capsys.readouterr()
    assert "2027" not in told.out
    assert "the clock went back; 1 stamp of it is worked out from the time since its start" in told.err


BAD = {
    "nothing there": ("missing", "there is no such file or folder"),
    "no journal in the folder": ("empty", "there is no journal in this folder"),
    "another file": ("text.jsonl", "is not a journal of a robot"),
    "JSON that is not a journal": ("ledger.jsonl", "is not a journal of a robot"),
    "nothing in it yet": ("new.jsonl", "no journal has a whole line yet"),
}


@pytest.mark.parametrize("command", [["export", "--format", "xes"], ["conformance"]], ids=["export", "conformance"])
@pytest.mark.parametrize(("name", "sentence"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str, sentence: str
) -> None:
    """What is wrong and where; no traceback."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jsonl").write_bytes(b"\xff\xfe no journal\n")
    (tmp_path / "ledger.jsonl").write_bytes(b'{"job": "x"}\n')
    (tmp_path / "new.jsonl").write_bytes(b"")

    assert main([*command, str(tmp_path / name)]) == 2

    error = capsys.readouterr().err
    assert name in error
    assert sentence in error
    assert error.count("\n") == 1


def test_output_that_cannot_be_written_leaves_nothing_behind(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence; no half file."""
    assert main(["export", str(storage), "--format", "xes", "-o", str(storage / "no" / "log.xes")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_journal_is_never_overwritten_by_its_own_export(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the shell must not cost the journal."""
    journal = storage / "journal" / "000001-20261123T100000Z.jsonl"
    before = journal.read_bytes()

    assert main(["export", str(storage), "--format", "csv", "-o", str(journal)]) == 2

    assert "is read by this very command; it is not overwritten" in capsys.readouterr().err
    assert journal.read_bytes() == before


def test_half_written_log_does_not_replace_the_last_one(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle leaves the file of yesterday as it was."""
    target = storage / "log.csv"
    target.write_text("yesterday")
    real = read_journal

    def failing(path: Path) -> object:
        if path.name.startswith("000002"):
            raise JournalError(f"{path}: the journal cannot be read: input/output error")
        return real(path)

    monkeypatch.setattr(journal_arguments, "read_journal", failing)

    assert main(["export", str(storage), "--format", "csv", "-o", str(target)]) == 1

    assert target.read_text() == "yesterday"
    assert [path.name for path in storage.iterdir() if "part" in path.name] == []


def test_conformance_of_good_runs_is_exit_code_0(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All fit: one line."""
    assert main(["conformance", str(storage)]) == 0
    assert capsys.readouterr().out == "2 of 2 runs fit the machine robot, fitness of the log 1.0000\n"


def test_check_warns_of_names_that_table_tools_read_as_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`NA` in a CSV is no value for pandas: the rows would be gone, and nobody would see it."""
    path = _light(tmp_path)
    assert main(["check", str(path), "--any-callbacks"]) == 0
    assert "warning" not in capsys.readouterr().out
    path.write_text(path.read_text().replace("Red", "NA").replace("switched_off", "'null'"), encoding="utf-8")

    assert main(["check", str(path), "--any-callbacks"]) == 0

    assert "warning: NA, null: table tools read such a name as a missing value" in capsys.readouterr().out
    assert main(["check", str(path), "--any-callbacks", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["warnings"]) == 1


def test_conformance_against_another_machine_is_one_line_a_run(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot fit is not told step by step; as JSON everything is there."""
    machine = str(_light(storage))

    assert main(["conformance", str(storage), "--machine", machine]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2
    assert "is a run of the machine robot, not of light: step 0: the run starts in state Recovering" in lines[0]
    assert lines[2].startswith("0 of 2 runs fit the machine light, fitness of the log 0.")
    assert main(["conformance", str(storage), "--machine", machine, "--json"]) == 1
    assert all(len(case["deviations"]) > 3 for case in json.loads(capsys.readouterr().out)["cases"])


def _light(folder: Path) -> Path:
    path = folder / "light.yaml"
    path.write_text(
        "machine: light\ninitial: Red\nstates: [{name: Red, on_enter: wait}, {name: Off, final: true}]\n"
        "transitions: [{trigger: switched_off, source: Red, dest: Off}]\n"
        "callbacks: {wait: {answers: [switched_off]}}\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("kind", ["csv", "xes"])
def test_log_of_jobs_without_jobs_says_so(storage: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """An empty file alone would look like a fault."""
    idle = str(storage / "journal" / "000001-20261123T100000Z.jsonl")

    assert main(["export", idle, "--format", kind, "--case", "job"]) == 0

    assert "there is no job in these journals" in capsys.readouterr().err


def test_conformance_tells_in_words_what_was_expected_and_what_came(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and the place: the run, the step, the moment, the state."""
    JournalMaker().write(storage / "journal" / "000003-20261125T100000Z.jsonl", KILLED, None)

    assert main(["conformance", str(storage)]) == 1

    out = capsys.readouterr().out
    assert "000003-20261125T100000Z: fitness 0.8000" in out
    assert "step 4, 2026-11-23T10:00:04.000000Z: the run ends in state Working, which is not final" in out
    assert "2 of 3 runs fit" in out


def test_conformance_against_a_machine_file_of_ones_own(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was allowed then may not be allowed by the machine of tomorrow."""
    built_in = (Path(__file__).parents[2] / "states.yaml").read_text(encoding="utf-8")
    mine = storage / "mine.yaml"
    mine.write_text(
        built_in.replace("no_job, source: Ready, dest: Finished", "no_job, source: Ready, dest: Interrupted"),
        encoding="utf-8",
    )

    assert main(["conformance", str(storage), "--machine", str(mine)]) == 1

    out = capsys.readouterr().out
    assert "event no_job leads from Ready to Interrupted, and the journal has Finished" in out
    assert "recorded with another version of the machine" in out
    assert main(["conformance", str(storage), "--machine", str(storage / "none.yaml")]) == 2
