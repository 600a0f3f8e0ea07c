"""What the words of a person mean to the embedded orchestrator: JSON or @FILE, a robot, a job; and its tables."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.orchestrator.protocol import plain_guid
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.places import POSTGRESQL

AS_JSON = "print as JSON"
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""How an address begins, of whatever kind; a drive of Windows is one letter."""


def task_argument(text: str | None, where: str = "--task") -> Mapping[str, object] | None:
    """Return the JSON object that `text`, or the file that it names, holds. Raises `SettingsError`."""
    if text is None:
        return None
    if text.startswith("@"):
        where, text = text[1:], read(text[1:])
    try:
        task = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{where}: is not JSON: {error}") from error
    if not isinstance(task, dict):
        raise SettingsError(f'{where}: must be a JSON object such as {{"month": "2026-10"}}')
    return task


def db_argument(text: str) -> str | Path:
    """Return the path of a file, or the address of a database that `text`, or the file that it names, holds.

    Raises:
        SettingsError: A password stands where other users of this machine can see it.
    """
    if text.startswith("@"):
        address = read(text[1:]).strip()
        if not address.startswith(POSTGRESQL):
            raise SettingsError(f"{text[1:]}: its content is not an address such as {POSTGRESQL[0]}user@host/name")
        return address
    if not text.startswith(POSTGRESQL):
        if ADDRESS.match(text):
            raise SettingsError(
                f"--db: {shown(text)} is neither a file nor an address such as {POSTGRESQL[0]}user@host/name"
            )
        return Path(text).absolute()
    # As libpq reads it and as it was meant: a password with a slash in it was to be one, too.
    login = text.partition("://")[2].partition("?")[0].rpartition("@")[0]
    if ":" in login or "password=" in unquote(text):
        raise SettingsError(
            "--db: a password is not written into a command line, which others can see: PGPASSWORD, ~/.pgpass or"
            " --db @FILE is needed"
        )
    return text


def robot_argument(text: str) -> str:
    """Return the label or the GUID that `text`, or the file that it names, holds. Raises `SettingsError`."""
    if not text.startswith("@"):
        return text
    guid = plain_guid(read(text[1:]))
    if not guid:
        raise SettingsError(f"{text[1:]}: its content is not a GUID")
    return guid


def secret_argument(text: str) -> str:
    """Return the password that a file holds, or standard input for `-`. Raises `SettingsError`."""
    if text == "-":
        return sys.stdin.readline().rstrip("\r\n")
    if not text.startswith("@"):
        raise SettingsError("do not write a password into a command line, which others can see: use @FILE or -")
    return read(text[1:]).rstrip("\r\n")


def moment_argument(text: str, where: str) -> datetime:
    """Return a moment of this machine's time zone, where it does not name another. Raises `SettingsError`."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise SettingsError(f"{where}: {text!r} is not a moment such as 2026-10-31T17:30") from None


def job_argument(text: str, store: Store) -> str:
    """Return the GUID that a person means: whole, its beginning, or `last`. Raises `SettingsError`."""
    if text == "last" or plain_guid(text):
        return plain_guid(text) or text
    found = [job.guid for job in store.jobs() if text and job.guid.startswith(text.lower())]
    if len(found) != 1:
        raise SettingsError(f"{text!r} is the beginning of {len(found)} jobs; `fsm-robot orchestrator jobs` lists them")
    return found[0]


def read(path: str) -> str:
    """Return the text of a file. Raises `SettingsError`."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path or 'the file behind @'}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: is not UTF-8 text; save the file as UTF-8") from error


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns."""
    cells = [tuple(map(shown, row)) for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number that JSON allows")
