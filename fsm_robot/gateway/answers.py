"""Answers that arrive whole, headers and body, within the read timeout, or not at all.

A socket's own timeout starts anew with every byte: a server that drips would hold a call, and with it the robot, for
hours. `http.client` reads answers through the file object of its response class, so that is where the deadline sits.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any


class _DeadlineReader(io.RawIOBase):
    """The bytes of an answer, as long as there is time left."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        super().__init__()
        self._socket, self._raw = sock, raw
        self._timeout_s = sock.gettimeout() or 0.0
        self._deadline_s = time.monotonic() + self._timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"no complete answer within {self._timeout_s:g} s")
        self._socket.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def timed_response(sock: socket.socket, *args: Any, **kwargs: Any) -> HTTPResponse:
    """Return an answer to be read from `sock` within the timeout that it has now; made for `response_class`.

    At that moment it is the read timeout of the request, or the connect timeout while a proxy opens a tunnel.
    """
    response = HTTPResponse(sock, *args, **kwargs)
    response.fp = io.BufferedReader(_DeadlineReader(sock, response.fp.detach()))
    return response
