"""`fsm-robot logs`: what a job's script printed."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from fsm_robot.cli.fleet_argument import add_fleet, fleet_of
from fsm_robot.cli.reader import speak_as_configured
from fsm_robot.cli.run import add_config
from fsm_robot.cli.streams import write_data
from fsm_robot.errors import SettingsError
from fsm_robot.operations.folders import has_jobs, job_meant, output_of, seen_in, storage_of, storage_of_config
from fsm_robot.operations.now import now_from
from fsm_robot.operations.output_text import shown_text
from fsm_robot.system.language import said
from fsm_robot.worker.output import PREVIEW_NAME

LOOK_AGAIN_S = 0.5
BLOCK_BYTES = 1 << 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "job", nargs="?", default="", metavar="JOB", help="GUID of the job, or its beginning (default: the last job)"
    )
    parser.add_argument("--folder", metavar="FOLDER", help="folder of a robot or its storage folder")
    add_config(parser)
    add_fleet(parser)
    parser.add_argument(
        "--robot", metavar="NAME", help="with --fleet: only this robot (default: the one that had the job)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="print new output until the job ends")


def run(arguments: argparse.Namespace) -> int:
    """Print the output."""
    if arguments.fleet:
        return _run_fleet(arguments)
    if arguments.robot:
        raise SettingsError("--robot: goes with --fleet; a robot of this machine is named by --folder")
    storage = storage_of(Path(arguments.folder)) if arguments.folder else storage_of_config(arguments.config)
    if not has_jobs(Path(arguments.folder or arguments.config)):
        raise SettingsError(
            f"the machine of this robot has no jobs, so no script printed anything; its log is {storage / 'robot.log'}"
        )
    speak_as_configured(arguments.folder or arguments.config)
    job = job_meant(storage, arguments.job)
    path = output_of(storage, job.job)
    if not path.exists() and not arguments.follow:
        raise SettingsError(f"{path}: is not there: the script was never started, or its output was deleted")

    def is_over() -> bool:
        now = now_from(seen_in(storage))
        return now.pid is None or now.job.lower() != job.job.lower()

    for text in follow(path, is_over) if arguments.follow else whole(path):
        write_data(text.encode("utf-8", "replace"))
    return 0


def _run_fleet(arguments: argparse.Namespace) -> int:
    """Print the output of a job of a fleet, on whichever machine it is."""
    if arguments.folder:
        raise SettingsError("--fleet: names the robots itself; leave --folder out")
    from fsm_robot.fleet.asking import look_at_all, robot_named
    from fsm_robot.fleet.outputs import pieces, whose_job

    fleet = fleet_of(arguments)
    sights = look_at_all(fleet)
    if arguments.robot:
        sight = robot_named(fleet, sights, arguments.robot)
    elif arguments.job:
        sight = whose_job(fleet, sights, arguments.job)
    else:
        raise SettingsError("--fleet: say which job, or whose last one with --robot NAME; `history --fleet` lists them")
    pause = threading.Event()
    for text in pieces(fleet, sight, arguments.job, follow=arguments.follow, wait=lambda: pause.wait(LOOK_AGAIN_S)):
        write_data(text.encode("utf-8", "replace"))
    return 0


def whole(path: Path) -> Iterator[str]:
    """Return the pieces of the output as it is now, and of what a script that prints very much printed last."""
    reader = _LineReader(path)
    yield from reader.new()
    yield reader.rest()
    preview = path.with_name(PREVIEW_NAME)
    if preview.exists():
        told = f"the script still prints; what follows is its newest output, from {preview.name}:"
        yield f"\n[{said(told)}]\n"
        tail = _LineReader(preview)
        yield from tail.new()
        yield tail.rest()


def follow(path: Path, is_over: Callable[[], bool]) -> Iterator[str]:
    """Return the pieces of the output as it grows, until the job is over and all of it was read."""
    reader, pause, told = _LineReader(path), threading.Event(), False
    while True:
        over = is_over()  # asked first: what is printed until then is in the file when it is read
        yield from reader.new()
        if over:
            yield reader.rest()
            return
        if not told and path.with_name(PREVIEW_NAME).exists():
            told = True
            newest = path.with_name(PREVIEW_NAME)
            about = f"the script prints very much: its newest output is in {newest}, the rest is shown at the end"
            yield f"\n[{said(about)}]\n"
        pause.wait(LOOK_AGAIN_S)


class _LineReader:
    """Reads a growing file in whole lines, so that no character and no line is cut in two."""

    def __init__(self, path: Path) -> None:
        self._path, self._place, self._cut = path, 0, b""

    def new(self) -> Iterator[str]:
        """Return what was added since the last call, up to its last line break."""
        while data := self._read():
            lines, line_break, self._cut = (self._cut + data).rpartition(b"\n")
            yield shown_text(lines + line_break)

    def rest(self) -> str:
        """Return the last line, which has no line break."""
        cut, self._cut = self._cut, b""
        return shown_text(cut)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._place)
                data = stream.read(BLOCK_BYTES)
        except FileNotFoundError:
            return b""  # the script is not started yet
        except OSError as error:
            raise SettingsError(f"{self._path}: cannot be read: {error.strerror or error}") from error
        self._place += len(data)
        return data
