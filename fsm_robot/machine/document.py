"""YAML text -> values that know where they stand, with the meaning of YAML 1.2.

PyYAML alone would read a state called `Off` as False, `12:30` as 750, keep the last of two equal keys, and crash the
process on deep nesting. Here the nodes are composed and typed by the YAML 1.2 core schema instead.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import yaml

from fsm_robot.errors import DefinitionError

LARGEST_CHARACTERS = 256 * 1024
DEEPEST_LEVEL = 32
MOST_NODES = 50_000

STANDARD_TAG = "tag:yaml.org,2002:"
# What PyYAML itself gives to untagged nodes; the 1.1 types among them are read anew below.
PLAIN_TAGS = frozenset(("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map"))

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
    text: str, name: str, expected: str = "a machine file has states and transitions"
) -> tuple[Value, list[Problem]]:
    """Return the only document in `text` and the problems found on the way; `expected` is told where it is empty.

    Raises:
        DefinitionError: The text is no YAML, too large, too deep, or empty.
    """
    if len(text) > LARGEST_CHARACTERS:
        raise DefinitionError([f"{name}:1:1: is larger than {LARGEST_CHARACTERS // 1024} KiB; this is no machine file"])
    try:
        _guard_depth(text, name)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise DefinitionError([_yaml_problem(error, text, name)]) from error
    except yaml.YAMLError as error:
        raise DefinitionError([f"{name}:1:1: is not YAML: {' '.join(str(error).split())[:300]}"]) from error
    if node is None:
        raise DefinitionError([f"{name}:1:1: is empty; {expected}"])
    builder = _Builder(name)
    return builder.value(node), builder.problems


def _guard_depth(text: str, name: str) -> None:
    """Refuse deep nesting before `compose` recurses: the C parser overflows the stack on it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
            if depth > DEEPEST_LEVEL:
                mark = event.start_mark
                place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
                raise DefinitionError([f"{name}:{place}: is nested deeper than {DEEPEST_LEVEL} levels"])
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1


def _yaml_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    if mark is None:
        return f"{name}:1:1: is not YAML: {what}"
    lines = text.splitlines()
    shown = lines[mark.line].strip()[:80] if mark.line < len(lines) else "the end of the file"
    return f"{name}:{mark.line + 1}:{mark.column + 1}: is not YAML: {what}, at: {shown}"


@attrs.define
class _Builder:
    name: str
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
        if node.tag.removeprefix(STANDARD_TAG) not in PLAIN_TAGS:
            self._complain(place, f"tag {node.tag!r} is not allowed; write plain values")
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
            key = self._scalar(key_node, key_place)
            key = key if isinstance(key, int) and not isinstance(key, bool) else key_node.value
            if key in content:
                first = key_places[key]
                self._complain(key_place, f"key {key!r} is there twice; it was first written in line {first.line}")
                continue
            content[key], key_places[key] = self.value(value_node, depth + 1), key_place
        return Value(content, place, key_places)

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text: str = node.value
        if node.tag.removeprefix(STANDARD_TAG) not in PLAIN_TAGS:
            self._complain(place, f"tag {node.tag!r} is not allowed; write plain values")
        # A plain scalar has no style; a quoted one is always text.
        if node.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text) and len(text) < 20:
            return int(text, 0 if text[:2] in ("0o", "0x") else 10)
        if _FLOAT.fullmatch(text) and len(text) < 40:
            return float(text)
        return text

    def _complain(self, place: Place, problem: str) -> None:
        self.problems.append(Problem(place.line, place.column, problem))
