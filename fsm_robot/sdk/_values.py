"""Values between a script, its robot and a folder of JSON files: statuses, tags, moments, parameters. No I/O."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any, Union

    Tags = Union[str, Sequence[str], None]
    Moment = Union[datetime, str, None]

NEW, IN_PROGRESS, SUCCESS, FAILED_APPLICATION, FAILED_BUSINESS, POSTPONED, ABANDONED = range(7)
STATUS_WORDS = (
    "New",
    "In progress",
    "Success",
    "Failed (Application)",
    "Failed (Business)",
    "Postponed",
    "Abandoned",
)
PRIORITIES = ("low", "normal", "high")
"""By the number that a row has: the vendor publishes no numbers, but that a fresh task shows 1."""
NORMAL = 1


def status_number(value: object, what: str = "status") -> int:
    """Return the number of a status that is given as one, or as its word in any case. Raises `ValueError`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(STATUS_WORDS):
        return value
    if isinstance(value, str):
        wanted = _folded(value)
        for number, word in enumerate(STATUS_WORDS):
            if wanted in (str(number), _folded(word)):
                return number
    raise ValueError(f"{what} must be one of {', '.join(STATUS_WORDS)}, or its number from 0 to 6, not {value!r}")


def status_word(number: int) -> str:
    """Return the word for a status; a number that nobody published stays one."""
    return STATUS_WORDS[number] if 0 <= number < len(STATUS_WORDS) else f"Status {number}"


def priority_number(value: object) -> int:
    """Return the number of `low`, `normal` or `high`, or of a number. Raises `ValueError`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in PRIORITIES:
            return PRIORITIES.index(word)
        if word.isascii() and word.isdigit() and len(word) < 3:
            return int(word)
    raise ValueError(f"priority must be low, normal or high, not {value!r}")


def priority_word(number: int) -> str:
    """Return the word for a priority; a number that nobody published stays one."""
    return PRIORITIES[number] if 0 <= number < len(PRIORITIES) else str(number)


def tag_list(tags: Tags) -> list[str]:
    """Return tags that are given as `a;b`, or one by one, without blanks and doubles. Raises `TypeError`."""
    if tags is None:
        return []
    parts: Iterable[object] = tags.split(";") if isinstance(tags, str) else tags
    found: dict[str, None] = {}
    for part in parts:
        if not isinstance(part, str):
            raise TypeError(f"a tag must be a text, not {part!r}")
        found.update((tag.strip(), None) for tag in part.split(";") if tag.strip())
    return list(found)


def has_tags(tags: Iterable[str], wanted: Sequence[str]) -> bool:
    """Return whether all tags of `a;+b;-c` are there, and none of those with a minus."""
    there = {tag.casefold() for tag in tags}
    for tag in wanted:
        name = tag.lstrip("+-").strip().casefold()
        if (name in there) == tag.startswith("-"):
            return False
    return True


def has_name(name: str, wanted: str) -> bool:
    """Return whether a name is the wanted one, in any case; `*` stands for any text."""
    first, *rest = wanted.casefold().split("*")
    name = name.casefold()
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    place = len(first)
    for part in rest[:-1]:
        found = name.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(name) - place >= len(rest[-1]) and name.endswith(rest[-1])


def moment_text(value: Moment, what: str) -> str | None:
    """Return a moment as `2026-11-27T08:00:00+00:00`; without a zone it is one of this machine's clock.

    Raises `TypeError` or `ValueError`.
    """
    if value is None:
        return None
    from datetime import datetime, timezone

    if isinstance(value, str):
        value = _parsed_moment(value, what)
    if not isinstance(value, datetime):
        raise TypeError(f"{what} must be a datetime, not {value!r}")
    return value.astimezone(timezone.utc).replace(microsecond=0).isoformat()


def moment(text: object) -> datetime | None:
    """Return the moment that a row holds, aware, or None where it holds none that can be read."""
    if not isinstance(text, str) or not text.strip():
        return None
    from datetime import timezone

    try:
        return _parsed_moment(text, "").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def now_text(after_s: float = 0) -> str:
    """Return this moment, or one that many seconds later, as `moment_text` does."""
    from datetime import datetime, timedelta, timezone

    return (datetime.now(timezone.utc) + timedelta(seconds=after_s)).replace(microsecond=0).isoformat()


def _parsed_moment(text: str, what: str) -> datetime:
    from datetime import datetime

    text = text.strip()
    try:
        # What Python 3.8 reads: no `Z`.
        return datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        raise ValueError(f"{what} must be a moment such as 2026-11-27T17:00, not {text!r}") from None


def as_json(value: object, what: str) -> object:
    """Return a value as JSON knows it: moments and paths become texts. Raises `TypeError` that names the place."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if abs(value) < float("inf"):
            return value
        raise ValueError(f"{what} is {value!r}, which JSON cannot hold")
    if isinstance(value, dict):
        return {_key(key, what): as_json(item, f"{what}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item, f"{what}[{index}]") for index, item in enumerate(value)]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__fspath__"):
        return str(value.__fspath__())
    if type(value).__name__ == "Decimal":
        return str(value)
    if hasattr(value, "items") and hasattr(value, "keys"):
        return as_json(dict(value.items()), what)
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return as_json(value.item(), what)  # a number of numpy, as tables hand them out
    raise TypeError(f"{what} is {value!r}: JSON knows texts, numbers, true, false, None, lists and dictionaries")


def _key(key: object, what: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return str(key)
    raise TypeError(f"{what} has the key {key!r}: keys must be texts")


def as_mapping(parameters: object) -> dict[str, Any]:
    """Return the parameters of a task as a dictionary; what is none comes as `{"parameters": value}`."""
    if isinstance(parameters, str):
        from json import loads

        try:
            parameters = loads(parameters)
        except ValueError:
            pass  # a plain text is a parameter, too
    if parameters in (None, "", []):
        return {}
    return parameters if isinstance(parameters, dict) else {"parameters": parameters}


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a piece of a sentence that names what is like `name`, or everything where nothing is."""
    from difflib import get_close_matches

    known = sorted(names)
    if not known:
        return ""
    alike = get_close_matches(name.casefold(), [each.casefold() for each in known], 1)
    for each in known:
        if alike and each.casefold() == alike[0]:
            return f"; did you mean {each!r}?"
    shown = ", ".join(map(repr, known[:10]))
    return f"; there {'is' if len(known) == 1 else 'are'} {shown}{' and more' if len(known) > 10 else ''}"


def _folded(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())


def chosen(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that hold something."""
    return {name: value for name, value in fields.items() if value not in (None, [], "")}
