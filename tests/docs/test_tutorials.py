"""Each tutorial is followed word by word in a fresh folder, with real programs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.walk import Walk

TUTORIALS = {  # page -> a file that whoever has followed it to the end has, and how many commands it takes
    "tutorials/first-robot.md": ("hello/run.html", 17),
    "sdk-tutorial.md": ("tryout/.run/files/Booked/4711.txt", 13),
    "tutorials/own-machine.md": ("inbox/private/2.txt", 9),
    "tutorials/from-the-framework.md": ("anna/robot.toml", 17),
}


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="the words of a shell")
@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_does_what_it_says(page: str, tmp_path: Path) -> None:
    """From an empty folder to its last line."""
    walk = Walk(tmp_path)
    try:
        walk.follow(DOCS / page)
    finally:
        walk.close()

    left, commands = TUTORIALS[page]
    assert (tmp_path / left).exists()
    assert len(walk.ran) == commands
