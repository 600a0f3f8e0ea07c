"""Where the tables are: a SQLite file, or a PostgreSQL database, by what `--db` says."""

from __future__ import annotations

from pathlib import Path

from fsm_robot.orchestrator.tables.database import Engine, StoreError

POSTGRESQL = ("postgresql://", "postgres://")
"""How the address of a database begins; whatever else is named is a file."""


def place_of(text: str | Path) -> str | Path:
    """Return the address of a database as it is, and whatever else as the path of a file."""
    return text if isinstance(text, str) and text.startswith(POSTGRESQL) else Path(text)


def engine_of(place: str | Path) -> Engine:
    """Return where the tables are kept, by the path of a file or the address of a database."""
    if isinstance(place, Path):
        from fsm_robot.orchestrator.tables.sqlite_file import SqliteFile

        return SqliteFile(place)
    try:
        from fsm_robot.orchestrator.tables.postgres import PostgresServer
    except ImportError as error:
        reason = " ".join(str(error).split())
        need = "a PostgreSQL database needs psycopg: pip install 'fsm_robot[postgres]'"
        raise StoreError(f"--db: {need} ({reason})") from error
    return PostgresServer(place)
