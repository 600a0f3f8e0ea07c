"""Leaving the account when nothing is left to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import attrs

from fsm_robot.logs import Log

if sys.platform == "win32":
    from fsm_robot import _windows as system
else:
    from fsm_robot import _posix as system

LONGEST_S = 30.0


@attrs.define
class Session:
    """The account's own session.

    Attributes:
        log_off: Whether the account is logged off; else the process only ends.
        command: What logs it off; empty for the platform's own way.
        tree_is_empty: Asked right before: the account is never logged off over a running script.
    """

    log: Log
    log_off: bool
    command: Sequence[str]
    tree_is_empty: Callable[[], bool]

    def leave(self) -> None:
        """Log the account off if that is wanted and safe; say in the log what was decided and why."""
        if not self.log_off:
            self.log.debug("the account stays logged on", because="session.when_idle is exit")
            return
        if not self.tree_is_empty():
            self.log.error("the account stays logged on, because processes of a job still run")
            return
        command = list(self.command) or system.log_off_command()
        if not command:
            self.log.warning("the account stays logged on: there is no session of its own; set session.log_off_command")
            return
        self.log.info("nothing is left to do, the account is logged off", command=" ".join(command))
        self._run(command)

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.log.error("the log-off failed", error=str(error))
            return
        if done.returncode:
            text = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
            self.log.error("the log-off failed", exit_code=done.returncode, text=text)
