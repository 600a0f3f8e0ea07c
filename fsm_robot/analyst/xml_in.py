"""XML that somebody else may have written, as elements: no document type, no entity, bounded in size and depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.parsers import expat

import attrs

from fsm_robot.errors import DefinitionError

LARGEST_BYTES = 8 << 20
DEEPEST_LEVEL = 50
MOST_ELEMENTS = 100_000
SEPARATOR = "\n"
"""Between namespace and name; XML has no line break in either."""


@attrs.define
class Element:
    """An element: names are (namespace, name), attributes without a namespace go by their name alone."""

    namespace: str
    name: str
    attributes: Mapping[str, str]
    file: str
    line: int
    column: int
    children: list[Element] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)

    def all(self, namespace: str, *names: str) -> list[Element]:
        """Return the children of these names."""
        return [child for child in self.children if child.namespace == namespace and child.name in names]

    def first(self, namespace: str, name: str) -> Element | None:
        """Return the first child of that name."""
        return next(iter(self.all(namespace, name)), None)

    def walk(self) -> Iterator[Element]:
        """Yield the element and everything in it, in the order of the file."""
        waiting = [self]
        while waiting:
            found = waiting.pop()
            yield found
            waiting.extend(reversed(found.children))

    def wrong(self, text: str) -> DefinitionError:
        """Return the error that says `text` of this element."""
        # Who drew it knows a shape by its name, and who looks for it in the tool by its id.
        ident, name = self.attributes.get("id", ""), self.attributes.get("name", "")
        called = " ".join(part for part in (self.name, ident, repr(name) if name else "") if part)
        return DefinitionError([f"{self.file}:{self.line}:{self.column}: {called}: {text}"])


def parse(data: bytes, file: str) -> Element:
    """Return the root element of `data`; messages call it `file`.

    Raises:
        DefinitionError: It is no XML, or XML of a kind that is refused.
    """
    if len(data) > LARGEST_BYTES:
        raise DefinitionError(
            [f"{file}: is larger than {LARGEST_BYTES >> 20} MiB; this is not the drawing of a machine"]
        )
    builder = _Builder(file, expat.ParserCreate(namespace_separator=SEPARATOR))
    try:
        return builder.read(data)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise DefinitionError([f"{file}:{error.lineno}:{error.offset + 1}: is not XML: {what}"]) from error
    except (LookupError, ValueError) as error:
        raise DefinitionError([f"{file}:1:1: is not XML: its encoding is not known; save it as UTF-8"]) from error


@attrs.define
class _Builder:
    file: str
    parser: expat.XMLParserType
    root: Element | None = None
    path: list[Element] = attrs.field(factory=list)
    seen: int = 0

    def read(self, data: bytes) -> Element:
        parser = self.parser
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = lambda _: self.path.pop()
        parser.CharacterDataHandler = self._text
        # Entities are declared in a document type, so without one nothing can expand or reach for another file.
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(data, True)
        assert self.root is not None
        return self.root

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(SEPARATOR)
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        found = Element(namespace, name, attributes, self.file, line, column)
        self.seen += 1
        if len(self.path) >= DEEPEST_LEVEL:
            raise DefinitionError([f"{self.file}:{line}:{column}: is nested deeper than {DEEPEST_LEVEL} levels"])
        if self.seen > MOST_ELEMENTS:
            raise DefinitionError([f"{self.file}:{line}:{column}: has more than {MOST_ELEMENTS} elements"])
        if self.path:
            self.path[-1].children.append(found)
        else:
            self.root = found
        self.path.append(found)

    def _text(self, text: str) -> None:
        self.path[-1].texts.append(text)

    def _refuse(self, *_: object) -> None:
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        raise DefinitionError(
            [f"{self.file}:{line}:{column}: has a document type (DOCTYPE), which could hide anything; remove it"]
        )
