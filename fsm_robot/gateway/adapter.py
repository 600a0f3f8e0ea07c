"""One exchange over HTTP: a request that is sent once, an answer that is read whole. The only importer of requests."""

from __future__ import annotations

import socket
import ssl
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import IO, TYPE_CHECKING

import attrs

from fsm_robot.gateway.answers import timed_response

if TYPE_CHECKING:
    from fsm_robot.gateway.beats import FormBody
    from fsm_robot.gateway.file_body import FileBody
    from fsm_robot.gateway.proxies import Proxy


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

import urllib3  # noqa: E402  # after requests, which needs the block above
from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: E402
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool  # noqa: E402
from urllib3.exceptions import DecodeError, InsecureRequestWarning, InvalidHeader  # noqa: E402

LARGEST_ANSWER_BYTES = 1024 * 1024
LARGEST_FILE_BYTES = 1 << 40
_PIECE_BYTES = 64 * 1024
_LONGEST_LENGTH = 30
_MOST_KNOWN = 8
"""How many requests are kept in the form that `requests` gives them, without what differs from time to time."""


class _Careful:
    """Mixed into a connection: one that has brought more than was read is never used again."""

    sock: socket.socket
    _has_unread = False
    _largest: Mapping[str, int] = {}

    def connect(self) -> None:
        self._has_unread = False
        super().connect()  # type: ignore[misc]

    def response_class(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> HTTPResponse:
        return timed_response(sock, self._left_unread, debuglevel, method, **self._largest)

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may use the connection again."""
        # TLS opens a record whole: what of it was not read is in no socket any more, where urllib3 looks.
        pending = getattr(self.sock, "pending", None)
        return not self._has_unread and not (pending is not None and pending()) and super().is_connected  # type: ignore[misc]

    def _left_unread(self) -> None:
        self._has_unread = True


class _Connection(_Careful, HTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(_Careful, HTTPSConnection):  # type: ignore[misc]
    pass


class _FileConnection(_Connection):
    _largest = {"largest_bytes": LARGEST_FILE_BYTES}  # noqa: RUF012 - never changed


class _FileTlsConnection(_TlsConnection):
    _largest = {"largest_bytes": LARGEST_FILE_BYTES}  # noqa: RUF012 - never changed


class _FilePool(HTTPConnectionPool):
    ConnectionCls = _FileConnection


class _FileTlsPool(HTTPSConnectionPool):
    ConnectionCls = _FileTlsConnection


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOL_CLASSES: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}
_FILE_POOL_CLASSES: dict[str, type[HTTPConnectionPool]] = {"http": _FilePool, "https": _FileTlsPool}


@attrs.frozen(eq=False, repr=False)
class Received:
    """An answer as it came.

    Attributes:
        status: HTTP status.
        headers: By name, in any case.
        data: The body; a little more than `LARGEST_ANSWER_BYTES` of one that is larger.
        is_readable: Whether the body's compression could be undone.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes = attrs.field(repr=False)
    is_readable: bool = True


class Adapter(HTTPAdapter):
    """Connections of one thread: own TLS context, own proxy, deadline over the whole answer, no retries.

    `peer` is the certificate that the server has shown, as it is on the wire; empty before that.
    """

    def __init__(self, context: ssl.SSLContext | None, proxy: Proxy | None, *, of_files: bool = False) -> None:
        self._context, self._proxy = context, proxy
        self.peer = b""
        self._known: dict[tuple[str, str], requests.PreparedRequest] = {}
        self._pools: dict[str, ConnectionPool] = {}
        self._pool_classes = _FILE_POOL_CLASSES if of_files else _POOL_CLASSES
        super().__init__(pool_connections=1, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:
        """Use connections that read with a deadline."""
        super().init_poolmanager(connections, maxsize, block, **options, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **options: object) -> urllib3.PoolManager:
        """Use them behind a proxy too."""
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **options, ssl_context=self._context)
        # A SOCKS proxy brings classes of its own, which open the connection in their own way.
        if self._proxy is None or not self._proxy.is_socks:
            manager.pool_classes_by_scheme = self._pool_classes
        return manager

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        """Return the connections to the server of a request, looked for once: all of them go one way here."""
        origin = (request.url or "").partition("://")[2].partition("/")[0]
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return pool

    def build_response(self, req: requests.PreparedRequest, resp: urllib3.BaseHTTPResponse) -> requests.Response:
        """Return what is read of an answer: no cookies are kept, no encoding is guessed for what is read as bytes."""
        response = requests.Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        response.headers = resp.headers  # type: ignore[assignment]  # found in any case, too
        return response

    def close(self) -> None:
        """Close all connections; what is asked next opens one."""
        self._pools.clear()
        super().close()

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the login at the proxy; its address holds none, and requests would write it in Latin-1."""
        del proxy
        login = "" if self._proxy is None else self._proxy.authorization
        return {"Proxy-Authorization": login} if login else {}

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Leave everything to the context: requests would add certifi's list, or REQUESTS_CA_BUNDLE."""

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: FormBody | FileBody,
        timeout_s: float,
        *,
        answer_s: float | None = None,
        sink: IO[bytes] | None = None,
    ) -> Received:
        """Send a request once and return its answer; raises whatever the libraries below raise.

        Args:
            method: Verb.
            url: Of the call.
            headers: Of the request.
            body: The same.
            timeout_s: Longest wait for the connection, and for the answer where `answer_s` is not given.
            answer_s: Longest wait for the whole answer.
            sink: Gets the body of an answer with status 2xx, of any size.
        """
        response = self.send(
            self._request(method, url, headers, body),
            stream=True,
            timeout=(timeout_s, timeout_s if answer_s is None else answer_s),
            verify=self._context is None or self._context.verify_mode is not ssl.CERT_NONE,
            proxies=self._proxies(),
        )
        status = response.status_code
        if self._context is not None and not self.peer:
            self.peer = _certificate(response)
        try:
            return Received(status, response.headers, _body(response, sink if 200 <= status < 300 else None))
        except DecodeError:
            return Received(status, response.headers, b"", is_readable=False)
        except Exception:
            if not 200 <= status < 300:
                return Received(status, response.headers, b"")  # the status says enough
            raise
        finally:
            response.raw.close()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: FormBody | FileBody
    ) -> requests.PreparedRequest:
        """Return what is sent. Most calls are made again and again: their address is read and checked once."""
        known = self._known.get((method, url))
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()  # those of scripts differ by what they ask for
            known = self._known[method, url] = requests.Request(method, url).prepare()
        request = known.copy()
        request.prepare_headers(headers)
        request.body = body if len(body) else None  # type: ignore[assignment]
        request.prepare_content_length(request.body)
        return request

    def _proxies(self) -> dict[str, str]:
        if self._proxy is None:
            return {}
        return {"all": self._proxy.url_for_socks if self._proxy.is_socks else self._proxy.url}


