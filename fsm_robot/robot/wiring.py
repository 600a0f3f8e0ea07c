"""Builds the concrete objects from Settings; nothing else names them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine import machine_file
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.inbox import QueueInbox
from fsm_robot.engine.journal.file import JournalFile, journal_names
from fsm_robot.engine.journal.identity import header
from fsm_robot.engine.logs import Log
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.redact import Redactor, Secrets
from fsm_robot.engine.runner import Runner
from fsm_robot.errors import SettingsError
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.robot import machine
from fsm_robot.robot.assemble import assemble
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.look_back import find_outcome, find_unsettled, jobs_in
from fsm_robot.robot.machine import REPEATABLE, built_in
from fsm_robot.robot.ports import Gateway, Options, Ports
from fsm_robot.robot.session import Session
from fsm_robot.robot.settings import LINES_NAME, PAUSED_NAME, Settings, times
from fsm_robot.robot.status_file import StatusFile
from fsm_robot.system.late import late
from fsm_robot.system.readers import Readers

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

if TYPE_CHECKING:
    from fsm_robot.engine.channel import Channel
    from fsm_robot.engine.robot import Robot as OwnRobot
    from fsm_robot.engine.timers import ThreadTimers
    from fsm_robot.gateway.profile import Profile
    from fsm_robot.gateway.tls import ClientCertificate
    from fsm_robot.jobapi.of_robot import ScriptsOfRobot
    from fsm_robot.robot.ledger import JobLedger
    from fsm_robot.robot.ports import Ending, Job, Unsettled
    from fsm_robot.worker.process import Moment
    from fsm_robot.worker.supervisor import ScriptWorker

SHORTEST_USUAL_INTERVAL_S = 10.0
TASKS_NAME = "tasks.jsonl"


@attrs.frozen(eq=False, repr=False)
class Robot:
    """A robot that is ready to run, and what its process needs of it besides."""

    runner: Runner[Callbacks]
    callbacks: Callbacks
    inbox: QueueInbox
    gateway: Gateway
    journal: JournalFile
    scripts: _LateScripts
    status: StatusFile
    worker: _LateWorker

    def close(self) -> None:
        """Stop what still talks to the orchestrator."""
        self.inbox.close()
        self.scripts.close()
        self.gateway.close()


def callbacks_class(settings: Settings) -> type:
    """Return the class called `Callbacks` in the user's own module, or the built-in one.

    Raises:
        SettingsError: It cannot be imported; or it takes jobs, and no orchestrator is named.
    """
    name = settings.machine.callbacks
    if not name:
        return Callbacks
    from fsm_robot.engine import callbacks

    kind = callbacks.load(name, settings.path)
    if takes_jobs(kind) and not settings.is_of_jobs:
        raise SettingsError(f"orchestrator.url: is missing, and {name} takes jobs from an orchestrator")
    return kind


def takes_jobs(kind: type) -> bool:
    """Return whether callbacks are those of a robot that an orchestrator gives jobs."""
    return issubclass(kind, Callbacks)


def own_robot(settings: Settings, kind: type, *, console: bool) -> OwnRobot:
    """Build the robot of a machine of one's own; nothing is written yet.

    Raises:
        SettingsError: The section `[my]` does not fit the class that declares it.
    """
    from fsm_robot.engine.own_settings import times_in
    from fsm_robot.engine.robot import Robot as OwnRobot

    definition = machine_for(settings, kind, cached=True)
    own = own_settings_of(settings, kind)
    log = _log(settings, str, console=console)
    known = times(settings) | times_in(own)
    folder, loopback = settings.storage_directory, settings.sdk.transport == "loopback"
    return OwnRobot.of(definition, kind, log, folder=folder, settings=own, times=known, loopback=loopback)


def own_settings_of(settings: Settings, kind: type) -> object:
    """Return what the section `[my]` gives to callbacks of one's own. Raises `SettingsError`."""
    declared = getattr(kind, "Settings", None)
    if declared is None and not settings.my:
        return None  # most robots of jobs: an idle start imports nothing for it
    from fsm_robot.engine import own_settings

    own, problems = own_settings.read(declared, settings.my, settings.base)
    if problems:
        places = settings.my_places
        where = {key: places.get(key) or places.get("", "") for key, _ in problems}
        raise SettingsError([f"{where[key]}: [my]{f' {key}' if key else ''}: {text}" for key, text in problems])
    return own


