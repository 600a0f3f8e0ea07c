from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from fsm_robot import machine_file
from fsm_robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.export.dot import dot
from fsm_robot.export.markdown import markdown
from fsm_robot.export.mermaid import mermaid
from fsm_robot.export.words import Words
from fsm_robot.machine.compiler import compile_text
from fsm_robot.machine.definition import Definition

DOCS = Path(__file__).parent.parent.parent / "docs"
HOSTILE = ("end", "a;b", 'say "no"', "a<b>", "с пробелом", "a::b", "note", "back\\slash", "#1")


@pytest.fixture
def robot() -> Definition:
    return machine_file.load(machine_file.built_in(), callback_names(Callbacks), OUTCOMES)


def hostile() -> Definition:
    """A machine whose states are called what breaks other exporters."""
    names = "".join(f"  - {{name: {_yaml(name)}, on_enter: go}}\n" for name in HOSTILE)
    edges = "".join(
        f"  - {{trigger: next, source: {_yaml(a)}, dest: {_yaml(b)}}}\n" for a, b in itertools.pairwise(HOSTILE)
    )
    last = f"  - {{trigger: next, source: {_yaml(HOSTILE[-1])}, dest: Z, exit_code: 0}}\n"
    return compile_text(
        f"format: 1\nmachine: m\ninitial: {_yaml(HOSTILE[0])}\nstates:\n{names}  - {{name: Z, final: true}}\n"
        f"transitions:\n{edges}{last}callbacks: {{go: {{answers: [next]}}}}\noutcomes: {{failed: 5}}\n",
        "hostile.yaml",
    )


def _yaml(name: str) -> str:
    return "'" + name + "'"


def edges_of(definition: Definition) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.trigger, edge.dest) for edge in definition.transitions}


def read_mermaid(text: str) -> set[tuple[str, str, str]]:
    """An independent reader of the subset that we write."""

    def plain(escaped: str) -> str:
        return re.sub(r"#(\d+);", lambda match: chr(int(match.group(1))), escaped)

    names = {id_: plain(label) for label, id_ in re.findall(r'state "(.*)" as (\w+)', text)}
    found = re.findall(r"^    (\w+) --> (\w+) : (.*)$", text, re.MULTILINE)
    return {(names[a], plain(label).split(" (")[0], names[b]) for a, b, label in found}


def read_dot(text: str) -> set[tuple[str, str, str]]:
    """An independent reader of the subset that we write."""
    string = r'"((?:[^"\\]|\\.)*)"'

    def plain(quoted: str) -> str:
        return re.sub(r"\\(.)", r"\1", quoted)

    found = re.findall(rf"^    {string} -> {string} \[label={string}", text, re.MULTILINE)
    return {(plain(a), plain(label).split(" (")[0], plain(b)) for a, b, label in found}


@pytest.mark.parametrize("which", ["robot", "hostile"])
def test_mermaid_and_dot_hold_exactly_the_transitions(which: str, robot: Definition) -> None:
    """Every edge, no other, whatever the states are called."""
    definition = robot if which == "robot" else hostile()

    assert read_mermaid(mermaid(definition)) == edges_of(definition)
    assert read_dot(dot(definition)) == edges_of(definition)


def test_mermaid_marks_the_start_and_the_ends(robot: Definition) -> None:
    """One arrow in, one arrow out per final state."""
    text = mermaid(robot)

    assert text.count("[*] -->") == 1
    assert text.count("--> [*]") == sum(state.final for state in robot.states)


def test_page_of_states_is_fresh(robot: Definition) -> None:
    """docs/states.md says what states.yaml says; `make diagram` writes it."""
    assert (DOCS / "states.md").read_text(encoding="utf-8") == markdown(robot)


def test_page_of_states_has_titles_where_a_language_is_asked_for(robot: Definition) -> None:
    """Names stay, titles and descriptions come beside them."""
    text = markdown(robot, Words(robot, "ru"))

    assert "| Ready | Готов к работе | Сообщает оркестратору о готовности и узнаёт, есть ли задание |" in text
    assert "| `job_found` | есть задание | У оркестратора есть задание для этого робота. |" in text
    assert markdown(robot, Words(robot)) == markdown(robot)


def test_page_of_states_names_every_state_event_and_code(robot: Definition) -> None:
    """An analyst finds everything on one page."""
    text = markdown(robot)

    for word in [*(state.name for state in robot.states), *robot.events(), *robot.outcomes, "HasNewJob", "102"]:
        assert word in text
