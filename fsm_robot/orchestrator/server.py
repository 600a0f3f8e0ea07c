"""The orchestrator's HTTP: a threading server on loopback that keeps connections alive, and misbehaves when told to."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import attrs

from fsm_robot.errors import RobotError
from fsm_robot.orchestrator import page
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.protocol import Answer, without_secrets
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.service import Call, Request, Service
from fsm_robot.orchestrator.store import Store

LARGEST_BODY_BYTES = 1 << 20
LONGEST_IDLE_S = 120.0
JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
ERROR_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Login</title></head><body><form>user password</form></body></html>"
TRUNCATED_SHARE = 0.6


class AddressInUseError(RobotError):
    """The server cannot listen where it should."""

    exit_code = 2


@attrs.frozen
class _Reply:
    """Bytes to send, or None for closing the connection without a word."""

    status: int
    content_type: str
    data: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Orchestrator:
    """A running orchestrator; `with Orchestrator(store) as server:` listens until the block ends.

    Attributes:
        store: Its memory.
        host: Address that it listens at.
        port: 0 takes a free one.
        service: What it does; made from `store` where it is not given.
    """

    store: Store
    host: str = "127.0.0.1"
    port: int = 0
    service: Service = attrs.field(default=attrs.Factory(lambda self: Service(self.store), takes_self=True))
    chance: random.Random = attrs.field(factory=random.Random)
    _server: _Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    def fault(self, text: str) -> None:
        """Order a way to misbehave; see `faults.SYNTAX`."""
        self.store.order_fault(Fault.parse(text))

    def start(self) -> None:
        """Listen from now on, in threads of its own. Raises `AddressInUseError`."""
        try:
            self._server = _Server((self.host, self.port), self)
        except (OSError, OverflowError) as error:
            raise AddressInUseError(
                f"cannot listen at {self.host}:{self.port}: {error}; another --port may be free, 0 takes one that is"
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="orchestrator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and the file."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.close_connections()
            self._server = None
        self.store.close()

    def __enter__(self) -> Orchestrator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # Under POSIX a restart finds its port in TIME_WAIT; under Windows the same flag would let two servers share it.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")

    def __init__(self, address: tuple[str, int], orchestrator: Orchestrator) -> None:
        self.orchestrator = orchestrator
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End kept connections: their threads wait for a next request that nobody would answer."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that vanishes is no event worth a traceback; anything else is."""
        import sys
        import traceback

        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = LONGEST_IDLE_S
    server_version = "fsm-robot-orchestrator"
    sys_version = ""
    server: _Server

    def do_GET(self) -> None:
        """Show the page, or a job."""
        path = self.path.partition("?")[0]
        shown = page.FILES.get(path)
        if shown is not None:
            self._send(_Reply(200, *shown(self._orchestrator.store), page.HEADERS))
        else:
            self._call(path)

    def do_POST(self) -> None:
        """Answer a robot."""
        self._call(self.path.partition("?")[0])

    do_PUT = do_POST  # noqa: N815 - the names that http.server looks for
    do_DELETE = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the calls are in the file, and a path may hold what is secret."""

    @property
    def _orchestrator(self) -> Orchestrator:
        return self.server.orchestrator

    def _call(self, path: str) -> None:
        at, monotonic_s = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), time.monotonic()
        body = self._body()
        if body is None:
            return
        request = Request(
            self.command, path, self.headers.get("Authorization"), self.headers.get("Content-Type", ""), body
        )
        service = self._orchestrator.service
        call = service.understand(request)
        fault = self._orchestrator.store.next_fault(call.endpoints, self._orchestrator.chance.random())
        answer = self._decide(service, request, call, fault)
        reply = None if answer is None else _reply(answer, fault)
        self._orchestrator.store.add_call(
            CallRow(
                seq=0,
                at=at,
                monotonic_s=monotonic_s,
                robot="" if call.robot is None else call.robot.label,
                verb=self.command,
                path=without_secrets(path),
                fields={name: value[:500] for name, value in call.fields.items()},
                http_status=None if reply is None else reply.status,
                code=None if answer is None or (fault is not None and fault.kind == "status") else answer.code,
                fault="" if fault is None else fault.text,
            )
        )
        if fault is not None and fault.kind == "delay":
            time.sleep(fault.value)  # in a thread of this connection; others are answered meanwhile
        self._send(reply)

    def _decide(self, service: Service, request: Request, call: Call, fault: Fault | None) -> Answer | None:
        """Return the answer; None closes the connection without one."""
        if fault is None:
            return service.act(request, call)
        if fault.kind == "drop-before":
            return None
        if fault.kind == "status":
            return Answer(int(fault.value), None)
        if fault.kind == "duplicate":
            return service.repeat(call)
        answer = service.act(request, call)
        if fault.kind == "drop-after":
            return None
        return answer.with_code(int(fault.value)) if fault.kind == "code" else answer

    def _body(self) -> bytes | None:
        """Return the request's body, or None where it has none that could be read; then an answer has been sent."""
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding"):
            self._refuse(411, "a Content-Length is needed")
        elif not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            self._refuse(413, f"the body may have {LARGEST_BODY_BYTES} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        self._send(_Reply(status, JSON_TYPE, json.dumps({"error": text}).encode()))

    def _send(self, reply: _Reply | None) -> None:
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        # Headers and body in one piece: two would meet the delayed acknowledgement of the other side.
        self._headers_buffer.append(b"\r\n" + (b"" if self.command == "HEAD" else reply.data))  # type: ignore[attr-defined]
        self.flush_headers()


def _reply(answer: Answer, fault: Fault | None) -> _Reply:
    kind = "" if fault is None else fault.kind
    if fault is not None and kind == "status":
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        return _Reply(answer.status, HTML_TYPE, ERROR_PAGE.format(status=answer.status).encode(), headers)
    data = json.dumps(answer.body, ensure_ascii=False).encode()
    if kind == "html":
        return _Reply(200, HTML_TYPE, LOGIN_PAGE.encode())
    if kind == "empty":
        return _Reply(200, JSON_TYPE, b"")
    if kind == "truncated":
        return _Reply(200, JSON_TYPE, data[: max(1, int(len(data) * TRUNCATED_SHARE))])
    if kind == "garbage":
        return _Reply(200, "application/octet-stream", bytes(range(128, 256)))
    if kind == "bom":
        return _Reply(answer.status, JSON_TYPE, b"\xef\xbb\xbf" + data)
    return _Reply(answer.status, JSON_TYPE, data)
