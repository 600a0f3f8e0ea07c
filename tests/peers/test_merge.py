"""A drawing that was edited in bpmn-js, by its palette and its mouse, comes back into the machine file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.engine import machine_file
from fsm_robot.robot.machine import built_in
from tests.fakes.journals import JournalMaker, done
from tests.peers import peers

PEER = "bpmn-js"
BELOW = [1610, 1510]


def way(act: str, **given: Any) -> dict[str, Any]:
    """Return one thing that somebody does, for `edits.js`; `from` is a word of Python."""
    return {"act": act, **{key.rstrip("_"): value for key, value in given.items()}}


def test_edit_of_an_analyst_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A task renamed, one drawn, two flows drawn: comments and labels are there, and the runs still fit."""
    for name in ("states.yaml", "states.en.yaml", "states.ru.yaml"):
        (tmp_path / name).write_bytes(built_in().with_name(name).read_bytes())
    old, drawing = tmp_path / "states.yaml", tmp_path / "edited.bpmn"
    assert main(["diagram", str(old), "--format", "bpmn-exact", "-o", str(drawing)]) == 0
    JournalMaker().write(tmp_path / "journal" / "000001.jsonl", ["nothing_left", *done(), "no_job"])
    peers.SHOTS.mkdir(parents=True, exist_ok=True)
    session = {
        "list": [
            way("rename", what="State_Claiming", name="Booking in"),
            way("draw", entry="create.task", at=BELOW, name="Asking a person", as_="new"),
            way("join", from_="Choice_Claiming", to="new", name="person_needed"),
            way("join", from_="new", to="Call_Reporting", name="person_said_no"),
        ],
        "shot": str(peers.SHOTS / "edited.bpmn-exact.png"),
    }
    text = drawing.read_text(encoding="utf-8")
    work = {"browser": peers.program("chromium"), "text": text, "sessions": {"palette": session}}
    found = peers.node("edits.js", work, tmp_path)["palette"]
    assert (found["warnings"], found["problem"]) == ([], "")
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


