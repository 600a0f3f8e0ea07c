"""Versions of this program side by side in one folder, a place; its launcher starts the one that is named current.

    fsm-robot.py                       the launcher, a copy of launcher.py
    versions.json                      which version is current, and which was before
    versions/<version>/fsm-robot.pyz   one folder for each; never changed once it is there

Nothing that a running robot may still import is ever replaced: it runs from what its account has unpacked of its own
version. The next start is of the version that is current then.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import attrs

from fsm_robot.errors import SettingsError
from fsm_robot.system.held import PATIENCE, put_whole

LAUNCHER_NAME, CHOICE_NAME, FILE_NAME = "fsm-robot.py", "versions.json", "fsm-robot.pyz"
READABLE = 0o644
"""The robots of a place have accounts of their own; who may look at all is said by the place's own folder."""
TRIAL_S = 120.0
"""How long a version gets for its first start, in which it is unpacked, on a slow machine."""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,60}")
_NAMED = re.compile(r'^NAME = "([^"\n]+)-[0-9a-f]{12}"', re.MULTILINE)


@attrs.frozen
class Choice:
    """Which version a place starts, and which it started before; empty: none."""

    current: str
    previous: str = ""


def version_of(file: Path) -> str:
    """Return the version in a fsm-robot.pyz.

    Raises:
        SettingsError: It is no such file, or cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            program = archive.read("__main__.py").decode()
            archive.getinfo("payload.zip")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, LookupError, ValueError, RuntimeError, NotImplementedError) as error:
        raise SettingsError(f"{file}: is not a fsm-robot.pyz, or only a part of the file arrived: {error}") from error
    found = _NAMED.search(program)
    if found is None or not _VERSION.fullmatch(found[1]):
        raise SettingsError(f"{file}: is not a fsm-robot.pyz: it does not name a version")
    return found[1]


@attrs.frozen
class Place:
    """A folder of versions."""

    folder: Path

    def add(self, file: Path) -> str:
        """Copy a fsm-robot.pyz into a folder of its version, which is not made current, and return the version.

        The same file again changes nothing.

        Raises:
            SettingsError: It is no such file, another one of this version is there, or nothing can be written.
        """
        version = version_of(file)
        target = self.file(version)
        try:
            if target.exists():
                if _digest(target) != _digest(file):
                    raise SettingsError(
                        f"{target}: is another file of version {version}, and robots may run by it;"
                        " build one with a version of its own"
                    )
                return version
            self._copy(file, target.parent)
            launcher = self.folder / LAUNCHER_NAME
            if not launcher.exists():
                put_whole(launcher, Path(__file__).with_name("launcher.py").read_bytes(), mode=READABLE, lasting=True)
        except OSError as error:
            raise _refused(error, self.folder) from error
        return version

    def use(self, version: str) -> Choice:
        """Name a version current after a trial of it; what was current is the previous one.

        Raises:
            SettingsError: It is not there, does not run with this Python, or cannot be written; nothing was changed.
        """
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none"
            raise SettingsError(f"{self.folder}: holds no version {version}; it holds {known}")
        self._try(version)
        before = (_read(text) if (text := self._told()) else None) or Choice("")
        if before.current == version:
            return before
        return self._choose(Choice(version, before.current))

    def back(self) -> Choice:
        """Name the previous version current again, and the current one previous.

        Raises:
            SettingsError: There is none, it does not run, or nothing can be written; the choice is as before.
        """
        before = self.choice()
        if not before.previous:
            raise SettingsError(f"{self.folder}: has had no version before {before.current}")
        return self.use(before.previous)

    def choice(self) -> Choice:
        """Return which version is current. Raises `SettingsError` where nothing tells it."""
        path, text = self.folder / CHOICE_NAME, self._told()
        if text is None:
            raise SettingsError(f"{path}: is not there; `versions upgrade FILE --place {self.folder}` makes a place")
        choice = _read(text)
        if choice is None:
            raise SettingsError(f"{path}: is damaged; `versions use VERSION` writes it anew")
        return choice

    def versions(self) -> tuple[str, ...]:
        """Return which versions are there, the oldest first."""
        try:
            names = [path.parent.name for path in (self.folder / "versions").glob(f"*/{FILE_NAME}")]
        except OSError as error:
            raise _refused(error, self.folder) from error
        return tuple(sorted(filter(_VERSION.fullmatch, names), key=_order))

    def file(self, version: str) -> Path:
        """Return where a version is, or would be."""
        return self.folder / "versions" / version / FILE_NAME

    def _told(self) -> str | None:
        try:
            path = self.folder / CHOICE_NAME
            return PATIENCE.until_free(path, lambda: path.read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(error, self.folder) from error

    def _copy(self, file: Path, target: Path) -> None:
        """Copy under another name first: whoever sees the folder of a version sees it whole."""
        new = target.with_name(f".{target.name}.{uuid.uuid4().hex}.new")
        new.mkdir(parents=True)
        try:
            _write(new / FILE_NAME, file.read_bytes())
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _try(self, version: str) -> None:
        """Start a version as the launcher would, which unpacks it for this account, too."""
        command = [sys.executable, "-I", str(self.file(version)), "--version"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TRIAL_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SettingsError(f"{self.file(version)}: cannot be tried, so nothing was changed: {error}") from error
        if done.returncode or version.encode() not in done.stdout:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise SettingsError(f"{self.file(version)}: does not run here, so nothing was changed: {' '.join(said)}")

    def _choose(self, choice: Choice) -> Choice:
        try:
            content = json.dumps({"schema": 1, **attrs.asdict(choice)}).encode("ascii") + b"\n"
            put_whole(self.folder / CHOICE_NAME, content, mode=READABLE, lasting=True)
        except OSError as error:
            raise _refused(error, self.folder) from error
        return choice


def _read(text: str) -> Choice | None:
    try:
        told = json.loads(text)
        choice = Choice(told["current"], told["previous"])
    except (ValueError, LookupError, TypeError):
        return None
    return choice if all(isinstance(each, str) for each in attrs.astuple(choice)) else None


def _order(version: str) -> tuple[object, ...]:
    """Numbers by their value, and a version with letters (1.0.0rc1) before the one that it leads to."""
    parts = re.findall(r"\d+|[a-z]+", version)
    return (*((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts), (1, -1, ""))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _refused(error: OSError, folder: Path) -> SettingsError:
    where = error.filename2 or error.filename or folder
    return SettingsError(f"{where}: {error.strerror or error}; nothing was changed")
