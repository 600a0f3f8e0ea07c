"""Where `-o FILE` and its like write: standard output, a file that appears whole or not at all, or what is no file."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from fsm_robot.cli import streams
from fsm_robot.errors import SettingsError

# Their links lead to open files of processes: what is replaced there is replaced under somebody's hands.
SYSTEM_FOLDERS = ("/dev/", "/proc/")


@attrs.frozen
class Target:
    """Takes bytes; every refusal of the operating system becomes a sentence about `name`."""

    name: str
    _write: Callable[[bytes], object]

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises `SettingsError`."""
        with _sentence(self.name):
            self._write(data)


@contextmanager
def target(output: str | None, inputs: Iterable[Path] = ()) -> Iterator[Target]:
    """Give the place to write to.

    A regular file is replaced at the end, and stays as it was where anything fails; a link keeps leading to what it led
    to; a FIFO or a device is written to.

    Args:
        output: What the option says; None or empty is standard output.
        inputs: Files that are read at the same time, and must not be written over.

    Raises:
        SettingsError: It cannot be written, or is one of `inputs`.
    """
    if not output:
        yield Target("standard output", streams.write_data)
        return
    # The last of the links, so that it is its target that is replaced.
    place = Path(os.path.realpath(output))
    if place in {path.resolve() for path in inputs}:
        raise SettingsError(f"{output}: is read by this very command; it is not overwritten, choose another file")
    with _sentence(output):
        mode = _mode(output)
    if _is_written_through(output, mode):
        with _opened(output, Path(output), "wb") as stream:
            yield stream
        return
    part = place.with_name(f".fsm_robot-{os.getpid()}.part")  # a short name, for the other one may be as long as can be
    try:
        with _opened(output, part, "xb") as stream:
            yield stream
        with _sentence(output):
            if mode is not None:
                shutil.copymode(place, part)
            part.replace(place)
    finally:
        with _sentence(output):
            part.unlink(missing_ok=True)


def _mode(output: str) -> int | None:
    try:
        return os.stat(output).st_mode
    except FileNotFoundError:
        return None


def _is_written_through(output: str, mode: int | None) -> bool:
    if mode is None:
        return False
    return not stat.S_ISREG(mode) or os.path.abspath(output).startswith(SYSTEM_FOLDERS)


@contextmanager
def _opened(output: str, path: Path, how: str) -> Iterator[Target]:
    with _sentence(output):
        stream = path.open(how)
    try:
        yield Target(output, stream.write)
    finally:
        with _sentence(output):
            stream.close()


@contextmanager
def _sentence(name: str) -> Iterator[None]:
    """Turn a refusal of the operating system into one sentence."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{name}: cannot be written: {error.strerror or error}") from error
