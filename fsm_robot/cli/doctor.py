"""`fsm-robot doctor`: could the robot work here? Nothing is announced and no job is taken."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import attrs

from fsm_robot.cli.run import USUAL_CONFIG, add_config
from fsm_robot.cli.streams import print_json
from fsm_robot.errors import SettingsError
from fsm_robot.operations.diagnosis import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", help="folder of a robot, or its robot.toml; else --config")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the diagnoses as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found and what to do; 1 where something keeps the robot from working."""
    diagnoses = list(examine(_config(arguments)))
    if arguments.json:
        print_json([attrs.asdict(diagnosis) for diagnosis in diagnoses])
    else:
        print("\n".join(report(diagnoses)))
    return int(any(diagnosis.verdict == "wrong" for diagnosis in diagnoses))


def _config(arguments: argparse.Namespace) -> Path:
    config = Path(arguments.folder or arguments.config).absolute()
    if arguments.folder and config.is_dir():
        config /= USUAL_CONFIG
    if not os.path.lexists(config):
        raise SettingsError(f"{config}: there is no such file; `fsm-robot init` writes one")
    return config