def redactor_for(settings: Settings) -> Secrets:
    """Return what keeps the robot's GUID, and what scripts are given, out of everything that is written."""
    return Secrets(settings.orchestrator.robot_guid.strip().strip("{}"))


def log_for(settings: Settings, *, console: bool = True) -> Log:
    """Return the robot's log; its file appears with the first line."""
    log = _log(settings, redactor_for(settings).text, console=console)
    if settings.storage.readers:
        log.readers = readers_for(settings)
    if settings.logging.system:
        log.beside = partial(_system_log, "fsm_robot")
    return log


def _log(settings: Settings, redact: Callable[[str], str], *, console: bool) -> Log:
    path, how = settings.storage_directory / "robot.log", settings.logging
    return Log(path, how.level, redact, console, as_json=how.format == "json")


def _system_log(name: str) -> Callable[[str, str, int], None]:
    return system.system_log(name)


def readers_for(settings: Settings) -> Readers:
    """Return who else may read what the robot writes; what keeps them from it is told once, by `open_to_readers`."""
    return Readers(settings.storage.readers)


def machine_path(settings: Settings) -> Path:
    """Return the machine file that the settings name, or the built-in one."""
    return settings.path(settings.machine.file) if settings.machine.file else built_in()


def machine_for(settings: Settings, kind: type, *, cached: bool) -> Definition:
    """Return the machine that the settings name, checked against the callbacks of a class."""
    cache = settings.storage_directory if cached else None
    declared = getattr(kind, "Settings", None)
    own = () if declared is None else _times_of(declared)
    if takes_jobs(kind):
        return machine.load(machine_path(settings), kind, cache, own)
    from fsm_robot.engine.callbacks import names_of

    if not settings.machine.file:
        raise SettingsError("machine.file: is missing; callbacks of one's own need a machine file of one's own")
    return machine_file.load(machine_path(settings), names_of(kind), (), cache, times=(*times(settings), *own))


def _times_of(declared: type) -> tuple[str, ...]:
    from fsm_robot.engine.own_settings import times_of

    return times_of(declared)


def robot_for(settings: Settings, kind: type[Callbacks], log: Log, *, when_idle: str, stays: bool = False) -> Robot:
    """Build a robot that takes jobs; nothing is sent and nothing is written yet.

    Args:
        settings: What robot.toml says.
        kind: Its callbacks.
        log: Its log.
        when_idle: How it leaves the session: `log_off`, `disconnect` or `exit`.
        stays: Whether the session is not left for any reason.
    """
    definition = machine_for(settings, kind, cached=True)
    options = _options(settings, own_settings_of(settings, kind))
    secrets = redactor_for(settings)
    log.redact = secrets.text  # one for all: it learns the passwords that scripts are given
    directory = settings.storage_directory / "journal"
    # One listing serves the whole run: the lock is held, so nobody adds a journal.
    earlier = cache(lambda: tuple(journal_names(directory)))
    inbox, journal = QueueInbox(), _journal(settings, definition, earlier, secrets)
    gateway = gateway_for(settings, secrets, log.warning, partial(_renewed, settings, secrets))
    scripts = _scripts(settings, gateway, secrets, log)
    status = _status(settings, gateway, scripts, log)
    inbox.lasting = status.lasts
    worker = _LateWorker(settings, secrets, log, scripts, journal)
    ports = _ports(
        settings,
        inbox,
        journal,
        log,
        when_idle,
        gateway=gateway,
        scripts=scripts,
        status=status,
        worker=worker,
        stays=stays,
    )
    if settings.heartbeat.interval_s < SHORTEST_USUAL_INTERVAL_S:
        log.warning(
            "heartbeat.interval_short",
            "heartbeat.interval_s is below 10 s, which the orchestrator asks for",
            interval_s=settings.heartbeat.interval_s,
        )
    machine = RobotMachine(definition)

    def made() -> Channel:
        from fsm_robot.engine.channel import Channel
        from fsm_robot.engine.posting import Asked

        asked = Asked(definition, inbox, lambda: _now(runner, scripts))
        loopback = settings.sdk.transport == "loopback"
        return Channel(settings.storage_directory, asked, log.warning, asked.end, loopback=loopback)

    scripts.channel = _LateChannel(made)
    runner = assemble(machine, kind, ports, options, scripts.channel)
    return Robot(runner, runner.callbacks, inbox, gateway, journal, scripts, status, worker)


