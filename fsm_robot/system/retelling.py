"""A sentence with its values -> the same sentence in another language."""

from __future__ import annotations

import gettext
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape, unescape
from pathlib import Path

import attrs

PLACEHOLDER = re.compile(r"\{(\w+)\}")
NUMBERS = frozenset({"done", "total"})
"""Values that are numbers and nothing else: `3 of 10` is progress, and much else has an `of` in it."""
NAMES = frozenset(
    {"allowed", "file", "folder", "host", "key", "name", "path", "robot", "script", "script_name", "section", "storage"}
    | {"word"}
)
"""Values that are names: a robot may be called `idle`, and a script `stopped`."""
PLACES = frozenset({"config", "parent", "place", "where", "target", "_path"})
MOST_PLACES = 6
"""How many places may stand before a sentence: a file with its line, a key, a path, the class of an error."""
NUMBER = re.compile(r"(\d+) ([a-z ]+?)")
_BETWEEN_TAGS = re.compile(r"(>\s*)([^<>\s][^<>]*?)(\s*<)")
_LABEL = re.compile(r'((?:aria-label|placeholder|data-sure)=")([^"]+)(")')
LONGEST_OF_A_PAGE = 100
DEEPEST = 4
"""How often a value may hold a sentence that holds one."""


class Catalogue(gettext.GNUTranslations):
    """A catalogue that can list its sentences."""

    _catalog: dict[str | tuple[str, int], str]

    def sentences(self) -> Iterator[str]:
        """Yield every sentence with a placeholder; plurals are asked for by their number."""
        yield from (key for key in self._catalog if isinstance(key, str) and PLACEHOLDER.search(key))

    def exact(self) -> Iterator[tuple[str, str]]:
        """Yield every sentence without a placeholder, with what it is here."""
        yield from (
            (key, told)
            for key, told in self._catalog.items()
            if isinstance(key, str) and key and not PLACEHOLDER.search(key)
        )


@attrs.frozen
class _Template:
    """A sentence, or a part of one, with placeholders: what finds it in a text, and what it is here."""

    sentence: str
    told: str
    pattern: str
    surest: str

    @classmethod
    def of(cls, sentence: str, told: str) -> _Template:
        """Build it; a value may be any text, and one that comes twice is the same text twice."""
        parts, seen = PLACEHOLDER.split(sentence), set[str]()
        pattern = ""
        for number, part in enumerate(parts):
            if number % 2 == 0:
                pattern += re.escape(part)
            else:
                # Of two values beside each other nobody can tell where one ends, so the first one is both.
                beside = number > 1 and not parts[number - 1]
                value = "" if beside else _pattern_of(part)
                pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{value})"
                seen.add(part)
        return cls(sentence, told, pattern, max(parts[::2], key=len))

    def values_in(self, text: str) -> Mapping[str, str] | None:
        """Return what stands in the places of a text, or None where it is another sentence."""
        # Most sentences are ruled out by their longest words, which costs less than to try the pattern.
        found = _compiled(self.pattern).fullmatch(text) if self.surest in text else None
        return found.groupdict() if found else None

    def with_values(self, values: Mapping[str, str]) -> str:
        """Return the sentence here with the values in their places; it may hold other braces, such as those of JSON."""
        return PLACEHOLDER.sub(lambda place: values[place[1]], self.told)

    @property
    def length(self) -> int:
        """How many characters are said, and are no value."""
        return len(PLACEHOLDER.sub("", self.sentence))


