"""What a value of robot.toml can be: read from TOML and from the text of an environment variable. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import attrs


@attrs.frozen(eq=False, repr=False)
class Kind:
    """One kind of value.

    Attributes:
        wanted: What it must be, as a message says it: "must be a number".
        take: Returns the value as the field has it; None where it is of another kind. None but int -> float is coerced.
        from_text: Returns what a variable means; what does not fit comes back as it is, for `take` to refuse.
    """

    wanted: str
    take: Callable[[object], object | None]
    from_text: Callable[[str], object] = str

    def read(self, value: object) -> tuple[object, str | None]:
        """Return the value, or what is wrong with it."""
        taken = self.take(value)
        return (value, self.wanted) if taken is None else (taken, None)


def _number(value: object) -> float | None:
    # `nan` and `inf` are TOML floats and would pass a comparison or freeze a wait.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def _flag_in(text: str) -> object:
    return text.lower() in ("true", "1") if text.lower() in ("true", "false", "1", "0") else text


def _or_text(convert: Callable[[str], object]) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return convert(text)
        except ValueError:
            return text

    return read


NUMBER = Kind("must be a number, and not nan or inf", _number, _or_text(float))
WHOLE = Kind("must be a whole number", _whole, _or_text(int))
TEXT = Kind("must be a text in quotes", lambda value: value if isinstance(value, str) else None)
FLAG = Kind("must be true or false", lambda value: value if isinstance(value, bool) else None, _flag_in)
FLAG_OR_PATH = Kind(
    "must be true, false or the path of a PEM file",
    lambda value: value if isinstance(value, (bool, str)) and value != "" else None,
    _flag_in,
)
TEXTS = Kind('must be a list of texts, such as ["loginctl", "terminate-session", "self"]', _texts, _or_text(json.loads))
BY_DEFAULT = {float: NUMBER, int: WHOLE, str: TEXT, bool: FLAG, list: TEXTS}
"""Type of a key's default -> its kind, where the key says nothing else."""