def _journal(
    settings: Settings, definition: Definition, earlier: Callable[[], Sequence[str]], redactor: Redactor
) -> JournalFile:
    directory = settings.storage_directory / "journal"
    return JournalFile(
        directory,
        header(directory, definition, settings.orchestrator.robot_guid, earlier()),
        SystemClock(),
        redactor,
        make_room=lambda: machine_file.give_up_cache(settings.storage_directory),
        earlier=earlier,
        repeatable=REPEATABLE,
        readers=readers_for(settings),
    )


def _status(settings: Settings, gateway: HttpGateway, scripts: _LateScripts, log: Log) -> StatusFile:
    storage = settings.storage_directory

    def facts() -> dict[str, object]:
        told = {**gateway.told_of_server(), "lines": scripts.lines_waiting}
        try:
            return {**told, "disk_free_mib": disk_usage(storage).free >> 20}
        except OSError as error:
            log.warning("storage.room_unknown", "the free space on the disk is not known", error=str(error))
            return told

    return StatusFile(storage, SystemClock(), log.redact, readers_for(settings), facts, log.warning)


def _ports(
    settings: Settings,
    inbox: QueueInbox,
    journal: JournalFile,
    log: Log,
    when_idle: str,
    *,
    gateway: HttpGateway,
    scripts: _LateScripts,
    status: StatusFile,
    worker: _LateWorker,
    stays: bool,
) -> Ports:
    directory = settings.storage_directory / "journal"
    ledger = late(partial(_ledger, settings.storage_directory, log))
    person = partial(_person_at, settings, worker)
    return Ports(
        gateway=gateway,
        worker=worker,
        inbox=inbox,
        clock=SystemClock(),
        timers=late(partial(_timers, log)),
        log=log,
        journal=journal,
        ledger=ledger,
        past=_Past(directory, journal, ledger, log, settings.scripts.keep_job_files),
        leave=Session(log, when_idle, settings.session.log_off_command, worker.is_idle, person).leave,
        closed=worker.deal_with_leftovers,
        after_failure=bool if stays else partial(_after_failure, settings, log, person),
        tasks=scripts,
        status=status,
        died_of=partial(_died_of, settings.storage_directory),
        paused=_no_job_now(settings, log, person),
    )


def _ledger(storage: Path, log: Log) -> JobLedger:
    from fsm_robot.robot.ledger import JobLedger

    return JobLedger(
        storage / "jobs" / "ledger.jsonl", from_journals=lambda: jobs_in(storage / "journal"), warn=log.error
    )


def _timers(log: Log) -> ThreadTimers:
    from fsm_robot.engine.timers import ThreadTimers

    return ThreadTimers(log.write)


