"""The orchestrator's HTTP: a threading server on loopback that keeps connections alive, and misbehaves when told to."""

from __future__ import annotations

import json
import random
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

import attrs

from fsm_robot.errors import RobotError
from fsm_robot.orchestrator import page, page_actions
from fsm_robot.orchestrator.connections import BoundedHandler, BoundedServer, Limits
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError, query_fields, without_secrets
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.service import Call, Request, Service, takes_files
from fsm_robot.orchestrator.store import NoSuchError, Store

LARGEST_BODY_BYTES = 1 << 20
LARGEST_FILE_BYTES = 64 << 20
SLOWEST_BYTES_PER_S = 1 << 20
HELD_LOOK_S = 0.02
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST_NUMBER = 9
JSON_TYPE = "application/json; charset=utf-8"
FILE_TYPE = "application/octet-stream"
HTML_TYPE = "text/html; charset=utf-8"
ERROR_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Login</title></head><body><form>user password</form></body></html>"
TRUNCATED_SHARE = 0.6


class AddressInUseError(RobotError):
    """The server cannot listen where it should."""

    exit_code = 2


@attrs.frozen
class _Reply:
    """What is to be sent; `is_cut` closes the connection in the middle of it."""

    status: int
    content_type: str
    data: bytes
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_cut: bool = False


