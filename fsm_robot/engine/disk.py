"""The files of the storage folder that are appended to and synced."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

import attrs

from fsm_robot.errors import JournalError
from fsm_robot.system.held import PATIENCE, HeldFileError, Patience

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

TRIAL_NAME, TRIAL_BYTES = "trial", 64 * 1024


@attrs.frozen(eq=False, repr=False)
class AppendedFile:
    """`ports.AppendedFile` on a descriptor."""

    _descriptor: int

    def write(self, data: bytes) -> None:
        """See `ports.AppendedFile.write`."""
        while data:
            data = data[os.write(self._descriptor, data) :]

    def cut(self, size_bytes: int) -> None:
        """See `ports.AppendedFile.cut`."""
        os.ftruncate(self._descriptor, size_bytes)

    def sync(self) -> None:
        """See `ports.AppendedFile.sync`."""
        system.sync_data(self._descriptor)

    def close(self) -> None:
        """See `ports.AppendedFile.close`."""
        os.close(self._descriptor)


@attrs.frozen(eq=False, repr=False)
class SystemDisk:
    """`ports.Disk` on the operating system's own files.

    Attributes:
        patience: For files that another program holds.
    """

    patience: Patience = attrs.field(default=PATIENCE, kw_only=True)

    def names(self, directory: Path) -> list[str]:
        """See `ports.Disk.names`."""
        return os.listdir(directory) if directory.is_dir() else []

    def read(self, path: Path) -> bytes:
        """See `ports.Disk.read`."""
        return self.patience.content(path)

    def append(self, path: Path, *, new: bool = False) -> AppendedFile:
        """See `ports.Disk.append`."""
        # Without O_BINARY Windows writes CR LF for a line feed, and the sizes that `cut` gets are not those on disk.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        flags |= os.O_EXCL if new else 0

        def opened() -> AppendedFile:
            return AppendedFile(self.patience.until_free(path, lambda: os.open(path, flags, 0o600)))

        try:
            return opened()
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return opened()

    def try_room(self, directory: Path) -> None:
        """See `ports.Disk.try_room`. Tried, not asked: a quota or a right that is missing shows itself in no number."""
        trial = directory / TRIAL_NAME
        trial.mkdir(mode=0o700, exist_ok=True)  # one that a crash left is taken away with this
        file = self.append(trial / "file")
        try:
            file.write(bytes(TRIAL_BYTES))
        finally:
            file.close()
            # A scanner looks at what was just written.
            self.patience.until_free(trial / "file", (trial / "file").unlink)
            self.patience.until_free(trial, trial.rmdir)

    def sync_names(self, directory: Path) -> None:
        """See `ports.Disk.sync_names`."""
        system.sync_directory(str(directory))


def open_text(path: Path) -> TextIO:
    """Open a journal to look into it, whatever text it is.

    Raises:
        JournalError: Another program does not let go of it: who went on would not know what is in it.
        OSError: It is not there, or may not be read.
    """
    try:
        return PATIENCE.until_free(path, partial(path.open, encoding="utf-8", errors="replace", newline=""))
    except HeldFileError as error:
        raise JournalError(f"the journal cannot be read: {error}") from error
