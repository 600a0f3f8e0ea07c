"""A stream socket that carries messages, and the one of this machine's own network: for both systems.

A message is a line. A port of 127.0.0.1 is there where sockets among the files and named pipes are not; but every
account of the machine can connect to it, so what is asked on it needs a token.
"""

from __future__ import annotations

import socket
import time

import attrs

HOST = "127.0.0.1"
_WAITING_CALLERS = 128
_PIECE_BYTES = 65536
_SENT_WITHIN_S = 5.0


@attrs.define(eq=False)
class Connection:
    """One end of a connection; a message is a line, so it must not hold a line feed."""

    _socket: socket.socket
    _rest: bytes = b""

    def send(self, message: bytes) -> None:
        """Send a message. Raises `OSError`."""
        self._socket.settimeout(_SENT_WITHIN_S)
        self._socket.sendall(message + b"\n")

    def receive(self, within_s: float, largest_bytes: int) -> bytes | None:
        """Return a message; None where the other end has sent none within so many seconds. Raises `OSError`."""
        deadline_s = time.monotonic() + within_s
        # What came behind a message is the next one's: who needs no answer does not wait for one.
        pieces, size = [self._rest], len(self._rest)
        while (end := pieces[-1].find(b"\n")) < 0:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                self._rest = b"".join(pieces)
                return None
            self._socket.settimeout(left_s)
            try:
                piece = self._socket.recv(_PIECE_BYTES)
            except TimeoutError:
                self._rest = b"".join(pieces)
                return None
            pieces.append(piece)
            size += len(piece)
            if not piece or size > largest_bytes:
                raise ConnectionResetError("the other end has gone, or sends without an end")
        self._rest = pieces[-1][end + 1 :]
        return b"".join(pieces)[: size - len(self._rest) - 1]

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


@attrs.frozen(eq=False)
class LoopbackListener:
    """Where processes of this machine connect to.

    Attributes:
        address: What they need to know.
    """

    address: str
    _socket: socket.socket

    def accept(self) -> Connection:
        """Wait for the next one. Raises `OSError`."""
        return _connection(self._socket.accept()[0])

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def listen() -> LoopbackListener:
    """Listen at a free port of 127.0.0.1. Raises `OSError`."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Windows lets another account listen at the same port, and hear every token, unless it is told not to.
        exclusive: int | None = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            listening.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        listening.bind((HOST, 0))
        listening.listen(_WAITING_CALLERS)
    except BaseException:
        listening.close()
        raise
    return LoopbackListener(f"{HOST}:{listening.getsockname()[1]}", listening)


def is_loopback(address: str) -> bool:
    """Return whether an address is one that `listen` has made."""
    return address.startswith(f"{HOST}:")


def connect(address: str) -> Connection:
    """Connect to who listens. Raises `OSError`."""
    host, _, port = address.partition(":")
    return _connection(socket.create_connection((host, int(port)), _SENT_WITHIN_S))


def _connection(connected: socket.socket) -> Connection:
    # Else a small message waits for the confirmation of the one before, which the other end holds back: 40 ms each.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(connected)
