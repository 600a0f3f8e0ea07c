"""Spans of time as a machine file writes them: `500ms`, `30s`, `2m`, `1.5h`; and the settings that hold one."""

from __future__ import annotations

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SHORTEST_S, LONGEST_S = 0.001, 366 * 86400.0
PATTERN = r"[0-9]+(\.[0-9]+)?(ms|s|m|h)"
SETTING = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+"


def seconds_of(text: str) -> float | None:
    """Return the seconds that `text` says, to the microsecond, or None where it says no span of time."""
    found = re.fullmatch(PATTERN, text)
    if found is None or len(text) > 40:
        return None
    unit = found[2]
    seconds = round(float(text.removesuffix(unit)) * UNITS_S[unit], 6)
    return seconds if SHORTEST_S <= seconds <= LONGEST_S else None


def text_of(seconds: float) -> str:
    """Return the shortest text that `seconds_of` reads as `seconds`."""
    texts = []
    for unit, length in UNITS_S.items():
        number = f"{seconds / length:.9f}".rstrip("0").rstrip(".")
        if seconds_of(f"{number}{unit}") == round(seconds, 6):
            texts.append(f"{number}{unit}")
    # 90s, not 1.5m: whole numbers first; of these the largest unit, which comes last.
    return min(reversed(texts), key=lambda text: ("." in text, len(text)))


def is_setting(text: str) -> bool:
    """Return whether `text` could name a setting: a section and a key."""
    return re.fullmatch(SETTING, text) is not None
