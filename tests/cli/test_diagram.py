from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.analyst import browser
from fsm_robot.cli import main
from fsm_robot.cli.diagram import FORMATS
from fsm_robot.engine import machine_file
from fsm_robot.robot.machine import built_in
from tests.fakes import needed
from tests.fakes.night import write_nights

TEXTS = sorted(set(FORMATS) - {"png", "pdf"})
BEGINNINGS = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}


@pytest.mark.parametrize("name", TEXTS)
def test_each_format_is_printed_and_written(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed and what is written is the same."""
    out = tmp_path / "out"

    assert main(["diagram", "--format", name]) == 0
    printed = capsys.readouterr().out
    assert main(["diagram", "--format", name, "-o", str(out)]) == 0

    assert out.read_text(encoding="utf-8") == printed
    assert "Consuming" in printed


@pytest.mark.parametrize("name", sorted(BEGINNINGS))
def test_pictures_and_pages_are_made_by_chromium(name: str, tmp_path: Path) -> None:
    """A real PNG and a real PDF of the size of the drawing."""
    needed.program("chromium")
    out = tmp_path / f"out.{name}"

    assert main(["diagram", "--format", name, "--lang", "ru", "-o", str(out)]) == 0

    data = out.read_bytes()
    assert data.startswith(BEGINNINGS[name])
    if name == "png":
        width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
        assert width > 2000
        assert height > 2000


@pytest.mark.parametrize("name", sorted(BEGINNINGS))
def test_without_chromium_one_sentence_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, no traceback, no file."""
    monkeypatch.setattr(browser, "find_browser", lambda: "")

    assert main(["diagram", "--format", name, "-o", str(tmp_path / "out")]) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"--format {name} needs a Chromium, and none is installed here: install Chromium")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_makes_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that is no browser ends in a sentence, not in an empty file."""
    import sys

    monkeypatch.setattr(browser, "find_browser", lambda: sys.executable)

    assert main(["diagram", "--format", "png", "-o", str(tmp_path / "out")]) == 2

    assert "made nothing: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_figures_of_a_state_folder_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--runs takes journals, folders of journals, and the robot's own storage folder."""
    paths = write_nights(tmp_path / "journal", machine_file.load(built_in(), None, ()), runs=2)

    shown = []
    for names in ([str(tmp_path)], [str(tmp_path / "journal")], list(map(str, paths))):
        assert main(["diagram", "--format", "svg", "--runs", *names]) == 0
        shown.append(capsys.readouterr().out)

    assert "2 runs, " in shown[0]
    assert shown[0] == shown[1] == shown[2]


def test_runs_of_another_machine_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures may then lack something, and the reader knows."""
    write_nights(tmp_path / "journal", machine_file.load(built_in(), None, ()), runs=2)
    other = tmp_path / "other.yaml"
    text = built_in().read_text(encoding="utf-8")
    other.write_text(text.replace("at_most: 1,", "at_most: 2,"), encoding="utf-8")

    assert main(["diagram", str(other), "--format", "svg", "--runs", str(tmp_path)]) == 0
    assert "2 of 2 runs followed another machine" in capsys.readouterr().err
    assert main(["diagram", "--format", "svg", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_what_stands_before_a_torn_line_counts_and_the_rest_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A power loss does not hide a whole night."""
    (path,) = write_nights(tmp_path, machine_file.load(built_in(), None, ()), runs=1)
    path.write_bytes(path.read_bytes()[:-40])

    assert main(["diagram", "--format", "svg", "--runs", str(path)]) == 0

    captured = capsys.readouterr()
    assert "1 run, " in captured.out
    assert captured.err.endswith("is torn; only what stands before it counts\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--lang", "fr"], "has no titles in the language 'fr'; its titles are in en, ru"),
        (
            ["--format", "drawio", "--runs", "."],
            "--runs can be shown as bpmn, dot, html, markdown, mermaid, pdf, png, svg, not",
        ),
        (["--format", "svg", "--runs", "nowhere"], "--runs nowhere: does not exist"),
        (["--format", "svg", "--runs", "."], "--runs .: holds no journal (*.jsonl)"),
        (
            ["--format", "svg", "--runs", "notes.txt"],
            "--runs notes.txt: is not a journal of a robot: line 1 is not a line",
        ),
        (["--format", "svg", "--runs", "empty.jsonl"], "--runs empty.jsonl: is not a journal of a robot: it is empty"),
        (["--diff", "a", "b", "--format", "dot"], "--diff can be markdown, svg, html, png, pdf, not dot"),
        (["--diff", "a", "b", "--runs", "r", "--format", "svg"], "--diff with --runs can be markdown, html, not svg"),
        (["c.yaml", "--diff", "a", "b"], "--diff takes both machine files itself"),
        (["--diff", "a.yaml", "b.yaml"], "a.yaml: cannot be read"),
        (["-o", "nowhere/out"], "nowhere/out: cannot be written"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2 and what to do."""
    monkeypatch.chdir(tmp_path)
    if arguments[-1] in ("notes.txt", "empty.jsonl"):
        (tmp_path / arguments[-1]).write_text("buy milk\n" if arguments[-1] == "notes.txt" else "", encoding="utf-8")

    assert main(["diagram", *arguments]) == 2

    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_comparison_is_a_table_unless_asked_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--diff OLD NEW` alone is for the terminal; with svg it is a drawing."""
    old, new = built_in(), tmp_path / "new.yaml"
    new.write_text(old.read_text(encoding="utf-8").replace("at_most: 1,", "at_most: 2,"), encoding="utf-8")

    assert main(["diagram", "--diff", str(old), str(new)]) == 0
    table = capsys.readouterr().out
    assert main(["diagram", "--diff", str(old), str(new), "--format", "svg"]) == 0
    drawing = capsys.readouterr().out

    assert "| changed | transition | Consuming: job_gone: at_most | 1      | 2   |" in table
    assert '<g class="edge changed"' in drawing