@attrs.define(eq=False)
class Orchestrator:
    """A running orchestrator; `with Orchestrator(store) as server:` listens until the block ends.

    Attributes:
        store: Its memory.
        host: Address that it listens at.
        port: 0 takes a free one.
        service: What it does; made from `store` where it is not given.
        chance: Where faults with a probability get theirs from; `random.Random(7)` repeats itself.
        limits: What one client may cost.
        shows_data: Whether the page shows parameters of tasks.
        page_token: What an action of the page has to bring along; empty where the address is one that others reach.
        runs_page: Makes the page of the robots' runs, which is linked from the one at `/`; may raise `RobotError`.
    """

    store: Store
    host: str = "127.0.0.1"
    port: int = 0
    service: Service = attrs.field(default=attrs.Factory(lambda self: Service(self.store), takes_self=True))
    chance: random.Random = attrs.field(factory=random.Random)
    limits: Limits = attrs.field(factory=Limits)
    runs_page: Callable[[], str] | None = None
    shows_data: bool = False
    page_token: str = attrs.field(
        default=attrs.Factory(lambda self: secrets.token_urlsafe(32) if self.host in LOOPBACK else "", takes_self=True),
        init=False,
        repr=False,
    )
    _server: _Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def fault(self, text: str) -> None:
        """Order a way to misbehave; see `faults.SYNTAX`."""
        self.store.order_fault(Fault.parse(text))

    def start(self) -> None:
        """Listen from now on, in threads of its own. Raises `AddressInUseError`."""
        try:
            self._server = _Server(self)
        except (OSError, OverflowError, TypeError, UnicodeError) as error:  # a name that is none is any of them
            reason = getattr(error, "strerror", None) or error
            raise AddressInUseError(
                f"cannot listen at {self.host}:{self.port}: {reason}; another --port may be free, 0 takes one that is"
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
            self._server.close()
            self._server = None
        self.store.close()

    def __enter__(self) -> Orchestrator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(BoundedServer):
    def __init__(self, orchestrator: Orchestrator) -> None:
        self.orchestrator = orchestrator
        super().__init__((orchestrator.host, orchestrator.port), _Handler, orchestrator.limits)


class _Handler(BoundedHandler):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the names that http.server looks for
        """Show the page, or a job."""
        path = self.path.partition("?")[0]
        shown, runs_page = page.FILES.get(path), self._orchestrator.runs_page
        if self._is_foreign_name():
            self._turn_away()
        elif shown is not None:
            self._send(self._looked(shown))
        elif runs_page is not None and path == page.RUNS:
            self._send(_runs(runs_page))
        else:
            self._call(path)

    def do_POST(self) -> None:  # noqa: N802
        """Answer a robot, or the page."""
        path = self.path.partition("?")[0]
        if self._is_foreign_name():
            self._turn_away()
        elif path.startswith(page_actions.PREFIX):
            self._act_for_page(path)
        else:
            self._call(path)

    do_HEAD = do_GET  # noqa: N815
    do_PUT = do_POST  # noqa: N815
    do_DELETE = do_POST  # noqa: N815

    @property
    def _orchestrator(self) -> Orchestrator:
        return self.server.orchestrator

    def _is_foreign_name(self) -> bool:
        """Return whether a browser came here by a name that leads to this machine only because its owner says so.

        Another site's page could otherwise read ours, or take a robot's job, by letting its own name point to the
        loopback address.
        """
        if self._orchestrator.host not in LOOPBACK:
            return False
        try:
            name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:
            return True
        return name is not None and name not in LOOPBACK

    def _looked(self, show: Callable[[page.Look], tuple[str, bytes]]) -> _Reply:
        orchestrator = self._orchestrator
        try:
            query = query_fields(self.path.partition("?")[2])
            look = page.Look(
                orchestrator.store,
                query,
                orchestrator.runs_page is not None,
                orchestrator.page_token,
                orchestrator.shows_data,
            )
            return _Reply(200, *show(look), page.HEADERS)
        except NoSuchError as error:
            return _error(404, str(error))
        except GarbledRequestError as error:
            return _error(400, str(error))
        except RobotError as error:  # of the file
            return _error(500, str(error))

    def _act_for_page(self, path: str) -> None:
        own = f"http://{self.headers.get('Host', '')}"
        headers = {name: self.headers.get(name) for name in ("Origin", "Content-Type", page_actions.TOKEN_HEADER)}
        problem = page_actions.refusal(headers, self._orchestrator.page_token, own)
        if self.command != "POST":
            self._refuse(405, "an action is a POST")
            return
        if problem:
            self._refuse(403, problem)
            return
        length = self._length(LARGEST_BODY_BYTES)
        if length is None:
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        try:
            done = page_actions.act(self._orchestrator.store, path, body)
            reply = _error(404, "there is no such action") if done is None else _json(done)
        except (GarbledRequestError, RobotError) as error:
            reply = _error(400, str(error))
        self._send(reply)

    def _turn_away(self) -> None:
        # 421 is no word on the credential, which a robot that was given such a name would look at in vain.
        self._refuse(421, "this server answers under the address that it listens at, and under no other name")

    def _call(self, path: str) -> None:
        at, monotonic_s = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), time.monotonic()
        query = self.path.partition("?")[2]
        head = self.command, path, self.headers.get("Authorization"), self.headers.get("Content-Type", "")
        length = self._length(LARGEST_FILE_BYTES if takes_files(path) else LARGEST_BODY_BYTES)
        if length is None:
            return
        if not takes_files(path):
            body = self.rfile.read(length)
            if len(body) == length:
                self._answer(Request(*head, body, query), at, monotonic_s)
            else:
                self.close_connection = True
            return
        with tempfile.TemporaryFile(prefix="fsm-robot-upload-") as body_file:
            self.incoming.allow(self.server.limits.request_s + length / SLOWEST_BYTES_PER_S)
            if self._copy_body(body_file, length):
                self._answer(Request(*head, b"", query, (body_file, length)), at, monotonic_s)

    def _copy_body(self, target: IO[bytes], length: int) -> bool:
        while length > 0:
            piece = self.rfile.read(min(length, LARGEST_BODY_BYTES))
            if not piece:
                self.close_connection = True
                return False
            target.write(piece)
            length -= len(piece)
        return True

    def _answer(self, request: Request, at: str, monotonic_s: float) -> None:
        try:
            fault, reply = self._acted(request, at, monotonic_s)
        except RobotError as error:  # of the file, or of a fault that an older version has left in it
            fault, reply = None, _error(500, str(error))
        if fault is not None and fault.kind == "delay":
            # In a thread of this connection; others are answered meanwhile.
            self.server.leaving.wait(fault.value)
        elif fault is not None and fault.kind == "hold":
            self._hold(fault.name)
        self._send(reply)

    def _hold(self, name: str) -> None:
        """Wait until somebody, maybe in another process, releases the answer."""
        store = self._orchestrator.store
        number = store.held.hold(name)
        while store.held.is_held(number) and not self.server.leaving.wait(HELD_LOOK_S):
            continue

    def _acted(self, request: Request, at: str, monotonic_s: float) -> tuple[Fault | None, _Reply | None]:
        """Do what the call asks for, write it down, and return the fault that struck and what is to be sent."""
        service, store = self._orchestrator.service, self._orchestrator.store
        call = service.understand(request)
        fault = store.next_fault(call.endpoints, self._orchestrator.chance.random())
        answer = self._decide(service, request, call, fault)
        reply = None if answer is None else _reply(answer, fault)
        is_told = answer is not None and (fault is None or fault.kind in ("delay", "bom", "code", "duplicate", "hold"))
        store.add_call(
            CallRow(
                seq=0,
                at=at,
                monotonic_s=monotonic_s,
                robot=call.caller,
                verb=request.verb,
                path=without_secrets(request.path),
                fields={name[:100]: value[:500] for name, value in call.kept.items()},
                http_status=None if reply is None else reply.status,
                code=answer.code if answer is not None and is_told else None,
                fault="" if fault is None else fault.text,
            )
        )
        return fault, reply

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
        if fault.kind == "code":
            return service.coded(request, call, int(fault.value))
        answer = service.act(request, call)
        return None if fault.kind == "drop-after" else answer

    def _length(self, largest: int) -> int | None:
        """Return how long the request's body is, or None where it cannot be read; then an answer has been sent."""
        length, *more = self.headers.get_all("Content-Length") or ["0"]
        if self.headers.get("Transfer-Encoding"):
            self._refuse(411, "a Content-Length is needed")
        elif more or not (length.isascii() and length.isdigit()):
            self._refuse(400, "Content-Length must be one number")
        elif len(length) > _LONGEST_NUMBER or int(length) > largest:
            self._refuse(413, f"the body may have {largest} bytes")
        else:
            return int(length)
        return None

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        self._send(_error(status, text))
        self.linger(2 * LARGEST_BODY_BYTES)

    def _send(self, reply: _Reply | None) -> None:
        if reply is None:
            self.close_connection = True
            return
        self.close_connection = self.close_connection or reply.is_cut
        self.connection.settimeout(self.server.limits.send_s)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        data = b"" if self.command == "HEAD" else reply.data[: len(reply.data) // 2] if reply.is_cut else reply.data
        # Headers and body in one piece: two would meet the delayed acknowledgement of the other side.
        self._headers_buffer.append(b"\r\n" + data)  # type: ignore[attr-defined]
        self.flush_headers()


def _reply(answer: Answer, fault: Fault | None) -> _Reply:
    kind = "" if fault is None else fault.kind
    if fault is not None and kind == "status":
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        return _Reply(answer.status, HTML_TYPE, ERROR_PAGE.format(status=answer.status).encode(), headers)
    data = json.dumps(answer.body, ensure_ascii=False).encode() if answer.data is None else answer.data
    content_type = JSON_TYPE if answer.data is None else FILE_TYPE
    if kind == "html":
        return _Reply(200, HTML_TYPE, LOGIN_PAGE.encode())
    if kind == "empty":
        return _Reply(200, JSON_TYPE, b"")
    if kind == "truncated":
        return _Reply(200, content_type, data[: max(1, int(len(data) * TRUNCATED_SHARE))])
    if kind == "garbage":
        return _Reply(200, "application/octet-stream", bytes(range(128, 256)))
    if kind == "bom":
        return _Reply(answer.status, content_type, b"\xef\xbb\xbf" + data)
    return _Reply(answer.status, content_type, data, answer.headers, is_cut=kind == "cut")


def _runs(runs_page: Callable[[], str]) -> _Reply:
    try:
        return _Reply(200, HTML_TYPE, runs_page().encode(), page.RUNS_HEADERS)
    except RobotError as error:
        return _error(404, str(error))


def _json(document: object) -> _Reply:
    return _Reply(200, JSON_TYPE, json.dumps(document, ensure_ascii=False).encode(), page.HEADERS)


def _error(status: int, text: str) -> _Reply:
    return _Reply(status, JSON_TYPE, json.dumps({"error": text}).encode())
