"""Asks the robot that started this script, over its local channel; see docs/sdk.md, "On the wire"."""

from __future__ import annotations

import sys
import time

from fsm_robot.sdk import _undelivered
from fsm_robot.sdk._errors import KINDS, MaybeDoneError, RefusedError, SdkError, UnavailableError

if sys.platform == "win32":
    from fsm_robot.sdk import _local_windows as local
else:
    from fsm_robot.sdk import _local_posix as local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    class Connection(Protocol):
        """A connection to the robot, as the system gives it."""

        def send(self, message: bytes, within_s: float | None) -> None: ...
        def receive(self, largest_bytes: int, within_s: float | None) -> bytes: ...
        def close(self) -> None: ...


PROTOCOL = 1
LARGEST_BYTES = 1 << 20
TOLD_WITHIN_S = 5.0
"""How long a line for the log may hold up a script whose robot does not read."""
SHORTEST_S = 0.05
SILENT_CALLS = 200
"""How many lines are given up unsent after one that could not be sent in time."""


class _Way:
    """A connection, with how much was told on it since the robot last answered there, by kind."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.told: dict[str, int] = {}

    def give_up(self, why: object) -> None:
        """Count what may not have been read, and use it no more."""
        for op, count in self.told.items():
            _undelivered.note(op, why, count)
        self.connection.close()


class JobApi:
    """One script's connections to its robot.

    A connection carries one request at a time. They are kept in a list, whose `pop` and `append` no thread and no
    signal handler can come into: so a handler that logs in the middle of a call gets a connection of its own.

    What is told is in the system's memory when `tell` returns, and nobody knows whether it is read. The robot answers
    in the order of what it reads: so any answer on a connection says that all that was told on it before has arrived,
    and at the end of the script each is asked for one.
    """

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._idle: list[_Way] = []
        self._giving_up = 0
        self._lost = 0
        self._why: object = ""
        self._is_over = False
        self._is_watched = False

    def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        """See `Transport.call`."""
        request = self._request(op, fields)
        try:
            way = self._way()
        except OSError as error:
            raise UnavailableError(f"the robot of this script cannot be reached ({error}); has it ended?") from error
        document = self._answered(way, request, op, None)
        if "result" in document:
            result: Mapping[str, Any] = document["result"]
            return result
        kind = KINDS.get(str(document.get("kind")), RefusedError)
        raise kind(str(document.get("error", "the robot refused this and gave no reason")))

    def tell(self, op: str, fields: Mapping[str, object]) -> None:
        """See `Transport.tell`."""
        if not self._is_watched:
            self._is_watched = True
            _undelivered.watch(self.finish)
        if self._giving_up:
            self._giving_up -= 1
            return self._lose(op, self._why)
        lost = self._lost if op == "log" else 0  # nothing else has a place for it
        try:
            request = self._request(op, {**fields, "lost": lost} if lost else fields, one_way=True)
        except (SdkError, TypeError, ValueError) as error:
            return self._lose(op, error)  # this one cannot be said; the next one may
        try:
            way = self._way()
        except OSError as error:
            return self._pause(op, f"the robot cannot be reached ({error})")
        try:
            way.connection.send(request, TOLD_WITHIN_S)
        except OSError as error:
            way.give_up(error)
            return self._pause(op, error)
        except BaseException:
            # A signal's handler has raised in the middle: half a message may be on its way, and nothing may follow it.
            way.give_up("it was interrupted")
            self._lose(op, "it was interrupted")
            raise
        self._lost -= lost
        way.told[op] = way.told.get(op, 0) + 1
        self._idle.append(way)
        if self._is_over:
            self.finish(_undelivered.FINISHED_WITHIN_S)
        return None

    def finish(self, within_s: float) -> None:
        """Wait until the robot has read what it was told, or count that as missing; for so many seconds at most."""
        self._is_over = True
        deadline_s = time.monotonic() + within_s
        ways, self._idle = self._idle, []
        for way in ways:
            if way.told:
                self._confirmed(way, deadline_s)
        if self._lost:  # the robot counts them, too
            try:
                self._confirmed(self._way(), deadline_s)
            except OSError:
                return  # said on stderr, as everything is that has not arrived

    # ---- pieces

    def _answered(self, way: _Way, request: bytes, op: str, within_s: float | None) -> Mapping[str, Any]:
        """Ask on a connection and return the answer. Raises `UnavailableError`, `MaybeDoneError`."""
        import json

        try:
            way.connection.send(request, within_s)
        except OSError as error:
            way.give_up(error)
            raise UnavailableError(f"the robot of this script cannot be reached ({error}); has it ended?") from error
        try:
            answer = way.connection.receive(LARGEST_BYTES, within_s)
        except OSError as error:
            way.give_up(error)
            # Not asked again: it may have been done.
            raise MaybeDoneError(f"the robot ended before it said what happened to {op} ({error})") from error
        document: Mapping[str, Any] = json.loads(answer)
        if "closed" in document:
            way.give_up(document.get("error"))
        else:
            way.told.clear()
            self._giving_up = 0  # it reads
            self._idle.append(way)
        return document

    def _confirmed(self, way: _Way, deadline_s: float) -> None:
        """Have an answer, whatever it is: an older robot does not know this question."""
        lost, self._lost = self._lost, 0
        try:
            request = self._request("told", {"lost": lost})
            document = self._answered(way, request, "told", max(SHORTEST_S, deadline_s - time.monotonic()))
        except MaybeDoneError:
            return  # told once: the robot would count them twice
        except SdkError:
            document = {"closed": True}
        self._lost += lost if "closed" in document else 0

    def _lose(self, op: str, why: object) -> None:
        self._lost += op == "log"
        _undelivered.note(op, why)

    def _pause(self, op: str, why: object) -> None:
        self._giving_up, self._why = SILENT_CALLS, why
        self._lose(op, why)

    def _request(self, op: str, fields: Mapping[str, object], *, one_way: bool = False) -> bytes:
        import json

        request = {"ask": "job", "token": self._token, "protocol": PROTOCOL, "op": op, "with": fields}
        if one_way:
            request["one_way"] = True
        message = json.dumps(request, allow_nan=False).encode("ascii")
        if len(message) >= LARGEST_BYTES:
            raise RefusedError(f"{op}: {len(message)} bytes are too many; one call may have at most {LARGEST_BYTES}")
        return message

    def _way(self) -> _Way:
        try:
            return self._idle.pop()
        except IndexError:
            return _Way(_connected(self._address))  # all are in use, or there was none yet


def _connected(address: str) -> Connection:
    from fsm_robot.sdk import _sockets

    return _sockets.connect(address) if address.startswith(_sockets.LOOPBACK) else local.connect(address)
