"""Bodies that hold a file: they are on disk, not in memory, and so is the file that is cut out of them."""

from __future__ import annotations

import base64
import binascii
import mmap
import re
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from typing import IO

import attrs

from fsm_robot.orchestrator.protocol import GarbledRequestError, fold, spelled_fields
from fsm_robot.orchestrator.tables.storage import PIECE_BYTES, Content, Plain

FILE_FIELD = "file"
_LARGEST_FIELD_BYTES = 1 << 20
_LARGEST_PART_COUNT = 200


@attrs.frozen
class Slice:
    """A part of a file on disk."""

    source: IO[bytes]
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    def pieces(self) -> Iterator[bytes]:
        """Return them from the beginning, a piece at a time."""
        self.source.seek(self.start)
        left = self.size
        while left > 0 and (piece := self.source.read(min(left, PIECE_BYTES))):
            left -= len(piece)
            yield piece


def read(content_type: str, body: IO[bytes], size: int) -> tuple[dict[str, str], Content | None]:
    """Return the parameters of a body by their names as they came, and the file in it, or None.

    A part of a multipart body that has a file name is bytes; any other `file` is text of base 16 or 32, as published.

    Raises:
        GarbledRequestError: The body is not what its Content-Type says.
    """
    if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
        return _multipart(content_type, body, size)
    body.seek(0)
    fields = spelled_fields(content_type, body.read(size)) if size else {}
    spelling = next((name for name in fields if fold(name) == FILE_FIELD), None)
    return fields, None if spelling is None else Plain(_decoded(fields.pop(spelling)))


def _multipart(content_type: str, body: IO[bytes], size: int) -> tuple[dict[str, str], Content | None]:
    marker = b"--" + _boundary(content_type)
    fields: dict[str, str] = {}
    content: Content | None = None
    if size == 0:
        raise GarbledRequestError("the body is not readable as multipart/form-data")
    # The map reads the file, not what Python still holds back of it.
    body.flush()
    with mmap.mmap(body.fileno(), size, access=mmap.ACCESS_READ) as data:
        for start, end in _parts(data, marker):
            name, file_name, begin = _head(data, start, end)
            if file_name is not None:
                content = Slice(body, begin, end)
            elif fold(name) == FILE_FIELD:
                content = Plain(_decoded(data[begin:end].decode("latin-1")))
            elif end - begin > _LARGEST_FIELD_BYTES:
                raise GarbledRequestError(f"{name[:50]} is too long")
            else:
                fields[name] = _text(data[begin:end])
    return fields, content


def _boundary(content_type: str) -> bytes:
    try:
        message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode("latin-1"))
        boundary = message.get_boundary()
    except (ValueError, LookupError, AttributeError, TypeError):  # whatever email makes of a head that is none
        boundary = None
    if not boundary:
        raise GarbledRequestError("the body is not readable as multipart/form-data: it has no boundary")
    return str(boundary).encode("utf-8", "replace")


def _parts(data: mmap.mmap, marker: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends, its head included."""
    at = data.find(marker)
    for _ in range(_LARGEST_PART_COUNT):
        start = at + len(marker)
        if at < 0 or data[start : start + 2] == b"--":
            return
        following = data.find(b"\r\n" + marker, start)
        if following < 0:
            raise GarbledRequestError("the body is not readable as multipart/form-data: it has no end")
        yield start + 2, following
        at = following + 2
    raise GarbledRequestError(f"the body has more than {_LARGEST_PART_COUNT} parts")


def _head(data: mmap.mmap, start: int, end: int) -> tuple[str, str | None, int]:
    """Return the name of a part, its file name or None, and where its content begins."""
    begin = data.find(b"\r\n\r\n", start, end)
    if begin < 0 or begin - start > _LARGEST_FIELD_BYTES:
        raise GarbledRequestError("a part of the body has no head")
    try:
        message = BytesParser(policy=HTTP).parsebytes(data[start:begin] + b"\r\n\r\n", headersonly=True)
        name = message.get_param("name", header="content-disposition")
        file_name = message.get_filename()
    except (ValueError, LookupError, AttributeError, TypeError):
        name, file_name = None, None
    if not isinstance(name, str):
        raise GarbledRequestError("a part of the body has no name")
    return name, file_name, begin + 4


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GarbledRequestError("a part of the body is not UTF-8 text") from error


def _decoded(text: str) -> bytes:
    bare = "".join(text.split())
    if len(bare) % 2 == 0 and re.fullmatch("[0-9A-Fa-f]*", bare):
        return binascii.unhexlify(bare)
    try:
        return base64.b32decode(bare, casefold=True)
    except (binascii.Error, ValueError):
        raise GarbledRequestError("file is neither a part with a file name nor a text of base 16 or 32") from None
