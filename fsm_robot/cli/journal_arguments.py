"""Journals as arguments of a command: found, put in order, read one run at a time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from glob import glob
from itertools import islice
from pathlib import Path

import attrs

from fsm_robot.analyst.eventlog.activities import Run, robot_name
from fsm_robot.cli.streams import complain
from fsm_robot.engine.journal.file import journals, read_journal, run_name
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import FORMAT, read_lines
from fsm_robot.errors import JournalError, SettingsError

# What an argument may be besides a journal: the folder of journals, a storage folder, the folder of a robot.
BELOW = ("", "journal", "state/journal")


def add_journals(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument(
        "journals",
        nargs="+",
        metavar="JOURNALS",
        help="journals, folders with journals, storage folders or folders of robots",
    )


@attrs.frozen
class JournalPath:
    """A journal that was found: its file, and the robot that wrote it."""

    path: Path
    robot: str


def find_journals(arguments: Sequence[str]) -> list[JournalPath]:
    """Return the journals that the arguments name: those of a robot together, oldest first.

    Raises:
        SettingsError: There is no such file or folder, no journal in it, or it is none.
        JournalError: It cannot be read.
    """
    files = {file.resolve(): file for argument in arguments for file in _files(argument)}
    found = [JournalPath(file, _robot(file)) for file in files.values()]
    whole = [journal for journal in found if journal.robot]
    if not whole:
        raise SettingsError(f"{', '.join(arguments)}: no journal has a whole line yet")
    order = {robot: number for number, robot in enumerate(dict.fromkeys(journal.robot for journal in whole))}
    return sorted(whole, key=lambda journal: order[journal.robot])  # stable: the runs of a robot stay in order


def read_runs(found: Sequence[JournalPath]) -> Iterator[Run]:
    """Read one run at a time; what is wrong behind its whole records is told on the error stream.

    Raises:
        JournalError: A journal cannot be read.
    """
    names: set[str] = set()
    make = quickest()
    for journal in found:
        records, wrong = read_journal(journal.path, make=make)
        run = Run(run_name(journal.path), journal.robot, records)
        if run.id in names:
            complain(f"{journal.path}: is a copy of another run that was given; it is left out")
            continue
        names.add(run.id)
        if wrong:
            complain(f"{journal.path}: {wrong}; the {len(records)} lines before it are used")
        yield run


def journals_below(folder: Path) -> list[Path]:
    """Return the journals in a folder, in that of a robot's state or in that of a robot; none where there is none."""
    return next((found for below in BELOW if (found := journals(folder / below))), [])


def _files(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = journals_below(path)
        if not found:
            raise SettingsError(
                f"{argument}: there is no journal in this folder, nor in journal or state/journal below it"
            )
        return found
    # The shell of Windows leaves patterns to the program.
    matches = sorted(glob(argument)) if set(argument) & set("*?[") else []
    if not matches:
        raise SettingsError(f"{argument}: there is no such file or folder")
    return [file for match in matches for file in _files(match)]


def _robot(path: Path) -> str:
    """Return the name of the robot in a header, empty where no line is whole."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            lines = list(islice(stream, 1))
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read: {error.strerror or error}") from error
    if not lines or not lines[0].endswith("\n"):
        return ""
    try:
        records, wrong = read_lines(lines)
        header = records[0].values if not wrong and records[0].kind == "header" else {}
        version = header.get("format")
        if header and version != FORMAT:
            raise SettingsError(f"{path}: is a journal of format {version}; this version reads format {FORMAT}")
        return robot_name(header)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path}: is no journal of a robot") from error
