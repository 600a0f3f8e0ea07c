"""`fsm-robot dashboard`: a local page over a fleet."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from fsm_robot.cli.fleet_argument import fleet_in
from fsm_robot.cli.machine_argument import machine_meant
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import USUAL_CONFIG
from fsm_robot.fleet.file import USUAL_NAME

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

USUAL_PORT = 4510


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", nargs="?", default=USUAL_NAME, help="the fleet file (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=USUAL_PORT, help="port of the page; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--machine", metavar="FILE", help="machine file of the robots, to show their runs step by step")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from fsm_robot.fleet.dashboard import Board, Dashboard

    machine = machine_meant(arguments.machine)
    path = Path(arguments.file)
    fleet_in(path)
    speak_as_configured(path.parent, USUAL_CONFIG)
    over = threading.Event()
    system.listen(lambda _: over.set())
    with Dashboard(Board(path, lambda name, data: player_of(machine, name, data)), arguments.port) as page:
        print(f"{page.url} shows the fleet of {path}; Ctrl-C ends it", flush=True)
        if arguments.open:
            import webbrowser

            webbrowser.open(page.url)
        while not over.wait(3600):
            continue
    return 0


def player_of(machine: Path, name: str, data: bytes) -> str:
    """Return the run player for one journal. Raises `RobotError`."""
    from fsm_robot.cli.diagram import player

    with tempfile.TemporaryDirectory(prefix="fsm-robot-") as folder:
        journal = Path(folder, Path(name).name)
        journal.write_bytes(data)
        return player([str(journal)], 1, machine)
