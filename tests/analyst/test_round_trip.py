from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import attrs
import pytest
from hypothesis import given, settings

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.read_back import from_bpmn
from fsm_robot.analyst.formats.from_scxml import from_scxml
from fsm_robot.analyst.formats.machine_text import machine_text
from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.words import words
from fsm_robot.analyst.xml_in import DEEPEST_LEVEL, Element, parse
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.errors import DefinitionError
from fsm_robot.robot.machine import built_in
from tests.analyst.random_machines import machines

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


def bpmn_exact(machine: Definition) -> str:
    return drawn(exact_process(words(machine)))


WAYS: dict[str, tuple[Callable[[Definition], str], Callable[[Element], Definition]]] = {
    "scxml": (scxml, from_scxml),
    "bpmn-exact": (bpmn_exact, from_bpmn),
}


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def back(text: str, read: Callable[[Element], Definition]) -> Definition:
    """Return the machine of a drawing, by way of the machine file that the command writes."""
    return compile_text(machine_text(read(parse(text.encode(), "drawing"))), "machine.yaml")


@pytest.mark.parametrize("name", WAYS)
def test_the_robots_machine_comes_back_as_it_was(name: str) -> None:
    """Behaviour, by digest, and labels."""
    write, read = WAYS[name]

    found = back(write(robot()), read)

    assert found.digest() == robot().digest()
    assert found.labels == robot().labels


@pytest.mark.parametrize("name", WAYS)
@settings(max_examples=60, deadline=None)
@given(machine=machines())
def test_every_machine_comes_back_as_it_was(name: str, machine: Definition) -> None:
    """Whatever its names, budgets, codes, retry policies and labels are."""
    write, read = WAYS[name]

    found = back(write(machine), read)

    assert found.digest() == machine.digest()
    assert found.labels == machine.labels


@settings(max_examples=100, deadline=None)
@given(machines())
def test_machine_file_is_written_so_that_it_compiles_to_the_same_machine(machine: Definition) -> None:
    """`Off`, `12:30`, quotes, line breaks and characters that YAML cannot hold stay what they are."""
    found = compile_text(machine_text(machine), "machine.yaml")

    assert found.digest() == machine.digest()
    assert found.labels == machine.labels


# ---- what an analyst may change in the exact profile


def edited(change: Callable[[ET.Element], None]) -> Definition:
    root = ET.fromstring(bpmn_exact(robot()).encode())
    change(next(root.iter(f"{{{BPMN}}}process")))
    return from_bpmn(parse(ET.tostring(root), "edited.bpmn"))


def find(process: ET.Element, ident: str) -> ET.Element:
    return next(node for node in process if node.get("id") == ident)


def test_flow_that_was_moved_leads_elsewhere_in_the_machine() -> None:
    """The drawing decides, not a copy of the machine inside of it."""
    found = edited(lambda process: find(process, "Flow_Claiming__claim_failed").set("targetRef", "Call_Ready"))

    edge = next(e for e in found.transitions if (e.source, e.trigger) == ("Claiming", "claim_failed"))
    assert edge.dest == "Ready"


def test_state_callback_and_event_that_were_renamed_are_renamed_in_the_machine() -> None:
    """A name that was changed in a modeller is the new name."""

    def change(process: ET.Element) -> None:
        find(process, "State_Claiming").set("name", "Taking")
        find(process, "Call_Claiming").set("name", "take_job")
        find(process, "Flow_Claiming__claim_failed").set("name", "job_lost")

    found = edited(change)

    assert next(state for state in found.states if state.name == "Taking").on_enter == "take_job"
    assert {e.trigger for e in found.transitions_from("Taking")} == {"job_claimed", "job_lost", "interrupted"}


def test_task_and_flow_that_were_added_are_a_state_and_a_transition() -> None:
    """What a modeller adds has no attributes of ours and needs none."""

    def change(process: ET.Element) -> None:
        ET.SubElement(process, f"{{{BPMN}}}userTask", {"id": "Activity_1", "name": "Resting"})
        ends = ("a", "Choice_Ready", "Activity_1"), ("b", "Activity_1", "Call_Ready")
        for ident, source, target in ends:
            flow = {"id": ident, "name": f"rest_{ident}", "sourceRef": source, "targetRef": target}
            ET.SubElement(process, f"{{{BPMN}}}sequenceFlow", flow)

    found = edited(change)

    assert found.states[-1].name == "Resting"
    assert [(e.source, e.trigger, e.dest, e.kind) for e in found.transitions[-2:]] == [
        ("Ready", "rest_a", "Resting", "external"),
        ("Resting", "rest_b", "Ready", "external"),
    ]


