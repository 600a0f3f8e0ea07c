"""Columns -> values: texts of moments become moments, numbers of yes and no become booleans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import attrs

from fsm_robot.orchestrator.tables.database import Row, moment_of

Kind = TypeVar("Kind")


def value_of(kind: type[Kind], row: Row, flags: Iterable[str] = ()) -> Kind:
    """Return a row as a value of `kind`, whose fields are called as the columns are."""
    values: dict[str, object] = {}
    for field in attrs.fields(kind):  # type: ignore[arg-type]
        found = row[field.name]
        values[field.name] = moment_of(found) if "datetime" in str(field.type) else found
    return kind(**{**values, **{name: bool(values[name]) for name in flags}})
