"""docs/reference and docs/configuration.md say what the code says; `make docs` writes them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from fsm_robot.cli import COMMANDS
from fsm_robot.robot import configuration
from tests.docs import reference

MADE = reference.pages()


@pytest.mark.parametrize("name", MADE)
def test_page_is_current(name: str) -> None:
    """Who adds an option, a key or a name finds it on the page."""
    assert (reference.FOLDER / name).read_text(encoding="utf-8") == MADE[name], "`make docs` writes it anew"


def test_no_page_is_left_that_nothing_makes() -> None:
    assert {page.name for page in reference.FOLDER.iterdir()} == set(MADE)


def test_settings_are_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"

    assert page.read_text(encoding="utf-8") == configuration.page(), "`make docs` writes it anew"


def test_every_option_of_every_command_is_on_the_page() -> None:
    """The page is written by a walk of its own; the parsers' own help is asked whether something is missing."""
    shown = MADE["cli.md"]

    for name in COMMANDS:
        for path, parser in reference.tree(name):
            part = shown.split(f"# fsm-robot {path}\n")[1].split("\n##")[0]
            options = {
                option
                for action in parser._actions
                for option in action.option_strings
                if action.help != "==SUPPRESS=="
            }
            assert {option for option in options - {"-h", "--help"} if f"`{option}" not in part} == set(), path


def test_every_argument_and_command_says_what_it_is_for() -> None:
    """`--help` leaves nobody guessing: each has a sentence, and a default is said where there is one."""
    silent = [
        f"{path} {action.dest}"
        for name in COMMANDS
        for path, parser in reference.tree(name)
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction) and len((action.help or "").split()) < 2
    ]
    assert silent == []
    assert "(default: )" not in MADE["cli.md"]
