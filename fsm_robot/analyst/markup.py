"""Texts of any content as XML: what would be markup is escaped, what XML cannot hold is shown by its symbol."""

from __future__ import annotations

import re
from collections.abc import Mapping

# XML 1.0 has no place for these, not even escaped.
UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;"}
# A reader of attributes makes blanks of the first three; the others would turn the writing of the file, or command the
# terminal in which somebody looks at it.
KEPT = {
    code: f"&#{code};"
    for code in (9, 10, 13, *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def escaped(text: str) -> str:
    """Return `text` as the content of an element or of an attribute."""
    return UNFIT.sub(_symbol, text).translate({**ESCAPES, **KEPT})


def _symbol(unfit: re.Match[str]) -> str:
    code = ord(unfit[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def element(name: str, attributes: Mapping[str, object], *content: str) -> str:
    """Return an element; `content` is markup already, attributes are values. None leaves an attribute out."""
    shown = "".join(f' {key}="{escaped(_shown(value))}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{shown}>{''.join(content)}</{name}>" if content else f"<{name}{shown}/>"


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
