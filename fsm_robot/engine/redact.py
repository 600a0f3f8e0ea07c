r"""Keeps the robot's GUID out of everything that is written: it is the password.

Found in any upper and lower case, with and without dashes, as hex of its ASCII bytes, and in base64, also inside longer
base64 text; each of them in one byte per character or in UTF-16, and percent-encoded or in escapes (`\u0030`,
`\x30`), whole or in part.

A text is redacted first, and cut or escaped then: of a secret that was cut nothing is recognised any more. See `cut`.
"""

from __future__ import annotations

import re
import threading
from binascii import b2a_base64
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache

import attrs

REPLACEMENT = "***"
SHORTEST_SECRET = 6
"""In characters: a shorter one is a part of too many words that are none."""
MOST_TOKENS = 16
"""The token of the job in hand, and those of the ones before it, whose output may still be on its way into a file."""
# UTF-16 puts a NUL between two ASCII characters, in either byte order; three, where it is UTF-16 with escaped NULs.
_GAP = r"\x00{0,3}"
_WIDE_REPLACEMENT = "*\0*\0*"
# Every character that a form of a secret can hold: behind the last other one, and only there, one may have begun.
_BYTES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/_=%-\\\0"
_BASE64_CHAR = "[A-Za-z0-9+/_-]"

# JSON within JSON doubles the backslash. `\0` is how C writes a NUL.
_NUL, _SLASH, _DIGIT = r"\x00?", r"(?:\\\x00?){1,4}", "[0-9A-Fa-f]"
# Texts, which the library compiles with the first use and keeps: a wake-up without a job meets no escape.
_ESCAPE = rf"(?:%|{_SLASH}(?:u{_NUL}0{_NUL}0|x)){_NUL}({_DIGIT}){_NUL}({_DIGIT})|{_SLASH}0"
_BROKEN_ESCAPE = rf"(?:%{_NUL}|{_SLASH}(?:u{_NUL}(?:0{_NUL}){{0,2}}|x{_NUL})?)(?:{_DIGIT}{_NUL})?\Z"
_SIGNS = {"%": ("%0", "%2", "%3", "%4", "%6"), "\\": ("\\u00", "\\x0", "\\x2", "\\x3", "\\x4", "\\x6", "\\0")}
"""What the escape of a digit, a letter or a NUL begins with: a text without one needs no search for them."""

_Spelling = tuple[str, ...]
"""One character's pattern after the other, such as `("O", "g")`."""


_Place = tuple[tuple[_Spelling, ...], bool]
"""One place in a form of the secret: the ways to spell it, and whether it may be missing."""


def _unescaped(text: str) -> tuple[str, Callable[[int], int]]:
    """Return a text whose escapes were replaced by what they mean, and what tells where a place in it was before."""
    pieces, end, longer = list[str](), 0, 0
    # Of each escape its place in the new text, in order, and how much longer everything up to its end was.
    places, behind = list[int](), list[int]()
    for found in re.finditer(_ESCAPE, text):
        pieces += [text[end : found.start()], chr(int(found[1] + found[2], 16)) if found[1] else "\0"]
        places.append(found.start() - longer)
        longer += found.end() - found.start() - 1
        behind.append(longer)
        end = found.end()

    def before(place: int) -> int:
        escapes = bisect_left(places, place)
        return place + (behind[escapes - 1] if escapes else 0)

    return "".join([*pieces, text[end:]]), before


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
        if len(text) < self._shortest or not self._secret or not self._suspicious(text):
            return text
        (plain, place), cleaned, end = _unescaped(text), "", 0
        for match in self._pattern.finditer(plain):
            start = place(match.start())
            cleaned += text[end:start]
            end = place(match.end())
            cleaned += _replacement(text[start:end])
        return cleaned + text[end:]

    def data(self, data: bytes) -> bytes:
        """Return `data` without the secret."""
        text = data.decode("latin-1")
        cleaned = self.text(text)
        return data if cleaned is text else cleaned.encode("latin-1")

    def held_back(self, data: bytes) -> int:
        """Return how many bytes at the end of `data` must wait for more, as they may be the beginning of the secret.

        Cutting `data` there, redacting the front and keeping the rest for the next call gives the same text as
        redacting everything at once.
        """
        recent = data[-self.longest :]
        unsure = recent[len(recent.rstrip(_BYTES)) :].decode("latin-1")
        if not self._secret or not unsure:
            return 0
        broken = re.search(_BROKEN_ESCAPE, unsure)
        plain, place = _unescaped(unsure[: broken.start()] if broken else unsure)
        begun = self._beginning_pattern.search(plain)
        cut = begun.start() if begun else len(plain)
        # A whole secret may straddle the cut, for a GUID can begin as it ends: then it waits as well.
        for match in self._pattern.finditer(plain):
            if match.start() < cut < match.end():
                cut = match.start()
        return len(unsure) - place(cut)

    def _suspicious(self, text: str) -> bool:
        """Return whether a search is worth while: the patterns are built only for the rare text that needs them."""
        if "\0" in text:
            return True
        if not text.isascii() and self._secret.isascii():
            # As bytes it is folded in a tenth of the time, and what is looked for has no other letters.
            text = text.encode(errors="surrogatepass").lower().decode("latin-1")
        else:
            text = text.lower()
        holds = text.__contains__
        # A loop, not `any` of a generator, which would take longer than the looks: every line and answer comes here.
        for sign, forms in _SIGNS.items():
            if holds(sign) and any(map(holds, forms)):
                return True
        return any(map(holds, self._needles))

    @cached_property
    def _shortest(self) -> int:
        # Most texts are short: a word of a journal, a value in a log. No form has fewer characters than the secret
        # itself, whose dashes may be missing; escapes, base64 and UTF-16 only make it longer.
        return len(self._secret.replace("-", ""))

    @cached_property
    def _needles(self) -> tuple[str, ...]:
        # The longest piece that each form is sure to hold, for a long needle is found faster; dashes may be missing.
        plain = max(self._secret.lower().split("-"), key=len)
        cores = [core.lower() for core, _ in _base64_cores(self._secret)]
        hexed = [_hex(variant) for variant in _case_variants(self._secret)]
        return tuple(dict.fromkeys([plain, *cores, *hexed]))

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
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._source)

    @cached_property
    def _beginning_pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(_beginning_pattern(form) for form in self._forms))

    @property
    def longest(self) -> int:
        """How many characters the secret can take at most, in whatever form."""
        # The longest form: escapes with four backslashes in UTF-16, and one for each NUL between two characters.
        return 40 * len(self._secret)