@pytest.mark.parametrize(
    ("ident", "key", "value", "complaint"),
    [
        ("Flow_Ready__no_job", "targetRef", "Nowhere", "targetRef is not an element"),
        ("Flow_Ready__no_job", "targetRef", "Begin", "must lead to a state"),
        ("Flow_Working__robot_forgotten", "targetRef", "Call_Working", "past the callback"),
        ("Flow_Begin", "sourceRef", "Choice_Ready", "one flow must leave the start event"),
        ("Flow_Ready__no_job", "sourceRef", "Call_Ready", "one flow must leave a callback"),
        ("Flow_Ready__no_job", "{urn:fsm-robot:machine:1}exit_code", "many", "exit_code must be a whole number"),
        ("State_Ready", "id", "", "has no id"),
    ],
)
def test_drawing_that_makes_no_sense_is_refused_with_its_place(
    ident: str, key: str, value: str, complaint: str
) -> None:
    """One sentence with file, line and element; nothing is guessed."""
    with pytest.raises(DefinitionError, match=rf"edited\.bpmn:\d+:\d+: .*{complaint}"):
        edited(lambda process: find(process, ident).set(key, value))


# ---- XML of somebody who means harm

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><scxml>&b;</scxml>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><scxml>&a;</scxml>'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (LAUGHS, "has a document type"),
        (OUTSIDE, "has a document type"),
        ('<!DOCTYPE scxml SYSTEM "http://example.org/x.dtd"><scxml/>', "has a document type"),
        ("<a>" * (DEEPEST_LEVEL + 1), f"deeper than {DEEPEST_LEVEL} levels"),
        ("<a>" + "<b/>" * 100_001 + "</a>", "more than 100000 elements"),
        (" " * (8 << 20) + "<a/>", "larger than 8 MiB"),
        ("<a>&undefined;</a>", "is not XML: undefined entity"),
        ("<a><b></a>", "is not XML: mismatched tag"),
        ("", "is not XML: no element found"),
        ("not XML at all", "is not XML"),
        ('<?xml version="1.0" encoding="EBCDIC-CP-XX"?><a/>', "is not XML"),
        ("\0\0\0", "is not XML"),
    ],
)
def test_hostile_xml_is_refused_in_one_sentence(text: str, complaint: str) -> None:
    """No entity is expanded, no file is opened, nothing grows."""
    with pytest.raises(DefinitionError, match=complaint) as caught:
        parse(text.encode(), "evil.xml")

    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("name", WAYS)
def test_drawing_that_is_not_ours_is_refused(name: str) -> None:
    """A file without what only our namespace can say is no machine."""
    write, read = WAYS[name]
    text = write(robot()).replace("urn:fsm-robot:machine:1", "urn:somebody:else")

    with pytest.raises(DefinitionError, match="has no fsm:machine"):
        read(parse(text.encode(), "other.xml"))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('initial="Recovering"', 'initial="Nowhere"', "there is no state 'Nowhere'"),
        ('target="Claiming"', 'target="Nowhere"', "there is no state 'Nowhere'"),
        ('<state id="Ready"', "<state", "has no id"),
        ('<final id="Faulted"', '<parallel id="Faulted"', "mismatched tag"),
        ("<datamodel>", '<history id="h"/><datamodel>', "has no such state"),
        ('fsm:kind="internal"', 'fsm:kind="external"', "an internal transition has no target"),
        (' status="4"', "", "the attribute 'status' is missing"),
    ],
)
def test_scxml_that_makes_no_sense_is_refused(old: str, new: str, complaint: str) -> None:
    """What an editor may have broken is said, with its place."""
    text = scxml(robot())
    assert old in text

    with pytest.raises(DefinitionError, match=complaint):
        from_scxml(parse(text.replace(old, new, 1).encode(), "edited.scxml"))


def test_digest_tells_two_machines_apart() -> None:
    """The comparison above would see a lost budget or kind."""
    machine = robot()
    edge = next(e for e in machine.transitions if e.at_most)
    others = tuple(attrs.evolve(e, at_most=9) if e is edge else e for e in machine.transitions)

    assert attrs.evolve(machine, transitions=others).digest() != machine.digest()
