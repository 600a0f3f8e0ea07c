"""`fsm-robot diagram`: the machine file as a drawing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from fsm_robot.analyst import browser
from fsm_robot.analyst.drawing.compare import Comparison, compare, comparison_table
from fsm_robot.analyst.drawing.heat import heat
from fsm_robot.analyst.drawing.scene import Heat
from fsm_robot.analyst.drawing.svg import svg
from fsm_robot.analyst.eventlog.statistics import run_statistics
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.drawio import drawio
from fsm_robot.analyst.formats.markdown import markdown
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.player.assets import assets
from fsm_robot.analyst.player.history import Run
from fsm_robot.analyst.player.page import comparison_page, page
from fsm_robot.analyst.words import Words, words
from fsm_robot.analyst.xml_in import Element
from fsm_robot.cli import interchange, merging
from fsm_robot.cli.interchange import Beside
from fsm_robot.cli.journal_arguments import each_run_once
from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.served_runs import served_journals
from fsm_robot.cli.streams import complain
from fsm_robot.cli.target import target
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_journal, run_name
from fsm_robot.engine.journal.record import Reading
from fsm_robot.engine.journal.replay import Decisions, Divergence, replay
from fsm_robot.engine.journal.taken import Taken, taken_in
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import counted
from fsm_robot.errors import SettingsError
from fsm_robot.system import language


@attrs.frozen
class Options:
    """What a format may want beside the machine: words, runs, figures and way, an old drawing, columns."""

    words: Words
    runs: Sequence[Run] = ()
    heat: Heat | None = None
    old: Element | None = None
    taken: Taken | None = None
    source: str = "states.yaml"
    columns: int = 1


def _interchanged(draw: Callable[[Words, Beside], str]) -> Callable[[Definition, Options], str]:
    return lambda _, options: draw(options.words, Beside(options.heat, options.old))


def _svg(options: Options) -> str:
    return svg(options.words, options.heat, columns=options.columns)


FORMATS: Mapping[str, Callable[[Definition, Options], str | bytes]] = {
    "mermaid": lambda _, options: mermaid(options.words, options.taken),
    "dot": lambda _, options: dot(options.words, options.taken),
    "markdown": lambda machine, options: markdown(machine, options.words, options.taken, options.source),
    "svg": lambda _, options: _svg(options),
    "drawio": lambda _, options: drawio(options.words, options.columns),
    "html": lambda _, options: page(options.words, options.runs, assets(), options.heat, options.columns),
    "png": lambda _, options: browser.png(_svg(options)),
    "pdf": lambda _, options: browser.pdf(_svg(options)),
    **{name: _interchanged(draw) for name, draw in interchange.INTERCHANGE.items()},
}


WITH_FIGURES = frozenset({"svg", "html", "bpmn", "png", "pdf", "mermaid", "dot", "markdown"})
"""Formats that show what --runs holds."""
WITH_COLUMNS = ("svg", "html", "png", "pdf", "drawio")
"""Formats in which a long drawing can be folded."""
MOST_COLUMNS = 20
WITH_VERDICTS = ("markdown", "html")
"""Formats of a comparison that say which runs would go another way."""
Verdicts = Sequence[tuple[str, Divergence | None]]
COMPARISONS: Mapping[str, Callable[[Words, Comparison, Verdicts], str | bytes]] = {
    "markdown": lambda _, comparison, verdicts: comparison_table(comparison, verdicts),
    "svg": lambda shown, comparison, _: svg(shown, None, comparison.marks),
    "html": lambda shown, comparison, verdicts: comparison_page(shown, comparison, assets(), verdicts),
    "png": lambda shown, comparison, _: browser.png(svg(shown, None, comparison.marks)),
    "pdf": lambda shown, comparison, _: browser.pdf(svg(shown, None, comparison.marks)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "file", nargs="?", metavar="FILE|FOLDER", help=f"a machine file, or a robot's folder (default: {DEFAULT})"
    )
    parser.add_argument("--format", choices=sorted(FORMATS), help="default: mermaid; with --diff: markdown")
    parser.add_argument("--diff", metavar=("OLD", "NEW"), nargs=2, help="show what one machine file changes in another")
    parser.add_argument("--lang", metavar="LANGUAGE", default="", help="titles instead of names, such as en or ru")
    parser.add_argument(
        "--runs",
        "--run",
        metavar="JOURNAL",
        nargs="+",
        default=[],
        help="journals, or folders of them: their way and figures on the drawing",
    )
    parser.add_argument(
        "--columns",
        type=int,
        default=1,
        metavar="N",
        help=f"fold a long drawing into up to N columns ({', '.join(WITH_COLUMNS)})",
    )
    interchange.add_arguments(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the drawing."""
    if arguments.merge_into:
        return merging.run(arguments)
    if arguments.source:
        return write(interchange.machine_file_asked_for(arguments), arguments.output)
    arguments.format = arguments.format or ("markdown" if arguments.diff else "mermaid")
    if arguments.diff:
        if arguments.columns != 1:
            raise SettingsError("--columns cannot be combined with --diff")
        return write(_compared(arguments), arguments.output)
    _check_columns(arguments)
    path = machine_meant(arguments.file, arguments.runs)
    if arguments.runs and arguments.format not in WITH_FIGURES:
        raise SettingsError(f"--runs can be shown as {', '.join(sorted(WITH_FIGURES))}, not as {arguments.format}")
    definition = machine_file.load_labelled(path, None, ())
    runs = read_runs(arguments.runs)
    _tell_strangers(runs, definition)
    figures = heat(run_statistics(run.records for run in runs), arguments.lang) if runs else None
    taken = taken_in((run.records for run in runs), definition) if runs else None
    old = interchange.old_drawing(arguments)
    shown = words(definition, arguments.lang, str(path))
    options = Options(shown, runs, figures, old, taken, path.name, arguments.columns)
    inputs = [path, *(found for name in arguments.runs for found in served_journals(name))]
    return write(FORMATS[arguments.format](definition, options), arguments.output, inputs)


