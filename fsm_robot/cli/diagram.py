"""`fsm-robot diagram`: the machine file as a drawing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fsm_robot import machine_file
from fsm_robot.errors import SettingsError
from fsm_robot.export.dot import dot
from fsm_robot.export.markdown import markdown
from fsm_robot.export.mermaid import mermaid
from fsm_robot.machine.definition import Definition

FORMATS: Mapping[str, Callable[[Definition], str]] = {"mermaid": mermaid, "dot": dot, "markdown": markdown}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", nargs="?", help="a machine file (default: the built-in one)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="mermaid", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the drawing."""
    path = Path(arguments.file) if arguments.file else machine_file.built_in()
    text = FORMATS[arguments.format](machine_file.load(path, None, ()))
    if not arguments.output:
        sys.stdout.write(text)
        return 0
    try:
        Path(arguments.output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingsError(f"{arguments.output}: cannot be written: {error.strerror or error}") from error
    return 0
