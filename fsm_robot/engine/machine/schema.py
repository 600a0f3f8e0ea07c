"""The JSON Schemas of the machine file and of its labels, for editors; `make schema` writes them into `fsm_robot/`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from fsm_robot.engine.machine.compiler import LANGUAGE, SHAPES, Shape
from fsm_robot.engine.machine.durations import PATTERN, SETTING

NAME = {"type": "string", "minLength": 1}


LABELS_ONLY = "label in one language"


def schema() -> dict[str, object]:
    """Return the schema of the machine file that `compiler.SHAPES` describes."""
    return _document("file", [name for name in SHAPES if name not in ("file", "labels", LABELS_ONLY)])


def labels_schema() -> dict[str, object]:
    """Return the schema of a file of labels beside it."""
    return _document("labels", [LABELS_ONLY])


def _document(root: str, parts: Iterable[str]) -> dict[str, object]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fsm_robot machine file" if root == "file" else "fsm_robot labels of a machine file",
        **_entry(root),
        "$defs": {name.replace(" ", "_"): _entry(name) for name in parts},
    }


def _entry(name: str) -> dict[str, object]:
    shapes = SHAPES[name]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key for key, shape in shapes.items() if shape.required],
        "properties": {key: {"description": shape.help, **_kind(shape)} for key, shape in shapes.items()},
    }


def _kind(shape: Shape) -> Mapping[str, object]:
    kind = shape.kind
    if kind.startswith("list of "):
        return {"type": "array", "items": _reference(kind.removeprefix("list of "))}
    if kind.startswith("map of "):
        return {"type": "object", "additionalProperties": _reference(kind.removeprefix("map of "))}
    if kind in SHAPES:
        return _reference(kind)
    name = {**NAME, "enum": list(shape.allowed)} if shape.allowed else NAME
    names = {"type": "array", "items": name, "uniqueItems": True}
    code_table = {
        "type": "object",
        "additionalProperties": {"type": ["string", "null"]},
        "propertyNames": {"pattern": "^-?[0-9]+$"},
    }
    languages = {"propertyNames": {"pattern": f"^{LANGUAGE.pattern}$"}}
    kinds: dict[str, Mapping[str, object]] = {
        "text": name,
        "name": name,
        "names": names,
        "name or names": {"anyOf": [name, {**names, "minItems": 1}]},
        "flag": {"type": "boolean"},
        "whole": {"type": "integer", **_range(shape)},
        "number": {"type": "number", **_range(shape)},
        "text map": {"type": "object", "additionalProperties": NAME},
        "name map": {"type": "object", "additionalProperties": NAME},
        "spans": {
            "type": "object",
            "additionalProperties": NAME,
            "propertyNames": {"pattern": f"^({PATTERN}|{SETTING})$"},
        },
        "whole map": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 8}},
        "codes": {"type": "object", "additionalProperties": code_table},
        "line": _line(shape),
        "wording": {"anyOf": [_line(shape), {"type": "object", "additionalProperties": _line(shape), **languages}]},
    }
    return kinds[kind]


def _range(shape: Shape) -> dict[str, float]:
    return {"minimum": shape.least} if shape.most is None else {"minimum": shape.least, "maximum": shape.most}


def _line(shape: Shape) -> dict[str, object]:
    return NAME if shape.most is None else {**NAME, "maxLength": int(shape.most)}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name.replace(' ', '_')}"}


if __name__ == "__main__":
    for path, content in zip(sys.argv[1:], (schema(), labels_schema()), strict=True):
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
