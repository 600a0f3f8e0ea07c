"""`fsm-robot fleet`: many robots at once."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from fsm_robot.errors import RobotError
from fsm_robot.fleet.file import USUAL_NAME

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    watch = actions.add_parser("watch", help="look at all robots every minute, and tell of what has changed")
    watch.add_argument("file", nargs="?", default=USUAL_NAME, help="the fleet (default: %(default)s)")
    watch.add_argument("--once", action="store_true", help="look once; 1 where a robot is sick")
    watch.add_argument("--quiet", action="store_true", help="write into the watcher's log only")
    tell = actions.add_parser(
        "tell", help="answer a question about robots of this machine, for another machine's fleet"
    )
    tell.add_argument("question", help="as the other machine has packed it")


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    return ACTIONS[arguments.action](arguments)


def _watch(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet.watching import Watch

    watch = Watch(Path(arguments.file), _unsaid if arguments.quiet else print)
    if arguments.once:
        return int(any(sight.problems for sight in watch.once()))
    over = threading.Event()
    system.listen(lambda _: over.set())
    watch.run(over.wait)
    return 0


def _unsaid(_: str) -> None:
    return


def _tell(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet import answers
    from fsm_robot.fleet.asking import told

    try:
        answer = answers.answer(answers.unpacked(arguments.question), Path.cwd())
    except RobotError as error:
        answer = answers.told_error(error)
    print(told(answer))
    return int("error" in answer)


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {"watch": _watch, "tell": _tell}
