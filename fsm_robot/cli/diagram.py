"""`fsm-robot diagram`: the machine file as a drawing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fsm_robot import machine_file
from fsm_robot.cli.replay import journals_in
from fsm_robot.errors import SettingsError
from fsm_robot.export.dot import dot
from fsm_robot.export.markdown import markdown
from fsm_robot.export.mermaid import mermaid
from fsm_robot.journal.file import read_file
from fsm_robot.journal.taken import Taken, taken_in
from fsm_robot.machine.definition import Definition

FORMATS: Mapping[str, Callable[[Definition, Taken | None], str]] = {
    "mermaid": mermaid,
    "dot": dot,
    "markdown": markdown,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", nargs="?", help="a machine file (default: the built-in one)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="mermaid", help="default: %(default)s")
    parser.add_argument(
        "--run",
        metavar="JOURNAL",
        nargs="+",
        default=[],
        help="mark what recorded runs did: journals, or folders of them",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the drawing."""
    path = Path(arguments.file) if arguments.file else machine_file.built_in()
    definition = machine_file.load(path, None, ())
    taken = (
        taken_in((read_file(run).records for run in journals_in(arguments.run)), definition) if arguments.run else None
    )
    text = FORMATS[arguments.format](definition, taken)
    if not arguments.output:
        sys.stdout.write(text)
        return 0
    try:
        Path(arguments.output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingsError(f"{arguments.output}: cannot be written: {error.strerror or error}") from error
    return 0
