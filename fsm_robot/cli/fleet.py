"""`fsm-robot fleet`: many robots at once."""

from __future__ import annotations

import argparse
import glob
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fsm_robot.cli.fleet_argument import fleet_in, fleet_of
from fsm_robot.cli.streams import complain
from fsm_robot.cli.target import target
from fsm_robot.engine.wording import counted, shown
from fsm_robot.errors import RobotError, SettingsError
from fsm_robot.fleet.file import USUAL_NAME, Place, read

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a robot, or a pattern of folders, to the file")
    add.add_argument("folder", help="folder of the robot, or a pattern such as 'D:\\robots\\*'")
    add.add_argument("--name", default="", help="what it is called (default: as its folder)")
    add.add_argument("--host", default="", help="the machine that it is on, if not this one")
    add.add_argument(
        "--command",
        nargs="+",
        default=[],
        metavar="WORD",
        help="the command that starts fsm-robot on that machine, such as ssh srv1 fsm-robot",
    )
    remove = actions.add_parser("remove", help="remove a robot from the file; the robot itself is not touched")
    remove.add_argument("robot", help="its name or folder, as the file has it")
    apply = actions.add_parser("apply", help="write the shared settings, and what differs, into each robot.toml")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    deploy = actions.add_parser(
        "deploy", help="give all robots of this machine a new folder of scripts, or go back to the last one"
    )
    deploy.add_argument("scripts", nargs="?", help="the folder; it is copied, and checked against its scripts.lock")
    deploy.add_argument("--version", default="", help="name of the copy (default: the moment)")
    deploy.add_argument("--robot", default="", metavar="NAME", help="only this robot, to try it on one first")
    deploy.add_argument("--back", action="store_true", help="go back to the scripts that were used before")
    upgrade = actions.add_parser(
        "upgrade", help="let the robots of this machine start another version of this program, one of them first"
    )
    upgrade.add_argument("pyz", nargs="?", metavar="FILE", help="the version, a fsm-robot.pyz")
    upgrade.add_argument("--robot", default="", metavar="NAME", help="only this robot, to try it on one first")
    upgrade.add_argument(
        "--untried", action="store_true", help="upgrade all robots, even if none has run with this version yet"
    )
    upgrade.add_argument("--back", action="store_true", help="go back to the version that was used before")
    for action in (add, remove, apply, deploy, upgrade):
        action.add_argument("--file", default=USUAL_NAME, help="the fleet file (default: %(default)s)")
    watch = actions.add_parser("watch", help="look at all robots every minute, and report what has changed")
    watch.add_argument("file", nargs="?", default=USUAL_NAME, help="the fleet file (default: %(default)s)")
    watch.add_argument("--once", action="store_true", help="look once; exit code 1 if a robot has a problem")
    watch.add_argument("--quiet", action="store_true", help="write to the watcher's log only, not to the console")
    tell = actions.add_parser(
        "tell", help="answer a question about robots of this machine, for another machine's fleet"
    )
    tell.add_argument("question", help="the question, as the other machine has encoded it")


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    return ACTIONS[arguments.action](arguments)


