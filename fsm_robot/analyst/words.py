"""What a drawing calls states and events: their names, or their titles in a language that was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from fsm_robot.engine.machine.definition import Definition, Label
from fsm_robot.engine.wording import symbols
from fsm_robot.errors import DefinitionError

FALLBACK = "en"


@attrs.frozen
class Words:
    """The words of one drawing.

    Without a language every state and event goes by its name, as in the machine file, the journal and the log.
    With one it goes by its title; where a title is missing in that language, by the one for every language, the
    English one, or the name.
    """

    definition: Definition
    language: str = ""

    def state(self, name: str) -> str:
        """Return what the state is called."""
        return self._text(self.definition.labels.states, name, "title") or symbols(name)

    def event(self, name: str) -> str:
        """Return what the event is called."""
        return self._text(self.definition.labels.events, name, "title") or symbols(name)

    def call(self, callback: str) -> str:
        """Return what the callback is called."""
        return symbols(callback)

    @property
    def machine(self) -> str:
        """What the machine is called."""
        return symbols(self.definition.name)

    def about_state(self, name: str) -> str:
        """Return a sentence about the state, or an empty text."""
        return self._text(self.definition.labels.states, name, "describes")

    def about_event(self, name: str) -> str:
        """Return a sentence about the event, or an empty text."""
        return self._text(self.definition.labels.events, name, "describes") or self.definition.inbox.get(name, "")

    def _text(self, labels: Mapping[str, Label], name: str, kind: str) -> str:
        if not self.language or name not in labels:
            return ""
        texts: Mapping[str, str] = getattr(labels[name], kind)
        for language in (self.language, self.language.partition("-")[0], "", FALLBACK):
            if language in texts:
                return texts[language]
        return ""


def words(definition: Definition, language: str = "", file: str = "the machine file") -> Words:
    """Return the words of `language`; empty asks for names.

    Raises:
        DefinitionError: The machine file has nothing in that language.
    """
    known = definition.labels.languages()
    if language and not {language, language.partition("-")[0], ""} & set(known):
        have = f"its titles are in {', '.join(known)}" if known else "it has no titles, draw it without --lang"
        raise DefinitionError([f"{file}: has no titles in the language {language!r}; {have}"])
    return Words(definition, language)
