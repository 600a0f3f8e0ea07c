"""Asks the robot that started this script, over its local channel; see docs/sdk.md, "On the wire"."""

from __future__ import annotations

import sys

from fsm_robot.sdk._errors import KINDS, MaybeDoneError, RefusedError, UnavailableError

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
        def receive(self, largest_bytes: int) -> bytes: ...


PROTOCOL = 1
LARGEST_BYTES = 1 << 20
TOLD_WITHIN_S = 2.0
"""How long a line for the log may hold up a script whose robot does not read."""
SILENT_CALLS = 200
"""How many lines are given up unsent after one that could not be sent in time."""


class JobApi:
    """One script's connections to its robot.

    A connection carries one request at a time. They are kept in a list, whose `pop` and `append` no thread and no
    signal handler can come into: so a handler that logs in the middle of a call gets a connection of its own.
    """

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._idle: list[Connection] = []
        self._giving_up = 0
        self._lost = 0

    def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        """See `Transport.call`."""
        import json

        request = self._request(op, fields)
        try:
            connection = self._connection()
            connection.send(request, None)
        except OSError as error:
            raise UnavailableError(f"the robot of this script cannot be reached ({error}); has it ended?") from error
        try:
            answer = connection.receive(LARGEST_BYTES)
        except OSError as error:
            # Not asked again: it may have been done.
            raise MaybeDoneError(f"the robot ended before it said what happened to {op} ({error})") from error
        self._idle.append(connection)
        document = json.loads(answer)
        if "result" in document:
            result: Mapping[str, Any] = document["result"]
            return result
        kind = KINDS.get(str(document.get("kind")), RefusedError)
        raise kind(str(document.get("error", "the robot refuses this without a reason")))

    def tell(self, op: str, fields: Mapping[str, object]) -> None:
        """See `Transport.tell`."""
        if self._giving_up:
            self._giving_up -= 1
            self._lost += 1
            return
        try:
            request = self._request(op, {**fields, "lost": self._lost} if self._lost else fields, one_way=True)
            connection = self._connection()
            connection.send(request, TOLD_WITHIN_S)
        except (OSError, RefusedError):
            self._lost += 1
            self._giving_up = SILENT_CALLS
            return
        self._lost = 0
        self._idle.append(connection)

    def _request(self, op: str, fields: Mapping[str, object], *, one_way: bool = False) -> bytes:
        import json

        request = {"ask": "job", "token": self._token, "protocol": PROTOCOL, "op": op, "with": fields}
        if one_way:
            request["one_way"] = True
        message = json.dumps(request, allow_nan=False).encode("ascii")
        if len(message) >= LARGEST_BYTES:
            raise RefusedError(f"{op}: {len(message)} bytes are more than the {LARGEST_BYTES} that one call may have")
        return message

    def _connection(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _connected(self._address)  # all are in use, or there was none yet


def _connected(address: str) -> Connection:
    from fsm_robot.sdk import _sockets

    return _sockets.connect(address) if address.startswith(_sockets.LOOPBACK) else local.connect(address)
