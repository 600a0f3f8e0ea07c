"""The interface stands: what a release had by name, every later one of the same MAJOR version has, too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsm_robot import __version__
from tests.docs.reference import pages
from tests.interface import RECORDED, interface

ROOT = Path(__file__).parent.parent
MAJOR = __version__.partition(".")[0]
SAME_MAJOR = sorted(path for path in RECORDED.glob("*.json") if path.name.partition(".")[0] == MAJOR)


def test_the_version_of_now_is_recorded() -> None:
    """`python -m tests.interface VERSION` is a part of a release."""
    assert RECORDED / f"{__version__}.json" in SAME_MAJOR


@pytest.mark.parametrize("recorded", SAME_MAJOR, ids=lambda path: path.stem)
def test_nothing_of_the_interface_is_gone(recorded: Path) -> None:
    """A command, an option, a key, an exit code or a public name goes with the next MAJOR version only."""
    now = interface()
    for part, names in json.loads(recorded.read_text(encoding="utf-8")).items():
        assert sorted(set(names) - set(now.get(part, []))) == [], (
            f"{part}: these are promised until version {int(MAJOR) + 1}"
        )


def test_exit_codes_of_the_readme_are_those_of_the_page() -> None:
    """Both have the table."""
    told = [
        (ROOT / name).read_text(encoding="utf-8").partition("## Exit codes\n")[2]
        for name in ("README.md", "docs/interface.md")
    ]
    readme, page = (text.partition("\n## ")[0].strip() for text in told)
    assert readme == page
    assert readme


def test_the_page_of_the_interface_links_each_part() -> None:
    """What is promised can be looked up: the reference has each command and each key of a machine file."""
    made = pages()
    lost = [
        name for name in interface()["commands"] if " " not in name and f"## fsm-robot {name}" not in made["cli.md"]
    ]
    assert lost == []
    assert [key for key in interface()["states.schema.json"] if f"`{key}" not in made["machine-file.md"]] == []
