"""What serves jobs: the worker and what answers to scripts, imported and built with the first job."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol

from fsm_robot.engine.journal.file import JournalFile, run_name
from fsm_robot.engine.logs import Log
from fsm_robot.engine.redact import Redactor, Secrets
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.objects import ObjectGateway
from fsm_robot.gateway.profile import Profile
from fsm_robot.jobapi.of_robot import ScriptsOfRobot, Shipping, zone_of
from fsm_robot.robot.ports import Job, Limits
from fsm_robot.robot.script_limits import first
from fsm_robot.robot.settings import LINES_NAME, Settings
from fsm_robot.system.readers import Readers
from fsm_robot.worker.environments import Environments
from fsm_robot.worker.job_folder import JobFolder, folder_name
from fsm_robot.worker.supervisor import ScriptWorker

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

MIB = 1 << 20
NEEDED_TO_THE_END = (
    *("fsm_robot.gateway.certificates", "fsm_robot.gateway.tls_failures", "fsm_robot.gateway.file_body"),
    *("fsm_robot.robot.heartbeats", "fsm_robot.robot.job_values", "fsm_robot.robot.ledger"),
    *("fsm_robot.robot.pause", "fsm_robot.robot.pruning", "fsm_robot.robot.opening", "fsm_robot.robot.death"),
    *("fsm_robot.engine.channel", "fsm_robot.engine.posting", "fsm_robot.engine.timers", "fsm_robot.engine.log_file"),
    *("fsm_robot.engine.event_ids", *system.NEEDED_TO_THE_END),
)
"""What is imported late, and is imported before the first script: an upgrade may take the files away while it runs."""
AT_KEYBOARD = ("fsm_robot.robot.at_keyboard", "fsm_robot.system.seen_session")
AFTER_FAILURE = ("fsm_robot.robot.after_failure",)
TELEMETRY = ("fsm_robot.telemetry.export",)
UPLOADED_PICTURES = ("fsm_robot.jobapi.pictures", "fsm_robot.jobapi.hands", "fsm_robot.jobapi.work")
"""The same, of those robots whose settings ask for it."""


class Scripts(Protocol):
    """What the worker and the channel have to do with scripts that ask."""

    def offer(self, job: Job) -> Mapping[str, object] | None:
        """Let the script of a job ask; return how, None where the channel could not be opened."""

    def withdraw(self) -> None:
        """Let it ask no more."""

    def printed(self, job: Job) -> Callable[[str], None] | None:
        """Return what takes each line that the script of a job prints, None where nobody wants them."""

    def listen(self) -> str:
        """Open the robot's channel and return its address, empty where that could not be."""

    def answer(self, server: Callable[[Mapping[str, object]], Mapping[str, object] | None]) -> None:
        """Let scripts be answered on the channel."""

    def drained(self, within_s: float) -> bool:
        """Wait until everything was read that scripts have sent."""


