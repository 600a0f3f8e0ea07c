"""The three calls over HTTP; every method makes one attempt and repeats nothing."""

from __future__ import annotations

import os
import secrets
import time
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

import attrs

from fsm_robot import __version__
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import BeatsEndedError, GatewayError, GatewayUnreachableError
from fsm_robot.gateway import failures, payloads
from fsm_robot.gateway.adapter import LARGEST_ANSWER_BYTES, Adapter, say_nothing_of_unchecked_certificates
from fsm_robot.gateway.beats import BeatGate, FormBody
from fsm_robot.gateway.failures import Answer
from fsm_robot.gateway.identity import Identity, identity_towards
from fsm_robot.gateway.reading import Reading

if TYPE_CHECKING:
    from fsm_robot.gateway.file_body import FileBody
    from fsm_robot.gateway.proxies import Proxy
    from fsm_robot.gateway.tls import ClientCertificate
    from fsm_robot.robot.ports import ConsumeAnswer, HeartbeatAnswer, Job

Value = TypeVar("Value")
FILE_S = 3600.0
"""How long a file may take, either way."""
MOST_LOOKS = 2
"""How often the robot looks for its own address without finding it."""


def _warned(_event: str, sentence: str) -> None:
    warnings.warn(sentence, stacklevel=3)


