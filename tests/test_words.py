"""What people read has plain words: log lines, errors, help texts, pages. See docs/style.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.words import PATTERNS, ROOT, messages, slips

STYLE = ROOT / "docs" / "style.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def _rows(page: Path, heading: str) -> Iterator[list[str]]:
    text = page.read_text(encoding="utf-8")
    section = text.partition(heading)[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|") and not set(line) <= set("|- "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_messages_and_help_texts_have_no_word_of_the_list() -> None:
    """Every string of the package that is a sentence."""
    sources = sorted((ROOT / "fsm_robot").rglob("*.py"))
    assert len(sources) > 300
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {slip}"
        for path in sources
        for line, text in messages(path.read_text(encoding="utf-8"))
        for slip in slips(text)
    ]
    assert found == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != STYLE], ids=lambda page: page.name)
def test_pages_have_no_word_of_the_list(page: Path) -> None:
    """docs/style.md alone shows them."""
    assert list(slips(page.read_text(encoding="utf-8"))) == []


def test_every_word_of_the_list_stands_in_the_style_page_and_is_found() -> None:
    """The list of the test and that of the page are one: each pattern finds a first column, each first column is found."""
    firsts = [row[0] for row in _rows(STYLE, "## Words")][1:]
    assert [first for first in firsts if not list(slips(first))] == []
    assert [pattern.pattern for pattern, _ in PATTERNS if not any(map(pattern.search, firsts))] == []


def test_examples_are_wrong_before_and_right_after() -> None:
    """An example that the rules do not allow would teach nothing."""
    rows = list(_rows(STYLE, "## Before and after"))[1:]
    assert len(rows) >= 10
    assert [after for _, after in rows if list(slips(after))] == []


def test_glossary_has_each_word_once() -> None:
    """One word per idea, and one idea per word."""
    words = [word for row in _rows(ROOT / "docs" / "glossary.md", "# Glossary") for word in re.split(r", ", row[0])]
    assert len(words) > 50
    assert sorted(word for word in set(words) if words.count(word) > 1) == []
