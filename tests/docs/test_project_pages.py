"""SECURITY.md, CONTRIBUTING.md and the changelog: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, name_of

PAGES = [ROOT / name for name in ("SECURITY.md", "CONTRIBUTING.md", "docs/installation.md")]
NAMED = re.compile(
    r"`((?:tests|fsm_robot|packaging|docs|\.ci)/[\w./-]+)`|`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE
)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_and_commands_that_a_page_names_are_there(path: Path) -> None:
    """A promise that points at its test, a walk that names its files."""
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = NAMED.findall(text)

    assert named
    assert [file for file, *_ in named if file and not (ROOT / file).exists()] == []
    assert [word for _, *words in named for word in words if word and word not in targets] == []
    links = [each for each in re.findall(r"\]\(([^)#]+)", text) if "://" not in each]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_changelog_has_a_heading_for_each_version() -> None:
    """The version of the code stands at the top, with its day or as unreleased."""
    from fsm_robot import __version__

    headings = re.findall(r"(?m)^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))

    assert re.fullmatch(rf"{re.escape(__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])
