"""The script and the style sheet of the run player, as they lie beside this file."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen
class Assets:
    """What the page carries inside itself."""

    script: str
    style: str


def assets() -> Assets:
    """Read the files."""
    here = Path(__file__).parent
    script, style = (here / f"player.{kind}" for kind in ("js", "css"))
    return Assets(script.read_text(encoding="utf-8"), style.read_text(encoding="utf-8"))
