"""Keeps the robot's GUID out of everything that is written: it is the password.

Found in any upper and lower case, with and without dashes, percent-encoded, as hex of its ASCII bytes, and in base64,
also inside longer base64 text; each of them in one byte per character or in UTF-16.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import cached_property

import attrs

REPLACEMENT = "***"
# UTF-16 puts a NUL between two ASCII characters, in either byte order.
_GAP = r"\x00?"
_WIDE_REPLACEMENT = "*\0*\0*"
# Every character that a form of a secret can end with; a chunk that ends with another one needs no search.
_LAST_BYTES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/_=%-\0")
_BASE64_CHAR = "[A-Za-z0-9+/_-]"

_Spelling = tuple[str, ...]
"""One character's pattern after the other, such as `("%", "3", "0")`."""


_Place = tuple[tuple[_Spelling, ...], bool]
"""One place in a form of the secret: the ways to spell it, and whether it may be missing."""


@attrs.frozen(
    slots=False, eq=False, repr=False
)  # slots and cached properties together cost milliseconds when the class is made
class Redactor:
    """Replaces one secret by `***` wherever it turns up."""

    _secret: str = attrs.field(default="", repr=False)

    @classmethod
    def for_guid(cls, guid: str) -> Redactor:
        """Return a redactor for `guid`, with or without braces; an empty one redacts nothing."""
        return cls(guid.strip().strip("{}"))

    def text(self, text: str) -> str:
        """Return `text` without the secret."""
        if not self._secret or not self._suspicious(text):
            return text
        return self._text_pattern.sub(lambda match: _replacement(match.group()), text)

    def data(self, data: bytes) -> bytes:
        """Return `data` without the secret."""
        if not self._secret or not self._suspicious_data(data):
            return data
        return self._data_pattern.sub(lambda match: _replacement(match.group().decode("latin-1")).encode(), data)

    def held_back(self, data: bytes) -> int:
        """Return how many bytes at the end of `data` must wait for more, as they may be the beginning of the secret.

        Cutting `data` there, redacting the front and keeping the rest for the next call gives the same text as
        redacting everything at once.
        """
        if not self._secret or not data or data[-1] not in _LAST_BYTES:
            return 0
        found = self._beginning_pattern.search(data, max(0, len(data) - self._longest))
        cut = found.start() if found else len(data)
        # A whole secret may straddle the cut, for a GUID can begin as it ends: then it waits as well.
        for match in self._data_pattern.finditer(data, max(0, cut - self._longest)):
            if match.start() < cut < match.end():
                cut = match.start()
        return len(data) - cut

    def _suspicious(self, text: str) -> bool:
        """Return whether a search is worth while: the patterns are built only for the rare text that needs them."""
        if "%" in text or "\0" in text:
            return True
        folded = text.lower()
        return any(map(folded.__contains__, self._needles))

    def _suspicious_data(self, data: bytes) -> bool:
        if b"%" in data or b"\0" in data:
            return True
        folded = data.lower()
        return any(map(folded.__contains__, self._data_needles))

    @cached_property
    def _needles(self) -> tuple[str, ...]:
        # The longest piece that each form is sure to hold, for a long needle is found faster; dashes may be missing.
        plain = max(self._secret.lower().split("-"), key=len)
        cores = [core.lower() for core, _ in _base64_cores(self._secret)]
        hexed = [_hex(variant) for variant in _case_variants(self._secret)]
        return tuple(dict.fromkeys([plain, *cores, *hexed]))

    @cached_property
    def _data_needles(self) -> tuple[bytes, ...]:
        return tuple(needle.encode() for needle in self._needles)

    @cached_property
    def _forms(self) -> list[list[_Place]]:
        forms = [_plain_form(self._secret)]
        forms += [_hex_form(variant) for variant in _case_variants(self._secret)]
        forms += [_base64_form(core, whole) for core, whole in _base64_cores(self._secret)]
        return forms

    @cached_property
    def _source(self) -> str:
        return "|".join(_whole_pattern(form) for form in self._forms)

    @cached_property
    def _text_pattern(self) -> re.Pattern[str]:
        return re.compile(self._source)

    @cached_property
    def _data_pattern(self) -> re.Pattern[bytes]:
        return re.compile(self._source.encode())

    @cached_property
    def _beginning_pattern(self) -> re.Pattern[bytes]:
        return re.compile("|".join(_beginning_pattern(form) for form in self._forms).encode())

    @property
    def _longest(self) -> int:
        # The longest form is percent-encoded UTF-16: three characters for one, two bytes each.
        return 6 * len(self._secret) + 2


