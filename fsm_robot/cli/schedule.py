"""`fsm-robot schedule`: let the system's own scheduler start the robot."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

from fsm_robot import __version__
from fsm_robot.cli.run import add_config
from fsm_robot.errors import SettingsError
from fsm_robot.fleet.file import USUAL_NAME, read
from fsm_robot.robot import settings as settings_module
from fsm_robot.schedule.clusters import CLUSTERS
from fsm_robot.schedule.plan import Container, Plan
from fsm_robot.system import program
from fsm_robot.system.held import put_whole

if sys.platform == "win32":
    from fsm_robot.schedule import _windows as system
    from fsm_robot.system import _windows as files
else:
    from fsm_robot.schedule import _posix as system
    from fsm_robot.system import _posix as files

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
LONGEST_EVERY_MIN = 24 * 60
USUAL_IMAGE = f"fsm_robot:{__version__}"
MEMORY_MIB, DEADLINE_MIN = (64, 1024 * 1024), (1, 30 * 24 * 60)
NAMES = {False: "fsm_robot", True: "fsm_robot_watch"}
"""What a robot, and the watcher of a fleet, are called where nobody says otherwise."""
ACTIONS = {
    "install": "install it there",
    "show": "print what install would write",
    "remove": "remove it from there",
    "check": "compare what is installed with what should be",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=ACTIONS, help=what)
    add_config(parser)
    parser.add_argument(
        "--name", default="", help=f"its name in the scheduler (default: {NAMES[False]}, {NAMES[True]})"
    )
    parser.add_argument(
        "--account",
        default="",
        metavar="DOMAIN\\USER",
        help="Windows: the account in whose session it runs (default: yours)",
    )
    parser.add_argument(
        "--connect",
        choices=("remote", "local"),
        default="remote",
        help="Windows: which kind of connection to the session starts it (default: %(default)s)",
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        const=USUAL_NAME,
        metavar="FILE",
        help=f"schedule the watcher of a fleet instead of a robot (default: {USUAL_NAME})",
    )
    parser.add_argument(
        "--event-log",
        action="store_true",
        help="install: register the robot with the Windows event log (logging.system); needs an administrator's prompt",
    )
    parser.add_argument("--every", type=int, metavar="MINUTES", help="start it again every so many minutes")
    parser.add_argument(
        "--for",
        dest="cluster",
        choices=CLUSTERS,
        help="show: print the description by which a cluster runs the robot's image",
    )
    usual = Container(USUAL_IMAGE)
    parser.add_argument("--image", default=usual.image, help="--for: the image (default: %(default)s)")
    parser.add_argument(
        "--memory",
        type=int,
        default=usual.memory_mib,
        metavar="MIB",
        help="--for: memory limit of robot and scripts, in MiB (default: %(default)s)",
    )
    parser.add_argument(
        "--deadline",
        type=int,
        default=usual.deadline_min,
        metavar="MINUTES",
        help="--for kubernetes: minutes after which a run is told to end (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the action; `check` returns 2 when something differs."""
    _refuse_what_would_not_count(arguments)
    plan = _plan(arguments)
    if arguments.cluster:
        _show(CLUSTERS[arguments.cluster](plan, _container(arguments)), "utf-8")
        return 0
    if arguments.action == "show":
        documents = system.documents(plan)
        _show(
            "\n".join(f"# {place}\n{text}" for place, text in documents.items())
            if len(documents) > 1
            else next(iter(documents.values())),
            system.FILE_ENCODING,
        )
        return 0
    if arguments.action == "check":
        found = system.problems(plan)
        print("\n".join(found) if found else f"{plan.name} is installed as it should be")
        return SettingsError.exit_code if found else 0
    print("\n".join(system.install(plan) if arguments.action == "install" else system.remove(plan)))
    if arguments.event_log and arguments.action == "install":
        print(_registered())
    if not plan.watches and (told := _written_down(plan, arguments)):
        print(told)
    return 0


def _refuse_what_would_not_count(arguments: argparse.Namespace) -> None:
    """Tell of options that do not go together. Raises `SettingsError`."""
    if arguments.cluster and arguments.action != "show":
        raise SettingsError(f"--for: goes with show; {arguments.cluster} itself installs what that prints")
    if arguments.cluster and arguments.watch is not None:
        raise SettingsError("--for: describes a robot; the watcher of a fleet runs where its robots can be reached")
    usual = Container("")
    if not arguments.cluster and (arguments.image, arguments.memory) != (USUAL_IMAGE, usual.memory_mib):
        raise SettingsError("--image and --memory: go with --for; the scheduler of this machine starts no container")
    if arguments.deadline != usual.deadline_min and arguments.cluster != "kubernetes":
        raise SettingsError("--deadline: goes with --for kubernetes; no other scheduler ends a run that lasts too long")


