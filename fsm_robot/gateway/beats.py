"""The gate that Working heartbeats leave through, and the request body that passes it."""

from __future__ import annotations

import threading

import attrs

from fsm_robot.errors import BeatsEndedError

# A body of a few hundred bytes fits into the socket's buffer, so it leaves within microseconds; the bound is for the
# one peer that has closed its window.
_LONGEST_SEND_S = 1.0


@attrs.define(eq=False, repr=False)
class BeatGate:
    """Lets the heartbeats of one job out until it is closed."""

    job_guid: str
    _open: bool = True
    _passing: threading.Lock = attrs.field(factory=threading.Lock, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether heartbeats may still leave."""
        return self._open

    def enter(self) -> None:
        """Begin to send a body; `close` waits for `leave`. Raises `BeatsEndedError` once closed."""
        self._passing.acquire()
        if not self._open:
            self._passing.release()
            raise BeatsEndedError(f"heartbeats for job {self.job_guid} have ended")

    def leave(self) -> None:
        """End what `enter` began."""
        self._passing.release()

    def close(self) -> None:
        """Let nothing out any more; waits only for a body that is being written to the socket at this moment."""
        self._open = False
        if self._passing.acquire(timeout=_LONGEST_SEND_S):
            self._passing.release()


@attrs.define(eq=False, repr=False)
class FormBody:
    """A request body that knows whether any of it was handed to the network.

    `http.client` asks for it after the connection stands and the headers are out, and sends each piece before it asks
    for the next one. So a body that was never asked for certainly did not arrive, and a gate that is held from the
    first question to the empty answer is held exactly while the body is on its way into the socket.
    """

    _content: bytes = attrs.field(repr=False)
    _gate: BeatGate | None = None
    handed_over: bool = False
    _inside: bool = False

    def __len__(self) -> int:
        return len(self._content)

    def read(self, size: int = -1) -> bytes:
        """Return the whole body, then nothing."""
        if self.handed_over:
            self.release()
            return b""
        if self._gate is not None:
            self._gate.enter()
            self._inside = True
        self.handed_over = True
        return self._content

    def release(self) -> None:
        """Leave the gate, if inside; to be called when the request is over, however it ended."""
        if self._inside and self._gate is not None:
            self._inside = False
            self._gate.leave()
