"""How messages to people are put together."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest of `known`, else `; known are …` where the list is short."""
    import difflib  # only wrong input pays for it

    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names and len(names) <= 24 else ""
