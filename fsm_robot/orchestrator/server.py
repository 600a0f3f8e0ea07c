"""The orchestrator's HTTP: what is answered to which request, and how it misbehaves when told to."""

from __future__ import annotations

import json
import random
import secrets
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from urllib.parse import urlsplit

import attrs

from fsm_robot.errors import RobotError
from fsm_robot.orchestrator import page, page_actions
from fsm_robot.orchestrator.connections import Arrival, Limits, Outcome, Reply, Server
from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.heads import Head
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError, credential, query_fields, without_secrets
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.service import CONSUME, HEARTBEAT, UPDATE, Call, Request, Service, takes_files
from fsm_robot.orchestrator.store import NoSuchError, Store, StoreError
from fsm_robot.system import language

LARGEST_BODY_BYTES = 1 << 20
LARGEST_FILE_BYTES = 64 << 20
QUICK = frozenset({HEARTBEAT, CONSUME, UPDATE})
"""What every robot calls, again and again."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
JSON_TYPE = "application/json; charset=utf-8"
FILE_TYPE = "application/octet-stream"
HTML_TYPE = "text/html; charset=utf-8"
ERROR_PAGE = "<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Login</title></head><body><form>user password</form></body></html>"
TRUNCATED_SHARE = 0.6


class AddressInUseError(RobotError):
    """The server cannot listen where it should."""

    exit_code = 2


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
        tls: What encrypts, or None.
        is_proxied: Whether a proxy in front of it lets others reach it, whatever address it listens at.
        page_token: What an action of the page has to bring along; empty where the address is one that others reach.
        runs: Runs of robots on this machine, whose page is linked from the one at `/`.
    """

    store: Store
    host: str = "127.0.0.1"
    port: int = 0
    service: Service = attrs.field(default=attrs.Factory(lambda self: Service(self.store), takes_self=True))
    chance: random.Random = attrs.field(factory=random.Random)
    limits: Limits = attrs.field(factory=Limits)
    runs: page.Runs | None = None
    shows_data: bool = False
    tls: ssl.SSLContext | None = None
    is_proxied: bool = False
    page_token: str = attrs.field(
        default=attrs.Factory(lambda self: "" if self.is_shared else secrets.token_urlsafe(32), takes_self=True),
        init=False,
        repr=False,
    )
    _server: Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme, host = "http" if self.tls is None else "https", f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def is_shared(self) -> bool:
        """Whether others than the people at this machine reach it."""
        return self.is_proxied or self.host not in LOOPBACK

    def fault(self, text: str) -> None:
        """Order a way to misbehave; see `faults.SYNTAX`."""
        self.store.order_fault(Fault.parse(text))

    def start(self) -> None:
        """Listen from now on, in threads of its own. Raises `AddressInUseError`."""
        try:
            self._server = Server.listening(self.host, self.port, Office(self), self.limits, self.tls)
        except (OSError, OverflowError, TypeError, UnicodeError) as error:  # a name that is none is any of them
            reason = getattr(error, "strerror", None) or error
            raise AddressInUseError(
                f"cannot listen at {self.host}:{self.port}: {reason}; another --port may be free, 0 takes one that is"
            ) from error
        self.port = self._server.port

    def stop(self) -> None:
        """Close every connection and the file."""
        if self._server is not None:
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


