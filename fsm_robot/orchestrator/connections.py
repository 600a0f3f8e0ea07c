"""Connections that cannot hurt the server: how many there are, how long a request may take, how they end.

One thread reads and answers for all of them, so that an open connection costs a few hundred bytes and no thread, and
who has asked first is answered first. Robots' own calls are done there too, many in one transaction; whatever may take
longer is done by a few other threads.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import IO, Protocol

import attrs

from fsm_robot.orchestrator.heads import LARGEST_HEAD_BYTES, Head, RefusedHeadError, end_of_head, head_of

SLOWEST_BYTES_PER_S = 1 << 20
SERVER = "fsm-robot-orchestrator"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LOOK_S = 0.2
_HELD_LOOK_S = 0.02
_FAREWELL_S = 1.0
_FAREWELL_BYTES = 2 << 20
_LARGEST_BATCH = 32
"""Calls in one transaction: other processes that add jobs get the file in between."""
_SLOW_THREADS = 8
_BACKLOG = 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


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


@attrs.frozen
class Reply:
    """What is to be sent; `is_cut` closes the connection in the middle of it."""

    status: int
    content_type: str
    data: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_cut: bool = False


@attrs.frozen
class Outcome:
    """What came of a request.

    Attributes:
        reply: What is sent; None closes the connection without a word.
        delay_s: How long that is put off.
        is_held: Asked again and again; it is put off for as long as it says True.
    """

    reply: Reply | None
    delay_s: float = 0.0
    is_held: Callable[[], bool] | None = None


@attrs.define
class Arrival:
    """A request that is whole, or becomes it.

    Attributes:
        head: What it says before its body.
        at: When it arrived.
        monotonic_s: The same by the monotonic clock.
        size: How long the body is.
        body: The body.
        file: The body on disk, in the place of `body`, where it may be large.
    """

    head: Head
    at: datetime
    monotonic_s: float
    size: int
    body: bytes = attrs.field(default=b"", repr=False)
    file: IO[bytes] | None = None


class Office(Protocol):
    """Who answers."""

    def refusal(self, head: Head) -> Reply | None:
        """Return why a request is not even read, or None."""

    def largest_body(self, head: Head) -> tuple[int, bool]:
        """Return how many bytes a body may have, and whether it is kept on disk."""

    def is_quick(self, head: Head) -> bool:
        """Return whether it is answered within a millisecond or so."""

    def answer(self, request: Arrival) -> Outcome:
        """Do what is asked for."""

    def answer_together(self, requests: Sequence[Arrival]) -> list[Outcome]:
        """Do what is asked for by quick requests, in their order, and let it count for all of them at once."""

    def refused(self, status: int, text: str) -> Reply:
        """Return the answer to what is no request."""


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other, each within its time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self._request: Arrival | None = None
        self._missing = 0
        self._is_answering = self._is_leaving = self._has_ended = False
        self.deadline_s = self.stuck_s = float("inf")

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or tell it to come back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # any byte that waits is told to `pause_writing`
        if not self._server.let_in(self):
            transport.write(_BUSY)
            self._linger()
            return
        self._allow(self._server.limits.idle_s)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self._is_leaving:
            self._missing -= len(data)
            if self._missing < 0:
                self.abort()
            return
        if not self._data and self._request is None and not self._is_answering:
            self._allow(self._server.limits.request_s)
        self._data += data
        if not self._is_answering:
            self._read_on()
        elif len(self._data) > LARGEST_HEAD_BYTES and self._transport is not None:
            self._transport.pause_reading()  # it may send its next request, not fill our memory

    def eof_received(self) -> bool:
        """It sends no more; what it has asked is still answered."""
        self._has_ended = True
        return self._is_answering

    def pause_writing(self) -> None:
        """It takes no answer for the moment."""
        self.stuck_s = time.monotonic() + self._server.limits.send_s

    def resume_writing(self) -> None:
        """It has taken all."""
        self.stuck_s = float("inf")

    def connection_lost(self, error: Exception | None) -> None:
        """It has gone."""
        self._transport = None
        self._drop_file()
        self._server.let_out(self)

    # ---- what the server calls

    def answered(self, reply: Reply | None) -> None:
        """Send what came of the request, and read the next one."""
        if self._transport is None or self._request is None:
            return
        head, self._request = self._request.head, None
        self._is_answering = False
        if reply is None:
            self.abort()
            return
        stays = head.stays and not reply.is_cut
        self._transport.write(_bytes_of(reply, stays=stays, is_head=head.verb == "HEAD"))
        if stays and self._data:
            self._allow(self._server.limits.request_s)
            self._read_on()
        elif stays:
            self._allow(self._server.limits.idle_s)
        if not stays or (self._has_ended and not self._is_answering):
            self._leave()
        elif not self._is_answering:
            self._transport.resume_reading()

    def _leave(self) -> None:
        """Close when everything is sent."""
        if self._transport is not None:
            self._allow(self._server.limits.send_s)
            self._transport.close()

    def abort(self) -> None:
        """Close without another word."""
        if self._transport is not None:
            self._transport.abort()

    # ---- one request

    def _read_on(self) -> None:
        try:
            if self._request is None and not self._begin():
                return
        except RefusedHeadError as error:
            self._refuse(self._server.office.refused(error.status, str(error)))
            return
        request = self._request
        assert request is not None
        if request.file is None:
            if len(self._data) < request.size:
                return
            request.body = bytes(self._data[: request.size])
            del self._data[: request.size]
        else:
            piece = bytes(self._data[: self._missing])
            del self._data[: len(piece)]
            request.file.write(piece)
            self._missing -= len(piece)
            if self._missing:
                return
        self._is_answering, self.deadline_s = True, float("inf")
        self._server.take(self, request)

    def _begin(self) -> bool:
        """Read the head, where it is whole, and return whether a body is to be read. Raises `RefusedHeadError`."""
        end = end_of_head(self._data)
        if not end:
            return False
        at, monotonic_s = datetime.now(UTC), time.monotonic()
        head = head_of(bytes(self._data[:end]))
        del self._data[:end]
        refusal = self._server.office.refusal(head)
        if refusal is not None:
            self._refuse(refusal)
            return False
        largest, on_disk = self._server.office.largest_body(head)
        size = head.length(largest)
        self._request = Arrival(head, at, monotonic_s, size)
        if on_disk:
            self._missing = size
            self._request.file = tempfile.TemporaryFile(prefix="fsm-robot-upload-")  # noqa: SIM115 - until it is answered
            self._allow(self._server.limits.request_s + size / SLOWEST_BYTES_PER_S)
        if size > len(self._data) and head.get("expect").lower() == "100-continue" and self._transport is not None:
            self._transport.write(_CONTINUE)
        return True

    def _refuse(self, reply: Reply) -> None:
        if self._transport is not None:
            self._transport.write(_bytes_of(reply, stays=False, is_head=False))
            self._linger()

    def _linger(self) -> None:
        """Take what it still sends, for a moment: closing on it would destroy the answer on its way."""
        self._is_leaving, self._missing = True, _FAREWELL_BYTES
        self._data.clear()
        self._allow(_FAREWELL_S)
        self._server.watch(self)
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def _allow(self, seconds: float) -> None:
        self.deadline_s = time.monotonic() + seconds

    def _drop_file(self) -> None:
        if self._request is not None and self._request.file is not None and not self._is_answering:
            self._request.file.close()


@attrs.define(eq=False)
class Server:
    """Listens in a thread of its own.

    Attributes:
        office: Who answers.
        limits: What one client may cost.
        tls: What encrypts, or None.
        port: Where it listens.
    """

    office: Office
    limits: Limits
    _socket: socket.socket
    tls: ssl.SSLContext | None = None
    port: int = attrs.field(init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _stopping: asyncio.Event = attrs.field(init=False)
    _is_ready: threading.Event = attrs.field(factory=threading.Event, init=False)
    _listens: bool = attrs.field(default=False, init=False)
    _problem: Exception | None = attrs.field(default=None, init=False)
    _thread: threading.Thread = attrs.field(init=False)
    _slow: ThreadPoolExecutor = attrs.field(init=False)
    _open: set[_Connection] = attrs.field(factory=set, init=False)
    _watched: set[_Connection] = attrs.field(factory=set, init=False)
    _waiting: deque[tuple[_Connection, Arrival]] = attrs.field(factory=deque, init=False)

    @classmethod
    def listening(
        cls, host: str, port: int, office: Office, limits: Limits, tls: ssl.SSLContext | None = None
    ) -> Server:
        """Return one that listens.

        Raises what `socket` raises for an address that is none or taken, and `OSError` where it cannot begin otherwise.
        """
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            # Under POSIX a restart finds its port in TIME_WAIT; under Windows the same flag would let two share it.
            if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(_BACKLOG)
        except BaseException:
            listening.close()
            raise
        return cls(office, limits, listening, tls)

    def __attrs_post_init__(self) -> None:
        self.port = int(self._socket.getsockname()[1])
        self._slow = ThreadPoolExecutor(_SLOW_THREADS, "orchestrator-slow")
        self._thread = threading.Thread(target=self._run, name="orchestrator", daemon=True)
        self._thread.start()
        self._is_ready.wait()
        if not self._listens:
            self._slow.shutdown()
            self._socket.close()
            raise OSError(f"the server cannot begin: {self._problem}") from self._problem

    def close(self) -> None:
        """Stop listening, end every connection and wait for what is being done: nothing is touched afterwards."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except (OSError, ValueError, RuntimeError) as error:
            if self._listens:
                raise  # nobody waits for it any more, and the interpreter tells
            self._problem = error
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        listener = await self._loop.create_server(
            lambda: _Connection(self),
            sock=self._socket,
            backlog=_BACKLOG,
            ssl=self.tls,
            ssl_handshake_timeout=None if self.tls is None else self.limits.request_s,
        )
        self._listens = True
        self._is_ready.set()
        looking = self._loop.create_task(self._look())
        await self._stopping.wait()
        looking.cancel()
        listener.close()
        for connection in [*self._open, *self._watched]:
            connection.abort()
        # Not waited for by the loop: what is done there is finished, and finds nobody to answer to.
        await asyncio.to_thread(self._slow.shutdown)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = time.monotonic()
            for each in [each for each in (*self._open, *self._watched) if now_s > min(each.deadline_s, each.stuck_s)]:
                each.abort()

    # ---- of the connections

    def let_in(self, connection: _Connection) -> bool:
        """Return whether there is room for one more."""
        if len(self._open) >= self.limits.connections:
            return False
        self._open.add(connection)
        return True

    def let_out(self, connection: _Connection) -> None:
        """Forget one that has gone."""
        self._open.discard(connection)
        self._watched.discard(connection)

    def watch(self, connection: _Connection) -> None:
        """End one that is on its way out, and takes no room any more, when its time is over."""
        self._open.discard(connection)
        self._watched.add(connection)

    def take(self, connection: _Connection, request: Arrival) -> None:
        """Have a request answered."""
        if self.office.is_quick(request.head):
            if not self._waiting:
                self._loop.call_soon(self._answer_waiting)
            self._waiting.append((connection, request))
            return
        doing = self._slow.submit(self.office.answer, request)
        doing.add_done_callback(lambda done: self._tell_loop(connection, request, done))

    def _tell_loop(self, connection: _Connection, request: Arrival, done: Future[Outcome]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._done, connection, request, done)

    def _done(self, connection: _Connection, request: Arrival, done: Future[Outcome]) -> None:
        if request.file is not None:
            request.file.close()
        if done.cancelled() or done.exception() is not None:
            connection.abort()
        if not done.cancelled():
            self._settle(connection, done.result())

    def _answer_waiting(self) -> None:
        """Answer those that have waited longest; the others after what has come meanwhile was read."""
        batch = [self._waiting.popleft() for _ in range(min(_LARGEST_BATCH, len(self._waiting)))]
        if self._waiting:
            self._loop.call_soon(self._answer_waiting)
        try:
            outcomes = self.office.answer_together([request for _, request in batch])
        except BaseException:
            for connection, _ in batch:
                connection.abort()
            raise
        for (connection, _), outcome in zip(batch, outcomes, strict=True):
            self._settle(connection, outcome)

    def _settle(self, connection: _Connection, outcome: Outcome) -> None:
        if outcome.delay_s > 0:
            self._loop.call_later(outcome.delay_s, connection.answered, outcome.reply)
        elif outcome.is_held is not None and outcome.is_held():
            self._loop.call_later(_HELD_LOOK_S, self._settle, connection, outcome)
        else:
            connection.answered(outcome.reply)


def _bytes_of(reply: Reply, *, stays: bool, is_head: bool) -> bytes:
    """Return head and body in one piece: two would meet the delayed acknowledgement of the other side."""
    lines = [
        f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}",
        f"Server: {SERVER}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.data)}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
        *([] if stays else ["Connection: close"]),
    ]
    data = b"" if is_head else reply.data[: len(reply.data) // 2] if reply.is_cut else reply.data
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + data
