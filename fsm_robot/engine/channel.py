"""The local channel of a running robot: what another process of this account may ask it, or tell it.

One request, one answer, one connection; both are JSON objects. The robot's address stands in `channel.json` in its
storage folder, for this account only, with a token that every request must carry: the end of a pipe or socket says
nothing about who holds the other one.

A robot that has jobs lets their scripts ask, too (`ask: job`), with a token of their own; those keep their connection,
and ask on it again.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import attrs

from fsm_robot.errors import ChannelError, NoRobotError
from fsm_robot.system import sockets, threads
from fsm_robot.system.held import PATIENCE

if sys.platform == "win32":
    from fsm_robot.system import _channel_windows as local
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _channel_posix as local
    from fsm_robot.system import _posix as system

NAME = "channel.json"
LARGEST_BYTES = 1 << 20
ASKED_WITHIN_S = 5.0
"""How long who has connected may take to ask."""
ANSWERED_WITHIN_S = 30.0
"""How long who has asked waits: the robot may be in the middle of a call."""

ENDS_WITHIN_S = 3.0
"""How long the end of the robot waits for answers that are being given."""
MOST_CONNECTIONS = 64
"""How many may be open at a time: a script that opens them in a loop must not use up the robot's threads."""
LOOK_AGAIN_S = 3600.0

Answers = Callable[[Mapping[str, object]], Mapping[str, object]]


class Connection(Protocol):
    """One end of a connection; both ends send and receive whole messages."""

    def send(self, message: bytes) -> None:
        """Send a message. Raises `OSError`."""

    def receive(self, within_s: float, largest_bytes: int) -> bytes | None:
        """Return a message; None where none has come within so many seconds. Raises `OSError`."""

    def close(self) -> None:
        """End the connection."""


