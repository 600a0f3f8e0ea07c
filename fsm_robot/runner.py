"""The loop: the machine decides, the journal remembers, the callback acts."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from fsm_robot.callbacks import Callbacks
from fsm_robot.errors import JournalError
from fsm_robot.logs import Log
from fsm_robot.machine.core import CameFrom, RobotMachine, Step
from fsm_robot.machine.events import Event
from fsm_robot.ports import Inbox, Journal


@attrs.define(eq=False, repr=False)
class Runner:
    """One run of the robot, from its start to a final state, in the thread that calls `run`."""

    machine: RobotMachine
    journal: Journal
    callbacks: Callbacks
    inbox: Inbox
    log: Log

    def run(self) -> int:
        """Drive the machine until it has finished; return the exit code of the process."""
        try:
            step = self.machine.start()
            answer = self._do(step)
            while not self.machine.finished:
                # A callback's own answer comes first: what waits in the inbox is younger.
                step = self._decide(answer, "callback") if answer else self._decide(self.inbox.take(), "inbox")
                answer = self._do(step)
        except BaseException:
            self.callbacks.close()
            raise
        return self._end(step)

    def _decide(self, event: Event, came_from: CameFrom) -> Step:
        late = event.job_run is not None and event.job_run != self.callbacks.job_run
        step = self.machine.late(event) if late else self.machine.handle(event)
        return step.that_came_from(came_from)

    def _do(self, step: Step) -> Event | None:
        """Write the step down, then act on it."""
        try:
            self.journal.append(step)
        except JournalError as error:
            self.callbacks.storage_broke(error)
        self.log.debug(step.kind, event=step.event.name, source=step.source, dest=step.dest, callback=step.callback)
        self.callbacks.note(step)
        if not step.callback:
            return None
        callback: Callable[[Step], Event | None] = getattr(self.callbacks, step.callback)
        return callback(step)

    def _end(self, step: Step) -> int:
        exit_code = step.exit_code or 0
        try:
            self.journal.end(exit_code)
        except JournalError as error:
            self.callbacks.storage_broke(error)
        return exit_code
