"""One robot at a time: per GUID within the account, and per storage folder. The operating system holds the locks."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fsm_robot.errors import InstanceRunningError, JournalError

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LONGEST_NOTE = 200
SALT_BYTES = 16
PID = re.compile(r"pid (\d{1,9})\b")


@contextmanager
def only_instance(robot_guid: str, storage: Path, started_at: str) -> Iterator[None]:
    """Hold both locks while the robot runs; what goes wrong in the run itself passes through as it is.

    Raises:
        InstanceRunningError: Another process has one of them; the message names its pid and start.
        JournalError: The lock file cannot be made.
    """
    with ExitStack() as held:
        try:
            _take(robot_guid, storage, started_at, held)
        except OSError as error:
            raise JournalError(f"{storage}: the lock of this robot cannot be taken: {error}") from error
        yield


def _take(robot_guid: str, storage: Path, started_at: str, held: ExitStack) -> None:
    storage.parent.mkdir(parents=True, exist_ok=True)
    storage.mkdir(mode=0o700, exist_ok=True)
    folder = system.account_folder()
    name = _name_of(robot_guid, folder)
    for path in (str(storage / "robot.lock"), *([os.path.join(folder, f"{name}.lock")] if folder else [])):
        descriptor = system.open_lock_file(path)
        held.callback(os.close, descriptor)
        if not system.try_lock(descriptor):
            raise InstanceRunningError(f"this robot already runs: {_note(descriptor)} holds {path}")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()}, started {started_at}".encode())
    # Locked files may lie on a share that knows no locks; the system's own list of names does not.
    taken = system.take_name(f"fsm_robot-{name}")
    if not taken:
        raise InstanceRunningError("this robot already runs in this session, on another storage folder")
    held.callback(system.free_name, taken)


def _name_of(robot_guid: str, folder: str) -> str:
    """Return what the robot is called among the locks of this account: nobody else can guess it, or learn from it."""
    salt = _salt(folder) if folder else os.urandom(SALT_BYTES)
    return hashlib.sha256(salt + robot_guid.lower().encode()).hexdigest()[:24]


def _salt(folder: str) -> bytes:
    path = os.path.join(folder, "salt")
    new = f"{path}.{os.getpid()}"
    for _ in range(2):
        try:
            with open(path, "rb") as stream:
                salt = stream.read(SALT_BYTES)
        except FileNotFoundError:
            salt = b""
        if len(salt) == SALT_BYTES:
            return salt
        # Whole at once, or two robots that start together for the first time would have two names.
        with open(system.open_private(new, os.O_TRUNC), "wb") as stream:
            stream.write(os.urandom(SALT_BYTES))
        system.put_in_place(new, path)
    raise OSError(f"{path}: is no salt; delete it")


def holder(storage: Path) -> int | None:
    """Return the process that runs the robot of this storage folder, or None; the lock is left as it is.

    A lock that is tried is held for a moment, and a robot that starts in it would be told off. So the process that the
    file names is looked for first, and only a file whose process lives is tried.
    """
    path = storage / "robot.lock"
    try:
        note = path.read_bytes()[:LONGEST_NOTE].decode(errors="replace")
        pid = next((int(word) for word in PID.findall(note)), 0)
        if not pid or not system.process_lives(pid):
            return None
        descriptor = system.open_lock_file(str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return None if system.try_lock(descriptor) else pid
    finally:
        os.close(descriptor)


def _note(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, LONGEST_NOTE).decode(errors="replace") or "another process"
