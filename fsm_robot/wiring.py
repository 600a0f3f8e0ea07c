"""Builds the concrete objects from Settings; nothing else names them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs

from fsm_robot import __version__, machine_file
from fsm_robot.callbacks import OUTCOMES, Callbacks, callback_names
from fsm_robot.clock import SystemClock
from fsm_robot.errors import SettingsError
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.inbox import QueueInbox
from fsm_robot.journal.file import JournalFile
from fsm_robot.journal.identity import robot_identity
from fsm_robot.journal.ledger import JobLedger
from fsm_robot.journal.look_back import find_outcome, find_unsettled, jobs_in
from fsm_robot.journal.record import FORMAT
from fsm_robot.logs import Log
from fsm_robot.machine.core import RobotMachine
from fsm_robot.machine.definition import Definition
from fsm_robot.patience import Patience
from fsm_robot.ports import Ending, Job, Unsettled
from fsm_robot.pulse import Pulse
from fsm_robot.redact import Redactor
from fsm_robot.runner import Runner
from fsm_robot.session import Session
from fsm_robot.settings import Settings, times
from fsm_robot.timeouts import Timeouts
from fsm_robot.timers import ThreadTimers

if TYPE_CHECKING:
    from fsm_robot.worker.supervisor import ScriptWorker

SHORTEST_USUAL_INTERVAL_S = 10.0


@attrs.frozen(eq=False, repr=False)
class Robot:
    """A robot that is ready to run."""

    runner: Runner
    callbacks: Callbacks
    inbox: QueueInbox
    gateway: HttpGateway
    journal: JournalFile
    log: Log

    @property
    def idle_run(self) -> Path | None:
        """The journal of a run that has had no job so far; None after the first job."""
        return None if self.callbacks.job else self.journal.path


def redactor_for(settings: Settings) -> Redactor:
    """Return what keeps the robot's GUID out of everything that is written."""
    return Redactor.for_guid(settings.orchestrator.robot_guid)


def log_for(settings: Settings, *, console: bool = True) -> Log:
    """Return the robot's log; its file appears with the first line."""
    path = settings.storage_directory / "robot.log"
    return Log(path, settings.logging.level, redactor_for(settings).text, console)


def machine_path(settings: Settings) -> Path:
    """Return the machine file that the settings name, or the built-in one."""
    return settings.path(settings.machine.file) if settings.machine.file else machine_file.built_in()


def machine_for(settings: Settings, *, cached: bool) -> tuple[Definition, type[Callbacks]]:
    """Return the machine and the callbacks that the settings name, checked against each other."""
    kind = _callbacks_class(settings)
    cache = settings.storage_directory if cached else None
    return machine_file.load(machine_path(settings), callback_names(kind), OUTCOMES, cache), kind


def robot_for(settings: Settings, log: Log, *, when_idle: str) -> Robot:
    """Build a robot; nothing is sent and nothing is written yet."""
    definition, callbacks_class = machine_for(settings, cached=True)
    redactor, clock, timers, inbox = redactor_for(settings), SystemClock(), ThreadTimers(log.write), QueueInbox()
    gateway = gateway_for(settings, redactor, log.warning)
    worker = _LateWorker(settings, redactor, log)
    if settings.heartbeat.interval_s < SHORTEST_USUAL_INTERVAL_S:
        log.warning(
            "heartbeat.interval_s is below 10 s, which the orchestrator asks for",
            interval_s=settings.heartbeat.interval_s,
        )
    contact_lost_after_s = settings.heartbeat.disconnect_after_s if settings.heartbeat.on_disconnect == "stop" else None
    beats = definition.callback("run_script")
    session = Session(log, when_idle, settings.session.log_off_command, worker.is_idle)
    journal_directory = settings.storage_directory / "journal"
    ledger = JobLedger(
        settings.storage_directory / "jobs" / "ledger.jsonl",
        from_journals=lambda: jobs_in(journal_directory),
        warn=log.error,
    )
    callbacks = callbacks_class(
        definition=definition,
        gateway=gateway,
        worker=worker,
        pulse=Pulse(gateway, inbox, clock, timers, log, beats, settings.heartbeat.interval_s, contact_lost_after_s),
        inbox=inbox,
        timers=timers,
        log=log,
        ledger=ledger,
        past=_Past(journal_directory, ledger, log, settings.scripts.keep_job_files),
        patience=Patience(inbox, clock, log),
        leave=session.leave,
        idle_wait_s=settings.session.idle_wait_s,
        idle_interval_s=settings.heartbeat.interval_s,
        keep_task=settings.storage.keep_task,
    )
    journal = JournalFile(
        journal_directory,
        _header(settings, definition),
        clock,
        redactor,
        make_room=lambda: machine_file.give_up_cache(settings.storage_directory),
    )
    runner = Runner(RobotMachine(definition), journal, callbacks, inbox, log, Timeouts(timers, inbox, times(settings)))
    return Robot(runner, callbacks, inbox, gateway, journal, log)


