"""`fsm-robot replay`: would this machine file decide recorded runs the same way?"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from fsm_robot.cli.journal_arguments import journals_below
from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.streams import complain, print_json
from fsm_robot.cli.target import target
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.explain import Replayed, as_values, exit_code, explained, junit, summary
from fsm_robot.engine.journal.file import SUFFIX, read_file
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import MakeRecord, Reading
from fsm_robot.engine.journal.replay import Decisions, replay
from fsm_robot.engine.journal.story import state_at, story
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.errors import JournalError, SettingsError
from fsm_robot.robot.unsettled import told_of_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("journals", nargs="+", metavar="JOURNAL|FOLDER", help="a journal, or a folder of *.jsonl files")
    parser.add_argument(
        "--machine",
        metavar="FILE|FOLDER",
        help=f"the machine file to try, or that of a robot's folder (default: {DEFAULT})",
    )
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--junit", metavar="FILE", help="write the verdicts as JUnit XML too")
    parser.add_argument("--steps", action="store_true", help="print each run step by step")
    parser.add_argument("--until", type=int, metavar="N", help="print the state after step N of each run")


def run(arguments: argparse.Namespace) -> int:
    """Replay every journal; 0: all decided alike, 1: one diverges, 2: a file could not be judged to its end."""
    machine = machine_meant(arguments.machine, arguments.journals)
    definition = machine_file.load(machine, None, ())
    shown = arguments.machine or machine.name
    all_replayed, decisions = [], Decisions(definition)
    make = quickest()
    paths = journals_in(arguments.journals)
    for path in paths:
        reading = _read(path, make)
        replayed = Replayed(str(path), replay(reading, definition, decisions))
        all_replayed.append(replayed)
        if not arguments.json:
            print("\n".join([*_told(reading, definition, arguments), *explained(replayed, shown)]))
    if arguments.junit:
        with target(arguments.junit, [machine, *paths]) as stream:
            stream.write(junit(all_replayed, shown).encode())
        complain(f"verdicts written to {arguments.junit}")
    if arguments.json:
        print_json(_values(all_replayed, definition, shown), indent=2)
    elif len(all_replayed) > 1:
        print(summary(all_replayed))
    return exit_code(all_replayed)


def journals_in(names: Iterable[str]) -> list[Path]:
    """Return the files that the arguments name, those of a folder in the order of their names.

    Raises:
        SettingsError: There is no such file, or a folder holds no journal.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(journals_below(path))
            if not inside:
                raise SettingsError(f"{name}: there is no journal (*{SUFFIX}) in this folder")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise SettingsError(f"{name}: there is no such file or folder; journals are in <storage>/journal")
    return found


def _read(path: Path, make: MakeRecord) -> Reading:
    try:
        return read_file(path, make)
    except JournalError as error:
        return Reading([], "changed", str(error), 1)


def _told(reading: Reading, definition: Definition, arguments: argparse.Namespace) -> list[str]:
    if not (arguments.steps or arguments.until is not None) or not reading.records:
        return []
    lines = story(reading, arguments.until) if arguments.steps else []
    if arguments.until is not None:
        known = [record.values["seq"] for record in reading.records if record.kind == "step"]
        if arguments.until not in known:
            last = f"; its steps are {known[0]} to {known[-1]}" if known else ""
            raise SettingsError(f"--until {arguments.until}: the run has no such step{last}")
        lines += state_at(reading, arguments.until, definition, told_of_job if definition.has_jobs else None)
    return lines


def _values(all_replayed: list[Replayed], definition: Definition, machine: str) -> dict[str, object]:
    return {
        "machine": {"file": machine, "name": definition.name, "sha256": definition.digest()},
        "exit_code": exit_code(all_replayed),
        "runs": [as_values(replayed) for replayed in all_replayed],
    }
