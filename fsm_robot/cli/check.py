"""`fsm-robot check`: is everything right, and what does the machine do?"""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from fsm_robot.analyst.eventlog.event_table import READ_AS_MISSING
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import USUAL_CONFIG, add_config
from fsm_robot.cli.streams import print_json
from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.checks import coverage
from fsm_robot.engine.machine.definition import Definition, Transition
from fsm_robot.engine.machine.labels import unlabelled
from fsm_robot.engine.wording import counted, symbols
from fsm_robot.errors import SettingsError
from fsm_robot.gateway.tls import context_for
from fsm_robot.operations import environments
from fsm_robot.operations.checks import limits_without_script
from fsm_robot.robot import machine as robot_machine
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot import wiring
from fsm_robot.robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.robot.settings import Settings
from fsm_robot.system import language

if sys.platform == "win32":
    from fsm_robot.system import _surroundings_windows as surroundings
else:
    from fsm_robot.system import _surroundings_posix as surroundings

WITHOUT = {"title": "no title for", "describes": "no description of"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE|FOLDER",
        help="a machine file, or a robot's folder; without it robot.toml and the machine it names",
    )
    add_config(parser)
    parser.set_defaults(config="")
    parser.add_argument("--json", action="store_true", help="print the machine as JSON")
    parser.add_argument(
        "--any-callbacks", action="store_true", help="do not check that the built-in callbacks have the names in FILE"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, and print what was found."""
    said: list[str] = []
    if arguments.file and Path(arguments.file).is_dir():
        definition, said = _check_settings(Path(arguments.file, USUAL_CONFIG), named=True)
    elif arguments.file:
        path = Path(arguments.file)
        definition = machine_file.labelled(_machine_in(path, any_callbacks=arguments.any_callbacks), path)
    else:
        named = arguments.config or os.environ.get("FSM_ROBOT_CONFIG", "")
        definition, said = _check_settings(Path(named or USUAL_CONFIG), named=bool(named))
    if arguments.json:
        print_json(_as_json(definition, said), indent=2)
    else:
        speak_as_configured(*([arguments.file] if arguments.file else []), arguments.config or USUAL_CONFIG)
        noted = [language.said(line) for line in (*_gaps(definition), *_read_as_missing(definition))]
        print("\n".join([*map(language.said, said), *map(symbols, [*_report(definition), *noted])]))
    return 0


def _machine_in(path: Path, *, any_callbacks: bool) -> Definition:
    """Return the machine of a file, checked against the callbacks that the robot.toml beside it names for it."""
    config = path.with_name(USUAL_CONFIG)
    if not any_callbacks and os.path.lexists(config):
        settings = settings_module.load(config.absolute(), need_credential=False)
        if settings.machine.callbacks and wiring.machine_path(settings) == Path(os.path.abspath(path)):
            return wiring.machine_for(settings, wiring.callbacks_class(settings), cached=False)
    # The built-in callbacks are those of a robot that does jobs; a machine without jobs has some of its own.
    known = None if any_callbacks else callback_names(Callbacks)
    times = None if any_callbacks else tuple(settings_module.times())
    return machine_file.load(path, known, OUTCOMES, jobs_only=True, times=times)


def _check_settings(path: Path, *, named: bool) -> tuple[Definition, list[str]]:
    # A file that somebody names has to be there; a folder without a robot has a machine to look at all the same.
    if not named and not os.path.lexists(path):
        definition = machine_file.labelled(robot_machine.load(robot_machine.built_in()), robot_machine.built_in())
        return definition, [
            f"no {path} here, so only the built-in machine was checked; `fsm-robot init` writes one",
            "",
        ]
    settings = settings_module.load(path.absolute())
    kind = wiring.callbacks_class(settings)
    definition = wiring.machine_for(settings, kind, cached=False)
    definition = machine_file.labelled(definition, wiring.machine_path(settings))
    wiring.own_settings_of(settings, kind)
    if wiring.takes_jobs(kind):
        return definition, [f"{path}: no mistake", *_places(settings), ""]
    if problems := _storage_problems(settings):
        raise SettingsError(problems)
    return definition, [f"{path}: no mistake", f"storage      {settings.storage_directory}", ""]


def _storage_problems(settings: Settings) -> list[str]:
    storage = settings.storage_directory
    nearest = next(folder for folder in (storage, *storage.parents) if folder.exists())
    if not nearest.is_dir():
        return [f"storage.directory: {nearest} is a file, and a folder is needed; name another one"]
    if not os.access(nearest, os.W_OK):
        return [f"storage.directory: {nearest} cannot be written by this account; the robot would take no job"]
    return []


def _places(settings: Settings) -> list[str]:
    scripts, storage = settings.scripts_directory, settings.storage_directory
    problems: list[str] = []
    verify = settings.orchestrator.verify
    client = wiring.client_certificate_for(settings)
    if isinstance(verify, str) or client is not None:
        try:
            context_for(str(settings.path(verify)) if isinstance(verify, str) else verify, client)
        except SettingsError as error:
            problems += error.problems
    if not scripts.is_dir():
        problems.append(f"scripts.directory: there is no folder {scripts}; create it and put the scripts there")
    problems += _storage_problems(settings)
    if settings.scripts.python:
        # Started once, for that alone shows it: a path may lead to something else, and cmd.exe takes everything.
        from fsm_robot.operations.checks import interpreter_diagnosis

        found = interpreter_diagnosis(settings)
        if found.verdict == "wrong":
            problems.append(f"scripts.python: {found.said}; {found.do}")
    runs = environments.runs(settings)
    problems += [f"scripts: {text}" for text in environments.problems(runs)]
    pinned = environments.lock_diagnosis(settings)
    if pinned.verdict == "wrong":
        problems.append(f"scripts.locked: {pinned.said}; {pinned.do}")
    try:
        profile = wiring.profile_for(settings)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(problems)
    warnings = surroundings.warnings(str(scripts), settings.scripts_python)
    warnings += [text] if (text := wiring.taking_warning(settings, profile)) else []
    warnings += [f"limits.script: no script fits {each}" for each in limits_without_script(settings)]
    warnings += [pinned.said] if pinned.verdict == "warning" else []
    warnings += [
        f"the environment {told} is not built; `{environments.SYNC}` builds it" for told in environments.missing(runs)
    ]
    return [
        *(f"warning: {text}" for text in warnings),
        f"orchestrator {settings.orchestrator.url}",
        f"scripts      {scripts}, run by {settings.scripts_python}",
        *environments.lines(runs),
        f"storage      {storage}",
        f"when idle    {settings.session.when_idle}",
    ]


def _report(definition: Definition) -> list[str]:
    states, edges = definition.states, definition.transitions
    rows = [
        (
            state.name,
            state.on_enter or "-",
            "final" if state.final else "initial" if state.name == definition.initial else "",
        )
        for state in states
    ]
    lines = [
        f"machine {definition.name}: {counted(len(states), 'state')}, {counted(len(edges), 'transition')}, no mistake",
        "",
        "states",
        *_aligned(rows),
        "",
        "transitions",
        *(f"  {_edge(definition, edge)}" for edge in edges),
        "",
        "state x event (. means: the event cannot come in this state)",
    ]
    return lines + _aligned(_table(definition))


def _edge(definition: Definition, edge: Transition) -> str:
    timeout = definition.timeout_of(edge)
    notes = [
        f"after {timeout.span}" if timeout else "",
        "stays" if edge.kind == "internal" else "",
        f"at most {counted(edge.at_most, 'time')} until there is progress" if edge.at_most else "",
        "when those are used up" if edge.spent else "",
        "progress" if edge.progress else "",
        f"exit code {edge.exit_code}" if edge.exit_code is not None else "",
        f"the job ends as {edge.outcome}" if edge.outcome else "",
    ]
    shown = ", ".join(note for note in notes if note)
    return f"{edge.source} --{edge.trigger}--> {edge.dest}{f'  ({shown})' if shown else ''}"


def _table(definition: Definition) -> list[tuple[str, ...]]:
    states = [state.name for state in definition.states if not state.final]
    rows: list[tuple[str, ...]] = [("event", *states)]
    rows += [(event, *(cells[state] or "." for state in states)) for event, cells in coverage(definition)]
    return rows


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with their cells below each other, CJK as two places, marks as none."""
    cells = [[symbols(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return [
        "  " + "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in {"W", "F"} for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in {"Mn", "Me", "Cf"} for char in text)


def _gaps(definition: Definition) -> list[str]:
    """Tell what a drawing in a language would show by its name: no mistake, but somebody may want to translate it."""
    lines = [
        f"{language or 'for every language'}: {WITHOUT[part]}: {', '.join(names)}"
        for language, parts in unlabelled(definition).items()
        for part, names in parts.items()
    ]
    return ["", "labels", *(f"  {line}" for line in lines)] if lines else []


def _read_as_missing(definition: Definition) -> list[str]:
    """Warn of names that pandas and its like take for "no value" in a CSV: no mistake, but rows would vanish."""
    names = [*(state.name for state in definition.states), *(edge.trigger for edge in definition.transitions)]
    missing = [name for name in dict.fromkeys(names) if name in READ_AS_MISSING]
    if not missing:
        return []
    said = f"{', '.join(missing)}: table tools read such a name as a missing value"
    return ["", f"warning: {said}; choose other names, or read the CSV with keep_default_na=False (docs/event-logs.md)"]


def _as_json(definition: Definition, said: list[str]) -> dict[str, object]:
    return {
        "settings": [line for line in said if line],
        "machine": definition.to_values(),
        "sha256": definition.digest(),
        "coverage": dict(coverage(definition)),
        "unlabelled": unlabelled(definition),
        "warnings": [line for line in _read_as_missing(definition) if line],
    }
