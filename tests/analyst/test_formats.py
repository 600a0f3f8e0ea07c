from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process, groups_of
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.markdown import markdown
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.formats.pnml import pnml
from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.formats.xstate import xstate
from fsm_robot.analyst.idents import edge_idents, idents
from fsm_robot.analyst.words import Words, words
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.checks import check
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.machine import built_in
from tests.analyst.random_machines import machines
from tests.analyst.readers import (
    Seen,
    expected,
    expected_labels,
    read_bpmn,
    read_bpmn_exact,
    read_dot,
    read_mermaid,
    read_plantuml,
    read_pnml,
    read_scxml,
    read_xstate,
)

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXTS = {
    "mermaid": (mermaid, read_mermaid),
    "plantuml": (plantuml, read_plantuml),
    "dot": (dot, read_dot),
}
WHOLE: dict[str, tuple[Callable[[Definition], str], Callable[[str], Seen]]] = {
    "xstate": (xstate, read_xstate),
    "scxml": (scxml, read_scxml),
    "bpmn-exact": (lambda machine: drawn(exact_process(words(machine))), read_bpmn_exact),
}


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), callback_names(Callbacks), OUTCOMES)


@settings(max_examples=60, deadline=None)
@given(machines())
def test_random_machines_are_sound(machine: Definition) -> None:
    """What the tests below draw is what a user could write."""
    assert [problem.text for problem in check(machine)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_formats_of_text_hold_exactly_the_transitions_of_the_robot(name: str) -> None:
    """Every edge with its label, parallel ones each, no other."""
    write, read = TEXTS[name]

    assert read(write(words(robot()))) == _as_shown(name, robot())


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=60, deadline=None)
@given(machine=machines())
def test_formats_of_text_hold_exactly_the_transitions_whatever_the_names(name: str, machine: Definition) -> None:
    """Names of any characters come back; none of them ends a line, a text or the drawing."""
    write, read = TEXTS[name]

    text = write(words(machine))

    assert read(text) == _as_shown(name, machine)


def _as_shown(name: str, machine: Definition) -> Counter[tuple[str, str, str]]:
    return expected_labels(machine, calls=name == "dot")


@pytest.mark.parametrize("name", WHOLE)
def test_formats_of_machines_hold_the_whole_robot(name: str) -> None:
    """Transitions with their kinds, the start, the ends, and what is called on entry."""
    write, read = WHOLE[name]

    assert attrs.evolve(read(write(robot())), ids=frozenset()) == expected(robot())


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40, deadline=None)
@given(machine=machines())
def test_formats_of_machines_hold_the_whole_machine_whatever_the_names(name: str, machine: Definition) -> None:
    """The same for machines that nobody would write."""
    write, read = WHOLE[name]

    assert attrs.evolve(read(write(machine)), ids=frozenset()) == expected(machine)


@settings(max_examples=60, deadline=None)
@given(machines())
def test_petri_net_has_a_transition_per_edge_and_is_closed_by_silent_ones(machine: Definition) -> None:
    """One silent transition begins, one per final state ends; XML has no place for some characters."""
    found, silent = read_pnml(pnml(machine))

    edges = Counter((edge.source, edge.trigger, edge.dest) for edge in machine.transitions)
    assert sum(found.values()) == sum(edges.values())
    assert silent == 1 + sum(state.final for state in machine.states)
    if all(text.isprintable() for edge in edges for text in edge):
        assert found == edges


def analysts_ways(machine: Definition) -> set[tuple[str, str, bool]]:
    """Return the ways that the analyst profile should show, by the ids that it gives."""
    ids = idents(state.name for state in machine.states)
    found = {("Begin", f"State_{ids[machine.initial]}", False)}
    for state in machine.states:
        task = f"State_{ids[state.name]}"
        if state.final:
            found |= {(task, f"End_{ids[state.name]}", False)} if state.on_enter else set()
            continue
        for group in groups_of(machine, state):
            dest = machine.state(group.dest)
            goal = f"State_{ids[group.dest]}"
            if group.stays:
                goal = f"Noted_{ids[state.name]}__{group.mark}__{ids[group.dest]}"
            elif dest.final and not dest.on_enter:
                goal = f"End_{ids[state.name]}__{group.mark}__{ids[group.dest]}"
            found.add((task, goal, group.stays))
    return found


