"""Text of any origin -> text that XML, JSON and tables can carry. Pure."""

from __future__ import annotations

import re

# What XML 1.0 cannot hold, not even escaped. CSV readers choke on NUL, and UTF-8 cannot hold a lone surrogate.
_UNCARRIED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def carried(text: str) -> str:
    r"""Return `text` with every character that a format cannot carry as its escape, such as `\u0007`."""
    return text if text.isascii() and text.isprintable() else _UNCARRIED.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"