def _no_job_now(settings: Settings, log: Log, person: Callable[[], str]) -> Callable[[], str]:
    """Return what says why no job may be asked for: most robots only look for the pause of an operator."""
    asked = _without_desktop(settings, log) or partial(_paused, settings.storage_directory)
    if settings.session.at_keyboard != "no_job":
        return asked

    def paused() -> str:
        why = asked() or person()
        if why.startswith("somebody"):
            log.info("job.not_asked", "a person uses the session, no job is requested", because=why)
            why = f"waiting, {why}"
        return why

    return paused


def _person_at(settings: Settings, worker: _LateWorker) -> str:
    """Return who uses the session, empty where nobody does, it is not known, or it does not matter."""
    if settings.session.at_keyboard == "ignore":
        return ""
    from fsm_robot.robot.at_keyboard import person_at

    ended_s = worker.ended_s
    ago_s = None if ended_s is None else SystemClock().monotonic() - ended_s
    return person_at(system.seen_session(), settings.session.at_keyboard_min * 60, ago_s)


def _after_failure(settings: Settings, log: Log, person: Callable[[], str]) -> bool:
    """See `ports.Ports.after_failure`."""
    how = settings.session
    if how.after_failure == "when_idle":
        return False
    from fsm_robot.robot.after_failure import STAYS, AfterFailure
    from fsm_robot.robot.session import run

    if how.after_failure != STAYS and (at_keyboard := person()):
        log.warning("session.failure_kept", "a job of this run failed, the session stays", reason=at_keyboard)
        return True

    def leave(way: str) -> str:
        command = how.reboot_command if way == "reboot" else how.log_off_command
        return run(command) if command else system.leave_session(way)

    return AfterFailure(log, how.after_failure, settings.storage_directory, SystemClock(), leave).act()


def _without_desktop(settings: Settings, log: Log) -> Callable[[], str] | None:
    """Return what looks for the desktop before a job is asked for; None where no script asks for one."""
    asking = ", ".join(entry.script for entry in settings.limits if entry.desktop)
    if not asking:
        return None
    said: set[str] = set()

    def paused() -> str:
        hindrance = system.desktop_hindrance()
        waits = settings.session.without_desktop == "wait"
        if hindrance and hindrance not in said:
            said.add(hindrance)
            if waits:
                log.warning(
                    "desktop.awaited", "there is no desktop, so no job is asked for", scripts=asking, reason=hindrance
                )
            else:
                log.warning(
                    "desktop.missing",
                    "there is no desktop, and some scripts need one",
                    scripts=asking,
                    reason=hindrance,
                )
        return _paused(settings.storage_directory) or (
            f"waiting for a desktop: {hindrance}" if hindrance and waits else ""
        )

    return paused


def _died_of(storage: Path) -> str:
    from fsm_robot.robot.death import died_of

    return died_of(storage)


def _paused(storage: Path) -> str:
    """Return why no job may be asked for now: each wake-up looks for a file, and reads none where none is."""
    if not os.path.lexists(storage / PAUSED_NAME):
        return ""
    from fsm_robot.robot import pause

    found = pause.in_force(storage, SystemClock().utc_now())
    return "" if found is None else str(found)


def _options(settings: Settings, my: object) -> Options:
    stops = settings.heartbeat.on_disconnect == "stop"
    return Options(
        interval_s=settings.heartbeat.interval_s,
        contact_lost_after_s=settings.heartbeat.disconnect_after_s if stops else None,
        idle_wait_s=settings.session.idle_wait_s,
        keep_task=settings.storage.keep_task,
        times=times(settings) | _times_in(my),
        my=my,
    )


def _times_in(my: object) -> dict[str, float]:
    if my is None:
        return {}
    from fsm_robot.engine.own_settings import times_in

    return times_in(my)


def _now(runner: Runner[Callbacks], scripts: _LateScripts) -> dict[str, object]:
    """Return what a robot of jobs does at this moment."""
    beside = {"progress": dict(scripts.progress), "lines_waiting": scripts.lines_waiting}
    state, job = runner.machine.state, runner.callbacks.job
    in_hand = job is not None and state not in ("Recovering", "Ready", "Consuming")
    return {
        "state": state,
        "job": job.guid if job and in_hand else "",
        "script": job.script_name if job and in_hand else "",
        **{name: value for name, value in beside.items() if value},
    }