def prune(settings: Settings, log: Log, idle_run: Path | None) -> None:
    """Delete the old runs that the settings do not keep; the run of this process has ended.

    `idle_run` is its journal if it had no job, and else None.
    """
    from fsm_robot.journal.pruning import Kept, mark_idle, prune_runs

    storage = settings.storage_directory
    if idle_run is not None:
        try:
            mark_idle(idle_run)
        except OSError as error:  # somebody reads it, on Windows: it is looked into when such runs are many
            log.debug("the journal of a run without a job was not marked", error=str(error))

    def folder_of(job_guid: str) -> Path:
        from fsm_robot.worker.job_folder import folder_name

        return storage / "jobs" / folder_name(job_guid)

    deleted = prune_runs(
        storage / "journal",
        Kept(settings.storage.keep_runs, settings.storage.keep_runs_days, settings.storage.keep_idle_runs),
        SystemClock().utc_now(),
        ledger=JobLedger(storage / "jobs" / "ledger.jsonl"),
        folder_of=folder_of,
        warn=log.warning,
    )
    if deleted:
        log.info("old runs were deleted", runs=deleted)


@attrs.frozen(eq=False, repr=False)
class _Past:
    directory: Path
    ledger: JobLedger
    log: Log
    keep_job_files: bool

    def unsettled(self) -> Unsettled | None:
        """Return the job that earlier runs left open, or None."""
        return find_unsettled(self.directory, ledger=self.ledger, warn=self.log.error)

    def outcome(self, job_guid: str) -> str:
        """Return how a job ended, or empty where no journal tells."""
        return find_outcome(self.directory, job_guid)

    def tidy(self, job_guid: str) -> None:
        """Remove what only the running script of a job needed; `scripts.keep_job_files` keeps it."""
        from fsm_robot.worker.job_folder import JobFolder, folder_name

        if not self.keep_job_files:
            JobFolder(self.directory.parent / "jobs" / folder_name(job_guid)).clear(keep_job_file=False)


@attrs.define(eq=False, repr=False)
class _LateWorker:
    """The worker, imported and built with the first job: a robot that finds none never pays for it."""

    settings: Settings
    redactor: Redactor
    log: Log
    _worker: ScriptWorker | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""
        self._built().start(job, run_token, ended)

    def ask_to_stop(self) -> None:
        """See `ports.Worker.ask_to_stop`."""
        self._built().ask_to_stop()

    def kill(self, outcome: str) -> None:
        """See `ports.Worker.kill`."""
        if self._worker is not None:
            self._worker.kill(outcome)

    def close(self) -> None:
        """See `ports.Worker.close`."""
        if self._worker is not None:
            self._worker.close()

    def is_idle(self) -> bool:
        """Return whether nothing of any job is alive."""
        return self._worker is None or self._worker.is_idle()

    def end_remains(self, run_token: str) -> tuple[str, ...]:
        """See `ports.Worker.end_remains`."""
        return self._built().end_remains(run_token)

    def _arguments(self, job: Job) -> list[str]:
        """Return the script's arguments: none, or the one that scripts of the vendor's framework read."""
        if not self.settings.scripts.legacy_argument:
            return []
        from fsm_robot import legacy

        return [legacy.argument(job.process_version_guid, job.guid, legacy.settings_file())]

    def _built(self) -> ScriptWorker:
        if self._worker is None:
            import gc

            from fsm_robot.worker.supervisor import ScriptWorker

            # What loading left behind goes before the long wait for a script; a start without a job never pays for it.
            gc.collect()

            self._worker = ScriptWorker(
                scripts_directory=self.settings.scripts_directory,
                jobs_directory=self.settings.storage_directory / "jobs",
                python=self.settings.scripts_python,
                redactor=self.redactor,
                output_limit_bytes=int(self.settings.scripts.output_limit_mib * 1024 * 1024),
                keep_job_files=self.settings.scripts.keep_job_files,
                log=self.log.write,
                arguments=self._arguments,
            )
        return self._worker


def gateway_for(settings: Settings, redactor: Redactor, warn: Callable[[str], None]) -> HttpGateway:
    """Return the gateway that the settings describe; nothing is sent yet."""
    orchestrator = settings.orchestrator
    verify = orchestrator.verify
    return HttpGateway(
        url=orchestrator.url,
        robot_guid=orchestrator.robot_guid,
        auth_scheme=orchestrator.auth_scheme,
        verify=str(settings.path(verify)) if isinstance(verify, str) else verify,
        timeout_s=orchestrator.timeout_s,
        redactor=redactor,
        warn=warn,
    )


def _header(settings: Settings, definition: Definition) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "machine": definition.name,
        "machine_sha256": definition.digest(),
        "program": __version__,
        "robot": robot_identity(settings.storage_directory / "journal", settings.orchestrator.robot_guid),
        "pid": os.getpid(),
    }


def _callbacks_class(settings: Settings) -> type[Callbacks]:
    """Return the class called `Callbacks` in the user's own module, or the built-in one."""
    name = settings.machine.callbacks
    if not name:
        return Callbacks
    try:
        module = _import(settings.path(name)) if name.endswith(".py") else importlib.import_module(name)
    except Exception as error:  # any code may stand in a user's module
        raise SettingsError(f"machine.callbacks: {name} cannot be imported: {type(error).__name__}: {error}") from error
    kind = getattr(module, "Callbacks", None)
    if not (isinstance(kind, type) and issubclass(kind, Callbacks)):
        raise SettingsError(f"machine.callbacks: {name} has no class Callbacks(fsm_robot.callbacks.Callbacks)")
    return kind


def _import(path: Path) -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
