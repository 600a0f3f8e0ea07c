"""A server that answers byte by byte as a test says, on a free loopback port."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import parse_qs

import attrs


@attrs.frozen
class Request:
    """What arrived: `number` counts from 0, `connection` tells which connection it came over."""

    number: int
    connection: int
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


Reply = bytes | Callable[[socket.socket, Request], bytes | None]
"""What to send; a callable may act on the socket itself and return None to close the connection."""


def answer(body: bytes | str = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Return a complete HTTP answer; `Content_Type="text/html"` names a header."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + data


def drop(connection: socket.socket, request: Request) -> None:
    """Close without a word."""


def reset(connection: socket.socket, request: Request) -> None:
    """Close with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class RawServer:
    """Answers the n-th request with the n-th reply, and all further ones with the last.

    Attributes:
        requests: What has arrived, in order.
        heads: Number of request heads seen, also those whose body never came.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None, at_once: bytes = b"") -> None:
        self.replies, self.tls, self.at_once = replies, tls, at_once
        self.requests: list[Request] = []
        self.heads = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        self._thread.join(5)

    def drop_connections(self) -> None:
        """Close every connection from this side."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        number = 0
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(connection)
            threading.Thread(target=self._talk, args=[connection, number], daemon=True).start()
            number += 1

    def _talk(self, plain: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError), plain:
            if self.at_once:  # to whatever comes first
                plain.recv(1 << 16)
                plain.sendall(self.at_once)
                return
            connection = self._wrapped(plain) if self.tls else plain
            with connection, connection.makefile("rb") as stream:
                while self._one(connection, stream, number):
                    pass

    def _wrapped(self, plain: socket.socket) -> ssl.SSLSocket:
        """Return the connection after the handshake; one that fails is told of before it is closed, as servers do."""
        assert self.tls is not None
        wrapped = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            # Closing on what the client still sends would reset the connection, and the alert with it.
            with contextlib.suppress(OSError), socket.socket(fileno=wrapped.detach()) as raw:
                raw.shutdown(socket.SHUT_WR)
                raw.settimeout(2.0)
                while raw.recv(1 << 16):
                    pass
            raise
        return wrapped

    def _one(self, connection, stream, number: int) -> bool:
        line = stream.readline().decode().strip()
        headers: dict[str, str] = {}
        while (field := stream.readline().decode().strip()) != "":
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        if not line:
            return False
        self.heads += 1
        length = int(headers.get("content-length", 0))
        body = stream.read(length)
        if len(body) < length:
            return False
        with self._lock:
            request = Request(len(self.requests), number, line, headers, body)
            self.requests.append(request)
        reply = self.replies[min(request.number, len(self.replies) - 1)]
        data = reply if isinstance(reply, bytes) else reply(connection, request)
        if data is None:
            return False
        connection.sendall(data)
        return True
