"""Answers that arrive whole, headers and body, within the read timeout, or not at all.

A socket's own timeout starts anew with every byte: a server that drips would hold a call, and with it the robot, for
hours. `http.client` reads answers through the file object of its response class, so that is where the deadline sits.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, parse_headers
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Far above the largest answer that is read, however it is cut into chunks; a chunk of size -1 has no other end.
LARGEST_BYTES = 16 << 20
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class _DeadlineReader(io.RawIOBase):
    """The bytes of an answer, as long as there is time left."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, largest_bytes: int) -> None:
        super().__init__()
        self._socket, self._raw = sock, raw
        self._timeout_s = sock.gettimeout() or 0.0
        self._deadline_s = time.monotonic() + self._timeout_s
        self._largest_bytes = self._left_bytes = largest_bytes
        self._over = False
        self._tail: bytes | None = b""

    @property
    def head_is_whole(self) -> bool:
        """Whether the blank line has come that ends a head; `http.client` takes the end of the stream for one too."""
        return self._tail is None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._over:
            return 0
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"no complete answer within {self._timeout_s:g} s")
        if self._left_bytes <= 0:
            raise HTTPException(f"the answer goes on after {self._largest_bytes >> 20} MiB")
        self._socket.settimeout(left_s)
        count = self._raw.readinto(buffer)
        self._left_bytes -= count or 0
        if self._tail is not None and count:
            recent = self._tail + bytes(memoryview(buffer)[:count])
            self._tail = None if b"\r\n\r\n" in recent or b"\n\n" in recent else recent[-3:]
        return count

    def end(self) -> None:
        """Read nothing more from the socket."""
        self._over = True

    def close(self) -> None:
        self._raw.close()
        super().close()


class _AnswerReader(io.BufferedReader):
    """Tells at its end whether the server has sent more than was read."""

    def __init__(self, raw: _DeadlineReader, unread: Callable[[], None]) -> None:
        super().__init__(raw)
        self.limited, self._unread = raw, unread

    def close(self) -> None:
        if not self.closed:
            # What is still on its way is seen before the connection is used again; what is in this buffer is not.
            self.limited.end()
            if self.peek(1):
                self._unread()
        super().close()


class _Response(HTTPResponse):
    """Passes over interim answers, and reads no body where the status says that there is none."""

    def _read_status(self) -> tuple[str, int, str]:
        # http.client passes over 100 alone, and takes 102 or 103 for the answer (RFC 9110, 15.2). This is also the
        # way in which it reads the answer of a proxy that opens a tunnel.
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("the server switches to another protocol, which nobody asked for (HTTP 101)")
            parse_headers(self.fp)

    def begin(self) -> None:
        super().begin()
        if isinstance(self.fp, _AnswerReader) and not self.fp.limited.head_is_whole:
            raise HTTPException("the answer was cut off in its head")  # else it would be a whole one without a body
        announced = [name for name in ("Transfer-Encoding", "Content-Length") if self.headers.get(name, "0") != "0"]
        if self.status in _WITHOUT_BODY and announced:
            # A body that must not be there may come or not, so nothing that follows on this connection can be believed.
            for name in announced:
                del self.headers[name]
            self.chunked, self.length, self.will_close = False, 0, True
        elif len(announced) > 1:
            self.will_close = True  # RFC 9112, 6.3: whoever wrote this may mean another end than we do


def timed_response(
    sock: socket.socket,
    unread: Callable[[], None],
    debuglevel: int = 0,
    method: str | None = None,
    *,
    largest_bytes: int = LARGEST_BYTES,
) -> HTTPResponse:
    """Return an answer to be read from `sock` within the timeout that it has now; made for `response_class`.

    At that moment it is the read timeout of the request, or the connect timeout while a proxy opens a tunnel.

    Args:
        sock: The connection.
        unread: Called where the server has sent more than the answer.
        debuglevel: Of `http.client.HTTPResponse`.
        method: Of the request: the answer to some has no body.
        largest_bytes: Nothing is read beyond them.
    """
    response = _Response(sock, debuglevel, method)
    response.fp = _AnswerReader(_DeadlineReader(sock, response.fp.detach(), largest_bytes), unread)
    return response