@attrs.define(eq=False, repr=False)
class Channel:
    """The robot's end. It opens late, for a robot that wakes up and finds nothing to do has nobody to talk to.

    Attributes:
        folder: The robot's storage folder.
        answer: What is said to a request: `ask` and what belongs to it, without the token. From any thread, several at
            a time; it raises nothing but `ChannelError`.
        warn: Where it is told that there is no channel; the robot works without one.
        ended: Called when it closes: whoever waits within `answer` has to come back.
        job: What is said to a script of this robot, or None to what needs no answer; it checks the token itself.
        loopback: Listen at a port of this machine, where sockets among the files and named pipes cannot be had.
    """

    folder: Path
    answer: Answers
    warn: Callable[..., None]
    ended: Callable[[], None] = lambda: None
    job: Callable[[Mapping[str, object]], Mapping[str, object] | None] | None = None
    loopback: bool = False
    _token: str = attrs.field(factory=lambda: secrets.token_hex(16))
    _listener: local.Listener | sockets.LoopbackListener | None = None
    _begun: bool = False
    _closed: bool = False
    _answering: int = 0
    _connections: int = 0
    _asking: int = 0  # of them those that are no script's: one may wait for the end of the robot
    _changed: threading.Condition = attrs.field(factory=threading.Condition)

    def open(self) -> None:
        """Listen from now on; called again, it does nothing. A robot that gets no channel goes on without one."""
        if self._begun:
            return
        self._begun = True
        try:
            self._listener = sockets.listen() if self.loopback else local.listen(self.folder)
            self._write_down(self._listener.address)
            threads.start("channel", self._accept, self._failed)
        except OSError as error:
            hint = (
                "" if self.loopback else 'sdk.transport = "loopback" in robot.toml needs neither socket file nor pipe'
            )
            self.warn(
                "channel.not_opened",
                "the local channel could not be opened, so status, post and scripts cannot reach this run",
                error=str(error),
                hint=hint,
            )

    @property
    def address(self) -> str:
        """Where it listens; empty where it does not."""
        listener = self._listener
        return "" if listener is None else listener.address

    def close(self) -> None:
        """Listen no more; who has asked already gets the answer first."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._closed = True
        path = self.folder / NAME
        try:
            PATIENCE.until_free(path, lambda: path.unlink(missing_ok=True))
        except OSError as error:
            self.warn(
                "channel.address_stays",
                "the file with the address of this run could not be deleted",
                error=str(error),
            )
        try:
            # Closing a socket does not end a thread that waits in it.
            _connected(listener.address).close()
        except OSError as error:
            self.warn("channel.not_closed", "the local channel could not be closed", error=str(error))
        self.ended()
        # The event that ends a run is in the journal, and the process about to go: who posted it is still to hear that.
        with self._changed:
            self._changed.wait_for(lambda: not self._answering, ENDS_WITHIN_S)
        listener.close()

    def drained(self, within_s: float) -> bool:
        """Wait until all was read that scripts have sent, and they have gone; at most so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._connections <= self._asking, within_s)

    def _write_down(self, address: str) -> None:
        content = {"address": address, "token": self._token, "pid": os.getpid()}
        new = self.folder / f"{NAME}.{os.getpid()}"
        with open(system.open_private(str(new), os.O_TRUNC), "wb") as stream:
            stream.write(json.dumps(content).encode())
        # That of a robot that was killed is still there.
        PATIENCE.until_free(self.folder / NAME, lambda: new.replace(self.folder / NAME))

    # ---- in threads of its own

    def _accept(self) -> None:
        while (listener := self._listener) is not None:
            connection = listener.accept()
            if self._closed:
                return connection.close()
            try:
                threads.start("channel answer", lambda end=connection: self._serve(end), self._serving_failed)  # type: ignore[misc]
            except OSError:
                connection.close()  # whoever asks learns that nobody answers
        return None

    def _failed(self, error: BaseException) -> bool:
        if self._closed:
            return False
        self.warn("channel.connection_failed", "a connection on the local channel failed", error=repr(error))
        return True

    def _serve(self, connection: Connection) -> None:
        try:
            self._count(connections=+1)
            if self._connections > MOST_CONNECTIONS:
                refusal = f"{MOST_CONNECTIONS} connections are open already; nothing was done"
                connection.send(json.dumps({"error": refusal, "kind": "unavailable", "closed": True}).encode())
                return
            within_s = ASKED_WITHIN_S
            while self._serve_one(connection, within_s):
                within_s = LOOK_AGAIN_S
        finally:
            self._count(connections=-1)
            connection.close()

    def _serve_one(self, connection: Connection, within_s: float) -> bool:
        """Answer one request, and return whether more may come on this connection."""
        data = connection.receive(within_s, LARGEST_BYTES)
        if data is None:
            return within_s == LOOK_AGAIN_S  # a script that is busy keeps its connection
        request = _object(data)
        self._count(answering=+1)
        try:
            if request.get("ask") == "job" and self.job is not None:
                answer = self.job(request)
                if answer is not None:
                    connection.send(json.dumps(answer).encode())
                return answer is None or "closed" not in answer
            self._count(asking=+1)
            try:
                connection.send(json.dumps(self._answered(request)).encode())
            finally:
                self._count(asking=-1)
            return False
        finally:
            self._count(answering=-1)

    def _count(self, *, connections: int = 0, answering: int = 0, asking: int = 0) -> None:
        with self._changed:
            self._connections += connections
            self._answering += answering
            self._asking += asking
            self._changed.notify_all()

    def _serving_failed(self, error: BaseException) -> bool:
        if not isinstance(error, OSError):  # else who asked has gone
            self.warn("channel.request_failed", "a request on the local channel failed", error=repr(error))
        return False

    def _answered(self, request: Mapping[str, object]) -> Mapping[str, object]:
        token = request.get("token")
        if not (
            isinstance(token, str) and hmac.compare_digest(token.encode(errors="surrogatepass"), self._token.encode())
        ):
            return {"error": "the token is not the one of this run"}
        try:
            return self.answer({key: value for key, value in request.items() if key != "token"})
        except ChannelError as error:
            return {"error": str(error), "exit_code": error.exit_code}


def ask(folder: Path, request: Mapping[str, object], within_s: float = ANSWERED_WITHIN_S) -> Mapping[str, object]:
    """Ask the robot whose storage folder this is, and return its answer.

    Raises:
        NoRobotError: None runs there, or it does not listen.
        ChannelError: It refuses what was asked, or has not answered within so many seconds.
    """
    try:
        content = _object(PATIENCE.content(folder / NAME))
        address, token = str(content["address"]), str(content["token"])
    except (FileNotFoundError, NotADirectoryError, KeyError):
        raise NoRobotError(folder) from None
    except OSError as error:
        raise ChannelError(f"{folder / NAME}: cannot be read: {error.strerror or error}") from error
    if sockets.is_loopback(address) and not _lives(folder):
        raise NoRobotError(folder)  # its port may be that of any program by now
    try:
        connection = _connected(address)
    except (OSError, ValueError):
        raise NoRobotError(folder) from None  # one that has died has left its address
    try:
        connection.send(json.dumps({**request, "token": token}).encode())
        received = connection.receive(within_s, LARGEST_BYTES)
    except OSError:
        raise NoRobotError(folder) from None  # it ends at this moment
    finally:
        connection.close()
    if received is None:
        raise ChannelError(f"the robot of {folder} has not answered within {within_s:g} s; it may still do it later")
    answer = _object(received)
    if "error" in answer:
        code = answer.get("exit_code")
        raise ChannelError(str(answer["error"]), code if isinstance(code, int) else 1)
    return answer


def _connected(address: str) -> Connection:
    return sockets.connect(address) if sockets.is_loopback(address) else local.connect(address)


def _lives(folder: Path) -> bool:
    from fsm_robot.engine.instance import holder

    return holder(folder) is not None


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
