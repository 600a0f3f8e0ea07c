"""`fsm-robot support-bundle`: one file for the person who helps you, without secrets; it is printed first."""

from __future__ import annotations

import argparse
import io
import os
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import attrs

from fsm_robot.cli import doctor
from fsm_robot.cli.run import add_config
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.wording import shown
from fsm_robot.errors import SettingsError
from fsm_robot.operations import bundle
from fsm_robot.operations.bundle import Part, Robot
from fsm_robot.operations.examination import examine
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.settings import StorageSettings

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

CONTENTS = "CONTENTS.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", help="folder of a robot, or its robot.toml; else --config")
    add_config(parser)
    parser.add_argument(
        "--hours", type=float, default=24.0, help="how many hours journals and logs go back (default: 24)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="default: fsm-robot-support-DATE-TIME.zip, here")
    parser.add_argument("--list", action="store_true", help="only print what the file would contain")


def run(arguments: argparse.Namespace) -> int:
    """Gather, print what was found, write it."""
    if not 0 < arguments.hours < 24 * 366:
        raise SettingsError("--hours: must be above 0, and less than a year")
    now = datetime.fromisoformat(SystemClock().utc_now())
    since = now - timedelta(hours=arguments.hours)
    robot = _robot(arguments)
    found = list(bundle.parts(robot, since, lambda: _diagnoses(robot)))
    contents = bundle.contents(found, since)
    print("\n".join(shown(line) for line in contents.splitlines()), flush=True)
    if not arguments.list:
        path = Path(arguments.output or f"fsm-robot-support-{now:%Y%m%d-%H%M%S}.zip")
        _write(path, _zipped([Part(CONTENTS, contents), *found]))
        print(f"\nwrote {shown(str(path))}, readable for this account only")
    return 0


def _robot(arguments: argparse.Namespace) -> Robot:
    config = doctor.config_of(arguments)
    try:
        settings = settings_module.load(config, None if not arguments.folder else {}, need_credential=False)
    except SettingsError as error:
        # Who needs help most has a robot.toml that is wrong.
        return Robot(config, config.parent / StorageSettings().directory, None, str(error))
    return Robot(config, settings.storage_directory, settings)


def _diagnoses(robot: Robot) -> list[dict[str, object]]:
    return [attrs.asdict(diagnosis) for diagnosis in examine(robot.config)]


def _zipped(found: list[Part]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for part in found:
            file.writestr(part.name, part.text.encode(errors="backslashreplace"))
    return stream.getvalue()


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = system.create_private(str(path))
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
    except FileExistsError:
        raise SettingsError(f"{path}: is already there; nothing was written, name another file with -o") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from error
