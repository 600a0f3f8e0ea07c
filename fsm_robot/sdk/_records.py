"""What becomes of a line for the log: its text, its fields, its time."""

from __future__ import annotations

from fsm_robot.sdk import _transport
from fsm_robot.sdk._values import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import ContextVar

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LONGEST_MESSAGE = 32_000
"""In characters; the robot keeps the beginning and the end of what is longer than its own limit."""
_fields: ContextVar[dict[str, object]] | None = None


def write(
    level: str,
    message: object,
    args: tuple[object, ...] = (),
    fields: Mapping[str, object] | None = None,
    error: BaseException | None = None,
) -> None:
    """Tell a line; `args` go into the message as in `logging`, the traceback of `error` behind it.

    The fields are one value: a script may call one of them `error`.
    """
    text = _text(message, args)
    if error is not None:
        text = f"{text}\n{_traceback(error)}"
    beside = {**fields_here().get(), **(fields or {})}
    record: dict[str, object] = {"level": level, "message": _cut(text), "time": _now()}
    if beside:
        record["fields"] = {str(name): _plain(value) for name, value in beside.items()}
    _transport.tell("log", **record)


def _text(message: object, args: tuple[object, ...]) -> str:
    text = str(message)
    if not args:
        return text
    try:
        return text % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
    except (TypeError, ValueError, KeyError):
        return f"{text} {args!r}"  # a line that is written wrongly must not end the work that it tells about


def _cut(text: str) -> str:
    if len(text) <= LONGEST_MESSAGE:
        return text
    half = LONGEST_MESSAGE // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()


def _plain(value: object) -> object:
    try:
        return as_json(value, "a field")
    except (TypeError, ValueError):
        return str(value)


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def fields_here() -> ContextVar[dict[str, object]]:
    """Return what holds the fields of this thread or asyncio task."""
    global _fields  # noqa: PLW0603 - made with the first line
    if _fields is None:
        from contextvars import ContextVar

        _fields = ContextVar("fsm_robot.sdk.log.fields", default={})  # noqa: B039 - never changed, only replaced
    return _fields
