"""`fsm-robot fleet`: many robots at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from fsm_robot.errors import RobotError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    tell = actions.add_parser(
        "tell", help="answer a question about robots of this machine, for another machine's fleet"
    )
    tell.add_argument("question", help="as the other machine has packed it")


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    return ACTIONS[arguments.action](arguments)


def _tell(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet import answers
    from fsm_robot.fleet.asking import told

    try:
        answer = answers.answer(answers.unpacked(arguments.question), Path.cwd())
    except RobotError as error:
        answer = answers.told_error(error)
    print(told(answer))
    return int("error" in answer)


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {"tell": _tell}
