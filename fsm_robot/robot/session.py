"""Leaving the account when nothing is left to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.redact import cut

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LONGEST_S = 30.0
LONGEST_PROBLEM = 300


@attrs.define(eq=False, repr=False)
class Session:
    """The account's own session.

    Attributes:
        when_idle: `log_off`, `disconnect`, or `exit`: then the process only ends.
        command: What logs it off; empty for the platform's own way.
        tree_is_empty: Asked right before: the account is never logged off over a running script.
        at_keyboard: Asked right before, too: says who uses the session, empty where nobody does or it does not matter.
    """

    log: Log
    when_idle: str
    command: Sequence[str]
    tree_is_empty: Callable[[], bool]
    at_keyboard: Callable[[], str] = str

    def leave(self) -> None:
        """Log the account off if that is wanted and safe; say in the log what was decided and why."""
        if self.when_idle == "exit":
            self.log.debug(
                "session.kept",
                "the account stays logged on",
                because="session.when_idle says so, or --no-log-off was given",
            )
            return
        if not self.tree_is_empty():
            self.log.error("session.busy", "the account stays logged on, processes of a job still run")
            return
        if person := self.at_keyboard():
            self.log.info("session.in_use", "a person uses the session, the account stays logged on", because=person)
            return
        self.log.info(
            "session.left",
            "no job is left, the session ends",
            how=self.when_idle,
            command=" ".join(self.command),
        )
        problem = run(self.command) if self.command else system.leave_session(self.when_idle)
        if problem:
            problem = cut(problem, LONGEST_PROBLEM, self.log.redact, end=True)
            self.log.error(
                "session.not_left", "the account stays logged on, the session could not be ended", problem=problem
            )


def run(command: Sequence[str]) -> str:
    """Run an operator's own command for leaving; return what went wrong."""
    try:
        done = subprocess.run(
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    text = (done.stderr or done.stdout).decode(errors="replace").strip()
    return f"exit code {done.returncode}: {text}" if done.returncode else ""