@attrs.define(eq=False, repr=False)
class _Values:
    """The secrets that are known by their value, and what they look like in files.

    What is made of them is made when it is needed first: a job whose script asks for no secret pays for none of it.
    """

    forms: tuple[str, ...] = ()
    _lasting: set[str] = attrs.field(factory=set)
    _tokens: tuple[str, ...] = ()
    _adding: threading.Lock = attrs.field(factory=threading.Lock)

    def add(self, forms: Iterable[str]) -> None:
        """Look for these, too; the longest first."""
        with self._adding:
            self._lasting.update(forms)
            self._take_in()

    def add_token(self, token: str) -> None:
        """Look for this, too, and not any longer for what is many jobs old."""
        with self._adding:
            self._tokens = (*self._tokens, token)[-MOST_TOKENS:]
            self._take_in()

    def _take_in(self) -> None:
        # One assignment, and nothing that is made of it beside it: a reader in another thread would meet the new forms
        # with the pattern of the old ones, and let through what it has just found.
        self.forms = tuple(sorted({*self._lasting, *self._tokens}, key=lambda form: (-len(form), form)))


@lru_cache(maxsize=4)
def _pattern_of(forms: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds them all."""
    return re.compile("|".join(map(re.escape, forms)))


@lru_cache(maxsize=4)
def _beginnings_of(forms: tuple[str, ...]) -> frozenset[str]:
    """Return every text that one of them begins with, and that is not all of it."""
    return frozenset(form[:end] for form in forms for end in range(1, len(form)))


@attrs.frozen(slots=False, eq=False, repr=False)
class Secrets(Redactor):
    """Replaces the robot's GUID, and each secret that a script was given, from before it has it.

    Those are found as they are, in the escapes of JSON, Python and URLs, in base64 and in UTF-16, and only in their
    own case: a password has its own.
    """

    _values: _Values = attrs.field(factory=_Values, init=False)

    def hide(self, secret: str) -> bool:
        """Keep a text out of everything from now on; False where it is too short to be told from other words."""
        lines = [line for line in dict.fromkeys([secret, *secret.splitlines()]) if len(line) >= SHORTEST_SECRET]
        if lines:
            self._values.add(form for line in lines for form in _value_forms(line))
        return bool(lines)

    def hide_token(self, token: str) -> None:
        """Keep the token of a job out, which nobody writes in another form, until many others are there.

        It opens nothing any more then. To look for those of all jobs would make each job dearer than the one before.
        """
        self._values.add_token(token)

    def text(self, text: str) -> str:
        """Return `text` without any secret."""
        cleaned, forms = super().text(text), self._values.forms
        if not any(map(cleaned.__contains__, forms)):
            return cleaned
        return _pattern_of(forms).sub(_replaced, cleaned)

    def held_back(self, data: bytes) -> int:
        """Return how many bytes at the end of `data` must wait for more; see `Redactor.held_back`."""
        held, forms = super().held_back(data), self._values.forms
        if not forms:
            return held
        longest = len(forms[0])
        recent = data[-2 * longest :].decode("latin-1")
        cut, beginnings = len(recent), _beginnings_of(forms)
        for start in range(max(0, cut - longest + 1), cut):
            if recent[start:] in beginnings:
                cut = start
                break
        for match in _pattern_of(forms).finditer(recent):
            if match.start() < cut < match.end():
                cut = match.start()
        return max(held, len(recent) - cut)

    @property
    def longest(self) -> int:
        """How many characters a secret can take at most, in whatever form."""
        forms = self._values.forms
        return max(super().longest, len(forms[0]) if forms else 0)


def _replaced(match: re.Match[str]) -> str:
    return _replacement(match.group())


def _value_forms(secret: str) -> Iterator[str]:
    """Yield what a secret looks like in texts, and in bytes that were read as Latin-1."""
    import json
    from urllib.parse import quote, quote_plus

    data = secret.encode("utf-8", "surrogatepass")
    escaped = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]]
    for form in (secret, *escaped, *(quote(data, safe=safe) for safe in ("", "/")), quote_plus(data)):
        yield form
        for encoding in ("utf-8", "utf-16-le", "cp1251", "cp866"):
            try:
                yield form.encode(encoding).decode("latin-1")
            except UnicodeEncodeError:
                continue  # not a form that it can have there
    for shift in range(3):
        encoded = b2a_base64(b"\0" * shift + data, newline=False).decode()
        core = encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        if len(core) >= SHORTEST_SECRET:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def cut(text: str, longest: int, redact: Callable[[str], str], *, end: bool = False) -> str:
    """Return the beginning of `text`, or with `end` its end, in at most `longest` characters, without the secret.

    Whatever cuts a text from outside calls this: a cut before the redactor leaves 35 of 36 characters of a GUID.
    """
    clean = redact(text)
    return clean[-longest:] if end else clean[:longest]


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
    return [(((_any_case(character),),), character == "-") for character in secret]


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
