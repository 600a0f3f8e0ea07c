"""`fsm-robot conformance`: does what the journals tell fit the machine?"""

from __future__ import annotations

import argparse

import attrs

from fsm_robot.analyst.eventlog.conformance import Fit, fit_of, fitness
from fsm_robot.analyst.eventlog.discovery import Discovered
from fsm_robot.analyst.words import words
from fsm_robot.cli.journal_arguments import add_journals, find_journals, read_runs
from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.streams import print_json
from fsm_robot.cli.target import target
from fsm_robot.engine import machine_file
from fsm_robot.engine.wording import counted
from fsm_robot.errors import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_journals(parser)
    parser.add_argument(
        "--machine", metavar="FILE|FOLDER", help=f"a machine file, or a robot's folder (default: {DEFAULT})"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict of every run as JSON")
    parser.add_argument(
        "--discover",
        action="store_true",
        help="draw the process that the journals show beside the declared one; with --json its figures",
    )
    parser.add_argument("--format", choices=("html", "svg"), default="html", help="of --discover (default: html)")
    parser.add_argument("--lang", metavar="LANGUAGE", default="", help="of --discover: titles instead of names")
    parser.add_argument("-o", "--output", metavar="FILE", help="of --discover: write there instead of printing")


def run(arguments: argparse.Namespace) -> int:
    """Replay the journals, print what does not fit; 0 where all fit, 1 where one deviates."""
    if arguments.discover:
        return _discover(arguments)
    if arguments.output or arguments.lang:
        raise SettingsError("-o and --lang are for the drawing of --discover")
    definition = machine_file.load(machine_meant(arguments.machine, arguments.journals), None, ())
    fits = [fit_of(run, definition) for run in read_runs(find_journals(arguments.journals))]
    deviating = [fit for fit in fits if fit.deviations]
    if arguments.json:
        print_json(_as_json(fits), indent=2)
    else:
        for fit in deviating:
            print("\n".join(_report(fit, definition.name)))
        print(
            f"{len(fits) - len(deviating)} of {counted(len(fits), 'run')} {'fits' if len(fits) == 1 else 'fit'}"
            f" the machine {definition.name},"
            f" fitness of the log {fitness(fits):.4f}"
        )
        others = sum(fit.other_machine for fit in fits)
        if others:
            were = "1 of them was" if others == 1 else f"{others} of them were"
            print(f"{were} recorded with another version of the machine file")
    return 1 if deviating else 0


def _discover(arguments: argparse.Namespace) -> int:
    from fsm_robot.analyst.drawing.discovered import drawn_beside
    from fsm_robot.analyst.eventlog.discovery import discover
    from fsm_robot.analyst.player.assets import assets
    from fsm_robot.analyst.player.discovery_page import discovery_page

    machine = machine_meant(arguments.machine, arguments.journals)
    declared = words(machine_file.load_labelled(machine, None, ()), arguments.lang, str(machine))
    journals = find_journals(arguments.journals)
    found = discover(read_runs(journals), declared.definition)
    if not found.starts:
        raise SettingsError(f"{', '.join(arguments.journals)}: no run has taken a step, so there is nothing to draw")
    if arguments.json:
        print_json(_discovered_as_json(found), indent=2)
        return 0
    drawing = discovery_page(declared, found, assets()) if arguments.format == "html" else drawn_beside(declared, found)
    with target(arguments.output, [machine, *(journal.path for journal in journals)]) as stream:
        stream.write(drawing.encode())
    return 0


def _discovered_as_json(found: Discovered) -> dict[str, object]:
    statistics = found.statistics
    follows = sorted(found.follows.items(), key=lambda each: -each[1])
    return {
        "runs": statistics.runs,
        "directly_follows": [{"from": one, "to": other, "count": count} for (one, other), count in follows],
        "starts": dict(found.starts),
        "ends": dict(found.ends),
        "states": {name: attrs.asdict(figures) for name, figures in statistics.states.items()},
        "transitions": {key: attrs.asdict(figures) for key, figures in statistics.transitions.items()},
        "never": {"states": found.never_states, "transitions": found.never_edges},
        "undeclared": found.undeclared,
        "before_failure": {
            "case": found.case,
            "cases": found.cases,
            "failed": found.failed,
            "signs": [attrs.asdict(sign) for sign in found.signs],
        },
    }


def _report(fit: Fit, machine: str) -> list[str]:
    if fit.is_of_wrong_machine:
        first = fit.deviations[0]
        of = f"of the machine {fit.made_with}" if fit.made_with else "of a machine that is quite different"
        rest = f", and {counted(len(fit.deviations) - 1, 'deviation')} more" if fit.deviations[1:] else ""
        return [f"{fit.case}: is a run {of}, not of {machine}: step {first.step}: {first.message}{rest}"]
    lines = [f"{fit.case}: fitness {fit.fitness:.4f}"]
    return lines + [f"  step {found.step}, {found.at}: {found.message}." for found in fit.deviations]


def _as_json(fits: list[Fit]) -> dict[str, object]:
    return {
        "fitness": fitness(fits),
        "runs": len(fits),
        "fitting_runs": sum(not fit.deviations for fit in fits),
        "cases": [{**attrs.asdict(fit), "fitness": fit.fitness} for fit in fits],
    }
