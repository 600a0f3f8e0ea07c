"""TOML that people have written, with a value changed: comments, order and everything else stay as they are. Pure.

The text is edited line by line and then read back: what does not say exactly what it should is not used.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping

from fsm_robot.errors import SettingsError

Sections = Mapping[str, Mapping[str, object]]


def with_values(text: str, values: Sections, where: str) -> str:
    """Return the text of a robot.toml with some values in it.

    Args:
        text: As it is.
        values: By section and key.
        where: The file, for the message.

    Raises:
        SettingsError: The text is no TOML, or is written in a way that cannot be changed line by line.
    """
    before = _read(text, where)
    expected: dict[str, object] = dict(before)
    changed = text
    for section, keys in values.items():
        part = before.get(section, {})
        expected[section] = {**(part if isinstance(part, dict) else {}), **keys}
        for key, value in keys.items():
            if (
                not isinstance(part, dict)
                or key not in part
                or part[key] != value
                or type(part[key]) is not type(value)
            ):
                changed = _with_value(changed, section, key, value)
    if _read(changed, where, ours=True) != expected:
        raise SettingsError(f"{where}: is written in a way that cannot be changed here; edit it by hand")
    return changed


def differences(text: str, values: Sections, where: str) -> list[str]:
    """Return what would be changed, a line each: `scripts.stop_grace_s: 60 -> 120`."""
    before = _read(text, where)
    lines = []
    for section, keys in values.items():
        part = before.get(section, {})
        for key, value in keys.items():
            old = part.get(key) if isinstance(part, dict) else None
            if not _is_there(part, key, value):
                lines.append(f"{section}.{key}: {'not set' if old is None else _value(old)} -> {_value(value)}")
    return lines


def without_robot(text: str, number: int, where: str) -> str:
    """Return the text of a fleet.toml without one of its `[[robots]]`, counted from 0. Raises `SettingsError`."""
    before = _read(text, where)
    robots = before.get("robots")
    lines, kept, seen, inside = text.splitlines(keepends=True), [], -1, False
    for line in lines:
        if re.match(r"\s*\[\[\s*robots\s*\]\]", line):
            seen += 1
            inside = seen == number
        elif re.match(r"\s*\[(?!\s*robots\.)", line):
            inside = False
        kept += [] if inside else [line]
    changed = "".join(kept)
    expected = dict(before)
    if isinstance(robots, list):
        left = [each for place, each in enumerate(robots) if place != number]
        expected["robots"] = left
        if not left:
            del expected["robots"]
    if _read(changed, where, ours=True) != expected:
        raise SettingsError(f"{where}: is written in a way that cannot be changed here; edit it by hand")
    return changed


def robot_entry(values: Mapping[str, object]) -> str:
    """Return a `[[robots]]` with these values."""
    return "\n[[robots]]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in values.items() if value)


def _is_there(part: object, key: str, value: object) -> bool:
    # 1 == 1.0 == True, and a robot reads them as three things.
    return isinstance(part, dict) and key in part and part[key] == value and type(part[key]) is type(value)


def _with_value(text: str, section: str, key: str, value: object) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    line = f"{key} = {_value(value)}\n"
    head = re.compile(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*\]")
    start = next((number for number, each in enumerate(lines) if head.match(each)), None)
    if start is None:
        return "".join([*lines, "\n" if lines else "", f"[{section}]\n", line])
    after = (n for n in range(start + 1, len(lines)) if re.match(r"\s*\[", lines[n]))
    end = next(after, len(lines))
    entry = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    shown = re.compile(rf"\s*#\s*{re.escape(key)}\s*=")
    inside = range(start + 1, end)
    if (place := next((n for n in inside if entry.match(lines[n])), None)) is not None:
        lines[place] = line
    elif (place := next((n for n in inside if shown.match(lines[n])), None)) is not None:
        lines.insert(place + 1, line)  # behind the default that `init` shows
    else:
        lines.insert(start + 1, line)
    return "".join(lines)


def _value(value: object) -> str:
    # Of what JSON writes only DEL is no TOML; `true`, numbers and lists are written alike.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(text: str, where: str, *, ours: bool = False) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        if ours:
            raise SettingsError(f"{where}: is written in a way that cannot be changed here; edit it by hand") from error
        # The message may quote the broken value, and a broken GUID is still a password.
        raise SettingsError(f"{where}: is not valid TOML; `fsm-robot check` names the line") from error
