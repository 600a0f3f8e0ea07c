"""A robot of one's own: a machine file, callbacks, a storage folder."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine import callbacks as callbacks_module
from fsm_robot.engine import machine_file
from fsm_robot.engine.channel import Channel
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.context import Context
from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.instance import only_instance
from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.journal.identity import header
from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.own_settings import times_in
from fsm_robot.engine.ports import Clock
from fsm_robot.engine.posting import Asked
from fsm_robot.engine.redact import Redactor
from fsm_robot.engine.runner import LEFT, Runner
from fsm_robot.engine.timeouts import Timeouts
from fsm_robot.engine.timers import ThreadTimers
from fsm_robot.errors import JournalError

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


@attrs.define(eq=False, repr=False)
class Robot:
    """A robot that is ready to run, in the thread that calls `run`.

    Attributes:
        definition: The machine.
        callbacks: The object whose methods the machine file names.
        context: What the callbacks may use.
        folder: Where journal, log, lock and channel are; absolute.
    """

    definition: Definition
    callbacks: Any
    context: Context
    folder: Path
    _log: Log
    _clock: Clock
    _inbox: QueueInbox
    _timers: ThreadTimers
    _times: Mapping[str, float]
    _loopback: bool = False

    @classmethod
    def from_file(
        cls,
        machine: str | os.PathLike[str],
        callbacks: object,
        *,
        storage: str | os.PathLike[str],
        settings: object = None,
        times: Mapping[str, float] | None = None,
        level: str = "info",
        console: bool = True,
    ) -> Robot:
        """Build a robot; nothing is written yet.

        Args:
            machine: The machine file, YAML or JSON.
            callbacks: An object with a method for each callback of the file; or a class, which is called without a
                value, or with the `Context` where it takes one.
            storage: Folder of journal, log and lock, made where it is not there.
            settings: What callbacks find as `context.settings`. The numbers of one that `Callbacks.Settings` has made
                are times for the machine file: `after: {my.look_every_s: rested}`.
            times: Further settings that an `after` of the machine file names -> seconds.
            level: Least level that is logged: debug, info, warning or error.
            console: Whether standard error shows the log too.

        Raises:
            DefinitionError: The machine file is wrong, or names a callback that is not there.
        """
        folder = Path(os.path.abspath(storage))
        names = callbacks_module.names_of(callbacks)
        declared = getattr(callbacks, "Settings", None)
        own = times_in(settings) if isinstance(declared, type) and type(settings) is declared else {}
        times = {**own, **(times or {})}
        definition = machine_file.load(Path(machine), names, (), times=tuple(times))
        log = Log(folder / "robot.log", level, str, console)
        return cls.of(definition, callbacks, log, folder=folder, settings=settings, times=times)

    @classmethod
    def of(
        cls,
        definition: Definition,
        callbacks: object,
        log: Log,
        *,
        folder: Path,
        settings: object = None,
        times: Mapping[str, float] | None = None,
        loopback: bool = False,
    ) -> Robot:
        """Build a robot of what is read already; see `from_file`, and `Channel.loopback`."""
        clock, inbox, timers = SystemClock(), QueueInbox(), ThreadTimers(log.write)
        context = Context(log, clock, folder, settings, inbox, timers)
        made = callbacks_module.made(callbacks, context)
        return cls(definition, made, context, folder, log, clock, inbox, timers, dict(times or {}), loopback)

    def run(self) -> int:
        """Drive the machine from `initial` to a final state; return its exit code, or 6 where it was told to leave.

        Raises:
            InstanceRunningError: A robot runs in this storage folder already.
            CallbackError: A callback raised what the machine file does not declare, or answered what it must not.
        """
        with only_instance(f"machine {self.folder}", self.folder, self._clock.utc_now()):
            try:
                # Python installs a signal's handler in the main thread only; elsewhere it raises.
                if threading.current_thread() is threading.main_thread():
                    system.listen(self._told_to_leave())
                return self._runner().run()
            finally:
                self._inbox.close()
                self._log.close()

    def post(self, event: str, data: Mapping[str, object] | None = None) -> None:
        """Bring an event of the inbox, from any thread of this process."""
        self.context.post(event, data)

    def tell_to_leave(self, reason: str = "asked") -> None:
        """Ask the robot to leave, as Ctrl-C does; from any thread."""
        self._inbox.tell_to_leave(reason)

    def _runner(self) -> Runner[object]:
        directory = self.folder / "journal"
        head = header(directory, self.definition, str(self.folder))
        journal = JournalFile(directory, head, self._clock, Redactor(), make_room=lambda: False)
        owner = _Owner(self.context)
        asked = Asked(self.definition, self._inbox, owner.now)
        channel = Channel(self.folder, asked, self._log.warning, asked.end, loopback=self._loopback)
        timeouts = Timeouts(self._timers, self._inbox, self._times)
        machine = RobotMachine(self.definition)
        return Runner(machine, journal, self.callbacks, self._inbox, self._log, timeouts, owner, channel)

    def _told_to_leave(self) -> Callable[[str], None]:
        told: list[str] = []

        def tell(reason: str) -> None:
            told.append(reason)
            self._inbox.tell_to_leave(reason)
            if len(told) > 1 and "interrupted_again" not in self.definition.inbox:
                # A callback that does not hear the first one would keep the robot for ever.
                self._log.warning(
                    "run.broken_off", "the run ends at once, it was asked to stop twice", state=self._state()
                )
                self._log.close()
                os._exit(LEFT)

        return tell

    def _state(self) -> str:
        return self.context.step.dest if self.context.step else self.definition.initial


@attrs.define(eq=False, repr=False)
class _Owner:
    """A robot without jobs: no event of it is ever late, and it does not go on without a journal."""

    context: Context
    since: str = ""

    def is_late(self, event: Event) -> bool:
        return False

    def note(self, taken: Step) -> None:
        self.context.step = taken
        if taken.kind in ("started", "taken"):
            self.since = self.context.clock.utc_now()

    def storage_broke(self, error: JournalError) -> None:
        raise error

    def close(self) -> None:
        return None

    def now(self) -> Mapping[str, object]:
        """Return what the robot does at this moment."""
        step = self.context.step
        return {"state": step.dest if step else "", "since": self.since}
