"""The head of a request: bytes -> value, and why it is none. Pure.

The parser of the standard library builds an e-mail of every head, which costs as much as the call itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
LARGEST_HEAD_BYTES = 1 << 16
_MOST_HEADERS = 100
_LONGEST_NUMBER = 9
# A line may end with a line feed alone, as every server takes it.
_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(rb"HTTP/(\d{1,9})\.(\d{1,9})")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class RefusedHeadError(ValueError):
    """No request, or one that this server does not take.

    Attributes:
        status: What it is answered with.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@attrs.frozen
class Head:
    """What a request says before its body.

    Attributes:
        verb: One of `VERBS`.
        path: The address without its query.
        query: What stands behind the question mark.
        headers: Name in lower case -> every value that it came with.
        stays: Whether the client wants to keep the connection.
    """

    verb: str
    path: str
    query: str = attrs.field(repr=False)
    headers: Mapping[str, Sequence[str]] = attrs.field(repr=False)
    stays: bool = True

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a header; `name` is in lower case."""
        return self.headers.get(name, (default,))[0]

    def length(self, largest: int) -> int:
        """Return how long the body is. Raises `RefusedHeadError`."""
        length, *more = self.headers.get("content-length", ("0",))
        if "transfer-encoding" in self.headers:
            raise RefusedHeadError(411, "a Content-Length is needed")
        if more or not (length.isascii() and length.isdigit()):
            raise RefusedHeadError(400, "Content-Length must be one number")
        if len(length) > _LONGEST_NUMBER or int(length) > largest:
            raise RefusedHeadError(413, f"the body may have at most {largest} bytes")
        return int(length)


def end_of_head(data: bytearray) -> int:
    """Return where the body begins, 0 where the head is not whole yet; blank lines before it are cut off.

    Raises:
        RefusedHeadError: It will never be one.
    """
    del data[: len(data) - len(data.lstrip())]
    line_end = data.find(b"\n")
    if line_end >= 0:
        _request_line(bytes(data[:line_end]))
    elif len(data) > LARGEST_HEAD_BYTES:
        raise RefusedHeadError(414, "the address is too long")
    found = _END.search(data)
    if (len(data) if found is None else found.end()) > LARGEST_HEAD_BYTES:
        raise RefusedHeadError(431, f"the head may have at most {LARGEST_HEAD_BYTES} bytes")
    return 0 if found is None else found.end()


def head_of(data: bytes) -> Head:
    """Return what a whole head says. Raises `RefusedHeadError`."""
    first, *lines = data.decode("latin-1").split("\n")
    verb, target, version = _request_line(first.encode("latin-1"))
    if verb not in VERBS:
        raise RefusedHeadError(501, "this server does not know this HTTP method")
    headers = _headers(lines)
    path, _, query = target.partition("?")
    wish = headers.get("connection", [""])[0].lower()
    return Head(verb, path, query, headers, "close" not in wish and (version > (1, 0) or "keep-alive" in wish))


def _request_line(line: bytes) -> tuple[str, str, tuple[int, int]]:
    words = line.split()
    if len(words) == 2 or (len(words) > 2 and words[-1].startswith(b"HTTP/0")):
        # It has no head, which would be waited for in vain.
        raise RefusedHeadError(505, "HTTP/1.0 or HTTP/1.1 is needed")
    found = _VERSION.fullmatch(words[-1]) if len(words) == 3 else None
    if found is None:
        raise RefusedHeadError(400, "this is not an HTTP request")
    version = int(found[1]), int(found[2])
    if version >= (2, 0):
        raise RefusedHeadError(505, "HTTP/1.0 or HTTP/1.1 is needed")
    return words[0].decode("latin-1"), words[1].decode("latin-1"), version


def _headers(lines: Sequence[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    count = 0
    for line in lines:
        if not line.strip("\r"):
            continue
        name, colon, value = line.partition(":")
        if not colon or _NAME.fullmatch(name) is None:
            raise RefusedHeadError(400, "a line of the head is not a header")
        count += 1
        if count > _MOST_HEADERS:
            raise RefusedHeadError(431, f"the head may have at most {_MOST_HEADERS} headers")
        headers.setdefault(name.lower(), []).append(value.strip())
    return headers
