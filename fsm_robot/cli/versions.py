"""`fsm-robot versions`: versions of this program side by side, and which of them is started."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fsm_robot.errors import SettingsError
from fsm_robot.operations.versions import LAUNCHER_NAME, Choice, Place
from fsm_robot.system import program

ACTIONS = {
    "show": "which are there, and which is current",
    "add": "copy a fsm-robot.pyz in, without making it current",
    "use": "make a version current",
    "upgrade": "add, then use",
    "back": "make the previous version current again",
}
NEEDED = {"add": "FILE, a fsm-robot.pyz", "upgrade": "FILE, a fsm-robot.pyz", "use": "VERSION"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=ACTIONS, help=what)
    parser.add_argument("what", nargs="?", metavar="FILE|VERSION", help="add, upgrade: the file; use: the version")
    parser.add_argument(
        "--place", metavar="FOLDER", help="the folder of versions (default: the one that this was started from)"
    )
    parser.add_argument("--json", action="store_true", help="show: for programs")


def run(arguments: argparse.Namespace) -> int:
    """Do the action and say what is current now."""
    action, place = arguments.action, _place(arguments)
    if (action in NEEDED) != (arguments.what is not None):
        what = f"goes with {NEEDED[action]}" if action in NEEDED else "takes no file and no version"
        raise SettingsError(f"versions {action}: {what}")
    if action == "show":
        return _show(place, as_json=arguments.json)
    if action == "add":
        print(f"{place.folder}: holds version {place.add(Path(arguments.what))}")
        return 0
    if action == "back":
        return _told(place, place.back())
    version = place.add(Path(arguments.what)) if action == "upgrade" else arguments.what
    return _told(place, place.use(version))


def _place(arguments: argparse.Namespace) -> Place:
    folder = Path(arguments.place).absolute() if arguments.place else program.place()
    if folder is None:
        raise SettingsError("--place: is missing, and no launcher has started this: name the folder of versions")
    return Place(folder)


def _show(place: Place, *, as_json: bool) -> int:
    choice, versions = place.choice(), place.versions()
    if as_json:
        told = {"schema": 1, "place": str(place.folder), "current": choice.current, "previous": choice.previous}
        print(json.dumps({**told, "versions": versions}, ensure_ascii=False))
        return 0
    marks = {choice.previous: "previous", choice.current: "current"}
    print("\n".join(f"{version:<16}{marks.get(version, '')}".rstrip() for version in versions))
    return 0


def _told(place: Place, choice: Choice) -> int:
    before = f", before it {choice.previous}" if choice.previous else ""
    print(f"{place.folder}: version {choice.current} is current{before}")
    print(f"started by: python {place.folder / LAUNCHER_NAME}; a robot that runs goes on with its own version")
    return 0
