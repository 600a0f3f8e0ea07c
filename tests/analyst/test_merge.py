"""A drawing that somebody changed comes back into the machine file, which keeps its comments, order and words."""

from __future__ import annotations

import difflib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs
import pytest
from hypothesis import Phase, given, settings

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.read_back import drawn_in
from fsm_robot.analyst.drawing.compare import compare
from fsm_robot.analyst.formats.machine_text import machine_text
from fsm_robot.analyst.merge import Drawn, merged
from fsm_robot.analyst.words import Words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.cli import main
from fsm_robot.cli.merging import in_its_shapes
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition, Labels
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.machine import built_in
from tests.analyst.drawn_edits import edited
from tests.analyst.random_machines import machines
from tests.fakes.journals import JournalMaker, done

ROBOT = built_in().read_text(encoding="utf-8")


def commented(text: str) -> str:
    """Put a comment on each line and between the lines."""
    lines = []
    for number, line in enumerate(text.splitlines()):
        lines += [f"# above {number}", f"{line}  # behind {number}" if line else line]
    return "\n".join(lines) + "\n"


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(machines(), machines())
def test_file_becomes_the_machine_that_was_drawn(old: Definition, new: Definition) -> None:
    """Whatever the drawing shows, of the smallest change and of the largest, the new text is that machine."""
    text = commented(machine_text(old))
    before = compile_text(text, "old.yaml")
    drawn_one = attrs.evolve(new, outcomes=before.outcomes)

    for machine in (drawn_one, before):
        change = merged(text, "old.yaml", before, Drawn(machine))
        # Entries that both have keep their places, so the order may be another one.
        assert compare(machine, compile_text(change.text, "new.yaml")).differences == ()
        # A callback in the place of another one is that one with a new name.
        assert set(change.renamed) <= _names(before), change.renamed
        assert set(change.renamed.values()) <= _names(machine) - _names(before), change.renamed
    assert merged(text, "old.yaml", before, Drawn(before)).text == text


def _names(machine: Definition) -> set[str]:
    triggers = {transition.trigger for transition in machine.transitions}
    return {state.name for state in machine.states} | triggers | {spec.name for spec in machine.callbacks}


