"""What readers may see of what a robot has kept already; and what they may see no more, once they are named no more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from fsm_robot.robot.status_file import NAME
from fsm_robot.system.readers import Readers

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

OUTPUTS = ("output.log", "output.tail.log")
SCREENSHOTS = "screenshots"


def open_all(storage: Path, readers: Readers, warn: Callable[..., None]) -> None:
    """Give `readers` what a robot of theirs shows; without a reader take it back."""
    for path in chain(_passed(storage), _listed(storage)):
        if readers.groups:
            readers.let(path, within=path.is_dir() and path not in (storage, storage / "jobs"))
            continue
        try:
            system.let_nobody_read(str(path))
        except FileNotFoundError:
            continue  # deleted as an old one
        except OSError as error:
            warn(
                "readers.not_closed",
                "access to a file could not be taken back from readers",
                file=path,
                error=error.strerror or error,
            )


def _passed(storage: Path) -> Iterator[Path]:
    yield from (path for path in (storage, storage / "jobs", storage / "journal") if path.is_dir())
    yield from storage.glob("robot*.log")
    yield from (path for path in (storage / NAME, storage / "schedule.json") if path.exists())


def _listed(storage: Path) -> Iterator[Path]:
    yield from storage.glob("journal/*.jsonl")
    for job in storage.glob("jobs/*/"):
        yield job
        yield from (job / name for name in OUTPUTS if (job / name).exists())
        if (job / SCREENSHOTS).is_dir():
            yield job / SCREENSHOTS
            yield from (job / SCREENSHOTS).glob("*.png")
