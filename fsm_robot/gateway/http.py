"""The three calls over HTTP. The only importer of requests; every method makes one attempt and repeats nothing."""

from __future__ import annotations

import ssl
import sys
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import attrs

from fsm_robot import __version__
from fsm_robot.errors import BeatsEndedError, GatewayError
from fsm_robot.gateway import failures, payloads
from fsm_robot.gateway.answers import timed_response
from fsm_robot.gateway.beats import BeatGate, FormBody
from fsm_robot.gateway.failures import Answer
from fsm_robot.gateway.identity import Identity, identity_towards
from fsm_robot.gateway.reading import Reading
from fsm_robot.ports import ConsumeAnswer, HeartbeatAnswer, Job
from fsm_robot.redact import Redactor


@contextmanager
def _without_character_detection() -> Iterator[None]:
    """Keep the detection library out while requests is imported: it costs a tenth of that, and JSON needs no guess.

    requests takes either library as optional since 2.32, and only warns.
    """
    kept_out = [name for name in ("charset_normalizer", "chardet") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(kept_out))  # type: ignore[arg-type]  # None is how Python marks "not importable"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in kept_out:
            sys.modules.pop(name, None)


with _without_character_detection():
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies, select_proxy

import urllib3  # noqa: E402  # after requests, which needs the block above
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: E402
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: E402
from urllib3.exceptions import DecodeError, HTTPError, InsecureRequestWarning  # noqa: E402

LARGEST_ANSWER_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_WIRE_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError)


class _Connection(HTTPConnection):
    response_class = staticmethod(timed_response)  # type: ignore[assignment]


class _TlsConnection(HTTPSConnection):
    response_class = staticmethod(timed_response)  # type: ignore[assignment]


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOL_CLASSES: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Connections of one thread: own TLS context, deadline over the whole answer, no retries."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = _POOL_CLASSES

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        # A SOCKS proxy brings classes of its own, which open the connection in their own way.
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOL_CLASSES
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Leave everything to the context: requests would add certifi's list, or REQUESTS_CA_BUNDLE."""