def prune(settings: Settings, log: Log, robot: Robot) -> None:
    """Delete the old runs that the settings do not keep; the run of `robot` has ended."""
    from fsm_robot.robot.pruning import Kept, mark_idle, prune_runs

    storage, own = settings.storage_directory, robot.journal.path
    if own is None:
        return
    if robot.callbacks.job is None:
        try:
            own = mark_idle(own)
        except OSError as error:  # somebody reads it, on Windows: it is looked into when such runs are many
            log.debug("journal.not_marked", "the journal of a run without a job was not marked", error=str(error))

    def folder_of(job_guid: str) -> Path:
        from fsm_robot.worker.job_folder import folder_name

        return storage / "jobs" / folder_name(job_guid)

    deleted = prune_runs(
        storage / "journal",
        [*(robot.journal.earlier() if robot.journal.earlier is not None else ()), own.name],
        Kept(settings.storage.keep_runs, settings.storage.keep_runs_days, settings.storage.keep_idle_runs),
        SystemClock().utc_now(),
        ledger=late(partial(_ledger, storage, log)),
        folder_of=folder_of,
        warn=log.warning,
    )
    if deleted:
        log.info("storage.pruned", "old runs were deleted", runs=deleted)


def open_to_readers(settings: Settings, log: Log, robot: Robot) -> None:
    """Let readers see what was there before they were named; take it back once they are not named any more."""
    storage, readers = settings.storage_directory, readers_for(settings)
    Readers(readers.groups, log.warning).let(storage)
    if robot.status.readers_before != list(readers.groups):
        from fsm_robot.robot.opening import open_all

        open_all(storage, readers, log.warning)


@attrs.frozen(eq=False, repr=False)
class _Past:
    directory: Path
    journal: JournalFile
    ledger: JobLedger
    log: Log
    keep_job_files: bool

    def unsettled(self) -> Unsettled | None:
        """Return the job that earlier runs left open, or None."""
        earlier = self.journal.earlier() if self.journal.earlier is not None else None
        return find_unsettled(self.directory, ledger=self.ledger, warn=self.log.error, earlier=earlier)

    def outcome(self, job_guid: str) -> str:
        """Return how a job ended, or empty where no journal tells."""
        return find_outcome(self.directory, job_guid)

    def tidy(self, job_guid: str) -> None:
        """Remove what only the running script of a job needed; `scripts.keep_job_files` keeps it."""
        from fsm_robot.worker.job_folder import JobFolder, folder_name

        if not self.keep_job_files:
            JobFolder(self.directory.parent / "jobs" / folder_name(job_guid)).clear(keep_job_file=False)


def profile_for(settings: Settings) -> Profile | None:
    """Return what is known of the server, None where no file is named. Raises `SettingsError`."""
    if settings.sdk.take == "server" and not settings.sdk.take_call:
        raise SettingsError(
            'sdk.take_call: is missing; with sdk.take = "server" it says by which call the Orchestrator gives a task'
        )
    if not settings.orchestrator.profile:
        return None
    from fsm_robot.gateway import profile

    try:
        return profile.read(settings.path(settings.orchestrator.profile))
    except SettingsError as error:
        raise SettingsError(f"orchestrator.profile: {error}") from error


def taking_warning(settings: Settings, profile: Profile | None) -> str:
    """Return why tasks should not be taken as the settings say; empty where nothing speaks against it."""
    if settings.sdk.take == "announce" and profile is not None and profile["add_tag"] == "racy":
        return (
            'sdk.take = "announce" is not safe among several robots here: this server loses tags added at once;'
            f" the end of {settings.orchestrator.profile} tells what is"
        )
    return ""