@settings(max_examples=40, deadline=None)
@given(machines())
def test_analysts_profile_leads_where_the_machine_leads(machine: Definition) -> None:
    """From task to task over gateways and events on borders, and nowhere else; every transition is in some group."""
    assert read_bpmn(drawn(analysts_process(words(machine)))) == analysts_ways(machine)
    for state in machine.states:
        if not state.final:
            grouped = [edge for group in groups_of(machine, state) for edge in group.edges]
            assert Counter(grouped) == Counter(machine.transitions_from(state.name))


def test_analysts_profile_of_the_robot_has_what_an_analyst_looks_for() -> None:
    """Orders are messages on the border of a task, failures errors; calls go to the orchestrator's pool."""
    process = analysts_process(words(robot()))
    borders = {(item.host, item.name, item.trigger) for item in process.items if item.host}

    assert ("State_Working", "stop ordered", "message") in borders
    assert ("State_Working", "abort ordered", "message") in borders
    assert ("State_Working", "interrupted,\ncontact lost", "signal") in borders
    assert any(host == "State_Ready" and trigger == "error" for host, _, trigger in borders)
    assert {(message.task, message.asks) for message in process.messages} >= {
        ("State_Ready", True), ("State_Ready", False), ("State_Claiming", True), ("State_Reporting", True)
    }  # fmt: skip
    assert process.pools == ("Robot", "Orchestrator")
    assert analysts_process(words(robot(), "ru")).pools == ("Робот", "Оркестратор")


def test_mermaid_marks_the_start_and_the_ends() -> None:
    """One arrow in, one arrow out per final state."""
    text = mermaid(words(robot()))

    assert text.count("[*] -->") == 1
    assert text.count("--> [*]") == sum(state.final for state in robot().states)


def test_ids_differ_and_depend_on_the_name_alone() -> None:
    """A plain name is its own id; any other has the same id in a machine that has grown."""
    hostile = ["Ready", "a b", "ж", "constructor", "__proto__"]

    ids = idents(hostile)

    assert ids["Ready"] == "Ready"
    assert len(set(ids.values())) == len(hostile)
    assert all(ident.isascii() and ident.isidentifier() for ident in ids.values())
    assert idents([*reversed(hostile), "new"]).items() >= ids.items()


@settings(max_examples=60, deadline=None)
@given(machines())
def test_ids_of_transitions_differ(machine: Definition) -> None:
    """Parallel edges and spent ones are told apart, underscores in names or not."""
    ids = edge_idents(machine)

    assert len(set(ids.values())) == len(machine.transitions)


def test_page_of_states_is_fresh() -> None:
    """docs/states.md says what states.yaml says; `make diagram` writes it."""
    assert (DOCS / "states.md").read_text(encoding="utf-8") == markdown(robot())


def test_drawings_tell_nothing_of_keys_that_have_no_effect() -> None:
    """A retry in a callback that nobody repeats is no fact, neither on the page nor in the process of analysts."""
    robot = machine_file.load(built_in(), callback_names(Callbacks), OUTCOMES)
    spec = attrs.evolve(robot.callback("report_outcome"), name="own", pause_s=7, codes={"OwnCode": {0: "job_reported"}})
    states = tuple(attrs.evolve(s, on_enter="own") if s.name == "Reporting" else s for s in robot.states)
    specs = tuple(spec if found.name == "report_outcome" else found for found in robot.callbacks)
    machine = attrs.evolve(robot, states=states, callbacks=specs)

    page, process = markdown(machine), drawn(analysts_process(Words(machine)))

    for told in (page, process):
        assert "OwnCode" not in told
    assert "| `own` | no_connection" not in page
    assert "Asked again for 600 s" not in process
    assert "Asked again for 600 s" in drawn(analysts_process(Words(robot)))


def test_page_of_states_has_titles_where_a_language_is_asked_for() -> None:
    """Names stay, titles and descriptions come beside them."""
    text = markdown(robot(), Words(robot(), "ru"))

    assert "| Ready | Готов к работе | Сообщает оркестратору о готовности и узнаёт, есть ли задание |" in text
    assert "| `job_found` | есть задание | У оркестратора есть задание для этого робота. |" in text
    assert markdown(robot(), Words(robot())) == markdown(robot())


def test_page_of_states_names_every_state_event_and_code() -> None:
    """An analyst finds everything on one page."""
    machine = robot()
    text = markdown(machine)

    for word in [*(state.name for state in machine.states), *machine.events(), *machine.outcomes, "HasNewJob", "102"]:
        assert word in text
