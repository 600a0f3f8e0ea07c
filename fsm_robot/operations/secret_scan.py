"""What looks like a secret in a text, whoever has written it there: for a text that leaves the house. Pure.

It finds too much rather than too little. What it cannot find is a password in the midst of prose.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_WORDS = (
    r"passw(?:or)?d|passwd|passphrase|pwd|secret|(?<!run_)token|credential|парол|секрет"
    r"|api_?key|access_?key|private_?key"
)
"""A run token marks the processes of a job and opens nothing."""
_EQUALS = r"(?![\w.-]*_file\b)[\w.-]*\\?[\"']?\s*[:=]\s*"
_VALUE = r"""\\"(?:[^"\\\r\n]|\\[^"])+\\"|"(?:[^"\\\r\n]|\\.)+"|'(?:[^'\\\r\n]|\\.)+'|[^\s,;&}\]"']+"""
_HEADERS = r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key"
_PEM, _END_OF_PEM = r"-----BEGIN [A-Z ]*PRIVATE KEY-----", r"-----END [A-Z ]*PRIVATE KEY-----"
_ISSUED = r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[\w-]{20,}"
"""Beginnings that the best-known services give to their keys."""
_LONG = re.compile(r"(?<![A-Za-z0-9+=])[A-Za-z0-9+]{28,}={0,2}(?![A-Za-z0-9+=])")
_LEAST_OF_EACH = 2
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"{_PEM}(?:.*?{_END_OF_PEM}|[A-Za-z0-9+/=\s\\]*)", re.DOTALL), HIDDEN),
    (re.compile(rf"(?i)((?:{_HEADERS})\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\r\n\"'\\]+"), r"\1***"),
    (re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{8,}"), r"\1 ***"),
    (re.compile(r"(://)[^/\s:@\"']*:[^/\s@\"']+@"), r"\1***@"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), HIDDEN),
    (re.compile(rf"\b(?:{_ISSUED})"), HIDDEN),
)


_NAMED = re.compile(rf"(?i)((?:{_WORDS}){_EQUALS})({_VALUE})")
_QUOTES = ('\\"', '"', "'")


def without_secrets(text: str) -> tuple[str, int]:
    """Return a text without what looks like a secret, and how many places were taken out."""
    places = 0
    for pattern, instead in _PATTERNS:
        text, found = pattern.subn(instead, text)
        places += found
    text, found = _NAMED.subn(_without_value, text)
    places += found
    hidden = [0]

    def judged(match: re.Match[str]) -> str:
        word = match.group()
        kinds = (str.isupper, str.islower, str.isdigit)
        if any(sum(map(kind, word)) < _LEAST_OF_EACH for kind in kinds):
            return word  # a digest in hex, a number, a long word
        hidden[0] += 1
        return HIDDEN

    text = _LONG.sub(judged, text)
    return text, places + hidden[0]


def _without_value(match: re.Match[str]) -> str:
    """Return a name without what it is given; what was quoted stays quoted, so that JSON stays JSON."""
    quote = next((each for each in _QUOTES if match[2].startswith(each)), "")
    return f"{match[1]}{quote}{HIDDEN}{quote}"
