from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.robot.machine import built_in


@pytest.mark.parametrize("name", ["scxml", "bpmn-exact"])
def test_machine_file_comes_back_from_its_drawing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--from` prints or writes a machine file that compiles to the same machine."""
    drawing, again = tmp_path / "drawing.xml", tmp_path / "machine.yaml"
    assert main(["diagram", "--format", name, "-o", str(drawing)]) == 0

    assert main(["diagram", "--from", str(drawing), "-o", str(again)]) == 0
    assert main(["diagram", "--from", str(drawing)]) == 0

    assert capsys.readouterr().out == again.read_text(encoding="utf-8")
    before, after = (machine_file.load_labelled(path, None, ()) for path in (built_in(), again))
    assert after.digest() == before.digest()
    assert after.labels == before.labels


def test_positions_of_an_analyst_are_kept(tmp_path: Path) -> None:
    """The next export leaves the task where the analyst has put it."""
    old, new = tmp_path / "old.bpmn", tmp_path / "new.bpmn"
    assert main(["diagram", "--format", "bpmn", "-o", str(old)]) == 0
    root = ET.fromstring(old.read_bytes())
    for node in root.iter("{http://www.omg.org/spec/BPMN/20100524/DI}BPMNShape"):
        if node.get("bpmnElement") == "State_Ready":
            node[0].set("x", "4321")
    old.write_bytes(ET.tostring(root))

    assert main(["diagram", "--format", "bpmn", "--keep-positions", str(old), "-o", str(new)]) == 0

    assert '<bpmndi:BPMNShape id="State_Ready_di" bpmnElement="State_Ready"><dc:Bounds x="4321"' in new.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not XML: no element found"),
        (b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', "has a document type (DOCTYPE)"),
        (b"<html/>", "html: is neither SCXML nor BPMN"),
        (b'<scxml xmlns="http://www.w3.org/2005/07/scxml"/>', "has no fsm:machine"),
        (None, "cannot be read: "),
    ],
)
@pytest.mark.parametrize("option", ["--from", "--keep-positions"])
def test_bad_drawing_ends_in_one_sentence(
    option: str, content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, what and where, no traceback, nothing written."""
    path, out = tmp_path / "drawing.xml", tmp_path / "out"
    if content is not None:
        path.write_bytes(content)
    wanted = [option, str(path)] if option == "--from" else ["--format", "bpmn", option, str(path)]

    assert main(["diagram", *wanted, "-o", str(out)]) == 2

    said = capsys.readouterr().err
    assert said.startswith(str(path))
    assert said.count("\n") == 1
    assert option == "--keep-positions" or sentence in said
    assert not out.exists()


def test_drawing_of_a_machine_that_is_not_sound_is_refused_in_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checks of a machine file hold for a drawing too; the file is named, no line of a file that nobody has."""
    path = tmp_path / "drawing.scxml"
    assert main(["diagram", "--format", "scxml", "-o", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('event="job_claimed"', 'event="job_clamed"'), encoding="utf-8")

    assert main(["diagram", "--from", str(path)]) == 2

    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{path}: the machine in it is wrong: ")
    assert any("job_clamed" in line for line in said)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "dot", "--keep-positions", "x"], "--keep-positions is for the formats bpmn and bpmn-exact"),
        (["states.yaml", "--from", "x"], "--from takes the drawing itself: --from FILE"),
        (["--from", "x", "--format", "bpmn"], "--from writes a machine file, so it takes no --format"),
        (["--from", "x", "--runs", "y"], "--from writes a machine file, so it takes no --runs"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit 2."""
    assert main(["diagram", *arguments]) == 2

    assert capsys.readouterr().err == f"{sentence}\n"
