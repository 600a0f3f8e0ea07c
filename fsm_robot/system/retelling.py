"""A sentence with its values -> the same sentence in another language."""

from __future__ import annotations

import gettext
import json
import re
from collections.abc import Iterator, Mapping
from html import escape, unescape
from pathlib import Path

import attrs

PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACE = re.compile(r"((?:/[\w/.-]+|[A-Z]\w+Error): )(.+)", re.DOTALL)
"""What stands before a sentence: the path of a call, or the class of an error."""
NUMBER = re.compile(r"(\d+) ([a-z ]+?)")
_BETWEEN_TAGS = re.compile(r"(>\s*)([^<>\s][^<>]*?)(\s*<)")
_LABEL = re.compile(r'((?:aria-label|placeholder|data-sure)=")([^"]+)(")')
LONGEST_OF_A_PAGE = 100
DEEPEST = 3
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
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, sentence: str, told: str) -> _Template:
        """Build it; a value may be any text, and one that comes twice is the same text twice."""
        parts, seen = PLACEHOLDER.split(sentence), set[str]()
        pattern = ""
        for number, part in enumerate(parts):
            if number % 2 == 0:
                pattern += re.escape(part)
            else:
                pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
                seen.add(part)
        return cls(sentence, told, re.compile(pattern, re.DOTALL))

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
        if (place := PLACE.fullmatch(text)) and depth:
            return f"{place[1]}{self._retold(place[2], depth - 1)}"
        for mark in ("\n", "; ", ", "):
            parts = text.split(mark)
            if len(parts) > 1 and depth:
                return mark.join(self._retold(part, depth - 1) for part in parts)
        return text

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
            if found := template.pattern.fullmatch(text):
                values = {name: self._retold(value, depth - 1) for name, value in found.groupdict().items()}
                return template.told.format_map(values)
        return None

    def _number(self, number: int, noun: str) -> str:
        # `3 days`, as `counted` says it: in Russian a number wants one of three forms.
        for one in (noun, noun.removesuffix("s"), noun.removesuffix("es")):
            told = self.catalogue.ngettext(f"{{number}} {one}", "", number)
            if told and told != f"{{number}} {one}":
                return told.format(number=number)
        return ""


def _parts(sentence: str, told: str) -> list[tuple[str, str]]:
    """Return the parts of a sentence between semicolons, where both languages have the same ones."""
    ours, theirs = sentence.split("; "), told.split("; ")
    if len(ours) == 1 or len(ours) != len(theirs):
        return []
    pairs = list(zip(ours, theirs, strict=True))
    fit = all(sorted(PLACEHOLDER.findall(one)) == sorted(PLACEHOLDER.findall(other)) for one, other in pairs)
    return [pair for pair in pairs if PLACEHOLDER.sub("", pair[0]).strip()] if fit else []
