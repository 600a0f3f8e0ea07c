"""Lines that the operator sees in the orchestrator: `log.info("booked %s", number, customer=17)`.

Nothing here raises but what is called wrongly, nothing waits for the network, and without a robot nothing is kept.
"""

from __future__ import annotations

from fsm_robot.sdk._records import fields_here, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from fsm_robot.sdk._handler import Handler as Handler  # noqa: PLC0414 - given away


def debug(message: object, *args: object, **fields: object) -> None:
    """Log a line that only who searches for a fault reads."""
    write("DEBUG", message, args, fields)


def info(message: object, *args: object, **fields: object) -> None:
    """Log a line; `args` go into it as in `logging`, `fields` beside it."""
    write("INFO", message, args, fields)


def warning(message: object, *args: object, **fields: object) -> None:
    """Log what somebody should know."""
    write("WARNING", message, args, fields)


def error(message: object, *args: object, **fields: object) -> None:
    """Log what went wrong."""
    write("ERROR", message, args, fields)


def critical(message: object, *args: object, **fields: object) -> None:
    """Log what somebody must look after."""
    write("CRITICAL", message, args, fields)


def exception(message: object, *args: object, **fields: object) -> None:
    """Log what went wrong, with the traceback of the exception that is being handled."""
    import sys

    write("ERROR", message, args, fields, sys.exc_info()[1])


class fields:  # noqa: N801 - used as a function: `with log.fields(invoice=17):`
    """Put fields beside every line that is logged in the block, in this thread or asyncio task."""

    def __init__(self, **named: object) -> None:
        self._named = named
        self._before: Token[dict[str, object]] | None = None

    def __enter__(self) -> None:
        variable = fields_here()
        self._before = variable.set({**variable.get(), **self._named})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            fields_here().reset(self._before)


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


def __getattr__(name: str) -> object:
    if name == "Handler":  # `logging` costs a script that does not use it 19 ms
        from fsm_robot.sdk._handler import Handler

        return Handler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
