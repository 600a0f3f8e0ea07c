"""Sights as JSON and back, and the schema that says what is in it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from fsm_robot.errors import SettingsError
from fsm_robot.fleet.changes import Known
from fsm_robot.fleet.sight import SCHEMA, Problem, Sight

Told = TypeVar("Told", Sight, Problem, Known)
_TYPES = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "int | None": {"type": ["integer", "null"]},
    "tuple[tuple[str, int], ...]": {
        "type": "array",
        "items": {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "minItems": 2,
            "items": False,
        },
    },
    "tuple[Problem, ...]": {"type": "array", "items": {"$ref": "#/$defs/problem"}},
}
"""How a field's type reads in JSON Schema."""


def document_of(sights: Sequence[Sight], at: str) -> dict[str, object]:
    """Return the robots of a fleet as JSON."""
    return {"schema": SCHEMA, "at": at, "robots": [attrs.asdict(sight) for sight in sights]}


def sights_in(told: Mapping[str, Any], host: str) -> list[Sight]:
    """Return the robots that another machine has told of.

    Raises:
        SettingsError: It is of another version, or not what a robot's machine says.
    """
    if told.get("schema") != SCHEMA:
        raise SettingsError(
            f"{host}: answers by schema {told.get('schema')!r}, and {SCHEMA} is understood here; install one version"
        )
    known = {field.name for field in attrs.fields(Sight)}
    sights = []
    try:
        for each in told["robots"]:
            values = {key: value for key, value in each.items() if key in known}
            values["problems"] = tuple(Problem(**problem) for problem in each.get("problems", ()))
            values["failing"] = tuple((str(script), int(times)) for script, times in each.get("failing", ()))
            sights.append(attrs.evolve(_checked(Sight(**values)), host=host))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SettingsError(f"{host}: the answer is not a list of robots: {error!r}") from error
    return sights


def known_in(data: bytes) -> dict[str, Known]:
    """Return the troubles that a watcher knew. Raises `ValueError` or `TypeError` where it is something else."""
    return {str(key): _checked(Known(**value)) for key, value in parsed(data).items()}


_FITS: Mapping[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "int | None": lambda value: value is None or (isinstance(value, int) and not isinstance(value, bool)),
}
"""What a field of a type may hold; the tuples are made of what has been looked at already."""


def _checked(value: Told) -> Told:
    """Return a value whose fields hold what their types say. Raises `TypeError`: whoever wrote it is none of ours."""
    for field in attrs.fields(type(value)):
        fits = _FITS.get(str(field.type))
        if fits is not None and not fits(getattr(value, field.name)):
            raise TypeError(f"{field.name} is of another kind")
    for problem in getattr(value, "problems", ()):
        _checked(problem)
    return value


def parsed(data: bytes) -> dict[str, Any]:
    """Return the JSON object that bytes hold. Raises `ValueError`."""
    told = json.loads(data)
    if not isinstance(told, dict):
        raise ValueError("is not a JSON object")
    return told


def schema() -> dict[str, object]:
    """Return the JSON Schema of `document_of`."""
    moment = {"type": "string", "description": "ISO 8601 in UTC"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fsm-robot status --fleet --json",
        "type": "object",
        "required": ["schema", "at", "robots"],
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            "at": moment,
            "robots": {"type": "array", "items": {"$ref": "#/$defs/robot"}},
        },
        "$defs": {"robot": _object(Sight), "problem": _object(Problem)},
    }


def _object(kind: type) -> dict[str, object]:
    fields = attrs.fields(kind)
    return {
        "type": "object",
        "required": [field.name for field in fields],
        "additionalProperties": False,
        "properties": {field.name: _TYPES[str(field.type)] for field in fields},
    }
