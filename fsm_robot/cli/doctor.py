"""`fsm-robot doctor`: could the robot work here? Nothing is announced and no job is taken."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import attrs

from fsm_robot import settings as settings_module
from fsm_robot import wiring
from fsm_robot.cli.run import add_config
from fsm_robot.clock import SystemClock
from fsm_robot.errors import RobotError
from fsm_robot.operations import checks
from fsm_robot.operations.findings import Finding, report
from fsm_robot.settings import Settings

LOCAL_CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    checks.scripts_finding,
    checks.interpreter_finding,
    checks.storage_finding,
    checks.lock_finding,
    checks.session_finding,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found and what to do; 1 where something keeps the robot from working."""
    findings = list(_examine(Path(arguments.config).absolute()))
    if arguments.json:
        print(json.dumps([attrs.asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        print("\n".join(report(findings)))
    return int(any(finding.verdict == "wrong" for finding in findings))


def _examine(config: Path) -> Iterator[Finding]:
    try:
        settings = settings_module.load(config)
    except RobotError as error:
        yield Finding("settings", "wrong", str(error).replace("\n", "; "), "mend them; the rest needs them")
        return
    yield Finding("settings", "ok", str(config))
    try:
        definition, _ = wiring.machine_for(settings, cached=False)
        yield Finding("machine", "ok", f"{definition.name}, {len(definition.states)} states, no mistake")
    except RobotError as error:
        yield Finding("machine", "wrong", str(error).replace("\n", "; "), "`fsm-robot check` names every mistake")
    for check in LOCAL_CHECKS:
        yield check(settings)
    redact = wiring.redactor_for(settings).text
    for finding in _network(settings):
        yield attrs.evolve(finding, said=redact(finding.said))


def _network(settings: Settings) -> Iterator[Finding]:
    try:
        # What is less safe than it should be is one of the findings.
        gateway = wiring.gateway_for(settings, wiring.redactor_for(settings), warn=_say_nothing)
    except RobotError as error:
        yield Finding("certificate", "wrong", str(error), "mend orchestrator.verify")
        return
    try:
        yield from checks.network_findings(settings, gateway, datetime.fromisoformat(SystemClock().utc_now()))
    finally:
        gateway.close()


def _say_nothing(_: str) -> None:
    return
