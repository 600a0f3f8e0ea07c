"""`fsm-robot export`: journals as an event log for process mining."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import attrs

from fsm_robot.analyst.eventlog.activities import CASES, Case, Kept, Run, View, cases
from fsm_robot.analyst.eventlog.event_table import event_table
from fsm_robot.analyst.eventlog.moments import on_one_clock
from fsm_robot.analyst.eventlog.ocel import ocel
from fsm_robot.analyst.eventlog.work import Names, Work
from fsm_robot.analyst.eventlog.work_ocel import work_ocel
from fsm_robot.analyst.eventlog.xes import xes
from fsm_robot.cli.journal_arguments import JournalPath, add_journals, find_journals, read_runs
from fsm_robot.cli.parquet_dataset import write_dataset
from fsm_robot.cli.streams import complain, tell
from fsm_robot.cli.target import target
from fsm_robot.cli.work_files import work_of
from fsm_robot.engine.wording import counted
from fsm_robot.errors import SettingsError
from fsm_robot.system.long_table import LongTable

LOG_NAME = "fsm_robot"
PIECES_AT_ONCE = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_journals(parser)
    parser.add_argument(
        "--format",
        choices=("xes", "ocel", "csv", "parquet"),
        required=True,
        help="XES 1.0, OCEL 2.0 JSON, CSV, or a dataset of Parquet files",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE|FOLDER",
        help="write there instead of printing; the folder of a dataset, which gets what it does not have",
    )
    parser.add_argument(
        "--case",
        choices=(*CASES, "task"),
        default="run",
        help="what a case of the log is (default: %(default)s); `task`: the work of scripts on tasks; OCEL ignores it",
    )
    parser.add_argument(
        "--activity",
        choices=("state", "event"),
        default="state",
        help="a line per visit of a state, or per event that caused a transition (default: %(default)s)",
    )
    parser.add_argument("--pairs", action="store_true", help="two lines per visit, start and complete, instead of one")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="include events that caused no change of state: internal, ignored and late ones, marked in `kind`",
    )
    parser.add_argument(
        "--private",
        action="store_true",
        help="write pseudonyms for the names of tasks, queues and scripts: task-1, task-2",
    )
    parser.add_argument("--bom", action="store_true", help="begin CSV with a byte order mark, for Excel")


def run(arguments: argparse.Namespace) -> int:
    """Write the log."""
    found = find_journals(arguments.journals)
    view = View(events=arguments.activity == "event", everything=arguments.everything, pairs=arguments.pairs)
    if arguments.format == "parquet":
        return _dataset(arguments, found, view)
    with LongTable() as kept, target(arguments.output, [journal.path for journal in found]) as stream:
        for chunk in _chunks(_pieces(arguments, found, view, kept)):
            stream.write(chunk)
    return 0


def _dataset(arguments: argparse.Namespace, found: Sequence[JournalPath], view: View) -> int:
    """Add to a dataset, and say what."""
    if not arguments.output:
        raise SettingsError("--format parquet writes a folder of files; name it with -o FOLDER")
    if arguments.case != "run":
        raise SettingsError(
            f"--case {arguments.case} is not for parquet: robot, run and job are columns, and the reader chooses"
        )
    if arguments.private:
        raise SettingsError(
            "--private is not for parquet: a later export would give the same pseudonyms to other names"
        )
    added = write_dataset(Path(arguments.output), _on_one_clock(read_runs(found)), view)
    tell(
        f"{arguments.output}: {counted(added.new, 'run')} added, {added.grown} grown, {added.known} already there;"
        f" {counted(added.rows, 'line')} written"
    )
    return 0


def _pieces(arguments: argparse.Namespace, found: Sequence[JournalPath], view: View, kept: Kept) -> Iterator[str]:
    names = Names(arguments.private)
    runs = _on_one_clock(read_runs(found))
    if arguments.case == "task":
        return _work(arguments, work_of(found, runs, names), view)
    runs = _without_names(runs, names) if arguments.private else runs
    if arguments.format == "ocel":
        return ocel(runs, view, kept)
    grouped = cases(runs, arguments.case, view)
    if arguments.case == "job":
        grouped = _told_where_none(grouped)
    if arguments.format == "csv":
        return event_table(grouped, byte_order_mark=arguments.bom)
    return xes(grouped, LOG_NAME)


def _work(arguments: argparse.Namespace, work: Work, view: View) -> Iterator[str]:
    if not work.lines:
        complain("no script of these jobs has taken a task, so the log is empty; it is read in state/jobs")
    if arguments.format == "ocel":
        return work_ocel(work, view)
    grouped = work.cases(view)
    return event_table(grouped, byte_order_mark=arguments.bom) if arguments.format == "csv" else xes(grouped, LOG_NAME)


def _without_names(runs: Iterable[Run], names: Names) -> Iterator[Run]:
    """Give scripts their pseudonyms."""
    for run in runs:
        records = []
        for record in run.records:
            event = record.values.get("event") if record.kind == "step" else None
            if event and isinstance(event.get("data"), dict) and event["data"].get("script"):
                data = {**event["data"], "script": names.of("script", str(event["data"]["script"]))}
                record = attrs.evolve(record, values={**record.values, "event": {**event, "data": data}})  # noqa: PLW2901
            records.append(record)
        yield attrs.evolve(run, records=records)


def _on_one_clock(runs: Iterable[Run]) -> Iterator[Run]:
    """Repair the stamps of runs whose clock was set, and say so."""
    for run in runs:
        records, repaired = on_one_clock(run.records)
        if repaired:
            complain(
                f"{run.id}: the clock went back; {counted(repaired, 'stamp')} of it"
                f" {'is' if repaired == 1 else 'are'} worked out from the time since its start"
            )
        yield attrs.evolve(run, records=records) if repaired else run


def _told_where_none(grouped: Iterator[Case]) -> Iterator[Case]:
    """Say why a log is empty: no run has had a job, or its machine knows of none."""
    empty = True
    for case in grouped:
        empty = False
        yield case
    if empty:
        complain("there is no job in these journals, so the log has no case; with `--case run` each run is one")


def _chunks(pieces: Iterator[str]) -> Iterator[bytes]:
    while some := list(islice(pieces, PIECES_AT_ONCE)):
        # Each by itself: one Cyrillic letter makes the whole of a joined text wider, and slower to encode.
        yield b"".join(map(str.encode, some))
