"""The command line: one module per command, imported only when it is asked for."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from fsm_robot import __version__
from fsm_robot.cli import streams
from fsm_robot.cli.streams import OutputError
from fsm_robot.engine.wording import shown
from fsm_robot.errors import RobotError

COMMANDS: Mapping[str, str] = {
    "run": "run the robot until the orchestrator has no more jobs for it",
    "demo": "show a robot at work on this machine, with an orchestrator of its own",
    "init": "write a commented robot.toml and a first script; with --machine a robot with a machine file of its own",
    "check": "check robot.toml and the machine file, and print what the machine does",
    "try": "run one script as the robot would, with a folder of JSON files instead of an orchestrator",
    "env": "environments of scripts: sync builds the missing ones, list shows which script uses which",
    "scripts": "lock writes the checksums of all scripts into scripts.lock, diff compares the scripts with it",
    "sdk": "sample writes sample data and a script that uses fsm_robot.sdk",
    "schedule": "let the system's scheduler start the robot: install, show, remove, check",
    "diagram": "draw the machine file",
    "replay": "check whether a machine file decides recorded runs the same way",
    "export": "write journals as an event log for process mining: XES, OCEL, CSV or Parquet",
    "conformance": "compare journals with the machine file and list what does not fit",
    "post": "send an event to a running robot that waits for it",
    "guid": "replace a robot's GUID, also while it works",
    "pause": "stop robots from requesting jobs, until a moment or until `resume`",
    "resume": "let paused robots request jobs again",
    "status": "show what robots do now, and whether a person should look",
    "history": "list the jobs of a robot: when, which script, how they ended",
    "logs": "print what the script of a job has printed; -f follows it",
    "fleet": "manage many robots: add, remove, apply, deploy, upgrade, watch",
    "dashboard": "serve a page on this machine that shows all robots of a fleet",
    "doctor": "check whether the robot could work here: settings, network, credential, clock, folders, session",
    "support-bundle": "collect settings, journals, logs and doctor into one file for support, without secrets",
    "versions": "manage several versions of this program on this machine: show, add, use, upgrade, back",
    "simulate": "simulate thousands of jobs with failures of all kinds, and check that the robot keeps its promises",
    "orchestrator": "the embedded orchestrator: serve it, add jobs, tasks and assets, read logs, probe a real server",
}
INTERNAL_ERROR, USAGE_ERROR, INTERRUPTED = 1, 2, 6
WRONG_NAMES = frozenset(
    {errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.EEXIST}
)
UTF8 = "write it in UTF-8"


def entry() -> NoReturn:
    """Run the command line as a program."""
    gc.disable()  # as `__main__.py` says; for who comes by another way
    streams.guard()
    exit_code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    # A heartbeat that hangs in a request, or a slow interpreter shutdown, must not keep a finished robot.
    os._exit(exit_code)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    name = f"fsm-robot {arguments[0]}" if arguments and arguments[0] in COMMANDS else "fsm-robot"
    exit_code = 0
    try:
        exit_code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OutputError as error:
        if not error.closed:
            streams.complain(f"{name}: {error}")
            return exit_code or INTERNAL_ERROR
    except RobotError as error:
        return _told(error, arguments)
    except KeyboardInterrupt:
        _complain("interrupted", arguments)
        return INTERRUPTED
    except BrokenPipeError:
        return exit_code  # the reader of our output has had enough
    except OSError as error:
        return _refused(error, name, arguments)
    except UnicodeEncodeError:
        streams.complain(f"{name}: an argument holds bytes that are not UTF-8 text; {UTF8}")
        return USAGE_ERROR
    except Exception as error:
        return _crashed(error)
    return exit_code


def _run(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return _without_command(arguments)
    command = import_module(f"fsm_robot.cli.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"fsm-robot {name}", description=COMMANDS[name], allow_abbrev=False)
    command.add_arguments(parser)
    try:
        return int(command.run(parser.parse_args(arguments[1:])))
    except SystemExit as leaving:  # argparse, after it has printed its own sentence
        return leaving.code if isinstance(leaving.code, int) else USAGE_ERROR


def _without_command(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in ("--version", "-V"):
        print(f"fsm-robot {__version__}")
        return 0
    asked = not arguments or arguments[0] in ("--help", "-h", "help")
    lines = ["usage: fsm-robot COMMAND [options]", "", "commands:"]
    lines += [f"  {name:<16}{what}" for name, what in COMMANDS.items()]
    lines += ["", "`fsm-robot COMMAND --help` tells more; `fsm-robot --version` tells the version."]
    if not asked:
        from fsm_robot.engine.wording import did_you_mean

        streams.complain(f"fsm-robot: there is no command {arguments[0]!r}{did_you_mean(arguments[0], COMMANDS)}")
        return USAGE_ERROR
    print("\n".join(lines))
    return 0 if arguments else USAGE_ERROR


def _complain(text: str, arguments: Sequence[str]) -> None:
    """Print a sentence on standard error, in the language of the robot that the command line names."""
    if "--json" not in arguments:  # a program reads the rest, and looks for English here
        from fsm_robot.cli import reader
        from fsm_robot.system import language

        reader.speak_as_asked(arguments[1:])
        text = language.said(text)
    # One problem is one line, whatever a file or a server has put into it.
    streams.complain(shown(text))


def _told(error: RobotError, arguments: Sequence[str]) -> int:
    for problem in getattr(error, "problems", None) or (str(error),):
        _complain(problem, arguments)
    return error.exit_code


def _refused(error: OSError, name: str, arguments: Sequence[str]) -> int:
    """Say in a sentence what the operating system refused; a name that cannot be is a wrong argument."""
    try:
        os.getcwd()
    except FileNotFoundError:
        streams.complain(f"{name}: the current folder does not exist any more; go to one that does")
        return USAGE_ERROR
    where = "" if error.filename is None else f"{shown(os.fsdecode(error.filename))}: "
    _complain(f"{name}: {where}{error.strerror or error}", arguments)
    return USAGE_ERROR if error.errno in WRONG_NAMES else INTERNAL_ERROR


def _crashed(error: Exception) -> int:
    import traceback

    if sys.stderr is not None:
        traceback.print_exc()
    streams.complain(f"internal error, please report it: {type(error).__name__}")
    return INTERNAL_ERROR


def _flush(stream: object) -> None:
    try:
        stream.flush()  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError, OutputError):
        return  # closed, or there is none (pythonw): nothing is left to show anything on
