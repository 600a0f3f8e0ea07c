"""Which limits a script has: the first entry of `[[limits]]` whose pattern fits its name. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from fsm_robot.sdk._values import has_name

SUFFIX = ".py"


class Entry(Protocol):
    """An entry of `[[limits]]`."""

    @property
    def script(self) -> str:
        """The pattern."""


Found = TypeVar("Found", bound=Entry)


def first(entries: Sequence[Found], name: str) -> Found | None:
    """Return the entry that counts for a script, by the name that the orchestrator gives it; None where none fits."""
    return next((entry for entry in entries if fits(entry.script, name)), None)


def fits(pattern: str, name: str) -> bool:
    r"""Return whether a pattern fits the name of a script: `*` is any text, `/` too.

    Letters in any case, `\` or `/`, with or without `.py`: whatever finds the same script.
    """
    return has_name(_plain(name), _plain(pattern))


def never_counts(entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """Yield each entry, by its index, that an earlier one leaves nothing to fit, with the index of that one."""
    for number, entry in enumerate(entries):
        # A `*` of the later one is a character here, which only a `*` of the earlier one fits, and so all it means.
        before = next((index for index in range(number) if fits(entries[index].script, entry.script)), None)
        if before is not None:
            yield number, before


def _plain(name: str) -> str:
    name = unicodedata.normalize("NFC", name).casefold().replace("\\", "/")
    return name.removesuffix(SUFFIX)
