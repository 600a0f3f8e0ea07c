"""What went wrong on the wire -> the `GatewayError` that says it: which kind, and one sentence for a person."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import BadStatusLine
from typing import NamedTuple
from urllib.parse import urlsplit

import attrs

from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayRejectedError, GatewayUnreachableError

SHOWN_CHARACTERS = 200
_BAD_VERBS = (404, 405)
_NOT_ACTED = (408, 425, 429)
CREDENTIAL_REFUSED = (401, 403)
_PROXY_LOGIN, _NOT_MODIFIED = 407, 304
_REDIRECTS = (301, 302, 303, 307, 308)
# The first bytes of a TLS alert, which is what an https port says to a plain request.
_TLS_ALERT = "\x15\x03"


@attrs.frozen(eq=False, repr=False)
class Answer:
    """An HTTP answer whose body has been read.

    Attributes:
        status: HTTP status.
        data: The body.
        shown: Content type and the first characters of the body, without the robot's GUID and control characters; made
            when it is asked for, which is when something is wrong with the answer.
        location: Header `Location`, or empty.
        retry_after: Header `Retry-After`, or empty.
        date: Header `Date`, or empty.
        charset: What the header `Content-Type` says that the text is written in, or empty.
        content_type: That header, or empty.
    """

    status: int
    data: bytes = attrs.field(default=b"", repr=False)
    _shown: str | Callable[[], str] = ""
    location: str = ""
    retry_after: str = ""
    date: str = ""
    charset: str = ""
    content_type: str = ""

    @property
    def shown(self) -> str:
        """What a person needs to see of it."""
        return self._shown if isinstance(self._shown, str) else self._shown()

    @property
    def is_success(self) -> bool:
        """Whether the server says that it did what was asked."""
        return 200 <= self.status < 300

    @property
    def verb_unknown(self) -> bool:
        """Whether another verb may be worth a try."""
        return self.status in _BAD_VERBS


def shown(content_type: str, text: str) -> str:
    """Return what a person needs to see of an answer that is not understood; `text` holds no secret any more."""
    kind = printable(content_type) or "no content type"
    return f"{kind}: {printable(text)}" if text else f"{kind}, empty"


def printable(text: str) -> str:
    """Return the beginning of `text` with control characters escaped."""
    start = text[:SHOWN_CHARACTERS]
    if not start.isprintable():
        start = "".join(char if char.isprintable() else repr(char)[1:-1] for char in start)
    return f"{start}…" if len(text) > SHOWN_CHARACTERS else start


def refusal(path: str, answer: Answer) -> GatewayError:
    """Return the error for an answer whose status is not 2xx."""
    status = answer.status
    if status in _NOT_ACTED or (status == 503 and answer.retry_after):
        wish_s = retry_after_s(answer.retry_after)
        return GatewayUnreachableError(path, "throttled", f"the server asks for patience (HTTP {status})", wish_s)
    if status >= 500:
        return GatewayUnreachableError(path, "server_error", f"the server failed with HTTP {status} ({answer.shown})")
    if status == _PROXY_LOGIN:
        # It says nothing about the request, which the proxy has not passed on.
        detail = "the proxy wants a login (HTTP 407); put user and password into the proxy's address, or use NO_PROXY"
        return GatewayUnreachableError(path, "no_connection", detail)
    if status in CREDENTIAL_REFUSED:
        detail = f"the server refuses the credential (HTTP {status}); check robot_guid and auth_scheme ({answer.shown})"
        return GatewayRejectedError(path, "refused", detail, status)
    if status == _NOT_MODIFIED:
        detail = (
            "something before the server answers that nothing has changed (HTTP 304), which says nothing of the call"
        )
        return GatewayGarbledError(path, "garbled", f"{detail}; is there a cache that should not be there?")
    if status in _REDIRECTS:
        return GatewayRejectedError(path, "rejected", _redirect(answer), status)
    return GatewayRejectedError(path, "rejected", f"the server refuses with HTTP {status} ({answer.shown})", status)


def _redirect(answer: Answer) -> str:
    try:
        parts = urlsplit(answer.location)
        target = (
            printable(f"{parts.scheme}://{parts.hostname}") if parts.hostname else "another path of the same server"
        )
    except ValueError:
        target = "an address that cannot be read"
    return (
        f"the server redirects to {target} (HTTP {answer.status}), which is not followed because the request"
        " carries the credential; put the final address into orchestrator.url"
    )


def retry_after_s(header: str) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, as number or HTTP date; None where it says nothing."""
    text = header.strip()
    # `isdigit` alone takes `²`, which `float` does not read.
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = moment_of(text)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def moment_of(header: str) -> datetime | None:
    """Return the moment that an HTTP date names, in UTC where it names no zone; None where it is none."""
    if not header:
        return None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(header)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, ArithmeticError, TypeError, LookupError):
        return None  # a year of eleven digits, a zone of a thousand hours, a day without a month


