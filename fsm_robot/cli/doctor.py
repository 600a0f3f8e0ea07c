"""`fsm-robot doctor`: could the robot work here? Nothing is announced and no job is taken."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import attrs

from fsm_robot.cli.fleet_argument import add_fleet, fleet_of
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import USUAL_CONFIG, add_config
from fsm_robot.cli.streams import print_json
from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.operations.diagnosis import Diagnosis, report
from fsm_robot.operations.examination import examine
from fsm_robot.system.language import said

DOCTOR_WAIT_S = 60.0
"""What the doctors of a fleet may take: each waits for networks that do not answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", help="folder of a robot, or its robot.toml; else --config")
    add_config(parser)
    add_fleet(parser)
    parser.add_argument("--json", action="store_true", help="print the diagnoses as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found and what to do; 1 where something keeps the robot from working."""
    if arguments.fleet:
        return _run_fleet(arguments)
    config = config_of(arguments)
    diagnoses = list(examine(config))
    if arguments.json:
        print_json([attrs.asdict(diagnosis) for diagnosis in diagnoses])
    else:
        speak_as_configured(config)
        print("\n".join(report(diagnoses, said)))
    return int(any(diagnosis.verdict == "wrong" for diagnosis in diagnoses))


def _run_fleet(arguments: argparse.Namespace) -> int:
    """Print what keeps each robot from working, and what will; 1 where something does, or one does not answer."""
    if arguments.folder:
        raise SettingsError("--fleet: names the robots itself; leave the folder out")
    from fsm_robot.fleet.asking import ask_each, look_at_all
    from fsm_robot.fleet.sight import SCHEMA

    fleet = attrs.evolve(found := fleet_of(arguments), wait_s=max(found.wait_s, DOCTOR_WAIT_S))
    sights = look_at_all(fleet)
    answers = ask_each(fleet, sights, {"ask": "doctor"})
    if arguments.json:
        told = [{"robot": each.name, "host": each.host, **it} for each, it in zip(sights, answers, strict=True)]
        print_json({"schema": SCHEMA, "robots": told})
    speak_as_configured(arguments.config)
    sick = False
    for sight, answer in zip(sights, answers, strict=True):
        rows = answer.get("diagnoses")
        diagnoses = [Diagnosis(**row) for row in rows] if isinstance(rows, list) else []
        if not diagnoses:
            diagnoses = [Diagnosis("doctor", "wrong", str(answer.get("error")))]
        sick = sick or any(diagnosis.verdict == "wrong" for diagnosis in diagnoses)
        noted = [diagnosis for diagnosis in diagnoses if diagnosis.verdict in ("wrong", "warning")]
        if not arguments.json:
            passed = f"all {len(diagnoses)} checks passed"
            print(f"{shown(sight.name)}: {'' if noted else said(passed)}")
            print("".join(f"  {line}\n" for line in report(noted, said)), end="")
    return int(sick)


def config_of(arguments: argparse.Namespace) -> Path:
    """Return the robot.toml that is meant. Raises `SettingsError`."""
    config = Path(arguments.folder or arguments.config).absolute()
    if arguments.folder and config.is_dir():
        config /= USUAL_CONFIG
    if not os.path.lexists(config):
        raise SettingsError(f"{config}: there is no such file; `fsm-robot init` writes one")
    return config
