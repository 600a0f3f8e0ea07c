from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

from fsm_robot.analyst.drawing.scene import START, scene
from fsm_robot.analyst.drawing.shapes import Edge, Node
from fsm_robot.analyst.drawing.svg import COLOURS, Marks, state_ids, svg
from fsm_robot.analyst.words import Words
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition, Transition
from fsm_robot.robot.machine import built_in
from tests.analyst.drawings import faults
from tests.analyst.machines import Edges, edges_of, hostile, random_machine

SVG = "{http://www.w3.org/2000/svg}"


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def read_svg(text: str) -> tuple[set[str], Edges, str]:
    """An independent reader: states, transitions and the initial state, from the data attributes."""
    root = ElementTree.fromstring(text)
    groups = root.findall(f".//{SVG}g")
    states = {group.attrib["data-state"] for group in groups if "data-state" in group.attrib}
    edges = {
        (attributes["data-source"], attributes["data-event"], attributes["data-kind"], attributes["data-dest"])
        for attributes in (group.attrib for group in groups)
        if "data-event" in attributes
    }
    return states, edges, root.attrib["data-initial"]


@pytest.mark.parametrize("language", ["", "ru"])
@pytest.mark.parametrize("definition", [robot(), hostile(), *(random_machine(seed) for seed in range(4))])
def test_svg_holds_exactly_the_machine(definition: Definition, language: str) -> None:
    """Every state and transition, no other, whatever they are called and in whatever language they are shown."""
    text = svg(Words(definition, language))

    states, edges, initial = read_svg(text)

    assert states == {state.name for state in definition.states}
    assert edges == edges_of(definition)
    assert initial == definition.initial


@pytest.mark.parametrize(
    "mutant",
    [
        lambda edge: attrs.evolve(edge, dest="Faulted"),
        lambda edge: attrs.evolve(edge, kind="internal"),
        lambda edge: attrs.evolve(edge, trigger="other"),
        lambda edge: None,
    ],
)
def test_the_reader_sees_a_changed_transition(mutant: Callable[[Transition], Transition | None]) -> None:
    """Dest, kind, event and absence each make a difference, or the test above would prove nothing."""
    definition = robot()
    first, *others = definition.transitions
    changed = mutant(first)
    other = attrs.evolve(definition, transitions=(changed, *others) if changed else tuple(others))

    assert read_svg(svg(Words(other)))[1] != edges_of(definition)


@pytest.mark.parametrize("definition", [robot(), hostile(), random_machine(9, 30)])
@pytest.mark.parametrize("language", ["", "ru"])
def test_nothing_in_the_picture_covers_anything(definition: Definition, language: str) -> None:
    """The real sizes of boxes and labels, not only those of the layout's own tests."""
    drawn = scene(Words(definition, language))
    nodes = [Node(START, 18, 18), *(Node(figure.state.name, *figure.size) for figure in drawn.figures)]
    edges = [Edge(START, START, definition.initial)]
    edges += [Edge(route.id, route.source, route.dest, *route.label_size()) for route in drawn.routes]

    assert faults(drawn.drawing, nodes, edges) == []


def test_ids_are_safe_and_told_apart() -> None:
    """Every id is one of a kind and a plain word, though no name is."""
    root = ElementTree.fromstring(svg(Words(hostile())))
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", identity) for identity in ids)
    assert state_ids(robot())["Ready"] == "state-Ready"


def test_svg_stands_alone() -> None:
    """No script, no reference to anything outside, a title and a description for those who cannot see it."""
    text = svg(Words(robot(), "ru"))
    root = ElementTree.fromstring(text)

    assert "href" not in text
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert root.findtext(f"{SVG}title") == "robot"
    assert "Готов к работе: есть задание → Получение задания." in root.findtext(f"{SVG}desc", "")


def test_every_class_has_a_colour_for_light_and_for_dark() -> None:
    """In the dark nothing stays dark upon dark."""
    text = svg(Words(robot()))
    light, _, dark = text.partition("@media screen and (prefers-color-scheme: dark)")

    for selector, (what, day, night) in COLOURS.items():
        assert f"{selector} {{ {what}: {day}; }}" in light
        assert f"{selector} {{ {what}: {night}; }}" in dark


def test_names_are_shown_without_a_language_and_titles_with_one() -> None:
    """The default is what journal and log say."""
    plain, russian = svg(Words(robot())), svg(Words(robot(), "ru"))

    assert ">Ready</text>" in plain
    assert ">job_found</text>" in plain
    assert ">Готов к работе</text>" in russian
    assert ">есть задание</text>" in russian
    assert ">job_found</text>" not in russian


def test_budgets_exit_codes_and_finals_are_shown() -> None:
    """An analyst sees how often, and with which code it ends."""
    text = svg(Words(robot()))

    assert "at most 3×" in text
    assert "after 3× · exit 4" in text
    assert re.search(r'<g class="state good" id="state-Finished"', text)
    assert re.search(r'<g class="state bad" id="state-Faulted"', text)
    assert 'class="state initial" id="state-Recovering"' in text


@pytest.mark.parametrize(
    ("name", "language"), [("states.svg", "en"), ("states.ru.svg", "ru"), ("states.names.svg", "")]
)
def test_pictures_of_the_documentation_are_fresh(name: str, language: str) -> None:
    """docs/pictures shows the machine as it is; `make gallery` writes it."""
    picture = Path(__file__).parent.parent.parent / "docs" / "pictures" / name

    assert picture.read_text(encoding="utf-8") == svg(Words(robot(), language))


def test_marks_of_a_comparison_reach_their_shapes() -> None:
    """A marked state and a marked transition carry their mark, others none."""
    text = svg(Words(robot()), None, Marks({"Ready": "changed"}, {1: "added"}))

    assert '<g class="state changed" id="state-Ready"' in text
    assert '<g class="edge added" id="edge-1"' in text
    assert text.count('class="edge added"') == 1
