"""`fsm-robot init`: a commented robot.toml and a first script; with `--machine` a small robot of one's own."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from fsm_robot.errors import SettingsError
from fsm_robot.robot import kept_secret, legacy
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.configuration import robot_toml

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

OPTIONS = {
    "orchestrator.url": "--url",
    "orchestrator.robot_guid": "--robot-guid",
    "orchestrator.robot_guid_file": "--robot-guid-file",
    "scripts.directory": "--scripts",
}
GUID_NAME = "robot.guid"
OWN_ROBOT = ("robot.toml", "machine.yaml", "callbacks.py", "test_machine.py")
OF_JOBS = ("url", "robot_guid", "robot_guid_file", "from_settings", "scripts")
HELLO = '''"""A first script: greets whom the Task names. Run it by hand, too: `python scripts/hello.py`."""

from fsm_robot import job

name = job.parameters().get("name", "world")
print(f"Hello, {name}!")
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", default=".", help="folder for the files (default: the current one)")
    parser.add_argument(
        "--machine", action="store_true", help="write a small robot with a machine of its own, without an orchestrator"
    )
    parser.add_argument("--url", help="where the Orchestrator listens, such as http://127.0.0.1:4500")
    parser.add_argument(
        "--robot-guid",
        help="the robot's GUID; better leave it out and type it when asked: others may see a command line",
    )
    parser.add_argument(
        "--from-settings",
        nargs="?",
        const="",
        metavar="FILE",
        help="take them from the vendor's settings.txt (default: its usual place, %%AppData%%\\Sherpa RPA Python)",
    )
    parser.add_argument(
        "--keyring", action="store_true", help="put the GUID into the keyring of this account (fsm_robot[keyring])"
    )
    parser.add_argument("--scripts", metavar="FOLDER", help="the folder in which your scripts are already")
    parser.add_argument(
        "--robot-guid-file", metavar="FILE", help="a file that holds the GUID; only its path is written"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask for what is missing, write the files, say what comes next."""
    folder = Path(arguments.folder)
    if arguments.machine:
        return _own_robot(folder, arguments)
    config, hello = folder / "robot.toml", folder / "scripts" / "hello.py"
    _must_be_new(config)
    values = _taken_over(arguments)
    _complete(values, arguments)
    _must_work(robot_toml(values), config)
    guid_file = _protect(values, folder, in_keyring=arguments.keyring)
    text = robot_toml(values)
    # Who has scripts already needs no first one.
    wants_hello = ("scripts", "directory") not in values
    if wants_hello:
        _must_be_new(hello)
    if guid_file is not None:
        _write(guid_file[0], guid_file[1], private=True)
    _write(config, text, private=True)
    if wants_hello:
        try:
            _write(hello, HELLO)
        except SettingsError:
            config.unlink()
            if guid_file is not None:
                guid_file[0].unlink()
            raise
    secret = "it holds" if ("orchestrator", "robot_guid") in values else "it tells where to find"
    also = f" and {hello}" if wants_hello else ""
    print(f"wrote {config} (readable for this account only: {secret} the password){also}")
    print(f"\nnext, in {folder.resolve()}:")
    print("  fsm-robot check                   is everything right?")
    print("  fsm-robot orchestrator serve      an orchestrator to try it with, if you have none at hand")
    if wants_hello:
        print("  fsm-robot orchestrator enqueue hello     a first job for it")
    print("  fsm-robot run                     do the jobs that wait")
    return 0


def _protect(values: dict[tuple[str, str], object], folder: Path, *, in_keyring: bool) -> tuple[Path, str] | None:
    """Move the GUID out of the settings into a file that only this account can read, where the system has means."""
    guid = values.get(("orchestrator", "robot_guid"))
    if guid is None or not (in_keyring or kept_secret.can_protect()):
        return None
    path = folder / GUID_NAME
    _must_be_new(path)
    plain = str(guid).strip("{}")
    try:
        text = kept_secret.put_into_keyring(plain) if in_keyring else kept_secret.protected(plain)
    except OSError as error:
        if in_keyring:
            raise SettingsError(f"--keyring: {error}; nothing was written") from error
        return None  # an account without a profile has no key; then robot.toml, for this account only, has to do
    del values["orchestrator", "robot_guid"]
    values["orchestrator", "robot_guid_file"] = GUID_NAME
    return path, text