def _replacement(found: str) -> str:
    # Keeps the byte order of UTF-16 text behind it in step.
    return _WIDE_REPLACEMENT if "\0" in found else REPLACEMENT


def _case_variants(secret: str) -> list[str]:
    return list(dict.fromkeys([secret, secret.lower(), secret.upper()]))


def _hex(text: str) -> str:
    return text.encode().hex()


def _base64_cores(secret: str) -> list[tuple[str, bool]]:
    """Return what is sure to stand in base64 text that holds the secret, for the three ways it can be aligned.

    The flag says that the core ends on a whole byte, so that a following `:` is known as well.
    """
    cores: dict[str, bool] = {}
    for variant in _case_variants(secret):
        for shift in range(3):
            data = b"\0" * shift + variant.encode()
            encoded = b2a_base64(data, newline=False).decode()
            cores[encoded[-(-shift * 8 // 6) : len(data) * 8 // 6]] = len(data) % 3 == 0
    return list(cores.items())


def _plain_form(secret: str) -> list[_Place]:
    return [(_spellings(character), character == "-") for character in secret]


def _spellings(character: str) -> tuple[_Spelling, ...]:
    cases = dict.fromkeys([character.lower(), character.upper()])
    percent = [("%", *map(_any_case, _hex(case))) for case in cases]
    return ((_any_case(character),), *percent)


def _hex_form(variant: str) -> list[_Place]:
    return [(((_any_case(digit),),), False) for digit in _hex(variant)]


def _base64_form(core: str, whole: bool) -> list[_Place]:
    form: list[_Place] = [(((re.escape(character),),), False) for character in core]
    # What follows a core that ends within a byte: one character that holds the rest of it, and the padding.
    tail = ("O", "g") if whole else (_BASE64_CHAR,)
    return [*form, (((*tail, "=", "="), (*tail, "="), tail), True)]


def _any_case(character: str) -> str:
    lower, upper = character.lower(), character.upper()
    return re.escape(character) if lower == upper else f"[{lower}{upper}]"


def _whole_pattern(form: list[_Place]) -> str:
    first, *rest = form
    return _pattern(first) + "".join(_optional(_GAP + _pattern(place), place) for place in rest)


def _beginning_pattern(form: list[_Place]) -> str:
    """Return a pattern for the end of a text that breaks off anywhere inside `form`, or right behind it."""
    rest = r"\Z"
    for place in reversed(form[1:]):
        broken_off = "|".join(rf"{beginning}\Z" for beginning in ["", *_beginnings(place)])
        rest = f"(?:{_GAP}(?:{broken_off})|{_optional(_GAP + _pattern(place), place)}{rest})"
    broken_off = "".join(rf"{beginning}\Z|" for beginning in _beginnings(form[0]))
    return f"(?:{broken_off}{_pattern(form[0])}{rest})"


def _pattern(place: _Place) -> str:
    spellings, _ = place
    return f"(?:{'|'.join(map(_GAP.join, spellings))})"


def _beginnings(place: _Place) -> list[str]:
    """Return patterns of what a text can end with in the middle of `place`."""
    spellings, _ = place
    return [_GAP.join(spelling[:end]) + _GAP for spelling in spellings for end in range(1, len(spelling))]


def _optional(pattern: str, place: _Place) -> str:
    return f"(?:{pattern})?" if place[1] else pattern
