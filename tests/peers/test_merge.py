"""A drawing that was edited in bpmn-js, by its palette and its mouse, comes back into the machine file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.robot.machine import built_in
from tests.fakes.journals import JournalMaker, done
from tests.peers import peers

PEER = "bpmn-js"


def test_edit_of_an_analyst_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A task renamed, one drawn, two flows drawn: comments and labels are there, and the runs still fit."""
    for name in ("states.yaml", "states.en.yaml", "states.ru.yaml"):
        (tmp_path / name).write_bytes(built_in().with_name(name).read_bytes())
    old, drawing = tmp_path / "states.yaml", tmp_path / "edited.bpmn"
    assert main(["diagram", str(old), "--format", "bpmn-exact", "-o", str(drawing)]) == 0
    JournalMaker().write(tmp_path / "journal" / "000001.jsonl", ["nothing_left", *done(), "no_job"])
    peers.SHOTS.mkdir(parents=True, exist_ok=True)
    work = {
        "browser": peers.program("chromium"),
        "text": drawing.read_text(encoding="utf-8"),
        "rename": {"id": "State_Claiming", "name": "Booking in"},
        "task": "Asking a person",
        "flows": [
            {"source": "Choice_Claiming", "target": "", "name": "person_needed"},
            {"source": "", "target": "Call_Reporting", "name": "person_said_no"},
        ],
        "shot": str(peers.SHOTS / "edited.bpmn-exact.png"),
    }
    found = peers.node("edit.js", work, tmp_path)
    assert found["warnings"] == []
    drawing.write_text(found["xml"], encoding="utf-8")
    command = ["diagram", "--from", str(drawing), "--merge-into", str(old), "--runs", str(tmp_path / "journal")]

    assert main([*command, "-o", str(tmp_path / "new.yaml")]) == 0

    said = capsys.readouterr().out
    assert "callback claim_job may answer person_needed now" in said
    assert "event person_said_no comes from outside" in said
    assert re.search(r"\| 000001 +\|.*the same", said)
    new = machine_file.load_labelled(tmp_path / "new.yaml", None, ())
    assert new.renamed == {"Claiming": "Booking in"}
    ways = {(edge.source, edge.trigger, edge.dest) for edge in new.transitions}
    assert ("Booking in", "person_needed", "Asking a person") in ways
    assert ("Asking a person", "person_said_no", "Reporting") in ways
    assert new.labels.states["Booking in"].title.keys() >= {"en", "ru"}
    comments = [line[line.index("#") :] for line in old.read_text(encoding="utf-8").splitlines() if "#" in line]
    text = (tmp_path / "new.yaml").read_text(encoding="utf-8")
    assert all(comment in text for comment in comments)
