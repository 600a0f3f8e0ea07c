from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from fsm_robot.analyst.words import Words, words
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition, Labels, from_values
from fsm_robot.errors import DefinitionError

SMALL = """format: 1
machine: m
initial: A
states:
  - {{name: A, on_enter: go{state}}}
  - {{name: Z, final: true}}
transitions:
  - {{trigger: done, source: A, dest: Z, exit_code: 0}}
callbacks: {{go: {{answers: [done]}}}}
outcomes: {{failed: 5}}
{events}
"""


def small(state: str = "", events: str = "") -> Definition:
    return compile_text(SMALL.format(state=state, events=events), "m.yaml")


def test_every_state_and_event_of_the_robot_has_words_in_english_and_russian(robot_definition: Definition) -> None:
    """An analyst gets a drawing without a gap in either language."""
    labels = robot_definition.labels

    assert set(labels.states) == {state.name for state in robot_definition.states}
    assert set(labels.events) == set(robot_definition.events())
    for label in [*labels.states.values(), *labels.events.values()]:
        assert set(label.title) == set(label.describes) == {"en", "ru"}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_titles_of_the_robot_are_told_apart(robot_definition: Definition, language: str) -> None:
    """No two states and no two events share a title."""
    labels = robot_definition.labels

    for kind in (labels.states, labels.events):
        titles = [label.title[language] for label in kind.values()]
        assert len(set(titles)) == len(titles)


def test_labels_are_not_behaviour(robot_definition: Definition) -> None:
    """A machine with other titles, or none, has the same digest, so old journals still fit."""
    bare = attrs.evolve(robot_definition, labels=Labels())

    assert bare.digest() == robot_definition.digest()


def test_labels_survive_the_cache(robot_definition: Definition) -> None:
    """What comes back from JSON is the same machine with the same words."""
    values = json.loads(json.dumps(robot_definition.to_values()))

    assert from_values(values).labels == robot_definition.labels


def test_a_plain_title_is_for_every_language() -> None:
    """Who needs one language writes one text."""
    definition = small(", title: Печать, describes: prints", "events: {done: {title: {en: ready, ru: готово}}}")

    for language in ("en", "ru"):
        assert words(definition, language).state("A") == "Печать"
    assert words(definition, "ru-RU").event("done") == "готово"
    assert words(definition, "ru").about_state("A") == "prints"


def test_without_a_language_names_are_shown() -> None:
    """The names are what journal and log say."""
    definition = small(", title: Печать", "events: {done: {title: ready}}")

    assert (words(definition).state("A"), words(definition).event("done")) == ("A", "done")


def test_a_missing_title_falls_back_to_english_and_then_to_the_name() -> None:
    """A half-translated file draws whole."""
    definition = small(", title: {en: Print}", "events: {done: {describes: {ru: всё}}}")

    assert Words(definition, "ru").state("A") == "Print"
    assert Words(definition, "ru").event("done") == "done"
    assert Words(definition, "ru").state("Z") == "Z"


@pytest.mark.parametrize(
    ("state", "sentence"), [(", title: {en: A, ru: Б}", "its titles are in en, ru"), ("", "it has no titles")]
)
def test_an_unknown_language_is_refused_with_those_there_are(state: str, sentence: str) -> None:
    """One sentence says what can be asked for."""
    with pytest.raises(DefinitionError, match=sentence):
        words(small(state), "fr")


@pytest.mark.parametrize(
    ("state", "events", "problem"),
    [
        (", title: 5", "", "m.yaml:5:36: title must be a text, not 5"),
        (", title: [a]", "", "m.yaml:5:36: title must be a text, not a list"),
        (", title: {English: A}", "", "m.yaml:5:37: title: 'English' is not a language such as en, ru or pt-BR"),
        (", title: {en: 1}", "", "m.yaml:5:41: title must be a text, not 1"),
        (f", title: {'x' * 61}", "", "m.yaml:5:36: title must be one line of at most 60 characters"),
        (', describes: "a\\nb"', "", "m.yaml:5:40: describes must be one line of at most 300 characters"),
        ("", "events: {dome: {title: x}}", "m.yaml:11:16: events: there is no event 'dome'; did you mean 'done'?"),
        ("", "events: {done: {name: x}}", "m.yaml:11:17: unknown key 'name' in a label"),
    ],
)
def test_a_mistake_in_a_label_is_named_with_its_place(state: str, events: str, problem: str) -> None:
    """Labels are checked like everything else."""
    with pytest.raises(DefinitionError) as caught:
        small(state, events)

    assert problem in str(caught.value)


def test_a_language_may_be_called_no() -> None:
    """Norwegian is not the word for false."""
    assert words(small(", title: {no: Skriv ut}"), "no").state("A") == "Skriv ut"


def test_the_schema_for_editors_allows_what_the_compiler_allows(tmp_path: object) -> None:
    """A text, a text per language; not a number."""
    from fsm_robot.engine.machine.schema import schema

    jsonschema = pytest.importorskip("jsonschema", reason="the validator's compiled part does not load under Wine")
    described: Any = schema()
    validator = jsonschema.Draft202012Validator(
        described["properties"]["states"]["items"] | {"$defs": described["$defs"]}
    )

    def mistakes(title: object) -> int:
        return len(list(validator.iter_errors({"name": "A", "title": title})))

    assert [mistakes(title) for title in ("A", {"en": "A", "pt-BR": "B"}, 5, {"English": "A"}, "x" * 61)] == [
        0,
        0,
        1,
        1,
        1,
    ]