def _check_columns(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.columns <= MOST_COLUMNS:
        raise SettingsError(f"--columns is a number from 1 to {MOST_COLUMNS}, not {arguments.columns}")
    if arguments.columns > 1 and arguments.format not in WITH_COLUMNS:
        raise SettingsError(f"--columns is for {', '.join(WITH_COLUMNS)}, not for {arguments.format}")


def _tell_strangers(runs: Sequence[Run], definition: Definition) -> None:
    """Say on stderr how many runs followed another machine: a drawing has no place for what it does not know."""
    others = sum(run.header.get("machine_sha256") != definition.digest() for run in runs)
    if others:
        followed = f"{others} of {counted(len(runs), 'run')} followed another machine"
        sentence = f"{followed}; what this one does not know is not drawn"
        complain(sentence)


def _compared(arguments: argparse.Namespace) -> str | bytes:
    if arguments.file:
        raise SettingsError("--diff takes both machine files itself: --diff OLD NEW")
    if arguments.format not in COMPARISONS:
        raise SettingsError(f"--diff can be {', '.join(COMPARISONS)}, not {arguments.format}")
    if arguments.runs and arguments.format not in WITH_VERDICTS:
        raise SettingsError(f"--diff with --runs can be {', '.join(WITH_VERDICTS)}, not {arguments.format}")
    old, new = (machine_file.load_labelled(machine_meant(name), None, ()) for name in arguments.diff)
    comparison = compare(old, new)
    shown = words(comparison.union, arguments.lang, arguments.diff[1])
    decisions = Decisions(new)
    verdicts = [
        (run.name, replay(Reading(list(run.records)), new, decisions).divergence) for run in read_runs(arguments.runs)
    ]
    return COMPARISONS[arguments.format](shown, comparison, verdicts)


def read_runs(names: Sequence[str], youngest: int | None = None) -> list[Run]:
    """Return the runs of journals and of folders of journals, oldest first within a folder.

    Args:
        names: Files and folders.
        youngest: How many to read of each folder at most; None reads all.

    Raises:
        SettingsError: There is no such file, a folder holds no journal, or a file is none.
    """
    # `[-0:]` is the whole list.
    found = [(path, _run(path)) for name in names for path in served_journals(name)[-(youngest or 0) :]]
    once = each_run_once(
        found,
        path=lambda each: each[0],
        begins=lambda each: each[1].records[0].chain,
        records=lambda each: each[1].records,
    )
    return [run for _, run in once]


def player(names: Sequence[str], youngest: int, machine: Path) -> str:
    """Return the run player for the youngest runs of journals and of folders of them. Raises `RobotError`."""
    definition = machine_file.load_labelled(machine, None, ())
    runs = read_runs(names, youngest)
    figures = heat(run_statistics(run.records for run in runs), language.of_titles())
    return page(Words(definition, language.of_titles()), runs, assets(), figures)


def _run(path: Path) -> Run:
    records, problem = read_journal(path)
    if not records:
        raise SettingsError(f"--runs {path}: is not a journal of a robot: {problem or 'it is empty'}")
    if problem:
        complain(f"{path}: {problem}; only what stands before it counts")
    return Run(run_name(path), records, problem)


def write(content: str | bytes, output: str | None, inputs: Iterable[Path] = ()) -> int:
    """Print `content`, or write it to `output`, which is none of `inputs`."""
    if not output and isinstance(content, bytes) and sys.stdout is not None and sys.stdout.isatty():
        raise SettingsError("this format is not text; write it to a file with -o FILE")
    with target(output, inputs) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
    return 0
