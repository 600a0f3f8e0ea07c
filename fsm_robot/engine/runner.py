"""The loop: the machine decides, the journal remembers, the callback acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import CameFrom, RobotMachine, Step
from fsm_robot.engine.machine.definition import CallbackSpec
from fsm_robot.engine.machine.error_names import event_for_error
from fsm_robot.engine.machine.events import LEAVING, Event, as_spelled
from fsm_robot.engine.ports import Channel, Inbox, Journal, Owner, Posted
from fsm_robot.engine.redact import cut
from fsm_robot.engine.timeouts import Timeouts
from fsm_robot.errors import CallbackError, JournalError, RobotError

CRASHED = 1
"""What a run ends with that its machine did not end."""
LEFT = 6
"""What a run ends with that was told to leave, where its machine has no word for that."""
LONGEST_MESSAGE = 500
"""Characters that an event keeps of the message of an error."""


Called = TypeVar("Called")
"""Whatever has the methods that the machine file names."""


@attrs.define(eq=False, repr=False)
class Runner(Generic[Called]):
    """One run of the robot, from its start to a final state, in the thread that calls `run`.

    Attributes:
        callbacks: Whatever has the methods that the machine file names.
        timeouts: What counts the time of states.
        owner: What is told of the run besides; the callbacks themselves, where nothing else is said.
        channel: Where others ask and tell, opened when the machine first waits.
    """

    machine: RobotMachine
    journal: Journal
    callbacks: Called
    inbox: Inbox
    log: Log
    timeouts: Timeouts
    owner: Owner = attrs.field(default=attrs.Factory(lambda self: self.callbacks, takes_self=True))
    channel: Channel | None = None

    def run(self) -> int:
        """Drive the machine until it has finished; return the exit code of the process.

        Raises:
            CallbackError: A callback failed, or answered what it must not.
            UnexpectedEventError: The inbox gave an event that the state does not deal with.
        """
        try:
            step = self.machine.start()
            answer = self._do(step)
            while not self.machine.finished:
                if self._is_told_to_leave():
                    return self._leave()
                # A callback's own answer comes first: what waits in the inbox is younger.
                event = answer or self._take()
                if event.name in LEAVING and not self._knows(event.name):
                    return self._leave()
                step = self._decide(event, "callback" if answer else "post" if isinstance(event, Posted) else "inbox")
                answer = self._do(step)
        except Exception as error:
            self._crashed(error)
            raise
        except BaseException:
            self.timeouts.end()
            self.owner.close()
            raise
        finally:
            if self.channel is not None:
                self.channel.close()
        return self._end(step)

    def _knows(self, event: str) -> bool:
        return event in self.machine.definition.inbox

    def _is_told_to_leave(self) -> bool:
        """Return whether to leave between two callbacks: a machine without a word for it may never wait."""
        return not self._knows(LEAVING[0]) and self.inbox.leaving()

    def _leave(self) -> int:
        """End the run where it stands: it was told to leave, and its machine file says nothing of that."""
        self.log.info("run.told_to_leave", "the run ends, it was asked to stop", state=self.machine.state)
        self.timeouts.end()
        self.owner.close()
        try:
            self.journal.end(LEFT)
        except JournalError as error:
            self.owner.storage_broke(error)
        return LEFT

    def _take(self) -> Event:
        """Return the next event of the inbox; a time that ran out in a state that was left since has not come."""
        if self.channel is not None:
            self.channel.open()
        while self.timeouts.is_over(event := self.inbox.take()):
            self.log.debug(
                "timeout.late", "a timeout came after its state had been left, it is ignored", event=event.name
            )
        return event

    def _decide(self, event: Event, came_from: CameFrom) -> Step:
        step = self.machine.late(event) if self.owner.is_late(event) else self.machine.handle(event)
        return step.that_came_from(came_from)

    def _do(self, step: Step) -> Event | None:
        """Write the step down, then act on it."""
        try:
            self.journal.append(step)
        except JournalError as error:
            self._not_written(step, error)
        else:
            if isinstance(step.event, Posted):
                step.event.written(step, "")
        self.log.debug(
            "machine.step",
            "the machine took a step",
            kind=step.kind,
            event=step.event.name,
            source=step.source,
            dest=step.dest,
            callback=step.callback,
        )
        self.owner.note(step)
        # What is ignored, late or internal enters no state, and must not begin its time anew.
        if step.kind in ("started", "taken"):
            self.timeouts.enter(self.machine.entered)
        return self._call(step) if step.callback else None

    def _not_written(self, step: Step, error: JournalError) -> None:
        """Let the owner decide whether the run goes on, and tell who has posted the event what becomes of it."""
        fate = "the run ends, nothing was kept"
        try:
            self.owner.storage_broke(error)
            fate = f"{step.event.name}: {step.source} -> {step.dest} was done, and may be missing in the journal"
        finally:
            if isinstance(step.event, Posted):
                step.event.written(step, f"{error}; {fate}")

    def _call(self, step: Step) -> Event | None:
        callback: Callable[[Step], object] = getattr(self.callbacks, step.callback)
        spec = self.machine.definition.callback(step.callback)
        try:
            answer = callback(step)
        except SystemExit as error:
            # It would end the robot in the middle of a job, with a code that means something else.
            problem = f"it leaves the program with SystemExit({error.code!r}); a callback answers with an event"
            raise CallbackError(step.callback, step.dest, self.log.redact(problem)) from error
        except Exception as error:  # any code may stand in a callback
            event = self._declared(spec, step, error)
            if event is None:
                raise CallbackError(step.callback, step.dest, self.log.redact(_told(error))) from error
            return event
        # What is called in a final state has nobody to answer to.
        if answer is None and (spec.waits or self.machine.finished):
            return None
        if isinstance(answer, Event) and (
            answer.name in spec.answers or as_spelled(answer.name, spec.answers) in spec.answers
        ):
            # An answer speaks of now. With the number of another job it would be late, and the machine wait for ever.
            return attrs.evolve(answer, job_run=None) if answer.job_run is not None else answer
        problem = f"it answers {self.log.redact(_answered(answer))}; {_allowed(spec.answers, waits=spec.waits)}"
        raise CallbackError(step.callback, step.dest, problem)

    def _declared(self, spec: CallbackSpec, step: Step, error: Exception) -> Event | None:
        """Return the event that the machine file gives for an error of a callback, or None.

        Raises:
            CallbackError: A name in the machine file leads to no class of errors any more.
        """
        told = self.log.redact(_told(error))
        try:
            name = "" if self.machine.finished else event_for_error(spec.errors, error)
        except LookupError as unknown:
            raise CallbackError(step.callback, step.dest, f"{told}; its `errors` cannot be used: {unknown}") from error
        if not name:
            return None
        self.log.warning(
            "callback.declared_error", "a callback raised a declared error", callback=spec.name, event=name, error=told
        )
        return Event(name, {"error": type(error).__name__, "text": cut(_text(error), LONGEST_MESSAGE, self.log.redact)})

    def _crashed(self, error: Exception) -> None:
        """End what runs, then tell of the crash wherever somebody may look: in robot.log and in the journal."""
        self.timeouts.end()
        try:
            self.owner.close()
        finally:
            self._write_down(error)

    def _write_down(self, error: Exception) -> None:
        crash = {"state": self.machine.state, "error": self.log.redact(_told(error))}
        if isinstance(error, CallbackError):
            crash |= {"callback": error.callback, "error": error.problem}
        # Of a callback's error its own traceback, and not that of the loop which has wrapped it.
        self.log.crash(error.__cause__ or error, "run.crashed", "the run crashed", **crash)
        try:
            self.journal.end(CRASHED, crash)
        except JournalError as broken:
            self.owner.storage_broke(broken)

    def _end(self, step: Step) -> int:
        exit_code = step.exit_code or 0
        try:
            self.journal.end(exit_code)
        except JournalError as error:
            self.owner.storage_broke(error)
        return exit_code


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # any code may stand in an error, too
        return f"its text cannot be read: {type(broken).__name__}"


def _told(error: BaseException) -> str:
    text = _text(error)
    if isinstance(error, RobotError):
        return text  # a whole sentence already
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _answered(answer: object) -> str:
    if isinstance(answer, Event):
        return f"with the event {answer.name!r}"
    if answer is None:
        return "nothing"
    if hasattr(answer, "__await__"):
        close = getattr(answer, "close", None)
        if close is not None:
            close()  # else Python complains that nobody awaited it, on a console that shows one sentence
        return "with a coroutine, and callbacks are plain functions: `def`, not `async def`"
    shown = repr(answer)
    return f"with {type(answer).__name__} {shown if len(shown) <= 80 else shown[:80] + '…'}"


def _allowed(answers: tuple[str, ...], *, waits: bool) -> str:
    events = f"an event of its `answers` ({', '.join(answers)})" if answers else ""
    nothing = "nothing" if waits else ""
    return f"the machine file lets it answer {' or '.join(filter(None, (events, nothing))) or 'no event'}"
