"""Connections that cannot hurt the server: how many there are, how long a request may take, how they end."""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Request = socket.socket
"""What `socketserver` calls a request: of a TCP server it is the connection, so the methods below take nothing else."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LONGEST_FAREWELL_S = 10.0


@attrs.frozen
class Limits:
    """What one client may cost.

    Attributes:
        connections: How many may be open; one more is answered 503.
        idle_s: How long a connection may wait for its next request.
        request_s: How long a request may take to arrive, however slowly it drips in.
        send_s: How long an answer may take to be taken.
    """

    connections: int = 512
    idle_s: float = 120.0
    request_s: float = 30.0
    send_s: float = 30.0


class DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline: a timeout of the socket alone begins anew with every byte."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline_s = 0.0

    def allow(self, seconds: float) -> None:
        """Let reads succeed for so long from now on."""
        self._deadline_s = time.monotonic() + seconds

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what is there. Raises `TimeoutError` after the deadline."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


class BoundedServer(ThreadingHTTPServer):
    """A thread per connection, at most so many, and none of them left when it is closed."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # Under POSIX a restart finds its port in TIME_WAIT; under Windows the same flag would let two servers share it.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], limits: Limits) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.limits = limits
        self.leaving = threading.Event()
        self._serving: dict[Request, threading.Thread] = {}
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, as HTTPServer does: that may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Request, client_address: object) -> None:  # type: ignore[override]
        """Serve a connection in a thread of its own."""
        if len(self._serving) >= self.limits.connections:
            request.settimeout(0.1)
            request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._serving[request] = thread
        thread.start()

    def shutdown_request(self, request: Request) -> None:  # type: ignore[override]
        """Close a connection."""
        self._serving.pop(request, None)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening, end every connection and wait for its thread: none touches anything afterwards."""
        self.leaving.set()
        self.server_close()
        threads = dict(self._serving)
        for connection in threads:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone by itself
        deadline_s = time.monotonic() + _LONGEST_FAREWELL_S
        for thread in threads.values():
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of a mistake of ours; a client that vanishes or dawdles is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class BoundedHandler(BaseHTTPRequestHandler):
    """Requests of one connection, each within its time."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # of what cannot be read: it is answered with a head, too
    disable_nagle_algorithm = True
    server_version = "fsm-robot-orchestrator"
    sys_version = ""
    server: BoundedServer
    incoming: DeadlineReader
    buffered: io.BufferedReader
    raw_requestline: bytes

    def setup(self) -> None:
        """Put a reader with a deadline in the place of the one that has none."""
        super().setup()
        self.rfile.close()
        self.incoming = DeadlineReader(self.connection)
        self.rfile = self.buffered = io.BufferedReader(self.incoming)

    def handle_one_request(self) -> None:
        """Wait for a request, then bound the time that it may take."""
        self.incoming.allow(self.server.limits.idle_s)
        if not self.buffered.peek(1):
            self.close_connection = True
            return
        self.incoming.allow(self.server.limits.request_s)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the head of a request; one of HTTP/0.9, which has none, is refused: it would be waited for in vain."""
        words = self.raw_requestline.split()
        if len(words) == 2 or (len(words) > 2 and words[-1].startswith(b"HTTP/0")):
            self.requestline, self.request_version = "", self.default_request_version
            self.command, self.path = "", ""
            self.send_error(505, "HTTP/1.0 or HTTP/1.1 is needed")
            return False
        return super().parse_request()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the calls are in the file, and a path may hold what is secret."""

    def linger(self, largest_bytes: int) -> None:
        """Take what the client still sends, for a moment: closing on it would destroy the answer on its way."""
        self.close_connection = True
        self.incoming.allow(1.0)
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while largest_bytes > 0 and (piece := self.rfile.read1(1 << 16)):
                largest_bytes -= len(piece)
        except OSError:
            return  # it has gone, or goes on for too long