def _add(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet.sharing import added

    path, place = (
        Path(arguments.file),
        Place(arguments.folder, arguments.name, arguments.host, tuple(arguments.command)),
    )
    _put(path, added(path, place))
    print(f"{path}: {arguments.folder} is listed")
    if not arguments.host and not glob.has_magic(arguments.folder) and not (path.parent / arguments.folder).exists():
        complain(
            f"{arguments.folder}: there is no such folder yet; until there is one, `status --fleet` cannot read it"
        )
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet.sharing import removed

    path = Path(arguments.file)
    read(path)
    _put(path, removed(path, arguments.robot))
    print(f"{path}: {arguments.robot} is not listed any more; its folder is unchanged")
    return 0


def _deploy(arguments: argparse.Namespace) -> int:
    """Copy for all first, then switch: one that cannot be copied to leaves all as they are."""
    from fsm_robot.fleet import rollout
    from fsm_robot.fleet.sharing import configs_of

    if bool(arguments.scripts) == arguments.back:
        raise SettingsError("fleet deploy: give the folder of the scripts, or --back")
    configs = configs_of(fleet_of(argparse.Namespace(fleet=arguments.file)), arguments.robot)
    if arguments.back:
        ways = [rollout.back(config) for config in configs]
    else:
        scripts, version = Path(arguments.scripts), arguments.version or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        if not scripts.is_dir() or not VERSION.fullmatch(version):
            raise SettingsError(f"{scripts}: must be a folder, and --version letters, digits, dots and dashes")
        ways = [rollout.prepared(scripts, config, version) for config in configs]
    by_config = {way.config: way for way in ways}

    def switched(config: Path) -> str:
        way = by_config[config]
        if arguments.back:
            way.switch_back()
        else:
            way.switch()
        return f"{config}: {way.now} -> {way.then}, from its next start on"

    lines, well = rollout.each(configs, switched)
    print("\n".join(map(shown, lines)))
    return int(not well)


def _upgrade(arguments: argparse.Namespace) -> int:
    """Lead to a version or back; 1 where that came to an end halfway."""
    from fsm_robot.fleet.upgrades import Upgrade, lines_of

    if bool(arguments.pyz) == arguments.back:
        raise SettingsError("fleet upgrade: give the fsm-robot.pyz, or --back")
    upgrade = Upgrade(fleet_of(argparse.Namespace(fleet=arguments.file)), arguments.robot)
    told = upgrade.back() if arguments.back else upgrade.to(Path(arguments.pyz), untried=arguments.untried)
    lines, well = lines_of(told)
    print("\n".join(map(shown, lines)))
    return int(not well)


def _put(path: Path, text: str) -> None:
    with target(str(path)) as stream:
        stream.write(text.encode())


def _apply(arguments: argparse.Namespace) -> int:
    """Show what would change, ask, and write it; 1 where a robot could not be brought to what the file says."""
    from fsm_robot.fleet.sharing import edits

    found = list(edits(fleet_of(argparse.Namespace(fleet=arguments.file))))
    due = [edit for edit in found if edit.lines]
    for edit in found:
        for line in (edit.problem,) if edit.problem else (f"{edit.path}: {each}" for each in edit.lines):
            print(shown(line))
    problems = any(edit.problem for edit in found)
    if not due:
        print("every other robot.toml is as the file says" if problems else "every robot.toml is as the file says")
        return int(problems)
    if not arguments.yes and not _agreed(len(due)):
        print("nothing was written")
        return 1
    for edit in due:
        edit.write()
    print(f"wrote {counted(len(due), 'file')}; each robot reads its own at its next start")
    return int(problems)


def _agreed(number: int) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError(f"{counted(number, 'file')} would be written as shown; --yes does it")
    return input(f"write {counted(number, 'file')}? [y/N] ").strip().lower() in ("y", "yes", "д", "да")


def _watch(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet.watching import Watch

    path = Path(arguments.file)
    fleet_in(path)
    watch = Watch(path, _unsaid if arguments.quiet else print)
    if arguments.once:
        return int(any(sight.problems for sight in watch.once()))
    over = threading.Event()
    system.listen(lambda _: over.set())
    watch.run(over.wait)
    return 0


def _unsaid(_: str) -> None:
    return


def _tell(arguments: argparse.Namespace) -> int:
    from fsm_robot.fleet import answers
    from fsm_robot.fleet.asking import told

    try:
        answer = answers.answer(answers.unpacked(arguments.question), Path.cwd())
    except RobotError as error:
        answer = answers.told_error(error)
    print(told(answer))
    return int("error" in answer)


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "add": _add,
    "remove": _remove,
    "apply": _apply,
    "deploy": _deploy,
    "upgrade": _upgrade,
    "watch": _watch,
    "tell": _tell,
}
