"""`fsm-robot conformance`: does what the journals tell fit the machine?"""

from __future__ import annotations

import argparse

import attrs

from fsm_robot.analyst.eventlog.conformance import Fit, fit_of, fitness
from fsm_robot.cli.journal_arguments import add_journals, find_journals, read_runs
from fsm_robot.cli.machine_argument import DEFAULT, machine_meant
from fsm_robot.cli.streams import print_json
from fsm_robot.engine import machine_file
from fsm_robot.engine.wording import symbols


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_journals(parser)
    parser.add_argument(
        "--machine", metavar="FILE|FOLDER", help=f"a machine file, or a robot's folder (default: {DEFAULT})"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict of every run as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Replay the journals, print what does not fit; 0 where all fit, 1 where one deviates."""
    definition = machine_file.load(machine_meant(arguments.machine, arguments.journals), None, ())
    fits = [fit_of(run, definition) for run in read_runs(find_journals(arguments.journals))]
    deviating = [fit for fit in fits if fit.deviations]
    if arguments.json:
        print_json(_as_json(fits), indent=2)
    else:
        for fit in deviating:
            print("\n".join(map(symbols, _report(fit))))
        print(
            f"{len(fits) - len(deviating)} of {len(fits)} runs fit the machine {symbols(definition.name)},"
            f" fitness of the log {fitness(fits):.4f}"
        )
        others = sum(fit.other_machine for fit in fits)
        if others:
            print(f"{others} of them were recorded with another version of the machine file")
    return 1 if deviating else 0


def _report(fit: Fit) -> list[str]:
    lines = [f"{fit.case}: fitness {fit.fitness:.4f}"]
    return lines + [f"  step {found.step}, {found.at}: {found.message}." for found in fit.deviations]


def _as_json(fits: list[Fit]) -> dict[str, object]:
    return {
        "fitness": fitness(fits),
        "runs": len(fits),
        "fitting_runs": sum(not fit.deviations for fit in fits),
        "cases": [{**attrs.asdict(fit), "fitness": fit.fitness} for fit in fits],
    }
