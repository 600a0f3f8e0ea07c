"""Sentences of pages are short enough to be read once; docs/style.md has the rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.docs.pages import name_of, pages, prose

MOST_WORDS = 30
# Pages that still have longer ones, and how many. Only to be lowered.
STILL_LONG = {
    "docs/architecture.md": 1,
    "docs/diagrams.md": 1,
    "docs/performance.md": 16,
    "docs/scale.md": 1,
}
PAGES = {name_of(page): page for page in pages() if page.parent.name != "reference"}


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of paragraphs and lists; tables and headings have none. A colon or semicolon ends one, too."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=[#|])", text):
        paragraph = " ".join(part.split())
        if paragraph.startswith(("|", "#")):
            continue
        paragraph = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph)
        yield from re.split(r"(?<=[.!?:;])\*{0,2}\s+", re.sub(r"`[^`]*`", "x", paragraph))


def too_long(text: str) -> list[str]:
    return [one for one in sentences(text) if len(re.findall(r"[\w'’-]+", one)) > MOST_WORDS]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_sentences_of_a_page_are_short(page: str) -> None:
    """Or no more of them are long than the list above says."""
    found = too_long(prose(PAGES[page]))

    assert len(found) <= STILL_LONG.get(page, 0), found


def test_a_long_sentence_is_noticed() -> None:
    """In a paragraph and in a list, and not in a table."""
    words = " ".join(["word"] * (MOST_WORDS + 1))

    assert len(too_long(f"Short.\n{words}.\n\n- one\n- {words}\n\n| {words} |")) == 2
