"""How this program is started again: as a module of its Python, as the one file, or by the launcher of a place.

An interpreter is asked for by its path, so that no program lies between a scheduler and the robot.
"""

from __future__ import annotations

import sys
from pathlib import Path

_MODULE = ("-m", "fsm_robot")
_started: list[tuple[tuple[str, ...], str]] = []
"""What `started_from` was told. A list, for whoever imports a name of this module gets what it holds then."""


def started_from(file: str, place: str = "") -> None:
    """Be told, by the one file or by the launcher, which file was given to the interpreter, before anything else.

    Args:
        file: Absolute path of fsm-robot.pyz, or of the launcher.
        place: The launcher's folder, empty without one.
    """
    _started[:] = [((file,), place)]


def arguments() -> tuple[str, ...]:
    """Return what an interpreter gets to be this program, before the command and after its own options."""
    return _started[0][0] if _started else _MODULE


def is_module() -> bool:
    """Return whether this Python has the package installed, and no file stands for it."""
    return not _started


def command() -> list[str]:
    """Return the command that is this program again; `-I` keeps the account's own Python variables and folders out."""
    return [sys.executable, "-I", *arguments()]


def module(name: str) -> list[str]:
    """Return the command that runs a module of this package in a process of its own."""
    if is_module():
        return [sys.executable, "-I", "-m", name]
    folder = str(Path(__file__).parents[2])  # it was unpacked
    code = f"import sys, runpy; sys.path.append({folder!r}); runpy.run_module({name!r}, None, '__main__', True)"
    return [sys.executable, "-I", "-c", code]


def place() -> Path | None:
    """Return the folder of versions whose launcher has started this process, None without one."""
    return Path(_started[0][1]) if _started and _started[0][1] else None
