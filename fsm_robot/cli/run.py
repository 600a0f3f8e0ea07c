"""`fsm-robot run`: the robot itself."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fsm_robot.cli import streams
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.instance import only_instance
from fsm_robot.engine.wording import counted
from fsm_robot.errors import RobotError, RunError, SettingsError
from fsm_robot.robot import settings as settings_module
from fsm_robot.system.threads import Flag

if TYPE_CHECKING:
    from fsm_robot.engine.logs import Log
    from fsm_robot.engine.robot import Robot as OwnRobot
    from fsm_robot.robot.settings import Settings

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system


USUAL_CONFIG = "robot.toml"
USUAL_LANGUAGE = "en"
"""For which nothing is imported."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--no-log-off", action="store_true", help="stay logged on, whatever session.when_idle says")
    parser.add_argument(
        "--scheduled",
        action="store_true",
        help="say that the system's scheduler starts the robot: it decides what session.when_idle = auto means",
    )
    parser.add_argument("--quiet", action="store_true", help="write the log to robot.log only, not to the console")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare `--config`, which several commands share."""
    default = os.environ.get("FSM_ROBOT_CONFIG") or USUAL_CONFIG
    shown = default.replace("%", "%%")
    parser.add_argument("--config", default=default, metavar="FILE", help=f"settings file (default: {shown})")


def run(arguments: argparse.Namespace) -> int:
    """Run the robot and return the exit code of the process."""
    system.set_inherited_right()
    streams.go_on_unread()
    settings = settings_module.load(Path(arguments.config).absolute())
    if settings.logging.language != USUAL_LANGUAGE:
        from fsm_robot.system import language

        language.speak(settings.logging.language)
    kind = _callbacks_named(settings)
    if (own := _own_robot(settings, kind, console=not arguments.quiet)) is not None:
        _collect_from_now_on()
        return own.run()
    with only_instance(settings.orchestrator.robot_guid, settings.storage_directory, SystemClock().utc_now()):
        # Imported behind the lock: a second start has to be told off, not to be made ready.
        from fsm_robot.robot import wiring

        log = wiring.log_for(settings, console=not arguments.quiet)
        before, threading.excepthook = threading.excepthook, partial(_tell_of_thread, log)
        try:
            when_idle = _when_idle(settings, arguments)
            return _run(settings, kind, log, when_idle=when_idle, stays=arguments.no_log_off)
        finally:
            threading.excepthook = before  # who calls this from a program has threads of his own
            log.close()


def _callbacks_named(settings: Settings) -> type | None:
    """Return the class of callbacks that the settings name; None where they name none, or it cannot be had."""
    if not settings.machine.callbacks:
        return None
    from fsm_robot.robot import wiring

    try:
        return wiring.callbacks_class(settings)
    except SettingsError:
        return None  # said once more behind the lock, where it can be written into robot.log


def _own_robot(settings: Settings, kind: type | None, *, console: bool) -> OwnRobot | None:
    """Return the robot of a machine that has nothing to do with jobs, or None where it has."""
    if kind is None:
        return None
    from fsm_robot.robot import wiring

    return None if wiring.takes_jobs(kind) else wiring.own_robot(settings, kind, console=console)


def _when_idle(settings: Settings, arguments: argparse.Namespace) -> str:
    if arguments.no_log_off:
        return "exit"
    when_idle = settings.session.when_idle
    if when_idle == "auto":
        return "log_off" if system.may_log_off(scheduled=arguments.scheduled) else "exit"
    return when_idle


def _run(settings: Settings, kind: type | None, log: Log, *, when_idle: str, stays: bool) -> int:
    from fsm_robot.robot import wiring

    with _written_down(log):
        robot = wiring.robot_for(
            settings, kind or wiring.callbacks_class(settings), log, when_idle=when_idle, stays=stays
        )
    _collect_from_now_on()
    over = Flag()

    def not_watched(error: BaseException) -> None:
        log.warning(
            "session.not_watched",
            "the end of this Windows session may not be noticed, and would end the run without its report",
            error=repr(error),
        )

    with _written_down(log):
        system.listen(robot.inbox.tell_to_leave)
        robot.worker.before_first = system.watch_session(robot.inbox.tell_to_leave, over, not_watched)
        wiring.open_to_readers(settings, log, robot)
    try:
        exit_code = robot.runner.run()
    except BaseException as error:
        robot.status.over(RobotError.exit_code, f"{type(error).__name__}: {error}")
        raise
    finally:
        robot.close()
        over.set()
    robot.status.over(exit_code)
    with _written_down(log):
        if not robot.callbacks.storage_broken:
            wiring.prune(settings, log, robot)
    if settings.telemetry.endpoint and robot.callbacks.job is not None:
        _tell_collector(settings, log)
    jobs = robot.callbacks.jobs_done
    paused = f"; {robot.callbacks.paused}" if robot.callbacks.paused else ""
    told = f"{robot.runner.machine.state}: {counted(jobs, 'job')} done, exit code {exit_code}{paused}"
    if settings.logging.language != USUAL_LANGUAGE:
        from fsm_robot.system import language

        told = language.said(told)
    streams.tell(told)
    return exit_code


def _collect_from_now_on() -> None:
    """Turn the garbage collector on, for what comes from now on.

    Else the first collection would look at everything that was loaded, for nothing. The worker
    has all of it looked at, before the first script.
    """
    gc.freeze()
    gc.enable()


def _tell_collector(settings: Settings, log: Log) -> None:
    """Tell what was done to a collector of OpenTelemetry; whatever becomes of that, the run ends as it ends."""
    from fsm_robot.telemetry.export import collector_of, export

    try:
        runs = export(settings.storage_directory, collector_of(settings), settings.telemetry.service)
    except RobotError as error:
        log.warning(
            "telemetry.not_told",
            "the traces of this run were not sent, they are sent after the next run",
            error=str(error),
        )
    else:
        log.debug("telemetry.told", "traces were sent", runs=runs)


def _tell_of_thread(log: Log, ended: threading.ExceptHookArgs) -> None:
    """Say that a thread has died: one of a user's callback, or one of ours that had no memory for its first line."""
    name = ended.thread.name if ended.thread is not None else "?"
    told = f"{ended.exc_type.__name__}: {ended.exc_value}"
    log.crash(ended.exc_value, "thread.failed", "an error ended a thread", thread=name, error=told)
    streams.complain(log.redact(f"the thread {name} was ended by an error, robot.log has its traceback: {told}"))


@contextmanager
def _written_down(log: Log) -> Iterator[None]:
    """Write into robot.log what ends the process outside its loop: under pythonw nobody sees it anywhere else.

    Raises:
        RunError: For what nobody foresaw, so that the console gets one sentence and no traceback.
    """
    try:
        yield
    except RobotError as error:
        log.crash(None, "run.impossible", "the run cannot continue", error=str(error))
        raise
    except Exception as error:
        log.crash(error, "run.failed", "the run failed")
        raise RunError(log.redact(f"{type(error).__name__}: {error}")) from error
