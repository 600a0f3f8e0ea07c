"""Which Python runs a script: a `.venv` beside it, one that is built from its lock file, or `scripts.python`.

Finding downloads nothing and starts nothing. An environment that is built lies in the robot's storage, under the digest
of its lock, its Python and this system: a lock that changes is another environment, and scripts with equal locks share
one. It never changes. It is built under a name of its own, and counts from the moment that a small file, which is
renamed into its place, says where it is. Building it elsewhere and renaming its folder was the rejected way: programs
of an environment carry its path in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from fsm_robot.errors import ScriptNotStartedError

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

FOUND_NAME = ".venv"
CONFIG_NAME = "pyvenv.cfg"
FOLDER_SCRIPT = "__main__.py"
LOCK_NAMES = ("requirements.lock", "requirements.txt")
LARGEST_LOCK_BYTES = 8 << 20
KEY_LENGTH = 32
FORM = 1
ASKED_S = 30.0
# Not compiled here: a robot whose scripts have a `.venv`, or nothing, never needs them.
_HASH = r"\s--hash[= ]\s*\w+:"
_COMMENT = r"(^|\s)#.*$"
_BLOCK = rb"(?m)^# /// script\s*$"
_UV_LOCK = r"(?m)^version = \d+\s*$"
_OTHER_FILE = r"\s*(-r|-c|--requirement|--constraint)\b"
_WHAT_IT_IS = """
import json, sys, sysconfig
print(json.dumps([sys.implementation.name, list(sys.version_info), sysconfig.get_platform(), sys.base_prefix]))
"""


@attrs.frozen
class Lock:
    """What an environment is built from.

    Attributes:
        path: The file.
        text: What it holds.
        script: The script, where it is a lock of uv for one script; empty where it is a list of requirements.
        pinned: Whether each requirement has a hash.
    """

    path: Path
    text: str
    script: str = ""
    pinned: bool = True


@attrs.frozen
class Environment:
    """What a script runs with.

    Attributes:
        python: Its interpreter: a path, or a bare name; empty where it has to be built first.
        told: What it is, as people are told.
        lock: What it is built from, None where it is not built.
        key: Its name among those that are built.
    """

    python: str
    told: str
    lock: Lock | None = None
    key: str = ""


@attrs.define(eq=False)
class Environments:
    """The environments of one robot's scripts.

    Attributes:
        scripts: Folder of the scripts; nothing above it is looked at.
        python: What runs scripts that have none, and what environments are built with.
        how: `found`, `built` or `off`.
        built: Folder of those that are built.
        unpinned: Whether a file without hashes may be built from.
        build_s: How long a job may build; 0: it may not.
    """

    scripts: Path
    python: str
    how: str = "off"
    built: Path = Path()
    unpinned: bool = False
    build_s: float = 0.0
    _identity: str = attrs.field(default="", init=False)

    def of(self, script: Path) -> Environment:
        """Return what a script runs with: a file, or a folder with a `__main__.py`.

        Raises:
            ScriptNotStartedError: It has an environment that cannot be used.
        """
        if self.how == "built" and (lock := self._lock(script)) is not None:
            return self._built(lock)
        if self.how != "off":
            for folder in self._folders(script):
                # A link that leads nowhere counts: that is a broken environment, and not the absence of one.
                if os.path.lexists(found := folder / FOUND_NAME):
                    return Environment(_python_of(found), str(found))
        return Environment(self.python, self.python)

    def identity(self) -> str:
        """Return what an environment depends on besides its lock: which Python this is, and on which system."""
        if not self._identity:
            self._identity = _own_identity() if self.python == sys.executable else _asked_identity(self.python)
        return self._identity

    def ready(self, key: str) -> str:
        """Return the Python of an environment that was built; empty where there is none, or a broken one."""
        try:
            folder = json.loads(self.pointer(key).read_bytes())["folder"]
            return _python_of(self.built / str(folder))
        except (OSError, ValueError, KeyError, TypeError, ScriptNotStartedError):
            return ""

    def pointer(self, key: str) -> Path:
        """Return the file that says where an environment is."""
        return self.built / f"{key}.json"

    def _built(self, lock: Lock) -> Environment:
        if not lock.pinned and not self.unpinned:
            raise ScriptNotStartedError(
                f"{lock.path} has requirements without --hash, so nobody knows what would be installed; lock it, "
                "such as with `uv pip compile --generate-hashes`, or set scripts.environments_unpinned"
            )
        key = key_of(lock.text, self.identity())
        python = self.ready(key)
        if python:
            _used(self.pointer(key))
        return Environment(python, f"{key[:12]}, built from {lock.path}", lock, key)

    def _lock(self, script: Path) -> Lock | None:
        file = script / FOLDER_SCRIPT if script.is_dir() else script
        own = file.with_name(f"{file.name}.lock")
        if own.is_file():
            text = text_of(own)
            if re.search(_UV_LOCK, text):
                return Lock(own, text, str(file))
            return _of_requirements(own, text)
        if _has_block(file):
            raise ScriptNotStartedError(
                f"{file} lists what it needs (`# /// script`) and has no lock; write one: uv lock --script {file.name}"
            )
        for folder in self._folders(script):
            for name in LOCK_NAMES:
                if (path := folder / name).is_file():
                    return _of_requirements(path, text_of(path))
        return None

    def _folders(self, script: Path) -> Iterator[Path]:
        """Yield the folder of a script, and those above it up to that of all scripts."""
        root = Path(os.path.realpath(self.scripts))
        folder = script if script.is_dir() else script.parent
        while True:
            yield folder
            if folder == root or root not in folder.parents:
                return
            folder = folder.parent


def key_of(lock_text: str, identity: str) -> str:
    """Return the name of the environment that a lock and a Python make."""
    return hashlib.sha256(json.dumps([FORM, lock_text, identity]).encode()).hexdigest()[:KEY_LENGTH]


def requirements(text: str) -> list[str]:
    """Return the requirements of a file, each in one line; without comments and options of the whole file."""
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()
    bare = [re.sub(_COMMENT, "", line).strip() for line in lines]
    return [line for line in bare if line and not line.startswith("-")]


def _of_requirements(path: Path, text: str) -> Lock:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(_OTHER_FILE, line):
            raise ScriptNotStartedError(
                f"{path}:{number}: names another file, whose changes nobody would see; write everything into this one"
            )
    return Lock(path, text, pinned=all(re.search(_HASH, each) for each in requirements(text)))


def text_of(path: Path) -> str:
    """Return what a lock file holds. Raises `ScriptNotStartedError`."""
    try:
        data = path.read_bytes()
        if len(data) > LARGEST_LOCK_BYTES:
            raise ScriptNotStartedError(
                f"{path}: is larger than {LARGEST_LOCK_BYTES >> 20} MiB; this is not a lock file"
            )
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ScriptNotStartedError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise ScriptNotStartedError(f"{path}: is not UTF-8 text; write it again") from None


def _has_block(file: Path) -> bool:
    try:
        return bool(re.search(_BLOCK, file.read_bytes()))
    except OSError:
        return False  # whoever starts it says what is the matter


def _python_of(folder: Path) -> str:
    """Return the Python of an environment. Raises `ScriptNotStartedError` where it is none, or only the half of one."""
    python = system.environment_python(str(folder))
    if not (folder / CONFIG_NAME).is_file():
        raise ScriptNotStartedError(
            f"{folder} is not a virtual environment: it has no {CONFIG_NAME}; make it anew or delete it"
        )
    if not os.path.exists(python):
        raise ScriptNotStartedError(f"{folder} is broken: its Python {python} is not there; make it anew or delete it")
    return python


def _used(pointer: Path) -> None:
    try:
        os.utime(pointer)
    except OSError:
        return  # it is deleted too early then, and built again


def _own_identity() -> str:
    import sysconfig

    own = [sys.implementation.name, list(sys.version_info), sysconfig.get_platform(), sys.base_prefix]
    return json.dumps(own)


def _asked_identity(python: str) -> str:
    environment = clean(os.environ)
    try:
        done = subprocess.run(
            [python, "-I", "-c", _WHAT_IT_IS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASKED_S,
            check=False,
            env=environment,
        )
        return json.dumps(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScriptNotStartedError(f"{python} cannot be started: {error}; fix scripts.python") from error
    except ValueError:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ScriptNotStartedError(f"{python} does not tell what it is: {said}; fix scripts.python") from None


def clean(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a tool: without the robot's own, one of which may be the credential, and Python's."""
    return {
        name: value
        for name, value in inherited.items()
        if not name.upper().startswith("FSM_ROBOT_") and name.upper() not in ("PYTHONPATH", "PYTHONHOME")
    }
