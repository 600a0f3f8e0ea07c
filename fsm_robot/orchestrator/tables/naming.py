"""How things are found: by GUID, by name, by number, in this order."""

from __future__ import annotations

from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.tables.database import Database, NoSuchError, Row


def find_row(
    file: Database, table: str, name: str, what: str, *, by_name: bool = True, columns: str = "*", joins: str = ""
) -> Row:
    """Return the youngest row of a table that is meant by `name`.

    A thing may be called `4711`: its name counts before the number of another.

    Args:
        file: Where to look.
        table: The table.
        name: GUID, name or number.
        what: What it is, for people.
        by_name: Whether anything but a GUID counts.
        columns: What to select.
        joins: What to join.

    Raises:
        NoSuchError: There is none, or it was deleted.
    """
    guid = plain_guid(name)
    ways = [("guid", guid)] if guid else []
    ways += [("name", name), ("CAST(row_id AS TEXT)", name)] if by_name and name else []
    for column, value in ways:
        place = column.replace("row_id", f"{table}.row_id") if "(" in column else f"{table}.{column}"
        query = (
            f"SELECT {columns} FROM {table} {joins} WHERE {place} = ? AND {table}.is_deleted = 0"  # noqa: S608 - our own
            f" ORDER BY {table}.row_id DESC LIMIT 1"
        )
        row = file.row(query, value)
        if row is not None:
            return row
    raise NoSuchError(f"{file.name}: there is no {what} {name!r}")