@attrs.define(eq=False, repr=False)
class HttpGateway:
    """`ports.Gateway` over HTTP.

    A requests session is not used, only its adapters: a session reads .netrc over our Authorization header, replaces
    `verify` by REQUESTS_CA_BUNDLE, keeps cookies (a PHP session cookie makes the server answer our two threads one
    after the other) and reads the body of a redirect without a limit.

    Attributes:
        url: Of the orchestrator, with or without a path and a trailing slash.
        robot_guid: The credential.
        auth_scheme: `basic` or `bearer`.
        verify: True for the system's certificate store, a PEM file, or False.
        timeout_s: Longest wait for the connection, and again for the whole answer.
        redactor: Keeps the credential out of every error.
        warn: Tells a person, once per gateway, what is less safe than it should be.
    """

    url: str
    robot_guid: str = attrs.field(repr=False)
    auth_scheme: str = "basic"
    verify: bool | str = True
    timeout_s: float = 30.0
    redactor: Redactor = attrs.field(factory=Redactor)
    warn: Callable[[str], None] = attrs.field(default=warnings.warn, repr=False)
    _reading: Reading = attrs.field(init=False, repr=False)
    _calls: _Adapter = attrs.field(init=False, repr=False)
    _beats: _Adapter | None = attrs.field(default=None, init=False, repr=False)
    _gate: BeatGate | None = attrs.field(default=None, init=False)
    _identity: Identity | None = attrs.field(default=None, init=False)
    _post_updates: bool = attrs.field(default=False, init=False)
    _proxies: dict[str, str] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Read the certificates, so that a wrong file stops the start and not the first call."""
        self.url = self.url.rstrip("/")
        self._reading = Reading(self.redactor)
        self._calls = self._adapter()
        if self._speaks_tls and self.verify is False:
            urllib3.disable_warnings(InsecureRequestWarning)  # said once, by us, in words that tell what to do
            self.warn(
                "the server's certificate is not checked, so anyone on the network can read the robot's credential;"
                ' set orchestrator.verify to true or to a file such as "company-ca.pem"'
            )

    # ---- the calls

    def announce(self, last_job: Job | None) -> HeartbeatAnswer:
        """See `ports.Gateway.announce`."""
        body = FormBody(self._heartbeat(payloads.READY, last_job))
        answer = self._ask(self._calls, "POST", payloads.HEARTBEAT_PATH, body)
        return self._reading.value(payloads.heartbeat_answer, answer)

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
        body = FormBody(self._heartbeat(payloads.WORKING, job), gate)
        try:
            answer = self._ask(adapter, "POST", payloads.HEARTBEAT_PATH, body)
        except GatewayError as error:
            if gate.is_open:
                raise
            raise BeatsEndedError(f"heartbeats for job {job.guid} ended while one was under way") from error
        return self._reading.value(payloads.heartbeat_answer, answer)

    def end_beats(self) -> None:
        """See `ports.Gateway.end_beats`."""
        if self._gate is not None:
            self._gate.close()

    def consume_job(self) -> ConsumeAnswer:
        """See `ports.Gateway.consume_job`.

        It goes out right after `announce`, over the same connection, so it is spared the ambiguous end of a
        connection that the server closes after a long idle time.
        """
        answer = self._ask(self._calls, "POST", payloads.CONSUME_PATH, FormBody(payloads.consume_form(self.robot_guid)))
        return self._reading.value(payloads.consume_answer, answer)

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

    def look(self, path: str) -> Answer:
        """Ask with GET and the credential; return whatever the server answers. Raises `GatewayError`."""
        return self._exchange(self._calls, "GET", path, FormBody(b""))

    def proxy(self) -> str:
        """Return host and port of the proxy that leads to the orchestrator, or an empty text."""
        return _proxy_name(self.url, self._environ_proxies())

    def close(self) -> None:
        """See `ports.Gateway.close`."""
        self.end_beats()
        self._calls.close()
        if self._beats is not None:
            self._beats.close()

    def _environ_proxies(self) -> dict[str, str]:
        # Looked up once: it reads the whole environment, and under Windows the registry.
        if self._proxies is None:
            self._proxies = get_environ_proxies(self.url)
        return self._proxies

    # ---- one attempt

    def _ask(self, adapter: _Adapter, method: str, path: str, body: FormBody) -> Answer:
        """Return an answer with status 2xx."""
        return self._reading.succeeded(path, self._exchange(adapter, method, path, body))

    def _update(self, method: str, content: bytes) -> Answer:
        return self._exchange(self._calls, method, payloads.UPDATE_PATH, FormBody(content))

    def _exchange(self, adapter: _Adapter, method: str, path: str, body: FormBody) -> Answer:
        url = self.url + path
        proxies = self._environ_proxies()
        try:
            request = requests.Request(method, url, headers=self._headers(), data=body).prepare()
            response = adapter.send(
                request,
                stream=True,
                timeout=(self.timeout_s, self.timeout_s),
                verify=self.verify is not False,
                proxies=proxies,
            )
            return self._received(path, response)
        except _WIRE_ERRORS as error:
            way = failures.Way(urlsplit(url).netloc, _proxy_name(url, proxies), self.timeout_s)
            raise failures.broken(path, error, way, self.redactor.text, handed_over=body.handed_over) from error
        finally:
            body.release()

    def _received(self, path: str, response: requests.Response) -> Answer:
        status, headers = response.status_code, response.headers
        try:
            data, complete = _body(response), True
        except DecodeError:
            data, complete = b"", False
        except _WIRE_ERRORS:
            if 200 <= status < 300:
                raise
            data, complete = b"", True  # the status says enough
        finally:
            response.raw.close()
        told = (headers.get(name, "") for name in ("Content-Type", "Location", "Retry-After"))
        answer = attrs.evolve(self._reading.answer(status, data, *told), date=headers.get("Date", ""))
        if answer.is_success and not complete:
            raise self._reading.garbled(path, "the answer's compression cannot be undone", answer)
        if answer.is_success and len(data) > LARGEST_ANSWER_BYTES:
            raise self._reading.garbled(path, f"the answer is larger than {LARGEST_ANSWER_BYTES // 1024} KiB", answer)
        return answer

    # ---- pieces

    @property
    def _speaks_tls(self) -> bool:
        return self.url.lower().startswith("https:")

    def _adapter(self) -> _Adapter:
        if not self._speaks_tls:
            return _Adapter(None)
        from fsm_robot.gateway.tls import context_for

        return _Adapter(context_for(self.verify))

    def _headers(self) -> dict[str, str]:
        token = b64encode(self.robot_guid.encode()).decode()  # the bare GUID, without the colon of RFC 7617
        return {
            "Authorization": f"{self.auth_scheme.capitalize()} {token}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"fsm-robot/{__version__}",
        }

    def _heartbeat(self, status: int, job: Job | None) -> bytes:
        who = self._identity
        if who is None or not who.ip:  # asked again while the network is not there yet
            who = self._identity = identity_towards(self.url)
        return payloads.heartbeat_form(self.robot_guid, status, job, machine=who.machine, ip=who.ip, mac=who.mac)


def _body(response: requests.Response) -> bytes:
    """Return the whole body; a little more than `LARGEST_ANSWER_BYTES` of one that is larger."""
    data = bytearray()
    for piece in response.raw.stream(_PIECE_BYTES, decode_content=True):
        data += piece
        if len(data) > LARGEST_ANSWER_BYTES:
            return bytes(data)
    return bytes(data)


def _proxy_name(url: str, proxies: dict[str, str]) -> str:
    """Return the proxy that leads to `url`, or empty; its address may hold a password and is cut down to the host."""
    proxy = select_proxy(url, proxies)
    if not proxy:
        return ""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "(its address cannot be read)"
