"""What is imported and made with its first use: a wake-up that finds no job pays for none of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import attrs

Made = TypeVar("Made")


@attrs.define(eq=False, repr=False)
class _Late:
    _make: Callable[[], object]
    _made: object = None

    def __getattr__(self, name: str) -> object:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)


def late(make: Callable[[], Made]) -> Made:
    """Return what stands for the result of `make`, which is called when the first method is looked up.

    For what is used by its methods, and from one thread until the first of them has returned. What a stop or a kill
    needs is used before the script starts.
    """
    return cast(Made, _Late(make))
