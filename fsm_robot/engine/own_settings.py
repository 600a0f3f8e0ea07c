"""The section `[my]` of robot.toml -> the class `Settings` that a user's callbacks declare, checked."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsm_robot.engine.wording import did_you_mean

SECTION = "my"
_KINDS: Mapping[Any, str] = {
    str: "a text in quotes",
    Path: "a path in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


class _Field(typing.NamedTuple):
    kind: Any
    required: bool
    default: Any = None


def read(kind: type | None, values: Mapping[str, Any], base: Path) -> tuple[Any, list[tuple[str, str]]]:
    """Return the settings object, or None, and what is wrong: pairs of key (or empty) and sentence.

    Args:
        kind: The class: its annotations are the keys, its defaults the defaults; attrs and dataclasses do as well.
            Types: str, int, float, bool, Path (relative ones are taken from `base`, defaults too), a list of one of
            these, and any of them `| None`.
        values: What the section says.
        base: The folder of robot.toml.
    """
    if kind is None:
        if not values:
            return None, []
        return None, [("", "nothing uses it: the class Callbacks declares no class Settings")]
    fields = fields_of(kind)
    problems = [(key, f"unknown key{did_you_mean(key, fields)}") for key in values if key not in fields]
    problems += [(key, "is missing") for key, field in fields.items() if field.required and key not in values]
    read_values = {}
    for key, field in fields.items():
        if key not in values and isinstance(field.default, Path):
            # Else it would start at whatever folder the scheduler starts the robot in.
            read_values[key] = base / field.default.expanduser()
        elif key in values:
            read_values[key], problem = _as(values[key], field.kind, base)
            if problem:
                problems.append((key, problem))
    if problems:
        return None, problems
    try:
        return _made(kind, read_values), []
    except Exception as error:  # noqa: BLE001 - the class may check what it gets
        return None, [("", f"is refused by {kind.__qualname__}: {type(error).__name__}: {error}")]


def fields_of(kind: type) -> dict[str, _Field]:
    """Return what a class of settings declares: key -> type and whether it must be there."""
    hints = {name: hint for name, hint in typing.get_type_hints(kind).items() if not name.startswith("_")}
    if _is_plain(kind):
        return {name: _Field(hint, not hasattr(kind, name), getattr(kind, name, None)) for name, hint in hints.items()}
    parameters = inspect.signature(kind).parameters
    return {
        name: _Field(hints.get(name, str), each.default is each.empty, each.default)
        for name, each in parameters.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }


def times_of(kind: type | None) -> tuple[str, ...]:
    """Return the settings that an `after` of the machine file may name: those that are numbers."""
    if kind is None:
        return ()
    return tuple(f"{SECTION}.{key}" for key, field in fields_of(kind).items() if field.kind in (int, float))


def times_in(own: Any) -> dict[str, float]:
    """Return the values of `times_of`."""
    names = times_of(None if own is None else type(own))
    return {name: float(getattr(own, name.removeprefix(f"{SECTION}."))) for name in names}


def _is_plain(kind: type) -> bool:
    return "__init__" not in {name for base in kind.__mro__[:-1] for name in vars(base)}


def _made(kind: type, values: Mapping[str, Any]) -> Any:
    if not _is_plain(kind):
        return kind(**values)
    made = kind()
    for key, value in values.items():
        setattr(made, key, value)
    return made


def _as(value: Any, kind: Any, base: Path) -> tuple[Any, str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        wanted = [each for each in arguments if each is not type(None)]
        return _as(value, wanted[0], base)  # TOML has no value that means nothing: who wants None leaves the key out
    if origin in (list, tuple):
        if not isinstance(value, list):
            return value, "must be a list"
        items = [_as(item, arguments[0] if arguments else str, base) for item in value]
        problem = next((problem for _, problem in items if problem), "")
        return (list if origin is list else tuple)(item for item, _ in items), problem and f"each of it {problem}"
    if kind is Path and isinstance(value, str):
        return base / Path(value).expanduser(), ""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value), ""
    # Not `isinstance`: a bool would be a whole number.
    if kind in _KINDS and (type(value) is not kind):
        return value, f"must be {_KINDS[kind]}, not {value!r}"
    return value, ""
