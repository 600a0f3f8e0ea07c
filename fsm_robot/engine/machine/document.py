"""YAML text -> values that know where they stand, with the meaning of YAML 1.2.

PyYAML alone would read a state called `Off` as False, `12:30` as 750, keep the last of two equal keys, and crash the
process on deep nesting. Here the nodes are composed and typed by the YAML 1.2 core schema instead.

Two spellings of one text are one: `й` may be one character or two, as the system that wrote the line has it, and nobody
sees which. The one that is read first counts, so that a file keeps the names that its journals have.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from typing import Any

import attrs
import yaml

from fsm_robot.errors import DefinitionError

LARGEST_CHARACTERS = 256 * 1024
DEEPEST_LEVEL = 32
MOST_NODES = 50_000

STANDARD_TAG = "tag:yaml.org,2002:"

# PyYAML without libyaml has none of the fast loaders; the slow one reads the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
}
_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
"""What a tag that says the type of a word lets it be."""
_PAIR = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NOT_IN_YAML = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
"""What YAML refuses or takes for the end of a line, and JSON does not."""
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_HINTS = {
    "found character '\\t'": "indent with blanks, not with tabs",
    "found a tab character": "indent with blanks, not with tabs",
    "expected a single document": "a file holds one document; delete `---` and what follows it, or make two files",
    "did not find expected <document start>": "a file holds one document; delete `---` and what follows it",
    "mapping values are not allowed": "put a text with a colon into quotes",
    "cannot start any token": "put a text that begins so into quotes",
    "found undefined alias": "put a text that begins with `*` into quotes, or write `&name` where `*name` comes from",
    "found duplicate anchor": "give each anchor a different name",
    "found undefined tag": "delete the tag and write the plain value",
    "incompatible YAML document": "delete the line that begins with %YAML",
}


@attrs.frozen
class Place:
    """Where a value stands: line and column, both from 1."""

    line: int
    column: int


@attrs.frozen(order=True)
class Problem:
    """A mistake and where it stands; lines and columns count from 1."""

    line: int
    column: int
    text: str


@attrs.frozen
class Value:
    """A node of the document.

    Attributes:
        content: None, bool, int, float, str, a list of `Value`, or a dict from key text or integer to `Value`.
        place: Where it begins.
        key_places: For a dict: where each key stands.
    """

    content: Any
    place: Place
    key_places: dict[Any, Place] = attrs.field(factory=dict)


def read(
    text: str,
    name: str,
    expected: str = "a machine file has states and transitions",
    spellings: Collection[str] = (),
) -> tuple[Value, list[Problem]]:
    """Return the only document in `text` and the problems found on the way.

    Args:
        text: A file.
        name: How messages call it.
        expected: What is told where it is empty.
        spellings: Names whose spelling counts before that of the file.

    Raises:
        DefinitionError: The text is no YAML, too large, too deep, or empty.
    """
    if len(text) > LARGEST_CHARACTERS:
        raise DefinitionError(
            [f"{name}:1:1: is larger than {LARGEST_CHARACTERS // 1024} KiB; this is not a machine file"]
        )
    try:
        text = _as_yaml(text)
        tags = _tags(text, name)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise DefinitionError([_yaml_problem(error, text, name)]) from error
    except yaml.reader.ReaderError as error:
        # Its position counts bytes or characters, as the parser is written in C or in Python.
        bad = chr(int(error.character))
        before = text.partition(bad)[0]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = f"the character U+{ord(bad):04X} is not allowed; delete it, or write its code in double quotes"
        raise DefinitionError([f"{name}:{line}:{column}: is not YAML: {what}"]) from error
    except yaml.YAMLError as error:
        raise DefinitionError([f"{name}:1:1: is not YAML: {' '.join(str(error).split())[:300]}"]) from error
    if node is None:
        raise DefinitionError([f"{name}:1:1: is empty; {expected}"])
    builder = _Builder(name, tags, {unicodedata.normalize("NFC", known): known for known in spellings})
    return builder.value(node), builder.problems


@attrs.frozen
class Part:
    """A piece of the text, for who changes it in place; `end` is behind its last character.

    Attributes:
        kind: `list`, `map` or `text`.
        start: Place of its first character.
        end: Place behind its last one.
        value: What a text says, as it is read.
        items: Of a list.
        entries: Of a map: key and value.
        is_flow: Whether a list or a map is written in brackets.
    """

    kind: str
    start: int
    end: int
    value: str = ""
    items: tuple[Part, ...] = ()
    entries: tuple[tuple[Part, Part], ...] = ()
    is_flow: bool = False

    def get(self, key: str) -> Part | None:
        """Return the value of a key, or None."""
        return next((value for name, value in self.entries if name.value == key), None)

    def value_of(self, key: str) -> str:
        """Return the text of a key, empty where there is none."""
        found = self.get(key)
        return "" if found is None else found.value

    def members(self) -> tuple[Part, ...]:
        """Return the items, or the entries each from its key to the end of its value."""
        return self.items or tuple(attrs.evolve(value, start=name.start) for name, value in self.entries)


def parts_of(text: str, name: str) -> Part:
    """Return where everything stands in a text that `read` has taken.

    Raises:
        DefinitionError: An anchor is used again: a change at one place would be one at the other as well.
    """
    node: Any = yaml.compose(text, Loader=_LOADER)
    lines = [0, *(found.end() for found in _LINE_END.finditer(text))]
    return _part(node, lines, name, set())


def _part(node: Any, lines: list[int], name: str, seen: set[int]) -> Part:
    start, end = (lines[mark.line] + mark.column for mark in (node.start_mark, node.end_mark))
    if id(node) in seen:
        place = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        raise DefinitionError([f"{place}: is used again by `*name`; write it out, then it can be changed in place"])
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return Part("text", start, end, node.value)
    is_flow = bool(node.flow_style)
    # The end of what is written in lines is that of its last value: the parser counts comments behind it, too.
    if isinstance(node, yaml.SequenceNode):
        items = tuple(_part(item, lines, name, seen) for item in node.value)
        return Part("list", start, end if is_flow or not items else items[-1].end, items=items, is_flow=is_flow)
    entries = tuple((_part(key, lines, name, seen), _part(value, lines, name, seen)) for key, value in node.value)
    last = end if is_flow or not entries else entries[-1][1].end
    return Part("map", start, last, entries=entries, is_flow=is_flow)


def _as_yaml(text: str) -> str:
    """Return JSON so that a reader of YAML takes it: its tabs, its odd characters, and a character as a pair of halves.

    Only a document that is JSON is touched, and its lines stay where they are.
    """
    if not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    # Within a text JSON has no bare tab, and a backslash that is none of an escape is one of a doubled pair.
    text = _PAIR.sub(lambda found: found[0] if found[0] == "\\\\" else _whole(found[0]), text.replace("\t", " "))
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _whole(pair: str) -> str:
    return f"\\U{ord(json.loads(f'{chr(34)}{pair}{chr(34)}')):08x}"


def _tags(text: str, name: str) -> dict[tuple[int, int], str]:
    """Return the tags that somebody wrote, by line and column from 0; what PyYAML guessed is not among them.

    Refuses deep nesting before `compose` recurses: the C parser overflows the stack on it.
    """
    depth = 0
    tags: dict[tuple[int, int], str] = {}
    for event in yaml.parse(text, Loader=_LOADER):
        mark = event.start_mark
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
            if depth > DEEPEST_LEVEL:
                place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
                raise DefinitionError([f"{name}:{place}: is nested deeper than {DEEPEST_LEVEL} levels"])
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
        tag = getattr(event, "tag", None)
        if tag and mark:
            tags[mark.line, mark.column] = tag
    return tags


def _yaml_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return f"{name}:1:1: is not YAML: {what}"
    lines = text.splitlines()
    shown = lines[mark.line].strip()[:80] if mark.line < len(lines) else "the end of the file"
    hint = next((f"; {hint}" for sign, hint in _HINTS.items() if sign in what), "")
    if lines[mark.line : mark.line + 1] and "\t" in lines[mark.line][: mark.column + 1] and "token" in what:
        hint = "; indent with blanks, not with tabs"
    return f"{name}:{mark.line + 1}:{mark.column + 1}: is not YAML: {what}, at: {shown}{hint}"


@attrs.define
class _Builder:
    name: str
    tags: dict[tuple[int, int], str]
    spellings: dict[str, str]
    problems: list[Problem] = attrs.field(factory=list)
    seen: int = 0

    def value(self, node: yaml.Node, depth: int = 0) -> Value:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.seen += 1
        # Aliases make a small file huge, or endless where one holds itself.
        if self.seen > MOST_NODES or depth > DEEPEST_LEVEL:
            raise DefinitionError(
                [f"{self.name}:{place.line}:{place.column}: is too large once its aliases are followed"]
            )
        if isinstance(node, yaml.ScalarNode):
            return Value(self._scalar(node, place), place)
        tag = self._tag(place)
        if tag not in ("", "!", "seq" if isinstance(node, yaml.SequenceNode) else "map"):
            self._refuse_tag(place, tag)
        if isinstance(node, yaml.SequenceNode):
            return Value([self.value(item, depth + 1) for item in node.value], place)
        return self._mapping(node, place, depth)

    def _mapping(self, node: yaml.Node, place: Place, depth: int) -> Value:
        content: dict[Any, Value] = {}
        key_places: dict[Any, Place] = {}
        for key_node, value_node in node.value:
            key_place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(key_place, "a key must be a plain word")
                continue
            if key_node.value == "<<" and not key_node.style:
                self._complain(key_place, "merge keys (`<<`) are not allowed; write the keys out")
                continue
            key = self._scalar(key_node, key_place)
            key = key if isinstance(key, int) and not isinstance(key, bool) else self._spelled(key_node.value)
            if key in content:
                first = key_places[key]
                self._complain(key_place, f"key {key!r} is written twice; the first one is in line {first.line}")
                continue
            content[key], key_places[key] = self.value(value_node, depth + 1), key_place
        return Value(content, place, key_places)

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text = self._spelled(node.value)
        tag = self._tag(place)
        if tag in ("str", "!"):
            return text
        if tag and tag not in _TYPES:
            self._refuse_tag(place, tag)
            return text
        if tag:
            value = _typed(text)
            if not isinstance(value, _TYPES[tag]) or (isinstance(value, bool) and tag != "bool"):
                self._complain(place, f"{text!r} is not of the type {tag} that its tag says; write the plain value")
            return value
        # A plain scalar has no style; a quoted one is always text.
        return text if node.style else _typed(text)

    def _spelled(self, text: str) -> str:
        return text if text.isascii() else self.spellings.setdefault(unicodedata.normalize("NFC", text), text)

    def _tag(self, place: Place) -> str:
        return self.tags.get((place.line - 1, place.column - 1), "").removeprefix(STANDARD_TAG)

    def _refuse_tag(self, place: Place, tag: str) -> None:
        shown = f"!!{tag}" if tag.isalpha() else tag
        self._complain(place, f"tag {shown!r} is not allowed; write plain values")

    def _complain(self, place: Place, problem: str) -> None:
        self.problems.append(Problem(place.line, place.column, problem))


def _typed(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) < 20:
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _FLOAT.fullmatch(text) and len(text) < 40:
        return float(text)
    return text
