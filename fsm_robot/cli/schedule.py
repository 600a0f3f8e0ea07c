"""`fsm-robot schedule`: let the system's own scheduler start the robot."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from fsm_robot.cli.run import add_config
from fsm_robot.errors import SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.schedule.plan import Plan

if sys.platform == "win32":
    from fsm_robot.schedule import _windows as system
else:
    from fsm_robot.schedule import _posix as system

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LONGEST_EVERY_MIN = 24 * 60
ACTIONS = {
    "install": "write it down there",
    "show": "print what install would write",
    "remove": "take it away again",
    "check": "compare what is installed with what should be",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=ACTIONS, help=what)
    add_config(parser)
    parser.add_argument("--name", default="fsm_robot", help="what it is called there (default: %(default)s)")
    parser.add_argument("--account", default="", metavar="DOMAIN\\USER", help="Windows: whose session (default: yours)")
    parser.add_argument(
        "--connect",
        choices=("remote", "local"),
        default="remote",
        help="Windows: which connection to the session starts it (default: %(default)s)",
    )
    parser.add_argument("--every", type=int, metavar="MINUTES", help="start it again this often")


def run(arguments: argparse.Namespace) -> int:
    """Do the action; `check` returns 2 when something differs."""
    plan = _plan(arguments)
    if arguments.action == "show":
        documents = system.documents(plan)
        _show(
            "\n".join(f"# {place}\n{text}" for place, text in documents.items())
            if len(documents) > 1
            else next(iter(documents.values()))
        )
        return 0
    if arguments.action == "check":
        found = system.problems(plan)
        print("\n".join(found) if found else f"{plan.name} is installed as it should be")
        return SettingsError.exit_code if found else 0
    print("\n".join(system.install(plan) if arguments.action == "install" else system.remove(plan)))
    return 0


def _show(text: str) -> None:
    """Print a document; into a file or a pipe so that the scheduler itself can read it."""
    if system.FILE_ENCODING and sys.stdout is not None and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.replace("\n", os.linesep).encode(system.FILE_ENCODING))
    else:
        print(text, end="")


def _plan(arguments: argparse.Namespace) -> Plan:
    if not NAME.fullmatch(arguments.name):
        raise SettingsError(f"--name: must be letters, digits, dots, dashes and underscores, not {arguments.name!r}")
    if arguments.every is not None and not 1 <= arguments.every <= LONGEST_EVERY_MIN:
        raise SettingsError(f"--every: must be from 1 to {LONGEST_EVERY_MIN} minutes, not {arguments.every}")
    config = Path(arguments.config).absolute()
    # To take it away nothing has to be right any more.
    grace_s = 0.0 if arguments.action == "remove" else settings_module.load(config).scripts.stop_grace_s
    return Plan(
        name=arguments.name,
        python=system.interpreter(),
        config=str(config),
        folder=str(config.parent),
        account=arguments.account or system.account(),
        connect=arguments.connect,
        every_min=arguments.every,
        stop_grace_s=grace_s,
    )