def say_nothing_of_unchecked_certificates() -> None:
    """Keep urllib3 from a warning at each call; the gateway has said it once, in words that tell what to do."""
    urllib3.disable_warnings(InsecureRequestWarning)


def _certificate(response: requests.Response) -> bytes:
    """Return the certificate behind an answer whose body is not read yet; empty where the library shows none."""
    connection = getattr(response.raw, "connection", None)
    shown = getattr(getattr(connection, "sock", None), "getpeercert", None)
    return b"" if shown is None else shown(binary_form=True) or b""


def _body(response: requests.Response, sink: IO[bytes] | None) -> bytes:
    """Return the whole body, or nothing where `sink` gets it.

    A little more than `LARGEST_ANSWER_BYTES` of one that is larger.

    Raises:
        InvalidHeader: The answer's length is no number (RFC 9112, 6.3: such an answer is none). The libraries below
            read a negative one as "up to the end", and an empty 200 would be a yes.
    """
    length = response.headers.get("Content-Length", "")
    if not response.raw.chunked and not all(map(_is_number, length.split(",") if length else ())):
        raise InvalidHeader(f"Content-Length: {length[:40]}")
    data = bytearray()
    for piece in response.raw.stream(_PIECE_BYTES, decode_content=True):
        if sink is not None:
            sink.write(piece)
            continue
        data += piece
        if len(data) > LARGEST_ANSWER_BYTES:
            return bytes(data)
    return bytes(data)


def _is_number(text: str) -> bool:
    digits = text.strip()
    return len(digits) <= _LONGEST_LENGTH and digits.isascii() and digits.isdigit()
