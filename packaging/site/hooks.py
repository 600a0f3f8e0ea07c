"""What the site does with links that lead out of docs/, and with drawings in Mermaid; MkDocs calls the functions."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = "files"  # the folder of the site for files of the project that a page leads to
LINK = re.compile(r"(?<=\]\()([^()\s#]*)(#[^()\s]*)?(?=\))")
MERMAID = re.compile(r"^```mermaid\n.*?^```$", re.DOTALL | re.MULTILINE)
FENCES = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
# Mermaid is three megabytes of script from the network; this project draws the same machine itself.
DRAWN = {"states.md": "pictures/states.svg"}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links out of docs/ to copies in the site, and put a picture in the place of a drawing in Mermaid."""
    here = page.file.src_uri
    if here in DRAWN:
        picture = DRAWN[here]
        markdown = MERMAID.sub(f"[![The states and transitions]({picture})]({picture})", markdown)
    if MERMAID.search(markdown):
        raise ValueError(f"{here}: a drawing in Mermaid needs a script of others; name a picture of it in {__file__}")
    parts = FENCES.split(markdown)
    parts[::2] = [LINK.sub(lambda found: _link(found, page.file, config, files), part) for part in parts[::2]]
    return "".join(parts)


def _link(found: re.Match[str], page: File, config: MkDocsConfig, files: Files) -> str:
    target, anchor = found[1], found[2] or ""
    if not target or ":" in target:
        return found[0]
    from_the_top = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.src_uri), target))
    if from_the_top.startswith("docs/"):
        return found[0]
    if from_the_top == "README.md":
        return posixpath.relpath("index.md", posixpath.dirname(page.src_uri) or ".") + anchor
    source = ROOT / from_the_top
    if not source.is_file():
        return found[0]  # MkDocs names it
    # A text, whatever it is called: a page of the project's own would need a place in the navigation.
    copy = f"{OUTSIDE}/{from_the_top}.txt"
    if not files.get_file_from_path(copy):
        made = File.generated(config, copy, abs_src_path=str(source))
        files.append(made)
        made.copy_file()
    return posixpath.relpath(copy, posixpath.dirname(page.src_uri) or ".")