@attrs.frozen
class Office:
    """Answers robots, whoever calls the object API, and the page."""

    orchestrator: Orchestrator

    def refusal(self, head: Head) -> Reply | None:
        """Return why a request is not even read, or None."""
        if self._is_foreign_name(head):
            # 421 is no word on the credential, which a robot that was given such a name would look at in vain.
            return _error(421, "this server answers only to the address that it listens at, and not to another name")
        if not self._is_for_page(head):
            return None
        if head.verb != "POST":
            return _error(405, "an action is a POST")
        headers = {
            name: head.get(name.lower()) or None for name in ("Origin", "Content-Type", page_actions.TOKEN_HEADER)
        }
        own = f"http://{head.get('host')}"
        problem = page_actions.refusal(headers, self.orchestrator.page_token, own)
        return _shown_error(403, problem) if problem else None

    def largest_body(self, head: Head) -> tuple[int, bool]:
        """Return how many bytes a body may have, and whether it is kept on disk."""
        return (LARGEST_FILE_BYTES, True) if takes_files(head.path) else (LARGEST_BODY_BYTES, False)

    def is_quick(self, head: Head) -> bool:
        """Return whether it is answered within a millisecond or so."""
        return self.orchestrator.store.file.engine.is_near and head.path in QUICK

    def answer(self, request: Arrival) -> Outcome:
        """Do what is asked for."""
        head = request.head
        if head.verb in ("GET", "HEAD"):
            shown = page.FILES.get(head.path)
            if shown is not None:
                return Outcome(self._looked(head, shown) if self._may_look(head) else _NO_KEY)
        if self._is_for_page(head):
            return Outcome(self._act_for_page(request))
        try:
            with self.orchestrator.store.file.engine.one_call():
                return self._called(request)
        except RobotError as error:  # the database as a whole
            return Outcome(_error(500, str(error)))

    def answer_together(self, requests: Sequence[Arrival]) -> list[Outcome]:
        """Do what is asked for by quick requests, in their order, and let it count for all of them at once."""
        try:
            with self.orchestrator.store.file.together():
                return [self._called(request) for request in requests]
        except RobotError as error:  # the file as a whole: nothing of this has happened
            return [Outcome(_error(500, str(error))) for _ in requests]

    def refused(self, status: int, text: str) -> Reply:
        """Return the answer to what is no request."""
        return _error(status, text)

    def _is_for_page(self, head: Head) -> bool:
        return head.verb not in ("GET", "HEAD") and head.path.startswith(page_actions.PREFIX)

    def _is_foreign_name(self, head: Head) -> bool:
        """Return whether a browser came here by a name that leads to this machine only because its owner says so.

        Another site's page could otherwise read ours, or take a robot's job, by letting its own name point to the
        loopback address.
        """
        if self.orchestrator.is_shared:
            return False
        try:
            name = urlsplit(f"//{head.get('host')}").hostname
        except ValueError:
            return True
        return name is not None and name not in LOOPBACK

    def _may_look(self, head: Head) -> bool:
        """Return whether somebody may see the page: at this machine everybody, from elsewhere who has an API key."""
        if not self.orchestrator.is_shared:
            return True
        guid = credential(head.get("authorization"))
        try:
            return bool(guid) and self.orchestrator.store.credentials.key_name(guid) is not None
        except StoreError:
            return False

    def _looked(self, head: Head, show: Callable[[page.Look], tuple[str, bytes]]) -> Reply:
        orchestrator = self.orchestrator
        try:
            query = query_fields(head.query)
            look = page.Look(
                orchestrator.store,
                query,
                orchestrator.runs,
                orchestrator.page_token,
                orchestrator.shows_data,
            )
            return Reply(200, *show(look), page.RUNS_HEADERS if head.path == page.RUNS else page.HEADERS)
        except NoSuchError as error:
            return _shown_error(404, str(error))
        except GarbledRequestError as error:
            return _shown_error(400, str(error))
        except StoreError as error:
            return _shown_error(500, str(error))
        except RobotError as error:  # of the runs
            return _shown_error(404, str(error))

    def _act_for_page(self, request: Arrival) -> Reply:
        try:
            done = page_actions.act(self.orchestrator.store, request.head.path, request.body)
            return _shown_error(404, "there is no such action") if done is None else _json(done)
        except (GarbledRequestError, RobotError) as error:
            return _shown_error(400, str(error))

    def _called(self, arrival: Arrival) -> Outcome:
        head, file = arrival.head, arrival.file
        request = Request(
            head.verb,
            head.path,
            head.get("authorization") or None,
            head.get("content-type"),
            arrival.body,
            head.query,
            None if file is None else (file, arrival.size),
        )
        try:
            fault, reply = self._acted(request, arrival)
            if fault is not None and fault.kind == "delay":
                return Outcome(reply, delay_s=fault.value)
            if fault is not None and fault.kind == "hold":
                return Outcome(reply, is_held=self._hold(fault.name))
        except RobotError as error:  # of the file, or of a fault that an older version has left in it
            reply = _error(500, str(error))
        return Outcome(reply)

    def _hold(self, name: str) -> Callable[[], bool]:
        """Return what says whether somebody, maybe in another process, has not yet released the answer."""
        held = self.orchestrator.store.held
        number = held.hold(name)

        def is_held() -> bool:
            try:
                return held.is_held(number)
            except StoreError:
                return False  # the file is gone, and with it whoever could release the answer

        return is_held

    def _acted(self, request: Request, arrival: Arrival) -> tuple[Fault | None, Reply | None]:
        """Do what the call asks for, write it down, and return the fault that struck and what is to be sent."""
        service, store = self.orchestrator.service, self.orchestrator.store
        call = service.understand(request)
        fault = store.next_fault(call.endpoints, self.orchestrator.chance.random())
        answer = self._decide(service, request, call, fault)
        reply = None if answer is None else _reply(answer, fault)
        is_told = answer is not None and (fault is None or fault.kind in ("delay", "bom", "code", "duplicate", "hold"))
        store.add_call(
            CallRow(
                seq=0,
                at=arrival.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
                monotonic_s=arrival.monotonic_s,
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


def _reply(answer: Answer, fault: Fault | None) -> Reply:
    kind = "" if fault is None else fault.kind
    if fault is not None and kind == "status":
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        return Reply(answer.status, HTML_TYPE, ERROR_PAGE.format(status=answer.status).encode(), headers)
    data = json.dumps(answer.body, ensure_ascii=False).encode() if answer.data is None else answer.data
    content_type = JSON_TYPE if answer.data is None else FILE_TYPE
    if kind == "html":
        return Reply(200, HTML_TYPE, LOGIN_PAGE.encode())
    if kind == "empty":
        return Reply(200, JSON_TYPE, b"")
    if kind == "truncated":
        return Reply(200, content_type, data[: max(1, int(len(data) * TRUNCATED_SHARE))])
    if kind == "garbage":
        return Reply(200, "application/octet-stream", bytes(range(128, 256)))
    if kind == "bom":
        return Reply(answer.status, content_type, b"\xef\xbb\xbf" + data)
    return Reply(answer.status, content_type, data, answer.headers, is_cut=kind == "cut")


def _json(document: object) -> Reply:
    return Reply(200, JSON_TYPE, json.dumps(document, ensure_ascii=False).encode(), page.HEADERS)


def _error(status: int, text: str) -> Reply:
    return Reply(status, JSON_TYPE, json.dumps({"error": text}).encode())


def _shown_error(status: int, text: str) -> Reply:
    """Return an error that the page shows to a person; what robots and programs are answered stays English."""
    return _error(status, language.said(text))


_NO_KEY = Reply(
    401,
    JSON_TYPE,
    b'{"error": "the page needs an API key as user name: `fsm-robot orchestrator key add NAME` makes one"}',
    {"WWW-Authenticate": 'Basic realm="fsm-robot"'},
)
