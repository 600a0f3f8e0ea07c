"""`fsm-robot run`: the robot itself."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from fsm_robot import settings as settings_module
from fsm_robot.clock import SystemClock
from fsm_robot.inbox import QueueInbox
from fsm_robot.instance import only_instance

if sys.platform == "win32":
    from fsm_robot import _windows as system
else:
    from fsm_robot import _posix as system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--no-log-off", action="store_true", help="stay logged on whatever session.when_idle says")
    parser.add_argument("--quiet", action="store_true", help="write the log to robot.log only")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare `--config`, which several commands share."""
    default = os.environ.get("FSM_ROBOT_CONFIG") or "robot.toml"
    parser.add_argument("--config", default=default, metavar="FILE", help="settings file (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Run the robot and return the exit code of the process."""
    system.set_inherited_right()
    settings = settings_module.load(Path(arguments.config).absolute())
    with only_instance(settings.orchestrator.robot_guid, settings.storage_directory, SystemClock().utc_now()):
        # Imported behind the lock: a second start has to be told off, not to be made ready.
        from fsm_robot import wiring

        log = wiring.log_for(settings, console=not arguments.quiet)
        when_idle = "exit" if arguments.no_log_off else settings.session.when_idle
        robot = wiring.robot_for(settings, log, when_idle=when_idle)
        gc.enable()
        over = threading.Event()
        _leave_on_signals(robot.inbox)
        system.watch_session(robot.inbox.tell_to_leave, over)
        try:
            exit_code = robot.runner.run()
        finally:
            robot.gateway.close()
            over.set()
        if not robot.callbacks.storage_broken:
            wiring.prune(settings, log, robot.idle_run)
        jobs = robot.callbacks.jobs_done
        print(f"{robot.runner.machine.state}: {jobs} job{'' if jobs == 1 else 's'} done, exit code {exit_code}")
        log.close()
        return exit_code


def _leave_on_signals(inbox: QueueInbox) -> None:
    def handler(number: int, _frame: FrameType | None) -> None:
        inbox.tell_to_leave(signal.Signals(number).name)

    for number in system.LEAVE_SIGNALS:
        # A robot that was started with a signal ignored (nohup) leaves it ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
