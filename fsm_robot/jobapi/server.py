"""Answers the scripts of a robot on its local channel: one token per job, known before the script starts."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from fsm_robot.robot.ports import Job

PROTOCOL = 1


class Backend(Protocol):
    """Does what a script of one job asks. Raises `sdk.SdkError`; from any thread, several at a time."""

    def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Do `op` and return what came of it."""

    def tell(self, op: str, fields: Mapping[str, object]) -> None:
        """Do `op`, of which nobody waits to hear."""


@attrs.define(eq=False, repr=False)
class JobServer:
    """What the scripts of a robot are answered; see docs/sdk.md, "On the wire".

    Attributes:
        listen: Opens the robot's channel and returns its address, empty where it could not be opened.
        backend: Made when the script of a job asks for the first time: most scripts never do.
        hide: Keeps a text out of everything that is written.
    """

    listen: Callable[[], str]
    backend: Callable[[Job], Backend]
    hide: Callable[[str], object] = lambda _: None
    _job: Job | None = None
    _token: str = ""
    _last_token: str = ""
    _making: threading.Lock = attrs.field(factory=threading.Lock)
    _made: Backend | None = None

    def begin(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask that is about to start; return how, or None without a channel."""
        address = self.listen()
        if not address:
            return None
        self._job, self._token, self._made = job, secrets.token_hex(16), None
        self.hide(self._token)
        return {"address": address, "token": self._token, "protocol": PROTOCOL}

    def end(self) -> None:
        """Let nobody ask any more until the next `begin`; what was told before that is still on its way."""
        self._last_token, self._token = self._token, ""

    @property
    def used(self) -> Backend | None:
        """What the script in hand has asked, None where it has asked nothing."""
        return self._made

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, object] | None:
        """Answer one request; None where no answer is waited for."""
        one_way = bool(request.get("one_way"))
        given, token = request.get("token"), self._token or (self._last_token if one_way else "")
        # As bytes, for `compare_digest` refuses texts that are not ASCII.
        if not (
            token
            and isinstance(given, str)
            and hmac.compare_digest(given.encode(errors="surrogatepass"), token.encode())
        ):
            return _refused("the job of this script is over, or it is no script of this robot", closed=True)
        op, fields = request.get("op"), request.get("with", {})
        if request.get("protocol") != PROTOCOL:
            return _refused(f"this robot speaks protocol {PROTOCOL} with its scripts", kind="not_supported")
        if not isinstance(op, str) or not isinstance(fields, dict):
            return _refused("a request has an `op` and an object `with`")
        return self._done(op, fields, one_way=one_way)

    def _done(self, op: str, fields: Mapping[str, object], *, one_way: bool) -> Mapping[str, object] | None:
        from fsm_robot.sdk._errors import SdkError, kind_of

        with self._making:
            if self._made is None and self._job is not None:
                self._made = self.backend(self._job)
        backend = self._made
        assert backend is not None  # there is a token, so there is a job
        try:
            if one_way:
                backend.tell(op, fields)
                return None
            return {"result": backend.call(op, fields)}
        except SdkError as error:
            return _refused(str(error), kind=kind_of(error))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # The SDK sends no such thing; whoever writes on the wire himself gets a sentence.
            return None if one_way else _refused(f"{op}: what was sent is not what it takes: {error!r}")


def _refused(error: str, *, kind: str = "refused", closed: bool = False) -> Mapping[str, object]:
    return {"error": error, "kind": kind, **({"closed": True} if closed else {})}
