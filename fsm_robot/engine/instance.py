"""One robot at a time: per GUID within the account, and per storage folder. The operating system holds the locks."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from fsm_robot.errors import InstanceRunningError, JournalError
from fsm_robot.system.held import PATIENCE, Patience

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LONGEST_NOTE = 200
SALT_BYTES = 16
PID = r"pid (\d{1,9})\b"


@contextmanager
def only_instance(robot_guid: str, storage: Path, started_at: str, patience: Patience = PATIENCE) -> Iterator[None]:
    """Hold the locks while the robot runs; what goes wrong in the run itself passes through as it is.

    Raises:
        InstanceRunningError: Another process has one of them; the message names its pid and start.
        JournalError: The lock file cannot be made, or a program that is no robot does not let go of it.
    """
    with ExitStack() as held:
        try:
            _take(robot_guid, storage, started_at, held, patience)
        except OSError as error:
            raise JournalError(f"{storage}: the lock of this robot cannot be taken: {error}") from error
        yield


def _take(robot_guid: str, storage: Path, started_at: str, held: ExitStack, patience: Patience) -> None:
    storage.parent.mkdir(parents=True, exist_ok=True)
    system.make_private_folder(str(storage))
    folder = system.account_folder()
    name = _name_of(robot_guid, folder, patience)
    lock = str(storage / "robot.lock")
    # First what no scanner can hold: another robot is told from one at once. It also serves where locked files lie on a
    # share that knows no locks.
    taken = system.take_name(f"fsm_robot-{name}")
    if not taken:
        raise InstanceRunningError(f"this robot already runs{_by_whom(lock)}")
    held.callback(system.free_name, taken)
    for path in (lock, *([os.path.join(folder, f"{name}.lock")] if folder else [])):
        descriptor = patience.until_free(path, partial(system.open_lock_file, path))
        held.callback(os.close, descriptor)
        if not system.try_lock(descriptor):
            raise InstanceRunningError(f"this robot already runs: {_note(descriptor)} holds {path}")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()}, started {started_at}".encode())


def _by_whom(lock: str) -> str:
    """Return what the lock of a storage folder says of the robot that has its name already; without a wait for it."""
    try:
        descriptor = system.open_lock_file(lock)
    except OSError:
        return " in this session"
    try:
        if system.try_lock(descriptor):
            return " in this session, on another storage folder"
        return f": {_note(descriptor)} holds {lock}"
    finally:
        os.close(descriptor)


def _name_of(robot_guid: str, folder: str, patience: Patience) -> str:
    """Return what the robot is called among the locks of this account: nobody else can guess it, or learn from it."""
    salt = _salt(folder, patience) if folder else os.urandom(SALT_BYTES)
    return hashlib.sha256(salt + robot_guid.lower().encode()).hexdigest()[:24]


def _salt(folder: str, patience: Patience) -> bytes:
    path = os.path.join(folder, "salt")
    new = f"{path}.{os.getpid()}"
    for _ in range(2):
        try:
            with patience.until_free(path, lambda: open(path, "rb")) as stream:
                salt = stream.read(SALT_BYTES)
        except FileNotFoundError:
            salt = b""
        if len(salt) == SALT_BYTES:
            return salt
        # Whole at once, or two robots that start together for the first time would have two names.
        with open(system.open_private(new, os.O_TRUNC), "wb") as stream:
            stream.write(os.urandom(SALT_BYTES))
        system.put_in_place(new, path)
    raise OSError(f"{path}: does not hold a salt; delete it")


def holder(storage: Path) -> int | None:
    """Return the process that runs the robot of this storage folder, or None; the lock is left as it is.

    A lock that is tried is held for a moment, and a robot that starts in it would be told off. So the process that the
    file names is looked for first, and only a file whose process lives is tried.
    """
    path = storage / "robot.lock"
    try:
        note = path.read_bytes()[:LONGEST_NOTE].decode(errors="replace")
        pid = next((int(word) for word in re.findall(PID, note)), 0)
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