EDITS: dict[str, tuple[Callable[[str], str], list[str], list[str]]] = {
    # What an editor does to the drawing; the lines that are gone, and those that are new.
    "a transition leads elsewhere": (
        lambda bpmn: re.sub(r'(<sequenceFlow id="Flow_Claiming__claim_failed"[^>]*targetRef=")[^"]*', r"\1Call_Ready", bpmn),
        ["  - {trigger: claim_failed, source: Claiming, dest: Reporting}"],
        ["  - {trigger: claim_failed, source: Claiming, dest: Ready}"],
    ),
    "one source of several leads elsewhere": (
        lambda bpmn: re.sub(r'(<sequenceFlow id="Flow_Stopping__script_ended"[^>]*targetRef=")[^"]*', r"\1Call_Aborting", bpmn),
        ["  - {trigger: script_ended, source: [Working, Stopping, Aborting], dest: Reporting}"],
        [
            "  - {trigger: script_ended, source: [Working, Aborting], dest: Reporting}",
            "  - {trigger: script_ended, source: Stopping, dest: Aborting}",
        ],
    ),
    "a transition is deleted": (
        lambda bpmn: re.sub(r'<sequenceFlow id="Flow_Reporting__report_refused".*?</sequenceFlow>', "", bpmn, flags=re.S),
        [
            "  - {trigger: report_refused, source: Reporting, dest: Ready}",
            "    answers: [job_reported, report_refused, report_undelivered, credential_refused, interrupted]",
        ],
        ["    answers: [job_reported, report_undelivered, credential_refused, interrupted]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "gone", "there"), EDITS.values(), ids=EDITS.keys())
def test_only_what_was_drawn_changes_in_the_text(
    edit: Callable[[str], str], gone: list[str], there: list[str], tmp_path: Path
) -> None:
    """Of the robot's own file, with all its comments, the lines change that say it and no other."""
    definition = machine_file.load_labelled(built_in(), None, ())
    bpmn = drawn(exact_process(Words(definition)))
    edited = edit(bpmn)
    assert edited != bpmn

    change = merged(ROBOT, "states.yaml", definition, drawn_in(parse(edited.encode(), "edited.bpmn")))

    lines = [line for line in difflib.ndiff(ROBOT.splitlines(), change.text.splitlines()) if line[0] in "+-"]
    assert [line[2:] for line in lines if line[0] == "-"] == gone
    assert sorted(line[2:] for line in lines if line[0] == "+") == sorted(there)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The robot's machine file with its labels, a drawing of it, and two runs."""
    for name in ("states.yaml", "states.en.yaml", "states.ru.yaml"):
        (tmp_path / name).write_text(built_in().with_name(name).read_text(encoding="utf-8"), encoding="utf-8")
    command = ["diagram", str(tmp_path / "states.yaml"), "--format", "bpmn-exact", "-o", str(tmp_path / "edited.bpmn")]
    assert main(command) == 0
    JournalMaker().write(tmp_path / "journal" / "000001.jsonl", ["nothing_left", "no_job"])
    JournalMaker().write(tmp_path / "journal" / "000002.jsonl", ["nothing_left", *done(), "no_job"])
    return tmp_path


def edit(files: Path, old: str, new: str, count: int = 1) -> None:
    path = files / "edited.bpmn"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def merge(files: Path, *options: str) -> int:
    return main(["diagram", "--from", str(files / "edited.bpmn"), "--merge-into", str(files / "states.yaml"), *options])


def test_renamed_task_is_renamed_everywhere_and_old_runs_stay_understood(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """State, transitions, labels in each language; the old name stands in `renamed`, so no run diverges."""
    edit(files, 'id="State_Claiming" name="Claiming"', 'id="State_Claiming" name="Booking in"')

    assert merge(files, "--runs", str(files / "journal"), "-o", str(files / "new.yaml")) == 0

    new = machine_file.load_labelled(files / "new.yaml", None, ())
    assert new.renamed == {"Claiming": "Booking in"}
    assert "ru" in new.labels.states["Booking in"].title
    text = (files / "new.yaml").read_text(encoding="utf-8")
    assert [line for line in ROBOT.splitlines() if "#" in line and "Claiming" not in line] == [
        line for line in text.splitlines() if "#" in line and "Booking in" not in line
    ]
    said = capsys.readouterr().out
    assert "Booking in" in said
    assert said.count("the same") == 2


def test_without_o_it_only_prints_with_the_runs_that_diverge(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the end of a script leads elsewhere, the run with a job would go another way; no file is touched."""
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    path = files / "edited.bpmn"
    flow = r'(<sequenceFlow id="Flow_Working__script_ended"[^>]*targetRef=")[^"]*'
    path.write_text(re.sub(flow, r"\1Call_Aborting", path.read_text(encoding="utf-8")), encoding="utf-8")
    before[files / "edited.bpmn"] = (files / "edited.bpmn").read_bytes()

    assert merge(files, "--runs", str(files / "journal")) == 0

    said = capsys.readouterr().out
    assert re.search(r"\| 000001 +\|.*the same", said)
    assert re.search(r"\| 000002 +\| 5 +\| script_ended", said)
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


CAMUNDA = {"zeebe": "http://camunda.org/schema/zeebe/1.0", "modeler": "http://camunda.org/schema/modeler/1.0"}
CAMUNDA |= {"camunda": "http://camunda.org/schema/1.0/bpmn", "bioc": "http://bpmn.io/schema/bpmn/biocolor/1.0"}


def as_camunda_modeler_saves(text: str) -> str:
    """Return a drawing with what Camunda Modeler adds: prefixes, an executor, histories, forms, colours, default flows."""
    model = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
    for prefix, space in {"bpmn": model.strip("{}"), **CAMUNDA}.items():
        ET.register_namespace(prefix, space)
    root = ET.fromstring(text)
    root.set(f"{{{CAMUNDA['modeler']}}}executionPlatform", "Camunda Cloud")
    root.set("exporter", "Camunda Modeler")
    process = root.find(f"{model}process")
    assert process is not None
    process.set(f"{{{CAMUNDA['camunda']}}}historyTimeToLive", "180")
    for node in process.findall(f"{model}userTask"):
        node.set(f"{{{CAMUNDA['camunda']}}}formRefBinding", "latest")
        node.insert(0, ET.Element(f"{model}extensionElements"))
        ET.SubElement(node[0], f"{{{CAMUNDA['zeebe']}}}userTask")
    for gateway in process.findall(f"{model}exclusiveGateway"):
        gateway.set("default", gateway.findall(f"{model}outgoing")[0].text or "")
    for shape in root.iter("{http://www.omg.org/spec/BPMN/20100524/DI}BPMNShape"):
        shape.set(f"{{{CAMUNDA['bioc']}}}stroke", "#0d4372")
    return ET.tostring(root, encoding="unicode")


def test_what_camunda_modeler_adds_changes_nothing(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same machine, to the letter; and with one arrow led elsewhere, one line of it."""
    monkeypatch.setattr("xml.etree.ElementTree._namespace_map", {})
    path = files / "edited.bpmn"
    text = as_camunda_modeler_saves(path.read_text(encoding="utf-8"))
    assert "<bpmn:userTask " in text
    assert "zeebe:userTask" in text
    path.write_text(text, encoding="utf-8")

    assert merge(files, "-o", str(files / "same.yaml")) == 0
    assert "The two machines do the same." in capsys.readouterr().out
    assert (files / "same.yaml").read_text(encoding="utf-8") == ROBOT
    flow = r'(<bpmn:sequenceFlow id="Flow_Claiming__claim_failed"[^>]*targetRef=")[^"]*'
    path.write_text(re.sub(flow, r"\1Call_Ready", text), encoding="utf-8")
    assert merge(files) == 0
    assert re.search(r"claim_failed: dest +\| Reporting +\| Ready", capsys.readouterr().out)


WRONG = {
    "a task that nothing leads to": ('</process>', '<task id="Activity_0x" name="Ask a person"/></process>', "Activity_0x 'Ask a person'"),
    "a shape of another profile": ('</process>', '<subProcess id="Sub_1" name="More"/></process>', "Sub_1 'More'"),
    "a second arrow of an event": (
        "</process>", '<sequenceFlow id="F_9" name="claim_failed" sourceRef="Choice_Claiming" targetRef="Call_Ready"/></process>',
        "F_9 'claim_failed'",
    ),
    "an arrow without a name": (
        "</process>", '<sequenceFlow id="F_9" name=" " sourceRef="Choice_Claiming" targetRef="Call_Ready"/></process>', "F_9",
    ),
    "a gateway alone": ("</process>", '<exclusiveGateway id="G_9" name="which?"/></process>', "G_9 'which?'"),
    "a callback that leads nowhere": ("</process>", '<serviceTask id="T_9" name="call_home"/></process>', "T_9 'call_home'"),
    "a clock at a callback": (
        "</process>", '<boundaryEvent id="B_9" name="late" attachedToRef="Call_Ready"><timerEventDefinition/></boundaryEvent></process>',
        "B_9 'late'",
    ),
    "a second start": ("</process>", '<startEvent id="S_9" name="go"/></process>', "S_9 'go'"),
    "a flow to nowhere": ('</process>', '<sequenceFlow id="F_9" name="lost" sourceRef="State_Ready" targetRef="Nowhere"/></process>', "F_9 'lost'"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "shape"), WRONG.values(), ids=WRONG.keys())
def test_drawing_that_is_no_machine_is_refused_with_its_shape(
    files: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, shape: str
) -> None:
    """Exit code 2, the id and the name of the shape, and no file."""
    edit(files, old, new)

    assert merge(files, "-o", str(files / "new.yaml")) == 2

    error = capsys.readouterr().err
    assert shape in error
    assert "Traceback" not in error
    assert not (files / "new.yaml").exists()


@cache
def the_robot() -> tuple[Definition, str]:
    """Return the robot's machine, and its drawing."""
    definition = machine_file.load_labelled(built_in(), None, ())
    return definition, drawn(exact_process(Words(definition)))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_done_to_a_drawing_it_is_a_machine_or_its_shape_is_named(seed: int) -> None:
    """Sixty drawings with up to three edits each: a new text that compiles, or sentences that name shape or state."""
    definition, drawing = the_robot()
    data, did = edited(drawing, seed)

    try:
        found = drawn_in(parse(data, "edited.bpmn"), definition)
        change = merged(ROBOT, "states.yaml", definition, found)
        new = in_its_shapes(change, found, "edited.bpmn", "new.yaml")
    except DefinitionError as error:
        assert all(re.search(r" [A-Z]\w*_\w+|Begin", problem) for problem in error.problems), (did, error.problems)
    else:
        # Each arrow of the drawing is one of the file, called and leading as it was drawn.
        ways = {(edge.source, edge.trigger, edge.dest) for edge in found.machine.transitions}
        assert {(edge.source, edge.trigger, edge.dest) for edge in new.transitions} == ways, did


def renamed_in(values: object, old: str, new: str) -> object:
    """Return values of JSON with another name wherever one stands, as a key, too."""
    if isinstance(values, dict):
        return {renamed_in(key, old, new): renamed_in(value, old, new) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [renamed_in(value, old, new) for value in values]
    return new if values == old else values


def plain_values(definition: Definition) -> object:
    """Return what a machine does, as JSON has it; where its lines stand does not count."""
    text = json.dumps(attrs.evolve(definition, labels=Labels()).to_values())
    return json.loads(text, object_hook=lambda each: {key: each[key] for key in each if key not in ("line", "column")})


NAMED = {
    "state": ("userTask", lambda machine: [state.name for state in machine.states if not state.final]),
    "callback": ("serviceTask", lambda machine: [state.on_enter for state in machine.states if state.on_enter]),
    "event": ("sequenceFlow", lambda machine: [edge.trigger for edge in machine.transitions]),
}


@pytest.mark.parametrize("kind", NAMED)
def test_what_has_another_name_in_the_drawing_has_it_wherever_the_file_says_it(kind: str) -> None:
    """Each state, callback and event of the robot: codes, inbox, times, `ignores`, and `renamed` for recorded runs."""
    definition, text = the_robot()
    element, names = NAMED[kind]
    for name in dict.fromkeys(names(definition)):
        root = ET.fromstring(text)
        for each in root.iter():
            # A time is written at its clock and at the arrow of its event.
            if each.tag.endswith((f"}}{element}", "}boundaryEvent") if kind == "event" else f"}}{element}"):
                each.set("name", "Новое имя" if each.get("name") == name else each.get("name", ""))

        drawing = drawn_in(parse(ET.tostring(root), "edited.bpmn"), definition)
        change = merged(commented(ROBOT), "states.yaml", definition, drawing)

        new = compile_text(change.text, "new.yaml")
        assert new.renamed == {name: "Новое имя"}
        expected = renamed_in(plain_values(definition), name, "Новое имя")
        assert plain_values(attrs.evolve(new, renamed={})) == expected, name
        assert change.text.count("#") == commented(ROBOT).count("#")


@pytest.mark.parametrize("options", [["--lang", "ru"], ["--format", "svg"]], ids=" ".join)
def test_options_of_drawings_are_refused(files: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It draws nothing; and without the drawing there is nothing to merge."""
    assert merge(files, *options) == 2
    assert main(["diagram", "--merge-into", str(files / "states.yaml")]) == 2
    assert "--from" in capsys.readouterr().err
