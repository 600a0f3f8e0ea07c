"""Files in the orchestrator's storage. They go by their path, so they may be of any size."""

from __future__ import annotations

import os

from fsm_robot.sdk import _transport
from fsm_robot.sdk._errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_own_folder = ""


def storage(folder: str) -> Storage:
    """Return a folder of the orchestrator's storage by its name or GUID; nothing is asked yet."""
    return Storage(folder)


class Storage:
    """A folder of the orchestrator's storage.

    Attributes:
        folder: Its name or GUID.
    """

    def __init__(self, folder: str) -> None:
        if not isinstance(folder, str) or not folder.strip():
            raise ValueError(f"the name or GUID of a folder must be a text, not {folder!r}")
        self.folder = folder

    def __repr__(self) -> str:
        return f"<Storage {self.folder!r}>"

    def upload(self, path: str | os.PathLike[str], name: str = "") -> str:
        """Put a file there under `name`, or under its own, in place of one that is there; return the name.

        Raises:
            NotFoundError: There is no such file here, or no such folder there.
            MaybeDoneError: The answer was lost.
        """
        source = os.path.abspath(os.fspath(path))
        if not os.path.isfile(source):
            raise NotFoundError(f"{source} is not a file")
        name = name or os.path.basename(source)
        _transport.call("file.upload", folder=self.folder, path=source, name=name)
        return name

    def download(self, name: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Fetch a file, and return where it is now: at `to`, in it where that is a folder, else in a temporary folder.

        The temporary folder is removed when the script ends. Raises `NotFoundError`, `UnavailableError`.
        """
        from pathlib import Path

        plain = os.path.basename(name.replace("\\", "/")) or "file"
        target = _temporary() if to is None else os.path.abspath(os.fspath(to))
        if os.path.isdir(target):
            target = os.path.join(target, plain)
        # Whole or not at all: half a file of a broken transfer looks like one.
        part = f"{target}.part"
        try:
            _transport.call("file.download", folder=self.folder, name=name, to=part)
            os.replace(part, target)
        finally:
            if os.path.exists(part):
                os.unlink(part)
        return Path(target)

    def read_text(self, name: str, encoding: str = "utf-8") -> str:
        """Return what a file holds. Raises as `download` does; `UnicodeDecodeError`."""
        path = self.download(name)
        try:
            return path.read_text(encoding=encoding)
        finally:
            path.unlink()

    def write_text(self, name: str, text: str, encoding: str = "utf-8") -> None:
        """Put a text there as a file. Raises as `upload` does."""
        path = os.path.join(_temporary(), os.path.basename(name.replace("\\", "/")) or "file")
        with open(path, "w", encoding=encoding, newline="") as stream:
            stream.write(text)
        try:
            self.upload(path, name)
        finally:
            os.unlink(path)

    def delete(self, name: str) -> None:
        """Remove a file. Raises `NotFoundError` where there is none."""
        _transport.call("file.delete", folder=self.folder, name=name)


def _temporary() -> str:
    """Return a new folder below the one of this process."""
    global _own_folder  # noqa: PLW0603 - one process has one
    import atexit
    import tempfile

    if not _own_folder or not os.path.isdir(_own_folder):
        _own_folder = tempfile.mkdtemp(prefix="fsm-robot-")
        atexit.register(_remove, _own_folder, os.getpid())
    return tempfile.mkdtemp(dir=_own_folder)


def _remove(folder: str, pid: int) -> None:
    import shutil

    if os.getpid() == pid:  # a forked child ends as well
        shutil.rmtree(folder, ignore_errors=True)
