"""`--fleet`, which the commands that look share: all robots of a fleet.toml side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from fsm_robot.errors import SettingsError
from fsm_robot.fleet.file import USUAL_NAME, Fleet, read


def add_fleet(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--fleet",
        nargs="?",
        const=USUAL_NAME,
        metavar="FILE",
        help=f"all robots of this fleet file (default: {USUAL_NAME})",
    )


def fleet_of(arguments: argparse.Namespace) -> Fleet:
    """Return the fleet that the option names. Raises `SettingsError`."""
    return fleet_in(Path(arguments.fleet))


def fleet_in(path: Path) -> Fleet:
    """Return the fleet of a file that has to list a robot. Raises `SettingsError`."""
    fleet = read(path)
    if not fleet.places:
        raise SettingsError(f"{fleet.path}: lists no robot; `fsm-robot fleet add FOLDER` adds one")
    return fleet
