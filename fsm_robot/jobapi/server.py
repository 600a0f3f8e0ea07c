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


@attrs.define
class _Script:
    """The script of a job, and what does as it asks: made with its first question, for most scripts have none."""

    job: Job
    token: str
    backend: Backend | None = None

    def is_asked_by(self, given: object) -> bool:
        # As bytes, for `compare_digest` refuses texts that are not ASCII.
        return isinstance(given, str) and hmac.compare_digest(given.encode(errors="surrogatepass"), self.token.encode())


@attrs.define(eq=False, repr=False)
class JobServer:
    """What the scripts of a robot are answered; see docs/sdk.md, "On the wire".

    Attributes:
        listen: Opens the robot's channel and returns its address, empty where it could not be opened.
        backend: Makes what does as the script of a job asks.
        hide: Keeps a text out of everything that is written.
        log: Writes a line of the robot's own log.
    """

    listen: Callable[[], str]
    backend: Callable[[Job], Backend]
    hide: Callable[[str], object] = lambda _: None
    log: Callable[..., None] = lambda *_, **__: None
    _now: _Script | None = None
    _last: _Script | None = None
    _making: threading.Lock = attrs.field(factory=threading.Lock)
    _not_done: int = 0

    def begin(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask that is about to start; return how, or None without a channel."""
        address = self.listen()
        if not address:
            return None
        token = secrets.token_hex(16)
        self._now = _Script(job, token)
        self.hide(token)
        return {"address": address, "token": token, "protocol": PROTOCOL}

    def end(self) -> None:
        """Let nobody ask any more until the next `begin`; what was told before that is still on its way."""
        self._last, self._now = self._now or self._last, None

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, object] | None:
        """Answer one request; None where no answer is waited for."""
        one_way, given, op = bool(request.get("one_way")), request.get("token"), request.get("op")
        asking = (self._now, self._last) if one_way else (self._now,)
        script = next((each for each in asking if each is not None and each.is_asked_by(given)), None)
        if script is None or (script is not self._now and script.backend is None and self._now is not None):
            over = "the job of this script has ended, or this robot did not start the script"
            if one_way:
                self._tell_not_done(op, over)
            return _refused(over, closed=True)
        fields = request.get("with", {})
        if request.get("protocol") != PROTOCOL:
            return _refused(f"this robot speaks protocol {PROTOCOL} with its scripts", kind="not_supported")
        if not isinstance(op, str) or not isinstance(fields, dict):
            return _refused("a request needs an `op` and an object `with`")
        return self._done(script, op, fields, one_way=one_way)

    def _done(
        self, script: _Script, op: str, fields: Mapping[str, object], *, one_way: bool
    ) -> Mapping[str, object] | None:
        from fsm_robot.sdk._errors import SdkError, kind_of

        with self._making:
            if script.backend is None:
                script.backend = self.backend(script.job)
        try:
            if not one_way:
                return {"result": script.backend.call(op, fields)}
            script.backend.tell(op, fields)
            return None
        except SdkError as error:
            refusal = _refused(str(error), kind=kind_of(error))
        except OSError as error:
            # Of a file: that who asks has gone is found out when the answer is sent.
            refusal = _refused(f"{op}: {error}", kind="maybe_done")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # The SDK sends no such thing; whoever writes on the wire himself gets a sentence.
            refusal = _refused(f"{op}: the call has wrong arguments: {error!r}")
        if not one_way:
            return refusal
        self._tell_not_done(op, refusal["error"])
        return None

    def _tell_not_done(self, op: object, error: object) -> None:
        """Say that something is lost which nobody waits to hear of; at 1, 10, 100, …, for a script may send many."""
        with self._making:
            self._not_done += 1
            count = self._not_done
        if count == 10 ** (len(str(count)) - 1):
            self.log(
                "warning",
                "sdk.not_done",
                "a message of a script could not be handled",
                op=op,
                error=error,
                in_this_run=count,
            )


def _refused(error: str, *, kind: str = "refused", closed: bool = False) -> Mapping[str, object]:
    return {"error": error, "kind": kind, **({"closed": True} if closed else {})}
