"""What `logging` is given, so that its lines reach the orchestrator."""

from __future__ import annotations

import logging

from fsm_robot.sdk._records import LEVELS, write


class Handler(logging.Handler):
    """`fsm_robot.sdk.log.Handler`, for `dictConfig` and for `addHandler`; see `log.install`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line to the robot."""
        try:
            text = self.format(record)
        except Exception:  # as every handler of `logging`: it tells what is wrong with the line
            self.handleError(record)
            return
        write(level_name(record.levelno), text, fields={"logger": record.name})


def level_name(number: int) -> str:
    """Return the orchestrator's level for one of `logging`: others are rounded down."""
    return LEVELS[max(0, min(number // 10, len(LEVELS)) - 1)]