def _registered() -> str:
    try:
        return files.register_system_log("fsm_robot")
    except OSError as error:
        reason = error.strerror or error
        return f"the event log does not know the robot ({reason}); do it in a prompt run as administrator"


def _written_down(plan: Plan, arguments: argparse.Namespace) -> str:
    """Keep when the robot should wake beside its journals, for whoever notices that it did not; return what hinders."""
    from fsm_robot.fleet.looking import SCHEDULE_NAME, utc_now

    try:
        storage = settings_module.load(Path(plan.config), need_credential=False).storage_directory
    except SettingsError:
        if arguments.action == "remove":
            return ""  # to take a schedule away nothing has to be right any more
        raise
    path = storage / SCHEDULE_NAME
    try:
        if arguments.action == "remove":
            path.unlink(missing_ok=True)
            return ""
        if not storage.is_dir() and not arguments.account:
            storage.parent.mkdir(parents=True, exist_ok=True)
            files.make_private_folder(str(storage))
        told = {"schema": 1, "name": plan.name, "every_min": system.every_min(plan), "installed_at": utc_now()}
        # The folder of versions that it is started from, for `fleet upgrade`.
        told["place"] = str(program.place() or "")
        put_whole(path, (json.dumps(told) + "\n").encode("ascii"), mode=0o644)
    except OSError as error:
        return f"{path}: cannot be written, so nobody notices when it does not start: {error.strerror or error}"
    return ""


def _show(text: str, encoding: str) -> None:
    """Print a document; into a file or a pipe so that the scheduler itself can read it."""
    if encoding and sys.stdout is not None and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.replace("\n", os.linesep).encode(encoding))
    else:
        print(text, end="")


def _plan(arguments: argparse.Namespace) -> Plan:
    name = arguments.name or NAMES[arguments.watch is not None]
    if not NAME.fullmatch(name):
        raise SettingsError(f"--name: must be letters, digits, dots, dashes and underscores, not {name!r}")
    if arguments.every is not None and not 1 <= arguments.every <= LONGEST_EVERY_MIN:
        raise SettingsError(f"--every: must be from 1 to {LONGEST_EVERY_MIN} minutes, not {arguments.every}")
    if arguments.watch is not None:
        return _watching(arguments, name)
    config = Path(arguments.config).absolute()
    # To take it away nothing has to be right any more. A cluster keeps the credential itself.
    grace_s = (
        0.0
        if arguments.action == "remove"
        else settings_module.load(config, need_credential=not arguments.cluster).scripts.stop_grace_s
    )
    return _plan_at(arguments, name, config, grace_s)


def _watching(arguments: argparse.Namespace, name: str) -> Plan:
    """Return the plan of a watcher: it runs all the time, and is started again where it died."""
    path = Path(arguments.watch).absolute()
    if arguments.action != "remove":
        read(path)
    return _plan_at(arguments, name, path, 0.0, watches=str(path))


def _plan_at(arguments: argparse.Namespace, name: str, file: Path, stop_grace_s: float, watches: str = "") -> Plan:
    """Return the plan of what is started for a file, in its folder."""
    return Plan(
        name=name,
        python=system.interpreter(),
        config=str(file),
        folder=str(file.parent),
        account=arguments.account or system.account(),
        connect=arguments.connect,
        every_min=arguments.every,
        stop_grace_s=stop_grace_s,
        watches=watches,
        program=program.arguments(),
    )


def _container(arguments: argparse.Namespace) -> Container:
    if not IMAGE.fullmatch(arguments.image):
        raise SettingsError(f"--image: must be the name of an image, such as registry/robot:1, not {arguments.image!r}")
    for option, value, (low, high) in (
        ("--memory", arguments.memory, MEMORY_MIB),
        ("--deadline", arguments.deadline, DEADLINE_MIN),
    ):
        if not low <= value <= high:
            raise SettingsError(f"{option}: must be from {low} to {high}, not {value}")
    return Container(arguments.image, arguments.memory, arguments.deadline)
