"""How messages to people are put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# C0 but for tab and line feed, DEL, C1, line and paragraph separators, marks that turn the direction of writing.
_COMMANDS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"

JOINERS = "\u200c\u200d"


def shown(text: str) -> str:
    """Return text from outside as a part of one line: nothing in it breaks the line or commands a terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def for_terminal(text: str) -> str:
    """Return lines that command no terminal: what would is escaped, tabs, line breaks and odd spaces stay."""
    if all(map(str.isprintable, text.split("\n"))):
        return text
    return re.sub(_COMMANDS, lambda match: repr(match.group())[1:-1], text)


def symbols(text: str) -> str:
    """Return text as a drawing or a table shows it: each character that commands something as its symbol.

    Unicode has pictures of the old control characters (`␛`, `␊`); others that would break a line, turn the writing or
    be no character at all are shown by their number. Zero-width joiners stay: the writing of many languages has them.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _symbol(char) for char in text)


def _symbol(char: str) -> str:
    import unicodedata  # a wake-up that finds no job shows nobody a name

    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # What never is a character has no place in XML either, or makes drawings of Graphviz and PlantUML unreadable.
    is_none = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if char in JOINERS or (unicodedata.category(char) in {"Zs", "Co", "Cn"} and not is_none):
        return char
    return f"<U+{code:04X}>"


def counted(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun, as people say it: `1 run`, `2 runs`, `0 copies`; `many` is an odd plural."""
    if number == 1 or many:
        return f"{number} {many if number != 1 else noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest of `known`, else `; known are …` where the list is short."""
    import difflib  # only wrong input pays for it

    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names and len(names) <= 24 else ""


def progress_text(told: Mapping[str, object]) -> str:
    """Return how far a script says it is: `3 of 10, invoices`; empty where it has said nothing."""
    done, total = (_number(told.get(name)) for name in ("done", "total"))
    counted = f"{done or 0} of {total}" if total else done
    return ", ".join(part for part in (counted, str(told.get("text") or "")) if part)


def _number(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, int | float) else ""