class Way(NamedTuple):
    """Where a request was to go: `server` and `proxy` as host and port, no proxy is empty."""

    server: str
    proxy: str
    timeout_s: float

    def __str__(self) -> str:
        return f"{self.server} through the proxy {self.proxy}" if self.proxy else self.server

    @property
    def settings(self) -> str:
        """Where a person finds the mistake, if there is one."""
        return "HTTP_PROXY, HTTPS_PROXY and NO_PROXY" if self.proxy else "orchestrator.url and the network"


def broken(
    path: str, error: BaseException, way: Way, redact: Callable[[str], str], *, handed_over: bool
) -> GatewayError:
    """Return the error for a request without an answer.

    Args:
        path: Of the call.
        error: What the HTTP library raised.
        way: Who was asked.
        redact: Takes the credential out of what the error says, which may quote the server.
        handed_over: Whether any of the request's body was given to the network. If not, it certainly did not arrive.
    """
    from fsm_robot.gateway.tls_failures import is_refused_handshake  # a start that meets no failure needs no words

    causes = list(_causes(error))
    reason = printable(redact(_reason(causes)))
    if handed_over and not is_refused_handshake(causes):
        return GatewayUnreachableError(path, "no_answer", _no_answer(causes, reason, way))
    return GatewayUnreachableError(path, "no_connection", redact(_no_connection(causes, reason, way)))


def _no_answer(causes: list[BaseException], reason: str, way: Way) -> str:
    if _timed_out(causes):
        what = f"no complete answer from {way} within {way.timeout_s:g} s"
    elif any(isinstance(cause, BadStatusLine) and str(cause).startswith(_TLS_ALERT) for cause in causes):
        what = f"{way} answers with TLS: this port speaks https; write https:// into orchestrator.url"
    elif any(isinstance(cause, OSError) for cause in causes):
        what = f"the connection to {way} broke before the answer was complete ({reason})"
    else:
        what = f"no answer from {way} that can be read ({reason})"
    return f"{what}; the request may have arrived"


def _no_connection(causes: list[BaseException], reason: str, way: Way) -> str:
    from fsm_robot.gateway.tls_failures import tls_problem

    if problem := tls_problem(causes, str(way)):
        return problem
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"no connection to {way}: the name is not known ({reason}); check {way.settings}"
    if _timed_out(causes):
        return f"no connection to {way} within {way.timeout_s:g} s; check {way.settings}"
    return f"no connection to {way} ({reason}); check {way.settings}"


def _timed_out(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, TimeoutError) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps, outermost first: libraries keep it in `reason`, in `args` or as the cause."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        wrapped = (getattr(current, "reason", None), *current.args, current.__cause__, current.__context__)
        current = next((each for each in wrapped if isinstance(each, BaseException) and id(each) not in seen), None)


def _reason(causes: list[BaseException]) -> str:
    """Return what the innermost error says, without the object addresses that libraries print around it."""
    inner = next((cause for cause in reversed(causes) if isinstance(cause, OSError) and cause.strerror), causes[-1])
    if getattr(inner, "library", None):  # OpenSSL's text has its file names and line numbers in it
        return str(getattr(inner, "reason", "")).replace("_", " ").lower()
    text = str(getattr(inner, "strerror", None) or inner)
    name = type(inner).__name__
    return text if isinstance(inner, OSError) and text else f"{name}: {text}" if text else name
