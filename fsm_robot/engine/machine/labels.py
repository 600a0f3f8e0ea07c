"""What people call states and events: files of labels beside a machine file, one per language. Pure.

`states.ru.yaml` beside `states.yaml` holds titles and descriptions in Russian. They are read where a person looks
(`check`, drawings, the player) and never when the robot runs, so a slip in a translation stops no robot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from fsm_robot.engine.machine.compiler import LANGUAGE, read_entry
from fsm_robot.engine.machine.definition import Definition, Label, Labels
from fsm_robot.engine.machine.document import Place, Problem, read
from fsm_robot.engine.wording import did_you_mean
from fsm_robot.errors import DefinitionError

SUFFIXES = (".yaml", ".yml", ".json")
KINDS = ("states", "events")
Key = tuple[str, str, str, str]
"""`states` or `events`, name, `title` or `describes`, language."""


@attrs.frozen
class Text:
    """A text and the file that it stands in."""

    text: str
    file: str


@attrs.frozen
class LabelFile:
    """A file that may hold labels, for it is called so.

    Attributes:
        name: How messages call it.
        language: What stands between the stem of the machine file and the suffix.
        text: What it holds.
    """

    name: str
    language: str
    text: str


def language_in(file_name: str, machine_stem: str, alike: Callable[[str], str] = str) -> str:
    """Return the language for which `file_name` may hold the labels of a machine file, or an empty text.

    A language that is written a little wrong (`RU`, `pt_BR`) counts: `with_labels` says how to write it.
    `alike` makes names equal that the file system takes for one.
    """
    length = len(machine_stem) + 1
    if alike(file_name[:length]) != alike(f"{machine_stem}."):
        return ""
    middle, dot, suffix = file_name[length:].rpartition(".")
    return middle if f"{dot}{suffix}" in SUFFIXES and LANGUAGE.fullmatch(_mended(middle)) else ""


def with_labels(definition: Definition, machine_name: str, files: Sequence[LabelFile]) -> Definition:
    """Return the machine with the labels of the files added to those that its own file holds.

    Args:
        definition: A checked machine.
        machine_name: How messages call its file.
        files: What stands beside it; one with `transitions` is a machine of its own (`states.old.yaml`) and left out.

    Raises:
        DefinitionError: Every mistake, each as `name:line:column: sentence`: also a name that the machine does not
            have, and a text that two files give differently, for then nobody could say which one holds.
    """
    texts = {key: Text(text, machine_name) for key, text in _texts_in(definition.labels)}
    mistakes = [mistake for file in files for mistake in _added(texts, definition, machine_name, file)]
    if mistakes:
        raise DefinitionError(mistakes)
    return attrs.evolve(definition, labels=_labels_of(definition, texts)) if files else definition


def unlabelled(definition: Definition) -> dict[str, dict[str, list[str]]]:
    """Return language -> `title` or `describes` -> the states and events that lack it.

    Only what a language has somewhere can be lacking in it; a text for every language is one in each, and one in `pt`
    is one in `pt-BR`.
    """
    labels = definition.labels
    languages = [language for language in labels.languages() if language] or list(labels.languages())
    names = [
        *((name, labels.states.get(name, Label())) for name in (state.name for state in definition.states)),
        *((name, labels.events.get(name, Label())) for name in definition.events()),
    ]
    found: dict[str, dict[str, list[str]]] = {}
    for language in languages:
        fitting = {language, language.partition("-")[0], ""}
        for part in ("title", "describes"):
            texts: list[tuple[str, Mapping[str, str]]] = [(name, getattr(label, part)) for name, label in names]
            if any(language in given for _, given in texts):
                missing = [name for name, given in texts if not fitting & set(given)]
                if missing:
                    found.setdefault(language, {})[part] = missing
    return found


def _mended(language: str) -> str:
    first, *rest = re.split(r"[-_]", language)
    return "-".join([first.lower(), *rest])


def _texts_in(labels: Labels) -> Iterator[tuple[Key, str]]:
    for kind, named in zip(KINDS, (labels.states, labels.events), strict=True):
        for name, label in named.items():
            for part, by_language in (("title", label.title), ("describes", label.describes)):
                yield from (((kind, name, part, language), text) for language, text in by_language.items())


def _labels_of(definition: Definition, texts: Mapping[Key, Text]) -> Labels:
    # In the order of the machine file, whatever that of the translation is: drawings and exports list them.
    found: dict[str, dict[str, dict[str, dict[str, str]]]] = {
        kind: {name: {"title": {}, "describes": {}} for name in names} for kind, names in _names_in(definition).items()
    }
    for (kind, name, part, language), text in texts.items():
        found[kind][name][part][language] = text.text
    states, events = (
        {name: Label(**parts) for name, parts in found[kind].items() if any(parts.values())} for kind in KINDS
    )
    return Labels(states, events)


def _names_in(definition: Definition) -> dict[str, tuple[str, ...]]:
    return {"states": tuple(state.name for state in definition.states), "events": definition.events()}


def _added(texts: dict[Key, Text], definition: Definition, machine_name: str, file: LabelFile) -> list[str]:
    """Add the labels of one file to `texts`; return its mistakes."""
    names = _names_in(definition)
    try:
        expected, spellings = "a file of labels has `states` and `events`", [*names["states"], *names["events"]]
        document, problems = read(file.text, file.name, expected, spellings)
    except DefinitionError as error:
        return list(error.problems)
    # What is no mapping is complained about by `read_entry` below, and once is enough.
    keys = set(document.content) if isinstance(document.content, dict) else set(KINDS)
    if "transitions" in keys:
        return []

    def complain(place: Place, text: str) -> None:
        problems.append(Problem(place.line, place.column, text))

    if not LANGUAGE.fullmatch(file.language):
        text = f"{file.language!r} in the name of the file is not a language; write {_mended(file.language)!r}"
        complain(document.place, f"{text}, or rename the file if it does not hold labels of {machine_name}")
    elif not keys.intersection(KINDS):
        text = f"by its name it holds the labels of {machine_name} in the language {file.language!r}"
        complain(document.place, f"{text}, but it has neither `states` nor `events`")
    values = read_entry(document, "labels", problems)
    for kind, known in names.items():
        for name, (entry, value) in values.get(kind, {}).items():
            if name not in known:
                place = document.content[kind].key_places.get(name, value.place)
                complain(place, f"{kind}: there is no {kind[:-1]} {name!r}{did_you_mean(name, known)}")
                continue
            for part, text in entry.items():
                other = texts.setdefault((kind, name, part, file.language), Text(text, file.name))
                if other.text != text:
                    what = f"the {part} of the {kind[:-1]} {name!r} in {file.language!r}"
                    problem = f"{what} stands in {other.file} as another text; delete one of the two"
                    complain(value.key_places[part], problem)
    return [f"{file.name}:{problem.line}:{problem.column}: {problem.text}" for problem in sorted(problems)]
