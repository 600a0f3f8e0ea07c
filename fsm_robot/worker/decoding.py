"""What old programs print -> text for people: UTF-8 where it is that, else the likeliest code page. Pure."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_LE
from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs

LONGEST_LINE_BYTES = 16_000
TRACEBACK = "Traceback (most recent call last):"
CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_LETTERS = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ")
_RARE = frozenset("ЁёЪъ")
# Of one or two bytes a character; in UTF-16 a Cyrillic letter may hold the byte of a line's end, before a 4.
_LINE_END = re.compile(rb"(?:\r\0?)?\n(?!\x04)\0?|\r(?!\x04)\0?")
_HIGH_BYTES = (0, 4)
"""Of Latin and of Cyrillic letters in UTF-16; no text in another encoding has these bytes."""


def last_line(data: bytes, legacy_encodings: Sequence[str]) -> str:
    """Return the last line that says something, or empty; the beginning of `data` may be cut anywhere.

    The head of a traceback says nothing: a script that is killed while it prints one leaves it behind.
    """
    for line in reversed(_LINE_END.split(data)):
        text = decoded(line, legacy_encodings).strip("\0\ufeff \t\v\f")
        if text and not text.endswith(TRACEBACK):
            return text
    return ""


def text_of(data: bytes, legacy_encodings: Sequence[str]) -> str:
    """Return all lines as text, each in the encoding that it is most likely in."""
    lines = (decoded(line, legacy_encodings).strip("\0\ufeff") for line in _LINE_END.split(data))
    return "\n".join(lines)


def last_words(text: str, most_lines: int) -> str:
    """Return the traceback that a text of output ends with, with those that led to it; else its last lines."""
    lines = text.rstrip().splitlines()
    begins = [place for place, line in enumerate(lines) if line.lstrip(" |+-").startswith(TRACEBACK)]
    # Between two of a chain stands a sentence of Python's; a traceback that was caught and printed is none of it.
    first = len(begins) - 1
    while first > 0 and any(line in CHAINED for line in lines[begins[first - 1] : begins[first]]):
        first -= 1
    return "\n".join(lines[begins[first] :] if begins else lines[-most_lines:])


@attrs.define(eq=False)
class Lines:
    """Takes bytes, wherever they were cut, and gives each line of them as text; blank ones are left out."""

    take: Callable[[str], None]
    legacy_encodings: Sequence[str] = ()
    _rest: bytes = b""

    def write(self, data: bytes) -> None:
        """Take more bytes."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        for line in lines:
            self._give(line)
        if len(self._rest) > LONGEST_LINE_BYTES:
            self.finish()

    def finish(self) -> None:
        """Give the line that was begun."""
        rest, self._rest = self._rest, b""
        self._give(rest)

    def _give(self, line: bytes) -> None:
        text = decoded(line, self.legacy_encodings).strip("\0\ufeff").rstrip()
        if text:
            self.take(text)


def decoded(data: bytes, legacy_encodings: Sequence[str]) -> str:
    """Return `data` as text; what no encoding explains is shown as a replacement character.

    Every byte means something in cp866 and in cp1251. The wrong one of the two makes signs and frames of letters, so
    the one with the most Cyrillic letters is taken, the first one where they are equal. UTF-16 comes from programs of
    Windows that think that they write a file.
    """
    if _is_utf16(data):
        return data[len(data) % 2 :].removeprefix(BOM_UTF16_LE).decode("utf-16-le", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        texts = [data.decode(encoding, errors="replace") for encoding in legacy_encodings]
    return max(texts, key=_likelihood, default=data.decode("utf-8", errors="replace"))


def _is_utf16(data: bytes) -> bool:
    high = data[len(data) % 2 :][1::2]
    return data.startswith(BOM_UTF16_LE) or (len(high) > 0 and 2 * sum(map(high.count, _HIGH_BYTES)) >= len(high))


def _likelihood(text: str) -> int:
    # A capital in the midst of a word is what the other code page makes of a small letter.
    broken = sum(before.islower() and after.isupper() for before, after in pairwise(text))
    return sum((each in _LETTERS) - (each in _RARE) for each in text) - 2 * broken