def _scripts(settings: Settings, gateway: HttpGateway, redactor: Secrets, log: Log) -> _LateScripts:
    # Read now: a file that is wrong stops the start, and not a script in the night.
    profile = profile_for(settings)
    if warning := taking_warning(settings, profile):
        log.warning("task.announce_unsafe", "tasks may be given to two robots at once", reason=warning)

    def made(late: _LateScripts) -> ScriptsOfRobot:
        from fsm_robot.robot import of_jobs

        return of_jobs.scripts(settings, gateway, profile, redactor, log=log, asking=late)

    return _LateScripts(
        settings.storage_directory / "jobs" / TASKS_NAME,
        settings.storage_directory / LINES_NAME,
        made,
        asks=settings.sdk.enabled,
        lines=settings.log_shipping.send,
        uploads=bool(settings.screenshots.upload),
    )


@attrs.define(eq=False, repr=False)
class _LateChannel:
    """The channel, imported and made when the machine first waits, or before the first script: idle wake-ups do not."""

    make: Callable[[], Channel]
    _made: Channel | None = None

    def made(self) -> Channel:
        """Return the channel, which does not listen yet when it was made here."""
        self._made = self._made or self.make()
        return self._made

    def open(self) -> None:
        """See `ports.Channel.open`."""
        self.made().open()

    def close(self) -> None:
        """See `ports.Channel.close`."""
        if self._made is not None:
            self._made.close()