@attrs.define(eq=False, repr=False)
class HttpGateway:
    """`ports.Gateway` over HTTP.

    A requests session is not used, only its adapters: a session reads .netrc over our Authorization header, replaces
    `verify` by REQUESTS_CA_BUNDLE, keeps cookies (a PHP session cookie makes the server answer our two threads one
    after the other) and reads the body of a redirect without a limit.

    Attributes:
        url: Of the orchestrator, with or without a path and a trailing slash.
        robot_guid: The credential; empty: none is sent.
        auth_scheme: `basic` or `bearer`.
        verify: True for the system's certificate store, a PEM file, or False.
        timeout_s: Longest wait for the connection, and again for the whole answer.
        redactor: Keeps the credential out of every error.
        client: What is shown to a server that wants a certificate; None: nothing.
        renewed: Returns the credential as it stands now: an operator may have replaced it.
        warn: Tells a person, once per gateway, what is less safe than it should be.
    """

    url: str
    robot_guid: str = attrs.field(repr=False)
    auth_scheme: str = "basic"
    verify: bool | str = True
    timeout_s: float = 30.0
    redactor: Redactor = attrs.field(factory=Redactor)
    warn: Callable[..., None] = attrs.field(default=_warned, repr=False)
    client: ClientCertificate | None = None
    renewed: Callable[[], str] = attrs.field(default=str, repr=False)
    _reading: Reading = attrs.field(init=False, repr=False)
    _proxy: Proxy | None = attrs.field(default=None, init=False)
    _calls: Adapter = attrs.field(init=False, repr=False)
    _beats: Adapter | None = attrs.field(default=None, init=False, repr=False)
    _objects: Adapter | None = attrs.field(default=None, init=False, repr=False)
    _files: Adapter | None = attrs.field(default=None, init=False, repr=False)
    _lines: Adapter | None = attrs.field(default=None, init=False, repr=False)
    _gate: BeatGate | None = attrs.field(default=None, init=False)
    _identity: Identity | None = attrs.field(default=None, init=False)
    _looks: int = attrs.field(default=0, init=False)
    _got_through: bool = attrs.field(default=False, init=False)
    _post_updates: bool = attrs.field(default=False, init=False)
    _lost_an_answer: bool = attrs.field(default=False, init=False)
    _dated: tuple[str, float] = attrs.field(default=("", 0.0), init=False)

    def __attrs_post_init__(self) -> None:
        """Read proxy and certificates, so that a wrong address or file stops the start and not the first call."""
        self.url = self.url.rstrip("/")
        self._proxy = _proxy_towards(self.url)
        self._reading = Reading(self.redactor, tuple(map(Redactor, self._proxy.secrets)) if self._proxy else ())
        self._calls = self._adapter()
        if self._speaks_tls and self.verify is False:
            say_nothing_of_unchecked_certificates()
            self.warn(
                "tls.unchecked",
                "the server's certificate is not checked, so anyone on the network can read the robot's credential;"
                ' set orchestrator.verify to true or to a file such as "company-ca.pem"',
            )

    # ---- the calls

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        """See `ports.Gateway.announce`."""
        sent_with, body = self.robot_guid, FormBody(self._heartbeat(payloads.READY, last_job))
        heard = self._ask(self._calls, "POST", payloads.HEARTBEAT_PATH, body, payloads.heartbeat_answer)
        self._got_through = True
        self._check_known(payloads.HEARTBEAT_PATH, heard.code, sent_with)
        return heard

    def begin_beats(self, job: Job) -> None:
        """See `ports.Gateway.begin_beats`."""
        self.end_beats()
        # Connections of their own: the system's certificate check lets one handshake through at a time, and a
        # heartbeat that hangs in it must not hold up the report.
        self._beats = self._beats or self._adapter()
        self._gate = BeatGate(job.guid)

    def beat(self, job: Job) -> HeartbeatAnswer:
        """See `ports.Gateway.beat`."""
        gate, adapter = self._gate, self._beats
        if gate is None or adapter is None or gate.job_guid != job.guid or not gate.is_open:
            raise BeatsEndedError(f"heartbeats for job {job.guid} have ended")
        sent_with, body = self.robot_guid, FormBody(self._heartbeat(payloads.WORKING, job), gate)
        try:
            heard = self._ask(adapter, "POST", payloads.HEARTBEAT_PATH, body, payloads.heartbeat_answer)
            self._check_known(payloads.HEARTBEAT_PATH, heard.code, sent_with)
            return heard
        except GatewayError as error:
            if gate.is_open:
                raise
            raise BeatsEndedError(f"heartbeats for job {job.guid} ended while one was under way") from error

    def end_beats(self) -> None:
        """See `ports.Gateway.end_beats`."""
        if self._gate is not None:
            self._gate.close()

    def consume_job(self) -> ConsumeAnswer:
        """See `ports.Gateway.consume_job`.

        It goes out right after `announce`, over the same connection, so it is spared the ambiguous end of a
        connection that the server closes after a long idle time. Some servers close after milliseconds: once an answer
        was lost it has a connection of its own. Not before, for over TLS that costs more than 2 ms.
        """
        if self._lost_an_answer:
            self._calls.close()
        sent_with, body = self.robot_guid, FormBody(payloads.consume_form(self.robot_guid))
        answer = self._ask(self._calls, "POST", payloads.CONSUME_PATH, body, payloads.consume_answer)
        self._check_known(payloads.CONSUME_PATH, answer.code, sent_with)
        return answer

    def update_job(self, job_guid: str, status: int) -> None:
        """See `ports.Gateway.update_job`: PUT, and POST where the server does not take PUT."""
        content = payloads.job_form(job_guid, status)
        answer = self._update("POST" if self._post_updates else "PUT", content)
        if answer.verb_unknown and not self._post_updates:
            second = self._update("POST", content)
            # 404 and 405 to both verbs means that the job is unknown, not the verb: the first answer stands.
            answer = answer if second.verb_unknown else second
            self._post_updates = second.is_success
        self._reading.updated(answer)

    def look(self, path: str, method: str = "GET", content: bytes = b"") -> Answer:
        """Ask once with the credential; return whatever the server answers. Raises `GatewayError`."""
        body = FormBody(content)
        with self._edge(path, body):
            return self._exchange(self._calls, method, path, body)

    def call(self, method: str, path: str, content: bytes, *, of_lines: bool = False) -> Answer:
        """Make a call of the object API once, from any thread; return an answer with status 2xx.

        On connections of its own: what a script asks must hold up neither a heartbeat nor the report, and lines of
        a log (`of_lines`) must not hold up what a script asks.

        Raises:
            GatewayError: There was no such answer.
        """
        body = FormBody(content)
        with self._edge(path, body):
            if of_lines:
                adapter = self._lines = self._lines or self._adapter()
            else:
                adapter = self._objects = self._objects or self._adapter()
            return self._reading.succeeded(path, self._exchange(adapter, method, path, body))

    def send_file(self, method: str, path: str, file: IO[bytes], fields: Mapping[str, str], name: str) -> Answer:
        """Send a form with a file in it, once; return an answer with status 2xx. Raises `GatewayError`."""
        from fsm_robot.gateway.file_body import FileBody

        boundary = secrets.token_hex(16)
        before = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        # Quotes and line breaks would end the name, and begin a head of somebody's choice.
        plain = "".join("_" if character in '"\r\n\\' else character for character in name)
        before += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{plain}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        size = os.fstat(file.fileno()).st_size
        body = FileBody(file, size, before.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())
        headers = {**self._headers(), "Content-Type": f"multipart/form-data; boundary={boundary}"}
        with self._edge(path, body):
            answer = self._exchange(self._file_adapter, method, path, body, headers=headers, answer_s=FILE_S)
            return self._reading.succeeded(path, answer)

    def fetch_file(self, path: str, sink: IO[bytes]) -> tuple[Answer, str]:
        """Write what an answer holds into `sink`; return the answer without it, and its content type.

        Raises `GatewayError`.
        """
        body = FormBody(b"")
        with self._edge(path, body):
            answer = self._exchange(self._file_adapter, "GET", path, body, answer_s=FILE_S, sink=sink)
            return self._reading.succeeded(path, answer), answer.content_type

    @property
    def _file_adapter(self) -> Adapter:
        self._files = self._files or self._adapter(of_files=True)
        return self._files

    @property
    def redact(self) -> Callable[[str], str]:
        """What takes every secret out of a text that quotes the server."""
        return self._reading.redacted

    def told_of_server(self) -> dict[str, object]:
        """Return what the answers showed besides.

        `clock_off_s` is by how much this clock is ahead of the server's; `certificate_ends` an ISO moment. Either is
        absent where nothing told.
        """
        told: dict[str, object] = {}
        moment = failures.moment_of(self._dated[0])
        if moment is not None:
            told["clock_off_s"] = round(self._dated[1] - moment.timestamp())
        if self._calls.peer:
            from fsm_robot.gateway.certificates import ends_at

            told["certificate_ends"] = ends_at(self._calls.peer)
        return told

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that leads to the orchestrator."""
        return self._proxy

    def close(self) -> None:
        """See `ports.Gateway.close`."""
        self.end_beats()
        self._calls.close()
        for adapter in (self._beats, self._objects, self._files, self._lines):
            if adapter is not None:
                adapter.close()

    # ---- one attempt

    def _ask(
        self,
        adapter: Adapter,
        method: str,
        path: str,
        body: FormBody,
        parse: Callable[[bytes, payloads.Redact, str], Value],
    ) -> Value:
        """Return what an answer with status 2xx says."""
        with self._edge(path, body):
            answer = self._exchange(adapter, method, path, body)
            return self._reading.value(parse, self._reading.succeeded(path, answer))

    def _update(self, method: str, content: bytes) -> Answer:
        body = FormBody(content)
        with self._edge(payloads.UPDATE_PATH, body):
            return self._exchange(self._calls, method, payloads.UPDATE_PATH, body)

    @contextmanager
    def _edge(self, path: str, body: FormBody | FileBody) -> Iterator[None]:
        """Let nothing out but our own errors: a server can make the libraries below raise anything."""
        try:
            yield
        except (GatewayError, BeatsEndedError):
            raise
        except Exception as error:
            way = failures.Way(urlsplit(self.url).netloc.rpartition("@")[2], str(self._proxy or ""), self.timeout_s)
            failure = failures.broken(path, error, way, self._reading.redacted, handed_over=body.handed_over)
            self._lost_an_answer = self._lost_an_answer or failure.kind == "no_answer"
            raise failure from error
        finally:
            body.release()

    def _exchange(
        self,
        adapter: Adapter,
        method: str,
        path: str,
        body: FormBody | FileBody,
        *,
        headers: Mapping[str, str] | None = None,
        answer_s: float | None = None,
        sink: IO[bytes] | None = None,
    ) -> Answer:
        sent_with = self.robot_guid
        received = adapter.exchange(
            method, self.url + path, headers or self._headers(), body, self.timeout_s, answer_s=answer_s, sink=sink
        )
        if received.status in failures.CREDENTIAL_REFUSED and self._has_another_credential(sent_with):
            raise _asked_again(path, "the server refuses the credential")
        told = (received.headers.get(name, "") for name in ("Content-Type", "Location", "Retry-After"))
        date = received.headers.get("Date", "")
        answer = self._reading.answer(received.status, received.data, *told, date=date)
        self._dated = (answer.date, time.time())
        if answer.is_success and not received.is_readable:
            raise self._reading.garbled(path, "the answer's compression cannot be undone", answer)
        if answer.is_success and len(received.data) > LARGEST_ANSWER_BYTES:
            raise self._reading.garbled(path, f"the answer is larger than {LARGEST_ANSWER_BYTES // 1024} KiB", answer)
        return answer

    # ---- pieces

    def _check_known(self, path: str, code: int, sent_with: str) -> None:
        """Ask again where the server does not know this robot (101), and its GUID was replaced meanwhile.

        The GUID is what a server knows a robot by, so one that was changed there is answered like one that never was.
        """
        if code == payloads.ROBOT_UNKNOWN and self._has_another_credential(sent_with):
            raise _asked_again(path, "the server does not know this robot by its GUID")

    def _has_another_credential(self, sent_with: str) -> bool:
        """Return whether there is another one than that which was refused, from now on or already."""
        found = self.renewed()
        if found:
            self.robot_guid = found
        return self.robot_guid.lower() != sent_with.lower()

    @property
    def _speaks_tls(self) -> bool:
        return self.url.lower().startswith("https:")

    def _adapter(self, *, of_files: bool = False) -> Adapter:
        if not self._speaks_tls:
            return Adapter(None, self._proxy, of_files=of_files)
        from fsm_robot.gateway.tls import context_for

        return Adapter(context_for(self.verify, self.client), self._proxy, of_files=of_files)

    def _headers(self) -> dict[str, str]:
        token = b64encode(self.robot_guid.encode()).decode()  # the bare GUID, without the colon of RFC 7617
        who = {"Authorization": f"{self.auth_scheme.capitalize()} {token}"} if self.robot_guid else {}
        return {
            **who,
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"fsm-robot/{__version__}",
        }

    def _heartbeat(self, status: int, job: Job | None) -> bytes:
        who = self._identity
        if who is None or (not who.ip and self._got_through and self._looks < MOST_LOOKS):
            # Once, and once more when the network is certainly there: a name that is looked up in vain takes seconds,
            # and nothing but a person's curiosity depends on the address.
            self._looks += 1
            who = self._identity = identity_towards(self.url if self._proxy is None else self._proxy.url)
        return payloads.heartbeat_form(self.robot_guid, status, job, machine=who.machine, ip=who.ip, mac=who.mac)


def _proxy_towards(url: str) -> Proxy | None:
    if not getproxies():
        return None  # most machines know of none, and an idle wake-up there imports nothing for it
    from fsm_robot.gateway.proxies import proxy_towards

    return proxy_towards(url)


def _asked_again(path: str, what: str) -> GatewayUnreachableError:
    # Turned away, it did nothing; every policy asks again where the server asks for patience.
    detail = f"{what}, which was replaced meanwhile: it is asked again with the new one"
    return GatewayUnreachableError(path, "throttled", detail, 0.0)
