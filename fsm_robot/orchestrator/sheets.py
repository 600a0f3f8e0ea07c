"""Rows of a CSV file -> tasks. Pure."""

from __future__ import annotations

import csv
import io
import json

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.errors import SettingsError

NAME_COLUMN = "name"
_DELIMITERS = ",;\t"


@attrs.frozen
class SheetRow:
    """A row: the name of the task, empty where there is none, and its parameters as JSON text."""

    name: str
    parameters: str


def sheet_rows(text: str, where: str) -> list[SheetRow]:
    """Return the tasks that a CSV text describes, one a row.

    Its first line names the columns; `name` is the task's name, every other column a parameter, whose value is text.
    Between them stands a comma, a semicolon or a tab, whichever the first line has most of.

    Args:
        text: The text.
        where: What to call it in a sentence.

    Raises:
        SettingsError: A row has more or fewer cells than there are columns, or there are none.
    """
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        columns = [name.strip() for name in next(lines, [])]
        _check_columns(columns, where)
        found = []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue  # an empty line at the end
            if len(cells) != len(columns):
                raise SettingsError(
                    f"{where}, line {lines.line_num}: has {counted(len(cells), 'cell')} for {len(columns)} columns"
                )
            row = dict(zip(columns, cells, strict=True))
            found.append(SheetRow(row.pop(NAME_COLUMN, "").strip(), json.dumps(row, ensure_ascii=False)))
    except csv.Error as error:
        raise SettingsError(f"{where}, line {lines.line_num}: is not CSV: {error}") from error
    if not found:
        raise SettingsError(f"{where}: has no row below its first line, which names the columns")
    return found


def _check_columns(columns: list[str], where: str) -> None:
    if not columns or "" in columns:
        raise SettingsError(f"{where}, line 1: must name every column, such as name,number,amount")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{where}, line 1: names the column {twice!r} twice")
