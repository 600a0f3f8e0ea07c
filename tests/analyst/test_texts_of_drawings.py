"""Texts of drawings, on generated machines whose names break programs: whole, inside of the picture, commanding nothing."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fsm_robot.analyst.bpmn.kept_places import drawn as bpmn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.drawing.compare import compare
from fsm_robot.analyst.drawing.scene import SMALL_SIZE, START, TEXT_SIZE, TITLE_SIZE, scene
from fsm_robot.analyst.drawing.shapes import Edge, Node
from fsm_robot.analyst.drawing.svg import Marks, svg
from fsm_robot.analyst.drawing.text_width import monospace_width, text_width
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.drawio import drawio
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.words import words
from fsm_robot.cli import main
from fsm_robot.cli.streams import GuardedStream
from fsm_robot.engine.machine.definition import CallbackSpec, Definition, State, Transition
from fsm_robot.engine.wording import symbols
from tests.analyst.drawings import faults
from tests.analyst.generated_machines import MACHINES, NAMES

SVG = "{http://www.w3.org/2000/svg}"
FORMATS: dict[str, Callable[[Definition], str]] = {
    "dot": lambda machine: dot(words(machine)),
    "drawio": lambda machine: drawio(words(machine)),
    "mermaid": lambda machine: mermaid(words(machine)),
    "plantuml": lambda machine: plantuml(words(machine)),
    "svg": lambda machine: svg(words(machine)),
    "bpmn": lambda machine: bpmn(analysts_process(words(machine))),
}
XML = ("drawio", "svg", "bpmn")
TINY = Definition(
    "a machine with a name that is longer than the machine is wide", "a",
    (State("a"), State("b", final=True)), (Transition("go", "a", "b", exit_code=1),), {}, (), {},
)  # fmt: skip


def texts(root: ElementTree.Element) -> Iterator[tuple[float, float, str, str]]:
    """Yield where each text of a picture begins and ends, its class and what it says."""

    def walk(node: ElementTree.Element, dx: float) -> Iterator[tuple[float, float, str, str]]:
        shift = re.match(r"translate\((\S+) ", node.get("transform", ""))
        dx += float(shift[1]) if shift else 0.0
        if node.tag == f"{SVG}text":
            kind = node.attrib["class"]
            measured = monospace_width if kind == "note code" else text_width
            size = {"title": TITLE_SIZE, "text": TEXT_SIZE}.get(kind, SMALL_SIZE)
            bold = {"bold": True} if kind == "title" else {}
            width = measured(node.text or "", size, **bold)
            for note in node:
                width += float(note.get("dx", 0)) + text_width(note.text or "", SMALL_SIZE)
            x = float(node.attrib["x"]) + dx
            yield x, x + width, kind, "".join(node.itertext())
        for child in node:
            yield from walk(child, dx)

    return walk(root, 0.0)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", MACHINES)
def test_every_name_is_in_the_picture_from_its_first_to_its_last_letter(name: str) -> None:
    """Broken into lines, never cut: states whose names differ at the end read differently; nothing covers anything."""
    machine = MACHINES[name]

    root = ElementTree.fromstring(svg(words(machine)))

    width = float(root.attrib["viewBox"].split()[2])
    assert [text for text in texts(root) if not 0 <= text[0] <= text[1] <= width] == []
    for group in root.iter(f"{SVG}g"):
        said = squeezed("".join(text for _, _, kind, text in texts(group) if kind == "title"))
        if (group.get("class") or "").startswith("state"):
            place = int(group.attrib["id"].removeprefix("state-")) if group.attrib["id"][6:].isdigit() else 0
            state = machine.states[place - 1].name if place else group.attrib["data-state"]
            assert said == squeezed(symbols(state))
    picture = scene(words(machine))
    nodes = [Node(START, 18, 18), *(Node(figure.state.name, *figure.size) for figure in picture.figures)]
    edges = [Edge(START, START, machine.initial)]
    edges += [Edge(route.id, route.source, route.dest, *route.label_size()) for route in picture.routes]
    assert faults(picture.drawing, nodes, edges) == []


def test_a_narrow_machine_has_its_whole_heading_and_legend() -> None:
    """Marks of a comparison too: each sign and its word are inside of the picture."""
    changed = Definition(
        "other", "a", (State("a", "call"), State("b", final=True), State("c", final=True)),
        (Transition("go", "a", "b", exit_code=2), Transition("stop", "a", "c", exit_code=0)), {}, (CallbackSpec("call"),), {},
    )  # fmt: skip
    found = compare(TINY, changed)

    for machine, marks in ((TINY, Marks()), (found.union, found.marks)):
        root = ElementTree.fromstring(svg(words(machine), None, marks))
        width = float(root.attrib["viewBox"].split()[2])
        said = {text for _, _, _, text in texts(root)}
        assert [text for text in texts(root) if not 0 <= text[0] <= text[1] <= width] == []
        assert symbols(machine.name) in said
    assert {"added", "changed"} <= said


def commands(text: str) -> list[str]:
    """Return the characters that command something: controls but for the line break, separators, turns of the writing."""
    return [
        char for char in text if char != "\n" and (unicodedata.category(char) in {"Cc", "Zl", "Zp"} or char == "\u202e")
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_no_drawing_holds_a_character_that_commands_something(kind: str) -> None:
    """They are shown by their symbols, and what is XML can be read by a parser."""
    for machine in MACHINES.values():
        text = FORMATS[kind](machine)
        assert commands(text) == []
        if kind in XML:
            ElementTree.fromstring(text.encode())


def test_symbols_are_told_apart() -> None:
    """No two names become one, and a plain name stays as it is."""
    assert len({symbols(name) for name in NAMES}) == len(NAMES)
    assert symbols("\x1b[31m\x07 two\nlines\t\x7f") == "␛[31m␇ two␊lines␉␡"
    assert symbols("a\u202eb\x9b") == "a<U+202E>b<U+009B>"
    assert symbols("Счёт_1 👍🏽 e\u0301") == "Счёт_1 👍🏽 e\u0301"


HOSTILE = '"red\\x1b[31m\\a\\nfaked"'
FILE = f"""
machine: {HOSTILE}
states:
  - {{name: {HOSTILE}, on_enter: call}}
  - {{name: Over, final: true}}
transitions:
  - {{trigger: {HOSTILE}, source: {HOSTILE}, dest: Over}}
callbacks:
  call: {{answers: [{HOSTILE}]}}
"""


@pytest.mark.parametrize("command", [["check", "--any-callbacks"], ["diagram"], ["diagram", "--format", "dot"]])
def test_a_terminal_sees_names_by_their_symbols(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line stays one line, and nothing is obeyed."""
    path = tmp_path / "hostile.yaml"
    path.write_text(FILE, encoding="utf-8")
    raw = io.BytesIO()
    raw.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", GuardedStream(raw, encoding="utf-8", write_through=True))

    assert main([*command, str(path)]) == 0

    said = raw.getvalue().decode()
    assert commands(said.replace("\r", "")) == []
    assert "\nfaked" not in said
    assert "red" in said
