"""Every exception of fsm_robot, each with the exit code that it ends the process with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

FailureKind = Literal["no_connection", "no_answer", "server_error", "throttled", "garbled", "refused", "rejected"]
"""How a call to the orchestrator failed.

- `no_connection`: no connection could be made, so the request certainly did not arrive;
- `no_answer`: the request may have arrived, the answer did not (timeout, reset, cut short on the wire);
- `server_error`: HTTP 5xx;
- `throttled`: HTTP 408, 425, 429, or 503 with `Retry-After`: the server says that it did not act;
- `garbled`: HTTP 200 whose body is not the documented JSON object;
- `refused`: HTTP 401 or 403: the credential is not accepted;
- `rejected`: any other 4xx, and redirects that are not followed.
"""


class LeavingError(Exception):
    """The robot was told to leave while it waited: for an answer, or for the next try."""


class PausedError(Exception):
    """An operator has paused the robot: it asks for no job. The text says since when and until when."""


class RobotError(Exception):
    """Base of all errors that fsm_robot raises on purpose."""

    exit_code: ClassVar[int] = 1


class DefinitionError(RobotError):
    """A machine file is wrong; holds every problem that was found, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingsError(RobotError):
    """robot.toml, an environment variable or a command-line argument is wrong."""

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ScheduleError(RobotError):
    """The system's scheduler did not do what it was asked for."""


class UnexpectedEventError(RobotError):
    """An event came that the machine file neither handles nor ignores in this state."""

    def __init__(self, event: str, state: str, allowed: Sequence[str]) -> None:
        self.event, self.state, self.allowed = event, state, tuple(allowed)
        super().__init__(
            f"event {event!r} came in state {state}, which handles {', '.join(self.allowed) or 'no event at all'}"
        )


class RunError(RobotError):
    """A run failed outside its callbacks, in a way that nobody foresaw; robot.log has the traceback."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the run failed: {problem}; robot.log has the traceback, please report it")


class CallbackError(RobotError):
    """A callback raised what it should not, or answered what the machine file does not let it answer."""

    def __init__(self, callback: str, state: str, problem: str) -> None:
        self.callback, self.state, self.problem = callback, state, problem
        super().__init__(f"callback {callback} in state {state}: {problem}")


class ChannelError(RobotError):
    """A running robot refuses what it was asked or told, or does not answer."""

    def __init__(self, problem: str, exit_code: int = 1) -> None:
        self.exit_code = exit_code  # type: ignore[misc]
        super().__init__(problem)


class NoRobotError(ChannelError):
    """No robot runs in a storage folder, or none that listens."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"no robot runs in {folder}, nothing was kept")


class StateTimeError(RobotError):
    """The time that a state may last cannot be counted."""


class WorkerError(RobotError):
    """A script could not be run."""


class ScriptRefusedError(WorkerError):
    """The name that the orchestrator sent does not lead to a script inside the scripts folder."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"script name {name!r} refused: {reason}")


class ScriptNotStartedError(WorkerError):
    """The script was found, and the operating system could not start it."""


class UnsupervisedError(WorkerError):
    """What looks after scripts did not answer when one was to be killed: nothing is started under it any more."""

    def __init__(self) -> None:
        super().__init__(
            "the thread that watches the last script does not answer, so no further job is taken; its job was reported,"
            " look for processes that it has left"
        )


class JournalError(RobotError):
    """The journal cannot be written or read."""


class InstanceRunningError(RobotError):
    """Another process already runs this robot on this storage folder."""

    exit_code = 5


class GatewayError(RobotError):
    """A call to the orchestrator failed; `kind` says how, `retry_after_s` is the server's own wish or None."""

    exit_code = 4

    def __init__(self, path: str, kind: FailureKind, detail: str, retry_after_s: float | None = None) -> None:
        self.path, self.kind, self.detail, self.retry_after_s = path, kind, detail, retry_after_s
        super().__init__(f"{path}: {detail}")


class GatewayUnreachableError(GatewayError):
    """No connection, no answer, or a server error (kinds no_connection, no_answer, server_error, throttled)."""


class GatewayGarbledError(GatewayError):
    """A 200 whose body is not what the protocol says (kind garbled)."""


class GatewayRejectedError(GatewayError):
    """The server understood and said no: `status` is the HTTP status (kinds refused, rejected)."""

    exit_code = 3

    def __init__(self, path: str, kind: FailureKind, detail: str, status: int) -> None:
        super().__init__(path, kind, detail)
        self.status = status


class BeatsEndedError(RobotError):
    """A Working heartbeat was about to go out after `Gateway.end_beats`: it was not sent."""
