"""Every link of a page leads to a file that is there and to a heading that is there; every picture is a picture."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.pages import DOCS, ROOT, name_of, pages, prose

LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"`[^`\n]*`")
PAGES = {
    name_of(page): page for page in [*pages(), *(ROOT / name for name in ("CHANGELOG.md", "tests/peers/README.md"))]
}
PNG = b"\x89PNG\r\n\x1a\n"


def links(page: Path) -> Iterator[tuple[bool, str]]:
    """Yield whether it is a picture, and the target, of each link."""
    # A picture within a link: the outer one is found once the inner one is out of the way.
    text = CODE.sub("", prose(page))
    for match in LINK.finditer(text):
        yield bool(match[1]), match[2]
    for match in re.finditer(r"!\[[^\]]*\]\(([^()\s]+)\)", text):
        yield True, match[1]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as forges and the site make them of its headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        kept = "".join(sign for sign in text.strip().lower() if sign in " -_" or unicodedata.category(sign)[0] in "LN")
        slug = kept.replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}-1")
    return found


def wrong_with(page: Path, target: str, is_picture: bool) -> str:
    """Say why a link leads nowhere; empty where it does not."""
    if re.match(r"[a-z]+:", target):
        return (
            ""
            if target.startswith(("https://", "http://127.0.0.1"))
            else "is an address of a kind that is not expected"
        )
    name, _, anchor = target.partition("#")
    file = (page.parent / name) if name else page
    if not file.exists():
        return "does not exist"
    if is_picture and not is_a_picture(file):
        return "is no picture"
    if anchor and anchor not in anchors(file):
        return f"has no heading #{anchor}"
    return ""


def is_a_picture(file: Path) -> bool:
    if file.suffix == ".svg":
        return ElementTree.parse(file).getroot().tag.endswith("}svg")
    return file.suffix == ".png" and file.read_bytes().startswith(PNG)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    found = [(target, wrong_with(PAGES[page], target, is_picture)) for is_picture, target in links(PAGES[page])]

    assert [f"{target} {wrong}" for target, wrong in found if wrong] == []


def test_pictures_of_the_readme_survive_a_package_index() -> None:
    """An index shows README without the files beside it, so pictures need the project's public address."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    home = next(iter(project.get("urls", {}).values()), "")
    pictures = [target for is_picture, target in links(ROOT / "README.md") if is_picture]

    assert pictures
    if not home:
        pytest.skip("the project has no public address yet; with [project.urls] the pictures must begin with https://")
    assert [target for target in pictures if not target.startswith("https://")] == []


def test_every_picture_is_shown_somewhere() -> None:
    """One that no page shows is not kept current by anybody."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.values())

    assert [file.name for file in sorted((DOCS / "pictures").iterdir()) if file.name not in text] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """MkDocs says the same, where it is installed."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]

    missing = [
        page
        for page in DOCS.rglob("*.md")
        if not re.search(rf"[ ]{re.escape(page.relative_to(DOCS).as_posix())}$", navigation, re.MULTILINE)
    ]
    assert missing == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    """So that the checks above can fail."""
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](#another) [c](gone.md) ![d](page.md)\n", encoding="utf-8")

    found = [wrong_with(page, target, is_picture) for is_picture, target in links(page)]

    assert [bool(wrong) for wrong in found] == [False, True, True, True, True]
