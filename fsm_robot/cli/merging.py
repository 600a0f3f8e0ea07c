"""`fsm-robot diagram --from DRAWING --merge-into OLD.yaml`: an analyst's edit comes back into the machine file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from fsm_robot.analyst.drawing.compare import compare, comparison_table
from fsm_robot.analyst.merge import Drawn, Merged, merged, relabelled, shapes_named
from fsm_robot.cli import interchange
from fsm_robot.cli.journal_arguments import journals_below
from fsm_robot.cli.streams import complain
from fsm_robot.cli.target import target
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import SUFFIX, read_file, run_name
from fsm_robot.engine.journal.replay import Decisions, Divergence, replay
from fsm_robot.engine.machine.compiler import compile_text
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.errors import DefinitionError, SettingsError


def run(arguments: argparse.Namespace) -> int:
    """Print what the drawing changes and which runs would diverge; with -o also write the machine file."""
    if not arguments.source:
        raise SettingsError("--merge-into needs the drawing: --from DRAWING --merge-into OLD.yaml")
    for option in ("file", "format", "diff", "lang", "keep_positions"):
        if getattr(arguments, option):
            raise SettingsError(f"--merge-into takes no {'--' if option != 'file' else ''}{option.replace('_', '-')}")
    path = Path(arguments.merge_into)
    old = machine_file.load(path, None, ())
    drawn = interchange.drawing(Path(arguments.source), old)
    change = merged(machine_file.text_of(path), str(path), old, drawn)
    new = in_its_shapes(change, drawn, arguments.source, arguments.output or arguments.merge_into)
    print(comparison_table(compare(old, new), _verdicts(arguments.runs, new)), end="")
    for note in change.notes:
        print(f"to do: {note}")
    if arguments.output:
        with target(arguments.output, [Path(arguments.source)]) as stream:
            stream.write(change.text.encode())
        _write_labels(path, Path(arguments.output), new, change)
    return 0


def in_its_shapes(change: Merged, drawn: Drawn, drawing: str, name: str) -> Definition:
    """Return the machine of the new text, which is called `name`.

    Raises:
        DefinitionError: It is none; each sentence names the shapes of the `drawing` that it is about.
    """
    try:
        return compile_text(change.text, name)
    except DefinitionError as error:
        problems = []
        for problem in error.problems:
            shapes = ", ".join(shapes_named(drawn, problem))
            where = f" (in the drawing: {shapes})" if shapes else ""
            problems.append(f"{drawing}: is not a machine: {problem.split(': ', 1)[-1]}{where}")
        raise DefinitionError(problems) from error


def _verdicts(names: Iterable[str], new: Definition) -> list[tuple[str, Divergence | None]]:
    decisions = Decisions(new)
    found = []
    for name in names:
        paths = journals_below(Path(name)) if Path(name).is_dir() else [Path(name)]
        if not paths:
            raise SettingsError(f"--runs {name}: holds no journal (*{SUFFIX})")
        found += [(run_name(path), replay(read_file(path), new, decisions).divergence) for path in paths]
    return found


def _write_labels(old: Path, output: Path, new: Definition, change: Merged) -> None:
    """Write the files of labels that belong to the new machine file."""
    for file in machine_file.label_files(old):
        place = output.with_name(f"{output.stem}.{file.language}{Path(file.name).suffix}")
        if place.exists() and place.resolve() != Path(file.name).resolve():
            complain(f"{place}: is there already, so the labels of {file.name} are not written to it")
            continue
        with target(str(place)) as stream:
            stream.write(relabelled(file.text, file.name, new, change.renamed).encode())
