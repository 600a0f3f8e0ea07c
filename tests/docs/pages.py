"""The pages that people read: their fenced blocks, headings, links, and what stands in a comment above a block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_RUN, RUN_BY = "not run here: ", "run by "
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w-]*)[^`]*$")
_COMMENT = re.compile(r"^ *<!-- (.*) -->$")


@attrs.frozen
class Block:
    """One fenced block of a page; `note` is the comment in the line above it."""

    page: str
    line: int
    language: str
    text: str
    note: str

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page, README first."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return the name of a page from the top of the project, with slashes."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page; one that is never closed is a mistake of the page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if not opening:
            number += 1
            continue
        first, indent = number + 1, len(opening["indent"])
        last = next((at for at in range(first, len(lines)) if lines[at].strip() == opening["ticks"]), None)
        if last is None:
            raise ValueError(f"{name_of(page)}:{first}: this block is never closed")
        text = "".join(f"{line[indent:]}\n" for line in lines[first:last])
        note = _COMMENT.match(lines[number - 1]) if number else None
        yield Block(name_of(page), first, opening["language"], text, note[1] if note else "")
        number = last + 1


def not_run() -> list[Block]:
    """Return the blocks that say why no test runs them."""
    return [block for page in pages() for block in blocks(page) if block.note.startswith(NOT_RUN)]


def prose(page: Path) -> str:
    """Return a page without its blocks, line for line."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page):
        end = block.line + block.text.count("\n")
        lines[block.line - 1 : end + 1] = [""] * (end + 2 - block.line)
    return "\n".join(lines)
