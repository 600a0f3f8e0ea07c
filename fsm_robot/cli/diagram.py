"""`fsm-robot diagram`: the machine file as a drawing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from fsm_robot import browser, machine_file
from fsm_robot.errors import SettingsError
from fsm_robot.export.dot import dot
from fsm_robot.export.drawio import drawio
from fsm_robot.export.markdown import markdown
from fsm_robot.export.mermaid import mermaid
from fsm_robot.export.scene import Heat
from fsm_robot.export.svg import svg
from fsm_robot.export.words import Words, words
from fsm_robot.machine.definition import Definition


@attrs.frozen
class Options:
    """What a format may want beside the machine: the words of --lang, the figures of --runs."""

    words: Words
    heat: Heat | None = None


FORMATS: Mapping[str, Callable[[Definition, Options], str | bytes]] = {
    "mermaid": lambda machine, _: mermaid(machine),
    "dot": lambda machine, _: dot(machine),
    "markdown": lambda machine, _: markdown(machine),
    "svg": lambda _, options: svg(options.words, options.heat),
    "drawio": lambda _, options: drawio(options.words),
    "png": lambda _, options: browser.png(svg(options.words, options.heat)),
    "pdf": lambda _, options: browser.pdf(svg(options.words, options.heat)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", nargs="?", help="a machine file (default: the built-in one)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="mermaid", help="default: %(default)s")
    parser.add_argument(
        "--lang", metavar="LANGUAGE", default="", help="show titles in it, such as en or ru (default: names)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of printing")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the drawing."""
    path = Path(arguments.file) if arguments.file else machine_file.built_in()
    definition = machine_file.load(path, None, ())
    options = Options(words(definition, arguments.lang, str(path)))
    return write(FORMATS[arguments.format](definition, options), arguments.output)


def write(content: str | bytes, output: str | None) -> int:
    """Print `content`, or write it to the file `output`."""
    data = content.encode() if isinstance(content, str) else content
    if output:
        try:
            Path(output).write_bytes(data)
        except OSError as error:
            raise SettingsError(f"{output}: cannot be written: {error.strerror or error}") from error
    elif isinstance(content, str):
        sys.stdout.write(content)
    elif sys.stdout.isatty():
        raise SettingsError("this format is no text; write it to a file with -o FILE")
    else:
        sys.stdout.buffer.write(data)
    return 0