ASK = way("append", to="Choice_Claiming", entry="append-task", name="Asking", as_="new")
NEEDED = way("write", what="new flow", name="person_needed")
ANSWERED = way("connect", from_="new", to="Call_Reporting", name="person_said_no")
GOOD: dict[str, tuple[list[dict[str, Any]], set[tuple[str, str, str]], list[str]]] = {
    # What is done; transitions that are new; what is said.
    "a state appended by the context pad": (
        [ASK, NEEDED, ANSWERED],
        {("Claiming", "person_needed", "Asking"), ("Asking", "person_said_no", "Reporting")},
        ["callback claim_job may answer person_needed now", "event person_said_no comes from outside"],
    ),
    "a state made a user task": (
        [ASK, NEEDED, ANSWERED, way("morph", what="new", entry="replace-with-user-task")],
        {("Claiming", "person_needed", "Asking"), ("Asking", "person_said_no", "Reporting")},
        [],
    ),
    "an end appended": (
        [way("append", to="Choice_Ready", entry="end-event", name="Gone home", as_="new"), way("write", what="new flow", name="sent_home")],
        {("Ready", "sent_home", "Gone home")},
        ["callback announce may answer sent_home now"],
    ),
    "an arrow led to another state": (
        [way("redirect", flow="Flow_Claiming__claim_failed", to="Call_Ready")],
        {("Claiming", "claim_failed", "Ready")},
        ["Claiming: claim_failed: dest"],
    ),
    "the arrow of a clock led to another state": (
        [way("redirect", flow="Flow_Timer_Stopping_1", to="Call_Reporting")],
        {("Stopping", "grace_ended", "Reporting")},
        ["Stopping: grace_ended: dest"],
    ),
    "an arrow deleted": ([way("remove", what="Flow_Reporting__report_refused")], set(), ["report_outcome may not answer report_refused"]),
    "a callback renamed": ([way("rename", what="Call_Claiming", name="book_in")], set(), ["book_in: name"]),
    "an event renamed": (
        [way("write", what="Flow_Claiming__job_claimed", name="job_booked")],
        {("Claiming", "job_booked", "Working")},
        ["job_booked: name"],
    ),
    "a pool drawn around it": (
        [way("draw", entry="create.participant-expanded", at=[1610, 700], as_="pool"), way("redirect", flow="Flow_Claiming__claim_failed", to="Call_Ready")],
        {("Claiming", "claim_failed", "Ready")},
        [],
    ),
    "a data object drawn": ([way("draw", entry="create.data-object", at=BELOW, name="Invoice", as_="new")], set(), ["do the same"]),
    "a task deleted and brought back": ([way("remove", what="State_Working"), way("undo")], set(), ["do the same"]),
}  # fmt: skip
NO_MACHINE: dict[str, tuple[list[dict[str, Any]], str]] = {
    # What is done; the shape that is named, {} for the one that was drawn.
    "a task alone": ([way("draw", entry="create.task", at=BELOW, name="Lost", as_="new")], "{new} 'Lost'"),
    "a state without a way on": ([ASK, NEEDED], "{new} 'Asking'"),
    "an arrow without a name": ([ASK, ANSWERED], "{new flow}: has no name"),
    "an event drawn twice": (
        [way("connect", from_="Choice_Claiming", to="Call_Aborting", name="claim_failed", as_="new")],
        "{new} 'claim_failed': state 'Claiming' has another arrow",
    ),
    "a second start": ([way("draw", entry="create.start-event", at=BELOW, as_="new")], "{new}: is a second start"),
    "a subprocess": (
        [way("draw", entry="create.subprocess-expanded", at=[1610, 1450], as_="new")],
        "{new}: is not part",
    ),
    "a task of another kind": (
        [ASK, NEEDED, ANSWERED, way("morph", what="new", entry="replace-with-script-task")],
        "scriptTask {new} 'Asking'",
    ),
    "a waiting task deleted": ([way("remove", what="State_Working")], "Choice_Working 'event?'"),
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What people saved, and the folder with the machine file that their drawing was made from."""
    folder = tmp_path_factory.mktemp("sessions")
    for name in ("states.yaml", "states.en.yaml", "states.ru.yaml"):
        (folder / name).write_bytes(built_in().with_name(name).read_bytes())
    drawing = folder / "drawing.bpmn"
    assert main(["diagram", str(folder / "states.yaml"), "--format", "bpmn-exact", "-o", str(drawing)]) == 0
    work = {name: {"list": list_} for name, (list_, *_) in {**GOOD, **NO_MACHINE}.items()}
    job = {"browser": peers.program("chromium"), "text": drawing.read_text(encoding="utf-8"), "sessions": work}
    return folder, peers.node("edits.js", job, folder, timeout_s=570)


def merge(sessions: Any, name: str, tmp_path: Path) -> tuple[int, Path]:
    folder, found = sessions
    assert (found[name]["warnings"], found[name]["problem"]) == ([], "")
    edited, new = tmp_path / "edited.bpmn", tmp_path / "new.yaml"
    edited.write_text(found[name]["xml"], encoding="utf-8")
    return main(["diagram", "--from", str(edited), "--merge-into", str(folder / "states.yaml"), "-o", str(new)]), new


@pytest.mark.parametrize("name", GOOD)
def test_what_people_do_with_their_tools_comes_back(
    name: str, sessions: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Palette, context pad, ends of arrows, the list of kinds: the new ways are there, all others are as before."""
    _, ways, words = GOOD[name]

    code, path = merge(sessions, name, tmp_path)

    assert code == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == []
    before, now = (
        {(edge.source, edge.trigger, edge.dest) for edge in machine_file.load(file, None, ()).transitions}
        for file in (sessions[0] / "states.yaml", path)
    )
    assert now - before == ways
    text = (sessions[0] / "states.yaml").read_text(encoding="utf-8")
    comments = [line[line.index("#") :] for line in text.splitlines() if "#" in line]
    assert all(comment in path.read_text(encoding="utf-8") for comment in comments)


@pytest.mark.parametrize("name", NO_MACHINE)
def test_what_is_no_machine_is_refused_by_the_name_and_the_id_of_its_shape(
    name: str, sessions: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, no file; the id is the one that bpmn-js gave it."""
    code, path = merge(sessions, name, tmp_path)

    assert (code, path.exists()) == (2, False)
    assert NO_MACHINE[name][1].format_map(sessions[1][name]["named"]) in capsys.readouterr().err
