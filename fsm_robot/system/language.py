"""What operators read, in their language.

Programs say, keep and exchange English: robot.log, journals, JSON, what one robot tells another. Only what shows a
text to a person retells it, by the catalogue of gettext: a sentence with values (`the disk is {what}`) is found by its
words, wherever the values were put in: here, on another machine, or in an older journal.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsm_robot.system.retelling import Retelling

LANGUAGES = ("en", "ru")
LOCALE = Path(__file__).resolve().parent.parent / "locale"
DOMAIN = "fsm_robot"

THINGS = frozenset({"file", "folder", "job", "name", "path", "queue", "robot", "script", "task", "thread"})
"""Names of values that are names themselves: a script may be called `stopped`."""

_spoken = ["en"]


def speak(language: str) -> None:
    """Let `said` and `page` answer in a language from now on; one without a catalogue is English."""
    _spoken[0] = language if language in LANGUAGES else "en"


def of_titles() -> str:
    """Return the language in which titles of a machine are shown; empty where its names are shown."""
    return "" if _spoken[0] == "en" else _spoken[0]


def said(text: str) -> str:
    """Return a text in the language of this process; what the catalogue has not stays as it is."""
    return text if _spoken[0] == "en" else _retelling(_spoken[0]).text(text)


def value_said(name: str, value: object) -> object:
    """Return a value of a log line as `said` returns a text; what is none, and what names a thing, stays as it is."""
    if _spoken[0] == "en" or name in THINGS:
        return value
    if isinstance(value, tuple):
        return tuple(value_said(name, each) for each in value)
    return said(value) if isinstance(value, str) else value


def page(html: bytes) -> bytes:
    """Return a page of HTML in the language of this process, with the texts that its scripts may ask for."""
    return html if _spoken[0] == "en" else _retelling(_spoken[0]).page(html.decode(), _spoken[0]).encode()


@lru_cache
def _retelling(language: str) -> Retelling:
    from fsm_robot.system.retelling import Retelling  # gettext and many patterns: nothing for a start in English

    return Retelling.of(LOCALE, DOMAIN, language)
