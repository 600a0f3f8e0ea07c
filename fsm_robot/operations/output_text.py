"""What a script printed -> text for a person. Pure.

A script may print UTF-8, and a program that it calls the code page of its console: each line is looked at alone.
"""

from __future__ import annotations

import re

# Where the two Russian code pages differ: cp866 has capitals and а-п there, cp1251 hardly anything.
_CP866_ONLY = re.compile(rb"[\x80-\xaf]")
# There cp1251 has capitals and р-я, cp866 has lines to draw boxes with.
_CP1251_ONLY = re.compile(rb"[\xc0-\xdf\xf0-\xff]")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def shown_text(data: bytes, *, for_terminal: bool = False) -> str:
    """Return the lines of `data` as text.

    Args:
        data: Whole lines; only the last one may be cut.
        for_terminal: Escape what a terminal would obey: a script's output must not rename windows or hide lines.
    """
    text = "".join(map(_line, data.splitlines(keepends=True)))
    return _UNSEEN.sub(lambda match: f"\\x{ord(match.group()):02x}", text) if for_terminal else text


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        dos, windows = len(_CP866_ONLY.findall(line)), len(_CP1251_ONLY.findall(line))
        return line.decode("cp866" if dos > windows else "cp1251", "replace")
