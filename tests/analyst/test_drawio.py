from __future__ import annotations

from xml.etree import ElementTree

import attrs
import pytest

from fsm_robot.analyst.formats.drawio import drawio
from fsm_robot.analyst.words import Words
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.analyst.machines import Edges, edges_of, hostile, random_machine


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def read_drawio(text: str) -> tuple[set[str], Edges, str]:
    """An independent reader of mxGraph: follows ids and parents, as draw.io does."""
    root = ElementTree.fromstring(text).find("diagram/mxGraphModel/root")
    assert root is not None
    objects = {node.attrib["id"]: node for node in root}
    states = {key: node.attrib["state"] for key, node in objects.items() if "state" in node.attrib}
    edges = set()
    for node in objects.values():
        if "event" not in node.attrib:
            continue
        cell = node.find("mxCell")
        assert cell is not None
        parent = cell.attrib["parent"]
        if parent in states:
            source = dest = states[parent]
        else:
            source, dest = (states[objects[parent].attrib[end]] for end in ("source", "target"))
        assert (source, dest) == (node.attrib["source_state"], node.attrib["dest_state"])
        edges.add((source, node.attrib["event"], node.attrib["kind"], dest))
    start = objects[objects["start-line"].attrib["target"]]
    return set(states.values()), edges, start.attrib["state"]


@pytest.mark.parametrize("language", ["", "ru"])
@pytest.mark.parametrize("definition", [robot(), hostile(), *(random_machine(seed) for seed in range(4))])
def test_drawio_holds_exactly_the_machine(definition: Definition, language: str) -> None:
    """Every state and transition, bound to the boxes that they join."""
    states, edges, initial = read_drawio(drawio(Words(definition, language)))

    assert states == {state.name for state in definition.states}
    assert edges == edges_of(definition)
    assert initial == definition.initial


def test_the_reader_sees_a_changed_transition() -> None:
    """A swapped target makes a difference."""
    definition = robot()
    first, *others = definition.transitions
    other = attrs.evolve(definition, transitions=(attrs.evolve(first, dest="Faulted"), *others))

    assert read_drawio(drawio(Words(other)))[1] != edges_of(definition)


def test_every_cell_is_known_and_has_a_place() -> None:
    """No dangling parent, source or target; ids are told apart; every shape has a geometry."""
    root = ElementTree.fromstring(drawio(Words(hostile()))).find("diagram/mxGraphModel/root")
    assert root is not None
    ids = [node.attrib["id"] for node in root]
    cells = [node if node.tag == "mxCell" else node.find("mxCell") for node in root]

    assert len(ids) == len(set(ids))
    for cell in cells[2:]:
        assert cell is not None
        assert {cell.attrib[key] for key in ("parent", "source", "target") if key in cell.attrib} <= set(ids)
        assert cell.find("mxGeometry") is not None


def test_labels_are_texts_and_never_markup() -> None:
    """draw.io is told not to read labels as HTML."""
    text = drawio(Words(hostile()))

    assert "html=1" not in text
    assert "&lt;/script&gt;" in text
