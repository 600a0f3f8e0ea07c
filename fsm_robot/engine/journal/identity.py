"""The head of a journal; how a robot's runs are recognised as its own, without its GUID, which is its password."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from fsm_robot import __version__
from fsm_robot.engine.disk import open_text
from fsm_robot.engine.journal.file import journal_names
from fsm_robot.engine.journal.record import FORMAT, read_lines
from fsm_robot.engine.machine.definition import Definition

SALT_BYTES = 8


def header(
    directory: Path, definition: Definition, whose: str, earlier: Sequence[str] | None = None
) -> dict[str, object]:
    """Return what a new journal in `directory` begins with.

    Args:
        directory: The folder of the journals.
        definition: The machine.
        whose: The robot's GUID, or what else names it.
        earlier: The journals that are there already, where that is known.
    """
    return {
        "format": FORMAT,
        "machine": definition.name,
        "machine_sha256": definition.digest(),
        "program": __version__,
        "robot": robot_identity(directory, whose, earlier),
        "pid": os.getpid(),
    }


def robot_identity(directory: Path, robot_guid: str, earlier: Sequence[str] | None = None) -> dict[str, str]:
    """Return what the header of a new journal in `directory` says of the robot: a salt and a salted hash.

    The salt belongs to the folder: a new journal takes over that of the newest one. So the runs of one robot have one
    hash, two robots have two, and the same robot on two machines cannot be linked by who does not know its GUID.
    """
    salt = _salt_in(directory, journal_names(directory) if earlier is None else earlier) or os.urandom(SALT_BYTES).hex()
    return {"salt": salt, "sha256": hashlib.sha256(f"{salt}{robot_guid.lower()}".encode()).hexdigest()}


def _salt_in(directory: Path, names: Sequence[str]) -> str:
    for name in reversed(names):
        try:
            with open_text(directory / name) as stream:
                records, _ = read_lines(islice(stream, 1))
            salt = records[0].values["robot"]["salt"]
        except (OSError, IndexError, KeyError, TypeError, ValueError):
            continue  # torn, unreadable or foreign: the one before it knows the salt as well
        if isinstance(salt, str):
            return salt
    return ""