@attrs.define(eq=False, repr=False)
class _LateScripts:
    """What scripts ask of the robot, imported with the first script, or where tasks were left open."""

    tasks_file: Path
    lines_folder: Path
    make: Callable[[_LateScripts], ScriptsOfRobot]
    asks: bool = True
    lines: str = "records"
    uploads: bool = False
    contact: bool = False
    channel: _LateChannel | None = None
    _made: ScriptsOfRobot | None = None

    def offer(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask; return how, None where the channel could not be opened."""
        return self._built().offer(job) if self.asks else None

    def withdraw(self) -> None:
        """Let it ask no more."""
        if self._made is not None:
            self._made.withdraw()

    def settle_left(self) -> None:
        """See `ports.Tasks.settle_left`."""
        if self.tasks_file.exists():
            self._built().settle_left()

    def job_ended(self, job: Job, outcome: str, ending: Ending | None, *, in_a_hurry: bool) -> None:
        """See `ports.Tasks.job_ended`."""
        has_pictures = self.uploads and ending is not None and bool(ending.pictures)
        if self._made is not None or has_pictures or (self.lines != "none" and outcome != "succeeded"):
            self._built().job_ended(job, outcome, ending, in_a_hurry=in_a_hurry)

    def announced(self) -> None:
        """See `ports.Tasks.announced`."""
        if self.contact:
            return
        self.contact = True
        if self._made is not None or (self.lines != "none" and self.lines_folder.exists()):
            self._built().announced()

    def leaving(self, *, in_a_hurry: bool) -> None:
        """See `ports.Tasks.leaving`."""
        if self._made is not None:
            self._made.leaving(in_a_hurry=in_a_hurry)

    def close(self) -> None:
        """Stop sending lines."""
        if self._made is not None:
            self._made.close()

    def printed(self, job: Job) -> Callable[[str], None] | None:
        """Return what takes each line that the script of a job prints, None where nobody wants them."""
        return self._built().printed(job) if self.lines == "output" else None

    @property
    def lines_waiting(self) -> int:
        """How many lines for the orchestrator's log wait."""
        return 0 if self._made is None else self._made.lines_waiting

    @property
    def progress(self) -> Mapping[str, object]:
        """What the script in hand has told of its progress."""
        return {} if self._made is None else self._made.progress

    def _built(self) -> ScriptsOfRobot:
        if self._made is None:
            self._made = self.make(self)
            if self.contact:
                self._made.contact_made()
        return self._made

    def listen(self) -> str:
        """Open the robot's channel and return its address, empty where that could not be."""
        if self.channel is None:
            return ""
        self.channel.open()
        return self.channel.made().address

    def answer(self, server: Callable[[Mapping[str, object]], Mapping[str, object] | None]) -> None:
        """Let scripts be answered on the channel."""
        if self.channel is not None:
            self.channel.made().job = server

    def drained(self, within_s: float) -> bool:
        """Wait until everything was read that scripts have sent."""
        return self.channel is None or self.channel.made().drained(within_s)


@attrs.define(eq=False, repr=False)
class _LateWorker:
    """The worker, imported and built with the first job: a robot that finds none never pays for it.

    Attributes:
        ended_s: When the last script ended, by the monotonic clock; None before the first.
        before_first: Makes ready what the system needs besides, before the first script.
    """

    settings: Settings
    redactor: Redactor
    log: Log
    scripts: _LateScripts
    journal: JournalFile
    ended_s: float | None = None
    before_first: Callable[[], object] = lambda: None
    _began: Moment | None = None
    _worker: ScriptWorker | None = None

    def start(self, job: Job, run_token: str, ended: Callable[[Ending], None]) -> None:
        """See `ports.Worker.start`."""

        def noted(ending: Ending) -> None:
            self.ended_s = SystemClock().monotonic()
            ended(ending)

        worker = self._built()
        if self._looks:
            from fsm_robot.worker import opened

            self._began = opened.moment()
        worker.start(job, run_token, noted)

    @property
    def _looks(self) -> bool:
        how = self.settings.leftovers
        return bool(how.report or how.ask or how.end)

    def deal_with_leftovers(self) -> None:
        """Find what was opened while the last script ran and is none of its processes; once per script."""
        began, self._began = self._began, None
        if began is None:
            return
        from fsm_robot.worker import opened

        how = self.settings.leftovers
        found = opened.deal_with(began, opened.Programs(how.report, how.ask, how.end))
        told = {what: list(map(str, getattr(found, what))) for what in ("left", "asked", "ended")}
        if any(told.values()):
            self.log.warning(
                "script.opened_programs",
                "programs that were opened during the job are still running",
                **{what: tuple(names) for what, names in told.items() if names},
            )

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

    def _built(self) -> ScriptWorker:
        if self._worker is None:
            from fsm_robot.robot import of_jobs

            self._worker = of_jobs.worker(self.settings, self.redactor, self.log, self.scripts, self.journal)
            self.before_first()
        return self._worker


def _renewed(settings: Settings, secrets: Secrets) -> str:
    """Return the GUID that the settings give now, which is kept out of everything from now on; empty: none."""
    from fsm_robot.robot import settings as settings_module

    try:
        guid = settings_module.load(settings.file, need_credential=False).orchestrator.robot_guid
    except SettingsError:
        return ""  # somebody is just editing it
    if guid.lower() != settings.orchestrator.robot_guid.lower():
        for form in (guid.lower(), guid.upper()):
            secrets.hide(form)
            secrets.hide(form.replace("-", ""))
    return guid


def gateway_for(
    settings: Settings, redactor: Redactor, warn: Callable[..., None], renewed: Callable[[], str] = str
) -> HttpGateway:
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
        renewed=renewed,
        client=client_certificate_for(settings),
    )


def client_certificate_for(settings: Settings) -> ClientCertificate | None:
    """Return what is shown to a server that wants a certificate, None where the settings name none."""
    how = settings.orchestrator
    if not how.client_certificate:
        return None
    from fsm_robot.gateway.tls import ClientCertificate
    from fsm_robot.robot import kept_secret

    def password() -> str:
        if not how.client_key_password_file:
            return ""
        text = settings.path(how.client_key_password_file).read_text("utf-8-sig")
        return kept_secret.opened(text).removesuffix("\n").removesuffix("\r")

    key = str(settings.path(how.client_key)) if how.client_key else ""
    return ClientCertificate(str(settings.path(how.client_certificate)), key, password)