def worker(settings: Settings, redactor: Redactor, log: Log, asking: Scripts, journal: JournalFile) -> ScriptWorker:
    """Return what runs scripts, with everything imported that the end of a job or of the run needs."""
    for name in _needed_to_the_end(settings):
        import_module(name)
    # What loading left behind goes before the long wait for a script; a start without a job never pays for it.
    gc.unfreeze()  # what `fsm-robot run` has left out until now
    gc.collect()
    # What stays lives as long as the robot: nobody has to look through it again with every job.
    gc.freeze()

    def arguments(job: Job) -> list[str]:
        """Return the script's arguments: none, or the one that scripts of the vendor's framework read."""
        if not settings.scripts.legacy_argument:
            return []
        from fsm_robot.robot import legacy

        named = settings.scripts.legacy_settings
        file = settings.path(named) if named else legacy.settings_file()
        return [legacy.argument(job.process_version_guid, job.guid, file)]

    def limits(job: Job) -> Limits:
        found = first(settings.limits, job.script_name)
        if found is None:
            return Limits()
        return Limits(found.time_limit_s, int(found.memory_mib * MIB), found.cpu_priority)

    def variables(run_token: str) -> Mapping[str, str]:
        """Return what makes the spans of a script those of its run, where runs are told as traces."""
        if not settings.telemetry.endpoint or journal.path is None:
            return {}
        from fsm_robot.telemetry.trace_ids import script_id, trace_id, traceparent

        robot = journal.header.get("robot")
        trace = trace_id(str(robot.get("sha256")) if isinstance(robot, Mapping) else "", run_name(journal.path))
        return {"TRACEPARENT": traceparent(trace, script_id(trace, run_token))}

    return ScriptWorker(
        scripts_directory=settings.scripts_directory,
        jobs_directory=settings.storage_directory / "jobs",
        python=settings.scripts_python,
        redactor=redactor,
        output_limit_bytes=int(settings.scripts.output_limit_mib * MIB),
        keep_job_files=settings.scripts.keep_job_files,
        log=log.write,
        arguments=arguments,
        environments=environments_for(settings),
        locked=settings.scripts.locked,
        vendor_api=settings.scripts.vendor_api,
        offer=asking.offer,
        withdraw=asking.withdraw,
        printed=asking.printed,
        screenshots=settings.screenshots.keep,
        on_failure=settings.screenshots.on_failure,
        readers=Readers(settings.storage.readers),
        limits=limits,
        stop_grace_s=settings.scripts.stop_grace_s,
        variables=variables,
    )


def _needed_to_the_end(settings: Settings) -> Iterator[str]:
    """Yield what has to be imported before the first script."""
    yield from NEEDED_TO_THE_END
    if settings.session.at_keyboard != "ignore":
        yield from AT_KEYBOARD
    if settings.session.after_failure != "when_idle":
        yield from AFTER_FAILURE
    if settings.telemetry.endpoint:
        yield from TELEMETRY
    if settings.screenshots.upload:
        yield from UPLOADED_PICTURES


def environments_for(settings: Settings) -> Environments:
    """Return the environments that the settings give to scripts."""
    how = settings.scripts
    return Environments(
        scripts=settings.scripts_directory,
        python=settings.scripts_python,
        how=how.environments,
        built=settings.storage_directory / "envs",
        unpinned=how.environments_unpinned,
        build_s=how.environments_build_s,
    )


def scripts(
    settings: Settings, gateway: HttpGateway, profile: Profile | None, secrets: Secrets, *, log: Log, asking: Scripts
) -> ScriptsOfRobot:
    """Return what scripts ask of the robot."""
    zone = zone_of(settings.sdk.server_time)

    def objects() -> ObjectGateway:
        return ObjectGateway(gateway, zone, profile=profile or Profile(), take_call=settings.sdk.take_call)

    def folder_of(job_guid: str) -> Path:
        return settings.storage_directory / "jobs" / folder_name(job_guid)

    return ScriptsOfRobot(
        jobs_directory=settings.storage_directory / "jobs",
        objects=objects,
        listen=asking.listen,
        answering=asking.answer,
        drained=asking.drained,
        secrets=secrets,
        log=log.write,
        robot_guid=settings.orchestrator.robot_guid,
        allow=settings.sdk.allow,
        take=settings.sdk.take,
        patience_s=settings.sdk.patience_s,
        settle_s=settings.sdk.settle_s,
        shipping=_shipping(settings),
        pictures_to=settings.screenshots.upload,
        pictures_of=lambda job: JobFolder(folder_of(job.guid)).screenshots,
        folder_of=folder_of,
    )


def _shipping(settings: Settings) -> Shipping | None:
    how = settings.log_shipping
    if how.send == "none":
        return None
    return Shipping(
        folder=settings.storage_directory / LINES_NAME,
        least=how.level,
        level_numbers=how.level_numbers,
        output=how.send == "output",
        per_s=how.per_s,
        room_bytes=int(how.spool_mib * MIB),
        exit_s=how.exit_flush_s,
        zone=zone_of(settings.sdk.server_time),
    )
