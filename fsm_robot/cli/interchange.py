"""The formats of `fsm-robot diagram` that other tools read, and the two that come back as a machine file.

Each is imported when it is asked for: a drawing of BPMN needs a layout, a list of edges needs nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.analyst.drawing.scene import Heat
from fsm_robot.analyst.words import Words
from fsm_robot.analyst.xml_in import LARGEST_BYTES, Element, parse
from fsm_robot.errors import DefinitionError, SettingsError

if TYPE_CHECKING:
    from fsm_robot.analyst.merge import Drawn
    from fsm_robot.engine.machine.definition import Definition


@attrs.frozen
class Beside:
    """What a drawing may have beside the machine: figures of runs, and an older drawing whose positions are kept."""

    heat: Heat | None = None
    old: Element | None = None


KEEPS_POSITIONS = ("bpmn", "bpmn-exact")


def _plantuml(words: Words, _asked: Beside) -> str:
    from fsm_robot.analyst.formats.plantuml import plantuml

    return plantuml(words)


def _scxml(words: Words, _asked: Beside) -> str:
    from fsm_robot.analyst.formats.scxml import scxml

    return scxml(words.definition)


def _xstate(words: Words, _asked: Beside) -> str:
    from fsm_robot.analyst.formats.xstate import xstate

    return xstate(words.definition)


def _pnml(words: Words, _asked: Beside) -> str:
    from fsm_robot.analyst.formats.pnml import pnml

    return pnml(words.definition)


def _bpmn(words: Words, asked: Beside) -> str:
    from fsm_robot.analyst.bpmn.kept_places import drawn
    from fsm_robot.analyst.bpmn.overview import analysts_process

    return drawn(analysts_process(words, asked.heat), asked.old)


def _bpmn_exact(words: Words, asked: Beside) -> str:
    from fsm_robot.analyst.bpmn.exact import exact_process
    from fsm_robot.analyst.bpmn.kept_places import drawn

    return drawn(exact_process(words), asked.old)


INTERCHANGE: Mapping[str, Callable[[Words, Beside], str]] = {
    "plantuml": _plantuml,
    "scxml": _scxml,
    "xstate": _xstate,
    "pnml": _pnml,
    "bpmn": _bpmn,
    "bpmn-exact": _bpmn_exact,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--from", dest="source", metavar="FILE", help="write the machine file that a bpmn-exact or scxml FILE holds"
    )
    parser.add_argument(
        "--merge-into",
        metavar="OLD.yaml",
        help="with --from: apply the drawing's changes to OLD.yaml, print them and which --runs would diverge",
    )
    parser.add_argument(
        "--keep-positions",
        metavar="OLD.bpmn",
        help="keep the positions that shapes have in OLD.bpmn (bpmn and bpmn-exact)",
    )


def old_drawing(arguments: argparse.Namespace) -> Element | None:
    """Return the file of --keep-positions, or None.

    Raises:
        DefinitionError: It cannot be read, or is no XML that we take.
        SettingsError: The format has no positions.
    """
    if not arguments.keep_positions:
        return None
    if arguments.format not in KEEPS_POSITIONS:
        raise SettingsError(f"--keep-positions is for the formats {' and '.join(KEEPS_POSITIONS)}")
    return _read(Path(arguments.keep_positions))


def machine_file_asked_for(arguments: argparse.Namespace) -> str:
    """Return the machine file for --from.

    Raises:
        SettingsError: Another option asks for a drawing at the same time.
    """
    if arguments.file:
        raise SettingsError("--from takes the drawing itself: --from FILE")
    for option in ("format", "diff", "lang", "runs", "keep_positions"):
        if getattr(arguments, option):
            raise SettingsError(f"--from writes a machine file, so it takes no --{option.replace('_', '-')}")
    return machine_file_from(Path(arguments.source))


def machine_file_from(path: Path) -> str:
    """Return the machine file that a drawing holds, compiled once to be sure of it.

    Raises:
        DefinitionError: The drawing cannot be read, or the machine that it shows is wrong.
    """
    from fsm_robot.analyst.formats.machine_text import machine_text
    from fsm_robot.engine.machine.compiler import compile_text

    text = machine_text(drawing(path).machine)
    try:
        compile_text(text, "machine")
    except DefinitionError as error:
        # Lines of a file that nobody has would help nobody; what is wrong is named in each sentence.
        problems = [f"{path}: the machine in it is wrong: {_sentence(problem)}" for problem in error.problems]
        raise DefinitionError(problems) from error
    return text


def _sentence(problem: str) -> str:
    return problem.split(": ", 1)[-1]


def drawing(path: Path, before: Definition | None = None) -> Drawn:
    """Return what a drawing of bpmn-exact or SCXML shows; nobody has checked it yet. Raises `DefinitionError`.

    `before` is the machine that it was made from, where that is known.
    """
    from fsm_robot.analyst.bpmn.process import BPMN
    from fsm_robot.analyst.bpmn.read_back import drawn_in
    from fsm_robot.analyst.formats.from_scxml import from_scxml
    from fsm_robot.analyst.formats.scxml import SCXML
    from fsm_robot.analyst.merge import Drawn

    root = _read(path)
    if (root.namespace, root.name) == (SCXML, "scxml"):
        return Drawn(from_scxml(root))
    if (root.namespace, root.name) == (BPMN, "definitions"):
        return drawn_in(root, before)
    raise root.wrong("is neither SCXML nor BPMN")


def _read(path: Path) -> Element:
    try:
        with path.open("rb") as stream:
            # One byte more than is allowed, so that `parse` sees it without the whole file being read.
            data = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise DefinitionError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    return parse(data, str(path))
