"""What the demos share: a folder that they know again, robots as processes, columns of a table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from fsm_robot.errors import SettingsError
from fsm_robot.robot.configuration import robot_toml
from fsm_robot.system import program as this_program

CONSOLE = "robot.console.log"
MARK = ".fsm_robot-demo"
MARKED = (
    b"Made by `fsm-robot demo`, which deletes its own files here when it runs again. Delete this file to keep them.\n"
)
MADE = (
    *("scripts", "state", "robot.toml", CONSOLE, "totals.csv", "run.html", "robot-1", "robot-2"),
    *("orchestrator.sqlite", "orchestrator.sqlite-wal", "orchestrator.sqlite-shm", "orchestrator.sqlite-journal"),
)
"""Everything that a demo writes into its folder, with and without --queue."""


def examples() -> Path:
    """Return the folder of the example scripts: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "examples"
    return inside if inside.is_dir() else package.parent / "examples"


def new_folder(folder: Path, scripts: Iterable[str]) -> Path:
    """Make the folder of a demo, without what an earlier one has left, and copy its scripts. Raises `SettingsError`."""
    try:
        _make_room(folder)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be used: {error.strerror or error}; choose another --folder") from error
    for name in scripts:
        target = folder / "scripts" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(examples() / name, target)
    return folder


def _make_room(folder: Path) -> None:
    """Delete what an earlier demo has left there, and nothing that anybody else has put beside it."""
    mark = folder / MARK
    if mark.is_file() and mark.read_bytes() == MARKED:
        for name in MADE:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        mark.unlink()
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(
            f"{folder}: holds files that the demo has not made, and they are kept; choose another folder with --folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(MARKED)


def write_settings(folder: Path, url: str, robot_guid: str, scripts: str = "scripts") -> None:
    """Write the robot.toml of a robot that ends when nothing is left to do.

    Its GUID is a fresh one: the embedded orchestrator registers a robot at its first contact.
    """
    values = {
        ("orchestrator", "url"): url,
        ("orchestrator", "robot_guid"): robot_guid,
        ("scripts", "directory"): scripts,
        ("heartbeat", "interval_s"): 1.0,
        ("session", "when_idle"): "exit",
    }
    (folder / "robot.toml").write_text(robot_toml(values), encoding="utf-8")


def start_robot(folder: Path, console: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the robot of the folder as a process of its own."""
    command = [*this_program.command(), "run", "--no-log-off", "--config", str(folder / "robot.toml")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FSM_ROBOT_")}
    # The robot talks to this machine only, whatever proxy the account has.
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1"
    return subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console
    )


def end_robot(robot: subprocess.Popen[bytes]) -> None:
    """End the robot if it still runs: politely, because it ends its script, then at once."""
    if robot.poll() is not None:
        return
    robot.terminate()
    try:
        robot.wait(10)
    except subprocess.TimeoutExpired:
        robot.kill()
        robot.wait()


def program() -> str:
    """Return what a person types to start this program: after `make demo` its folder is in no PATH."""
    if not this_program.is_module():
        return f"python {os.path.relpath(*this_program.arguments())}"
    beside = Path(sys.executable).parent / "fsm-robot"
    if shutil.which("fsm-robot") or not beside.parent.is_relative_to(Path.cwd()):
        return "fsm-robot"
    return str(beside.relative_to(Path.cwd()))


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def padded(text: str, width: int) -> str:
    """Return a text with so many columns at least."""
    return text + " " * max(0, width - width_of(text))
