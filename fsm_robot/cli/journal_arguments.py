"""Journals as arguments of a command: found, put in order, read one run at a time."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from glob import glob
from itertools import islice
from pathlib import Path
from typing import TypeVar

import attrs

from fsm_robot.analyst.eventlog.activities import Run, robot_name
from fsm_robot.cli.streams import complain
from fsm_robot.engine.journal.file import journals, read_journal, run_name
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import FORMAT, Record, read_lines
from fsm_robot.engine.wording import counted
from fsm_robot.errors import JournalError, SettingsError

# What an argument may be besides a journal: the folder of journals, a storage folder, the folder of a robot.
BELOW = ("", "journal", "state/journal")
Found = TypeVar("Found")


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
    """A journal that was found: its file, the robot that wrote it, and the chain value of its first line."""

    path: Path
    robot: str
    chain: str = ""


def find_journals(arguments: Sequence[str]) -> list[JournalPath]:
    """Return the journals that the arguments name: those of a robot together, oldest first.

    Raises:
        SettingsError: There is no such file or folder, no journal in it, or it is none.
        JournalError: It cannot be read.
    """
    files = {file.resolve(): file for argument in arguments for file in _files(argument)}
    found = [_journal(file) for file in files.values()]
    whole = each_run_once(
        [journal for journal in found if journal.robot],
        path=lambda journal: journal.path,
        begins=lambda journal: journal.chain,
        records=lambda journal: read_journal(journal.path)[0],
    )
    if not whole:
        raise SettingsError(f"{', '.join(arguments)}: no journal has a whole line yet")
    order = {robot: number for number, robot in enumerate(dict.fromkeys(journal.robot for journal in whole))}
    return sorted(whole, key=lambda journal: order[journal.robot])  # stable: the runs of a robot stay in order


def each_run_once(
    found: Sequence[Found],
    *,
    path: Callable[[Found], Path],
    begins: Callable[[Found], str],
    records: Callable[[Found], Sequence[Record]],
) -> list[Found]:
    """Leave out copies of a run, whatever they are called, and say so; of a copy made meanwhile the longer one stays.

    Args:
        found: Journals.
        path: Gives the file of one.
        begins: Gives the chain value of its first line; only those with the same are compared.
        records: Gives its records.
    """
    twins = Counter(begins(each) for each in found)
    kept: list[Found] = []
    # A chain value speaks of all the lines before it: two journals are one run where one goes on from the other's end.
    passed: dict[str, int] = {}
    last: dict[str, int] = {}
    for each in found:
        if twins[begins(each)] == 1:
            kept.append(each)
            continue
        chains = [record.chain for record in records(each)]
        longer = next((last.pop(chain) for chain in chains[:-1] if chain in last), None)
        same = passed.get(chains[-1]) if longer is None else longer
        if same is None or longer is not None:
            passed.update(dict.fromkeys(chains, len(kept) if same is None else same))
            last[chains[-1]] = len(kept) if same is None else same
        if same is None:
            kept.append(each)
            continue
        copy, kept[same] = (kept[same], each) if longer is not None else (each, kept[same])
        complain(f"{path(copy)}: is a copy of {path(kept[same])}, or of its beginning; the run is counted once")
    return kept


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
        number = 1
        while run.id in names:  # two runs under one name, such as of a robot that was set up anew
            number += 1
            run = Run(f"{run_name(journal.path)}~{number}", journal.robot, records)
        names.add(run.id)
        if wrong:
            complain(f"{journal.path}: {wrong}; what stands before it is used, {counted(len(records), 'line')}")
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


def _journal(path: Path) -> JournalPath:
    """Return a journal with what its header says; the robot is empty where no line is whole."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            lines = list(islice(stream, 1))
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read: {error.strerror or error}") from error
    if not lines or not lines[0].endswith("\n"):
        return JournalPath(path, "")
    try:
        records, wrong = read_lines(lines)
        header = records[0].values if not wrong and records[0].kind == "header" else {}
        version = header.get("format")
        if header and version != FORMAT:
            raise SettingsError(f"{path}: is a journal of format {version}; this version reads format {FORMAT}")
        return JournalPath(path, robot_name(header), records[0].chain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path}: is not a journal of a robot") from error
