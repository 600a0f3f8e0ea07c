"""What goes wrong, in one family, and what a script raises to say how its task ends."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` and `datetime` cost milliseconds, and most scripts ask for neither
    from datetime import datetime

WAYS = (
    "Start the script with a robot, with `fsm-robot try SCRIPT --data FOLDER`, or set the environment variable "
    "FSM_ROBOT_DATA to a folder with queues/NAME.json and assets.json"
)


class SdkError(Exception):
    """Something that was asked of the robot was not done; the text says what to do."""


class NotFoundError(SdkError):
    """There is no queue, task, asset, file, process or job of that name."""


class RefusedError(SdkError):
    """The orchestrator or the robot does not allow it, or the data are not what they should be."""


class ConflictError(SdkError):
    """It contradicts what is already so: a task that has its end, a name that is taken."""


class UnavailableError(SdkError):
    """The orchestrator or the robot cannot be reached; nothing was done."""


class MaybeDoneError(SdkError):
    """The answer was lost: it may have been done, so it is not repeated. Look before you ask again."""


class NotSupportedError(SdkError):
    """This robot, or this orchestrator, cannot do it."""


class NoRobotError(SdkError):
    """There is neither a robot nor a folder with data to try a script with."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or f"this script has no robot to ask. {WAYS}")


KINDS = {
    "not_found": NotFoundError,
    "refused": RefusedError,
    "conflict": ConflictError,
    "unavailable": UnavailableError,
    "maybe_done": MaybeDoneError,
    "not_supported": NotSupportedError,
    "no_robot": NoRobotError,
}
"""What an error is called between a script and its robot."""


def kind_of(error: SdkError) -> str:
    """Return the word for an error between a script and its robot."""
    return next((word for word, kind in KINDS.items() if isinstance(error, kind)), "refused")


# ---- raised by a script, from any depth, inside `with task:`


class BusinessError(Exception):
    """The task cannot be done for a reason that lies in it: Failed (Business), and the next task is taken."""

    def __init__(self, text: str = "", code: str = "") -> None:
        super().__init__(text)
        self.code = code


class ApplicationError(Exception):
    """The task could not be done for a reason outside it: Failed (Application), as for any other exception."""

    def __init__(self, text: str = "", code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Postpone(Exception):  # noqa: N818 - it is no error
    """Put the task off: `Postpone(hours=4, comment="…")`, or until a moment; the next task is taken."""

    def __init__(
        self,
        until: datetime | None = None,
        *,
        comment: str = "",
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        super().__init__(comment)
        self.comment = comment
        self.until = until
        self.after_s: float = 86400 * days + 3600 * hours + 60 * minutes + seconds
        if (until is None) == (not self.after_s):
            raise ValueError("Postpone needs a moment, or a time such as hours=4")


class GiveBack(Exception):  # noqa: N818 - it is no error
    """Give the task back as it was, New: somebody else takes it, or this robot later."""

    def __init__(self, comment: str = "") -> None:
        super().__init__(comment)
        self.comment = comment
