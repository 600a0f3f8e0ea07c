"""Answers the scripts of a robot on its local channel: one token per job, known before the script starts."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

PROTOCOL = 1


class Backend(Protocol):
    """Does what a script of one job asks. Raises `sdk.SdkError`; from any thread, several at a time."""

    def call(self, op: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do `op` and return what came of it."""

    def tell(self, op: str, fields: Mapping[str, Any]) -> None:
        """Do `op`, of which nobody waits to hear."""


@attrs.define(eq=False, repr=False)
class JobServer:
    """What the scripts of a robot are answered; see docs/sdk.md, "On the wire".

    Attributes:
        listen: Opens the robot's channel and returns its address, empty where it could not be opened.
        backend: Made when the script of a job asks for the first time: most scripts never do.
    """

    listen: Callable[[], str]
    backend: Callable[[], Backend]
    _token: str = ""
    _made: Backend | None = None

    def begin(self) -> Mapping[str, Any] | None:
        """Let the script ask that is about to start; return what it needs to know, or None without a channel."""
        address = self.listen()
        if not address:
            return None
        self._token, self._made = secrets.token_hex(16), None
        return {"address": address, "token": self._token, "protocol": PROTOCOL}

    def end(self) -> None:
        """Let nobody ask any more until the next `begin`."""
        self._token = ""

    @property
    def used(self) -> Backend | None:
        """What the script in hand has asked, None where it has asked nothing."""
        return self._made

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Answer one request; None where no answer is waited for."""
        given, token = request.get("token"), self._token
        if not (token and isinstance(given, str) and hmac.compare_digest(given.encode(), token.encode())):
            return _refused("the job of this script is over, or it is no script of this robot", closed=True)
        op, fields = request.get("op"), request.get("with", {})
        if request.get("protocol") != PROTOCOL:
            return _refused(f"this robot speaks protocol {PROTOCOL} with its scripts", kind="not_supported")
        if not isinstance(op, str) or not isinstance(fields, dict):
            return _refused("a request has an `op` and an object `with`")
        return self._done(op, fields, one_way=bool(request.get("one_way")))

    def _done(self, op: str, fields: Mapping[str, Any], *, one_way: bool) -> Mapping[str, Any] | None:
        from fsm_robot.sdk._errors import SdkError, kind_of

        if self._made is None:
            self._made = self.backend()
        if one_way:
            self._made.tell(op, fields)
            return None
        try:
            return {"result": self._made.call(op, fields)}
        except SdkError as error:
            return _refused(str(error), kind=kind_of(error))
        except (TypeError, ValueError, KeyError) as error:
            # The SDK sends no such thing; whoever writes on the wire himself gets a sentence.
            return _refused(f"{op}: what was sent is not what it takes: {error!r}")


def _refused(error: str, *, kind: str = "refused", closed: bool = False) -> Mapping[str, Any]:
    return {"error": error, "kind": kind, **({"closed": True} if closed else {})}
