"""Ids that every tool takes: a name that is a plain word stays as it is, any other becomes a short hash of itself.

An id depends on its name alone, so that the same state has the same id in the next export, however the file grew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping

from fsm_robot.engine.machine.definition import Definition, Transition

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Every object of JavaScript has these already, so a state or event of that name would be lost in it.
OF_OBJECTS = (
    "constructor",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
)
# Events that engines of SCXML raise themselves begin with one of these.
OF_SCXML = ("error", "done", "init", "internal", "external", "platform", "quit")
RESERVED = frozenset((*OF_OBJECTS, *OF_SCXML))


def idents(names: Iterable[str], prefix: str = "", reserved: Collection[str] = RESERVED) -> dict[str, str]:
    """Return name -> id; ids are ASCII words, begin with `prefix` and differ from one another.

    Args:
        names: Texts of any content.
        prefix: Begins every id; with one, a reserved word is no danger.
        reserved: Words that are no ids where there is no prefix.
    """
    found: dict[str, str] = {}
    different = list(dict.fromkeys(names))
    plain = [name for name in different if WORD.fullmatch(name) and (prefix or name not in reserved)]
    found.update((name, prefix + name) for name in plain)
    taken = set(found.values())
    for name in different:
        if name not in found:
            found[name] = _free(name, prefix, taken)
            taken.add(found[name])
    return {name: found[name] for name in different}


def _free(name: str, prefix: str, taken: Collection[str]) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return next(ident for size in range(8, 65) if (ident := f"{prefix or 'n'}_{digest[:size]}") not in taken)


def edge_idents(definition: Definition, prefix: str = "") -> Mapping[Transition, str]:
    """Return transition -> id, made of its source and its event: the two that make it unique in a machine."""
    words = idents((*(state.name for state in definition.states), *definition.events()), reserved=())
    keys = {
        edge: f"{words[edge.source]}__{words[edge.trigger]}{'__spent' if edge.spent else ''}"
        for edge in definition.transitions
    }
    # Underscores inside names could make two keys equal; then the whole key of the edge decides.
    counts = list(keys.values())
    safe = {edge: key if counts.count(key) == 1 else edge.key for edge, key in keys.items()}
    ids = idents(safe.values(), prefix, reserved=())
    return {edge: ids[key] for edge, key in safe.items()}


def budget_idents(definition: Definition) -> Mapping[Transition, str]:
    """Return the transitions with a budget -> name of its counter."""
    bounded = [edge for edge in definition.transitions if edge.at_most is not None]
    return {edge: f"taken_{number}" for number, edge in enumerate(bounded, start=1)}