@attrs.frozen
class Retelling:
    """What retells texts by a catalogue."""

    catalogue: Catalogue
    templates: tuple[_Template, ...]
    parts: Mapping[str, str]

    @classmethod
    def of(cls, locale: Path, domain: str, language: str) -> Retelling:
        """Read the compiled catalogue of a language. Raises `OSError`."""
        with (locale / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as stream:
            catalogue = Catalogue(stream)
        whole = [(sentence, catalogue.gettext(sentence)) for sentence in catalogue.sentences()]
        # `doctor` shows what was found on one line and what to do on the next.
        parts = [part for pair in [*whole, *catalogue.exact()] for part in _parts(*pair)]
        templates = [_Template.of(*pair) for pair in dict([*parts, *whole]).items() if PLACEHOLDER.search(pair[0])]
        exact = {sentence: told for sentence, told in parts if not PLACEHOLDER.search(sentence)}
        # What says most is the surest: `{who} does not answer` fits much that has a sentence of its own.
        return cls(catalogue, tuple(sorted(templates, key=lambda each: -each.length)), exact)

    def text(self, text: str) -> str:
        """Return a text retold; its parts where the whole is not known, and what is not known at all as it is."""
        return self._retold(text, DEEPEST)

    def page(self, html: str, language: str) -> str:
        """Return a page of HTML retold: its texts and labels, and as JSON what its scripts say."""

        def retold(found: re.Match[str]) -> str:
            return f"{found[1]}{escape(self.catalogue.gettext(unescape(found[2])))}{found[3]}"

        html = _BETWEEN_TAGS.sub(retold, _LABEL.sub(retold, html)).replace(
            '<html lang="en">', f'<html lang="{language}">'
        )
        texts = {text: told for text, told in self.catalogue.exact() if len(text) <= LONGEST_OF_A_PAGE}
        data = json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")
        block = f'<script type="application/json" id="texts">{data}</script>\n'
        return html.replace('<script type="module"', f'{block}<script type="module"', 1)

    def _retold(self, text: str, depth: int) -> str:
        found = self._whole(text, depth)
        if found is not None:
            return found
        if depth and (found := self._behind_its_place(text, depth)):
            return found
        for mark in ("\n", "; ", ", "):
            parts = text.split(mark)
            if len(parts) > 1 and depth:
                return mark.join(self._retold(part, depth - 1) for part in parts)
        return text

    def _behind_its_place(self, text: str, depth: int) -> str:
        """Return `robot.toml:3: scripts.python: …` with the sentence retold, empty where none is known there."""
        start = 0
        for _ in range(MOST_PLACES):
            start = text.find(": ", start) + 2
            if start == 1:
                return ""
            if (found := self._whole(text[start:], depth)) and found != text[start:]:
                return text[:start] + found
        return ""

    def _whole(self, text: str, depth: int) -> str | None:
        if not text:
            return text
        exact = self.catalogue.gettext(text)
        if exact != text or text in self.parts:
            return self.parts.get(text, exact) if exact == text else exact
        number = NUMBER.fullmatch(text)
        if number and (told := self._number(int(number[1]), number[2])):
            return told
        for template in self.templates if depth else ():
            if (found := template.values_in(text)) is not None:
                return template.with_values(
                    {
                        name: value if _is_name(name, value) else self._retold(value, depth - 1)
                        for name, value in found.items()
                    }
                )
        return None

    def _number(self, number: int, noun: str) -> str:
        # `3 days`, as `counted` says it: in Russian a number wants one of three forms.
        for one in (noun, noun.removesuffix("s"), noun.removesuffix("es")):
            told = self.catalogue.ngettext(f"{{number}} {one}", "", number)
            if told and told != f"{{number}} {one}":
                return told.format(number=number)
        return ""


@cache  # a thousand sentences, of which a process meets a few
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _pattern_of(place: str) -> str:
    if place in NUMBERS:
        return r"[\d.,]+"
    # A name has no sentence before it, which a colon would end.
    return "(?:(?!: ).)+?" if place.rstrip("_") in NAMES | PLACES else ".+?"


def _is_name(place: str, value: str) -> bool:
    # `; did you mean …?` may follow a key, in the place that is called after it.
    return place.rstrip("_") in NAMES and not value.startswith((";", ",", " "))


def _parts(sentence: str, told: str) -> list[tuple[str, str]]:
    """Return the parts of a sentence between semicolons, where both languages have the same ones."""
    ours, theirs = sentence.split("; "), told.split("; ")
    if len(ours) == 1 or len(ours) != len(theirs):
        return []
    pairs = list(zip(ours, theirs, strict=True))
    fit = all(sorted(PLACEHOLDER.findall(one)) == sorted(PLACEHOLDER.findall(other)) for one, other in pairs)
    return [pair for pair in pairs if PLACEHOLDER.sub("", pair[0]).strip()] if fit else []
