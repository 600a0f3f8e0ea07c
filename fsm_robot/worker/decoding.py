"""What old programs print -> text for people: UTF-8 where it is that, else the likeliest code page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_LETTERS = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ")
_RARE = frozenset("ЁёЪъ")


def decoded(data: bytes, legacy_encodings: Sequence[str]) -> str:
    """Return `data` as text; what no encoding explains is shown as a replacement character.

    Every byte means something in cp866 and in cp1251. The wrong one of the two makes signs and frames of letters, so
    the one with the most Cyrillic letters is taken, the first one where they are equal.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        texts = [data.decode(encoding, errors="replace") for encoding in legacy_encodings]
    return max(texts, key=_likelihood, default=data.decode("utf-8", errors="replace"))


def _likelihood(text: str) -> int:
    # A capital in the midst of a word is what the other code page makes of a small letter.
    broken = sum(before.islower() and after.isupper() for before, after in pairwise(text))
    return sum((each in _LETTERS) - (each in _RARE) for each in text) - 2 * broken
