"""How wide a text is at most, without a font at hand.

The table holds the widths of DejaVu Sans, in hundredths of the font size, rounded up: it is the widest of the fonts
that a browser or a drawing program puts in the place of `sans-serif` (Segoe UI, Arial, Helvetica, Roboto, DejaVu Sans),
so a text takes the room that is kept for it, or less. Scripts that are not in the table get the widths of their kind:
Chinese, Japanese, Korean and pictures a whole square and a bit, marks that combine nothing, all others a wide letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

BOLD = 1.16
"""How much wider bold letters are at most."""
JOINTS = re.compile(r"(?<=[ /_\-,.:])|(?<=[a-zа-я0-9])(?=[A-ZА-Я])")
SQUARE, WIDE_LETTER, MONOSPACE = 105, 85, 61
GROUPS = {
    30: "'ijlIJ",
    36: " ,.-/:;|\\ft",
    42: '!"()[]r',
    55: "*?^_`csxzкгзстэ«»…–",
    60: "FLTYZavykгГТУдчхх",
    66: "$#0123456789abdeghnopquABEKPSXабвеийлнорпуцьяРКЗЬ€№",
    72: "CRVБВАХЭЦЧЯdмъq{}",
    81: "DGHNOQUИЙЛНОПДмщwЪыю",
    90: "&+<=>~WMmФМфжЫЁ—→≤×",
    111: "%@wЖШЩЮшщжю",
}
WIDTHS: Mapping[str, int] = {char: width for width in sorted(GROUPS) for char in GROUPS[width]}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide `text` is at most, in the unit of `size`, the size of its font."""
    return sum(_hundredths(char) for char in text) * size / 100 * (BOLD if bold else 1)


def monospace_width(text: str, size: float) -> float:
    """Return how wide `text` is at most in a font whose letters are all equally wide."""
    return sum(max(MONOSPACE, _hundredths(char) if ord(char) > 0x52F else 0) for char in text) * size / 100


def _hundredths(char: str) -> int:
    known = WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.combining(char):
        return 0
    if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0xFFFF:
        return SQUARE
    return WIDE_LETTER


def wrapped(text: str, size: float, width: float, most_lines: int) -> list[str]:
    """Return `text` in lines that are no wider than `width`, the last one cut with an ellipsis where it is too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], f"{lines[most_lines - 1]} …"]
    return [shortened(line, size, width) for line in lines]


def folded(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Return all of `text` in lines no wider than `width`: broken at blanks, at joints of names, else where it must be.

    Nothing is left out: two names that differ only at their ends are told apart.
    """
    lines = [""]
    for piece in JOINTS.split(text):
        if text_width((lines[-1] + piece).rstrip(), size, bold=bold) <= width:
            lines[-1] += piece
            continue
        lines.append("")
        for char in piece:
            if lines[-1] and text_width(lines[-1] + char, size, bold=bold) > width:
                lines.append("")
            lines[-1] += char
    return [line.strip() for line in lines if line.strip()] or [""]


def shortened(text: str, size: float, width: float) -> str:
    """Return `text`, or its beginning and an ellipsis where it is wider than `width`."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text}…"
