"""Whom a script asks: the robot that started it, a folder of JSON files, or nobody."""

from __future__ import annotations

import os
from _thread import RLock  # `threading` is not loaded for it

from fsm_robot.sdk import _undelivered
from fsm_robot.sdk._errors import NoRobotError, NotSupportedError, SdkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    class Transport(Protocol):
        """Carries what a script asks to who does it."""

        def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
            """Do `op`, one of `_ops.py`, and return what came of it. Raises `SdkError`."""

        def tell(self, op: str, fields: Mapping[str, object]) -> None:
            """Do `op` some time, without an answer; nothing is raised. What does not arrive is noted as undelivered."""


DATA_VARIABLE = "FSM_ROBOT_DATA"
JOB_VARIABLE = "FSM_ROBOT_JOB"
_made: Transport | None = None
_given: Transport | None = None
_finding = RLock()


def use(transport: Transport | None) -> None:
    """Let this process ask `transport` from now on; None: whom the environment names. For tests."""
    global _given, _made  # noqa: PLW0603 - one process has one robot
    _given, _made = transport, None


def call(op: str, **fields: object) -> Mapping[str, Any]:
    """Ask for something, and return what came of it. Raises `SdkError`."""
    return _transport().call(op, fields)


def tell(op: str, **fields: object) -> None:
    """Ask for something that a script does not wait for; without a robot it does nothing.

    A robot or a folder that is named and cannot be asked is no "without".
    """
    try:
        transport = _transport()
    except SdkError as error:
        if os.environ.get(JOB_VARIABLE) or os.environ.get(DATA_VARIABLE) is not None:
            _undelivered.note(op, error)
        return
    transport.tell(op, fields)


def is_there() -> bool:
    """Return whether there is somebody to ask."""
    try:
        _transport()
    except SdkError:
        return False
    return True


def document() -> Mapping[str, object]:
    """Return what the robot has written down for this script; empty without a robot. Raises `SdkError`."""
    from fsm_robot import job

    try:
        return job.document()
    except (OSError, ValueError) as error:
        named = os.environ.get(JOB_VARIABLE)
        raise NoRobotError(f"{JOB_VARIABLE} names {named}, which cannot be read as JSON: {error}") from error


def _transport() -> Transport:
    global _made  # noqa: PLW0603 - found once, with the first call
    if _given is not None:
        return _given
    if _made is None:
        with _finding:
            if _made is None:
                _made = _found()
    return _made


def _found() -> Transport:
    api = document().get("api") if os.environ.get(JOB_VARIABLE) else None
    if isinstance(api, dict) and api.get("data"):
        from fsm_robot.sdk._folder import Folder

        return Folder.joined(str(api["data"]))
    if isinstance(api, dict):
        from fsm_robot.sdk._jobapi import JobApi

        return JobApi(str(api.get("address")), str(api.get("token")))
    data = os.environ.get(DATA_VARIABLE)
    if data is not None:
        from fsm_robot.sdk._folder import Folder

        return Folder.of_process(data)
    if os.environ.get(JOB_VARIABLE) and document().get("stop_flag"):
        raise NotSupportedError("this robot does not let scripts use queues; see `[sdk] enabled` in its robot.toml")
    raise NoRobotError


def _forget() -> None:
    global _made  # noqa: PLW0603 - a forked child shares no connection with its parent
    _made = None


def _forked() -> None:
    _forget()
    _finding.release()


if hasattr(os, "register_at_fork"):
    # A thread that imports what it has found holds the import's own lock: a child that was forked meanwhile would wait
    # for a thread that it does not have. So a fork waits for it.
    os.register_at_fork(before=_finding.acquire, after_in_parent=_finding.release, after_in_child=_forked)
