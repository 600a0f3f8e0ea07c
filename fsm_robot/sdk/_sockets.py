"""How a script reaches its robot over a stream socket: one among the files, or a port of this machine."""

from __future__ import annotations

import socket

PIECE_BYTES = 65536
CONNECTED_WITHIN_S = 10.0
LOOPBACK = "127.0.0.1:"
"""How the address of a robot begins that listens at a port."""


class Connection:
    """A connection to the robot; a message is a line."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, message: bytes, within_s: float | None) -> None:
        """Send a message. Raises `OSError`, and of that `TimeoutError` where it took longer."""
        self._socket.settimeout(within_s)
        try:
            self._socket.sendall(message + b"\n")
        except socket.timeout:  # no `TimeoutError` before Python 3.10
            raise TimeoutError("the robot does not read the messages of this script") from None

    def receive(self, largest_bytes: int, within_s: float | None) -> bytes:
        """Wait for a message. Raises `OSError`, and of that `TimeoutError` where nothing came for so long."""
        self._socket.settimeout(within_s)
        pieces, size = [], 0
        while True:
            try:
                piece = self._socket.recv(PIECE_BYTES)
            except socket.timeout:
                raise TimeoutError("the robot has not answered in time") from None
            size += len(piece)
            if not piece or size > largest_bytes + 1:
                raise ConnectionResetError("the robot has closed the connection")
            pieces.append(piece)
            if piece.endswith(b"\n"):
                return b"".join(pieces)[:-1]

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def connect(address: str) -> Connection:
    """Connect to a robot at its port. Raises `OSError`."""
    host, _, port = address.partition(":")
    connected = socket.create_connection((host, int(port)), CONNECTED_WITHIN_S)
    # Else a small message waits for the confirmation of the one before, which the other end holds back: 40 ms each.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(connected)
