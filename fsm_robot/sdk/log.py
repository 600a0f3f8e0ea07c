"""Lines that the operator sees in the orchestrator: `log.info("booked %s", number, customer=17)`.

Nothing here raises but what is called wrongly, nothing waits for the network, and without a robot nothing is kept.
"""

from __future__ import annotations

from fsm_robot.sdk import _transport
from fsm_robot.sdk._values import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar, Token
    from types import TracebackType
    from typing import Any

    from fsm_robot.sdk._handler import Handler as Handler  # noqa: PLC0414 - given away

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LONGEST_MESSAGE = 32_000
"""In characters; the robot keeps the beginning and the end of what is longer than its own limit."""
_fields: ContextVar[dict[str, Any]] | None = None


def debug(message: object, *args: object, **fields: Any) -> None:
    """Log a line that only who searches for a fault reads."""
    _write("DEBUG", message, args, **fields)


def info(message: object, *args: object, **fields: Any) -> None:
    """Log a line; `args` go into it as in `logging`, `fields` beside it."""
    _write("INFO", message, args, **fields)


def warning(message: object, *args: object, **fields: Any) -> None:
    """Log what somebody should know."""
    _write("WARNING", message, args, **fields)


def error(message: object, *args: object, **fields: Any) -> None:
    """Log what went wrong."""
    _write("ERROR", message, args, **fields)


def critical(message: object, *args: object, **fields: Any) -> None:
    """Log what somebody must look after."""
    _write("CRITICAL", message, args, **fields)


def exception(message: object, *args: object, **fields: Any) -> None:
    """Log what went wrong, with the traceback of the exception that is being handled."""
    import sys

    _write("ERROR", message, args, error=sys.exc_info()[1], **fields)


class fields:  # noqa: N801 - used as a function: `with log.fields(invoice=17):`
    """Put fields beside every line that is logged in the block, in this thread or asyncio task."""

    def __init__(self, **named: Any) -> None:
        self._named = named
        self._before: Token[dict[str, Any]] | None = None

    def __enter__(self) -> None:
        variable = _variable()
        self._before = variable.set({**variable.get(), **self._named})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            _variable().reset(self._before)


def install(level: str | int = "INFO") -> Handler:
    """Let everything that `logging` gets from a level on go to the orchestrator, too; return the handler."""
    import logging

    from fsm_robot.sdk._handler import Handler

    root = logging.getLogger()
    handler = next((each for each in root.handlers if isinstance(each, Handler)), None)
    if handler is None:
        handler = Handler()
        root.addHandler(handler)
    handler.setLevel(level)
    if root.getEffectiveLevel() > handler.level:
        root.setLevel(handler.level)
    return handler


def __getattr__(name: str) -> Any:
    if name == "Handler":  # `logging` costs a script that does not use it 19 ms
        from fsm_robot.sdk._handler import Handler

        return Handler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _write(
    level: str,
    message: object,
    args: tuple[object, ...] = (),
    error: BaseException | None = None,
    **named: Any,
) -> None:
    text = _text(message, args)
    if error is not None:
        text = f"{text}\n{_traceback(error)}"
    beside = {**_variable().get(), **named}
    record: dict[str, Any] = {"level": level, "message": _cut(text), "time": _now()}
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


def _plain(value: Any) -> Any:
    try:
        return as_json(value, "a field")
    except (TypeError, ValueError):
        return str(value)


def _now() -> str:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _variable() -> ContextVar[dict[str, Any]]:
    global _fields  # noqa: PLW0603 - made with the first line
    if _fields is None:
        from contextvars import ContextVar

        _fields = ContextVar("fsm_robot.sdk.log.fields", default={})  # noqa: B039 - never changed, only replaced
    return _fields
