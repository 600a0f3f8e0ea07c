"""What a script printed -> text for a person. Pure.

A script may print UTF-8, and a program that it calls the code page of its console: each line is looked at alone.
"""

from __future__ import annotations

import re

# Where the two Russian code pages differ: cp866 has capitals and а-п there, cp1251 hardly anything.
_CP866_ONLY = re.compile(rb"[\x80-\xaf]")
# There cp1251 has capitals and р-я, cp866 has lines to draw boxes with.
_CP1251_ONLY = re.compile(rb"[\xc0-\xdf\xf0-\xff]")


def shown_text(data: bytes) -> str:
    """Return the lines of `data` as text; only the last one may be cut."""
    return "".join(map(_line, data.splitlines(keepends=True)))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        dos, windows = len(_CP866_ONLY.findall(line)), len(_CP1251_ONLY.findall(line))
        return line.decode("cp866" if dos > windows else "cp1251", "replace")