def _own_robot(folder: Path, arguments: argparse.Namespace) -> int:
    """Write a robot of a machine of one's own, all of its files or none, and say what comes next."""
    for name in OF_JOBS:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise SettingsError(f"--machine writes a robot that no orchestrator gives jobs, so it takes no {option}")
    templates = Path(__file__).with_name("own_robot")
    for name in OWN_ROBOT:
        _must_be_new(folder / name)
    written: list[Path] = []
    try:
        for name in OWN_ROBOT:
            _write(folder / name, (templates / name).read_text(encoding="utf-8"))
            written.append(folder / name)
    except SettingsError:
        for path in written:
            path.unlink()
        raise
    print(f"wrote {', '.join(str(path) for path in written)}")
    print(f"\nnext, in {folder.resolve()}:")
    print("  fsm-robot check                   is everything right?")
    print("  fsm-robot run                     it greets for a minute")
    print("  fsm-robot status                  what it does now, from another terminal")
    print("  fsm-robot post enough             tell it to end")
    print("  fsm-robot diagram --format svg -o machine.svg")
    print("  pytest                            its own test; `pip install pytest` brings it")
    return 0


def _must_work(text: str, config: Path) -> None:
    """Refuse what was asked for if the file would be wrong: by its key and option, for nobody has the lines yet."""
    try:
        settings_module.check_text(text, config)
    except SettingsError as error:
        problems = [re.sub(rf"^{re.escape(str(config))}:\d+: ", "", problem) for problem in error.problems]
        raise SettingsError([f"{_asked(problem)}; nothing was written" for problem in problems]) from error


def _asked(problem: str) -> str:
    key, separator, what = problem.partition(": ")
    return f"{OPTIONS[key]}: {what}" if key in OPTIONS else f"{key}{separator}{what}"


def _must_be_new(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise SettingsError(f"{file}: is already there; nothing was written. Move it away or choose another folder")


def _complete(values: dict[tuple[str, str], object], arguments: argparse.Namespace) -> None:
    """Add URL and GUID, from the command line before all else; what nobody has told is asked for."""
    if arguments.url or ("orchestrator", "url") not in values:
        values["orchestrator", "url"] = arguments.url or _ask("URL of the Orchestrator: ", "--url")
    if arguments.robot_guid_file:
        values.pop(("orchestrator", "robot_guid"), None)
        values["orchestrator", "robot_guid_file"] = arguments.robot_guid_file
    elif arguments.robot_guid or ("orchestrator", "robot_guid") not in values:
        guid = arguments.robot_guid or _ask("GUID of the robot (not shown): ", "--robot-guid", hidden=True)
        values["orchestrator", "robot_guid"] = guid


def _ask(question: str, flag: str, *, hidden: bool = False) -> str:
    missing = SettingsError(f"{flag} is missing, and there is no terminal to ask on; nothing was written")
    if not somebody_can_answer():
        raise missing
    try:
        if hidden:
            import getpass

            return getpass.getpass(question).strip()
        return input(question).strip()
    except EOFError:
        raise missing from None


def somebody_can_answer() -> bool:
    """Return whether a person sits at standard input."""
    try:
        return sys.stdin is not None and system.is_terminal(sys.stdin.fileno())
    except (OSError, ValueError):
        return False  # closed, or no file at all


def _taken_over(arguments: argparse.Namespace) -> dict[tuple[str, str], object]:
    """Return what the vendor's settings.txt gives, and where the scripts are."""
    values: dict[tuple[str, str], object] = {}
    if arguments.from_settings is not None:
        path = Path(arguments.from_settings) if arguments.from_settings else legacy.settings_file()
        found = legacy.read(path)
        values["orchestrator", "url"], values["orchestrator", "robot_guid"] = found.url, found.robot_guid
        if not found.log_off:
            # Else it is left out: then the scheduled robot logs off, and one that a person starts at a keyboard stays.
            values["session", "when_idle"] = "exit"
        # Its scripts look for their only argument; others do not mind it.
        values["scripts", "legacy_argument"] = True
        if arguments.from_settings:
            values["scripts", "legacy_settings"] = str(path.absolute())
        values["scripts", "vendor_api"] = True
        print(f"took over {path}: host, GUID, log-off flag {int(found.log_off)}")
        scripts_folder = legacy.scripts_folder((path.absolute().parent, Path.cwd()))
        if scripts_folder is not None:
            values["scripts", "directory"] = str(scripts_folder)
            print(f"found the framework, and with it the scripts, in {scripts_folder}")
    if arguments.scripts:
        scripts = Path(arguments.scripts).absolute()
        if not scripts.is_dir():
            raise SettingsError(f"--scripts: there is no folder {scripts}; nothing was written")
        values["scripts", "directory"] = str(scripts)
    return values


def _write(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file that was not there before, whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = (
            system.create_private(str(new)) if private else os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        )
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from error
