"""A Dask cluster as the workers of a simulation; needs the extra `dask`, which is imported here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from pathlib import Path

from fsm_robot import __version__
from fsm_robot.errors import RobotError, SettingsError

ANSWERS_WITHIN_S = 10


@contextmanager
def on_cluster(address: str) -> Iterator[Executor]:
    """Give an executor whose workers are those of the cluster whose scheduler is at `address`: `tcp://host:8786`.

    Raises:
        SettingsError: The extra is not installed, no scheduler answers, or it has no workers with the same fsm_robot.
        RobotError: The cluster, or a worker again and again, has ended before the work was done.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise SettingsError('--cluster needs the extra `dask`: pip install "fsm_robot[dask]"') from error
    try:
        client = Client(address, timeout=ANSWERS_WITHIN_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SettingsError(f"--cluster {address}: no Dask scheduler answers there: {error}") from error
    with client:
        try:
            programs = client.run(program)
        except ImportError as error:
            raise SettingsError(f"--cluster {address}: a worker has no fsm_robot, install it there: {error}") from error
        complaint = unlike(programs, program())
        if complaint:
            raise SettingsError(f"--cluster {address}: {complaint}")
        try:
            with client.get_executor() as executor:  # type: ignore[no-untyped-call]
                yield executor
        except (KilledWorker, CancelledError, OSError) as error:
            raise RobotError(f"--cluster {address}: it has ended before the work was done: {error}") from error


def program() -> str:
    """Return what tells this fsm_robot from another: its version, and a sum over its modules as they are here."""
    package = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda each: each.relative_to(package).as_posix()):
        # Line endings are those of the machine that it was installed on.
        found.update(path.relative_to(package).as_posix().encode() + b"\n" + path.read_bytes().replace(b"\r\n", b"\n"))
    return f"{__version__} ({found.hexdigest()[:12]})"


def unlike(programs: dict[str, str], here: str) -> str:
    """Return what keeps workers from giving the bytes that are given here, empty where nothing does.

    Args:
        programs: Address of a worker -> its `program()`.
        here: The `program()` of who asks.
    """
    if not programs:
        return "it has no workers; start some with `dask worker`"
    other = next(((worker, found) for worker, found in programs.items() if found != here), None)
    if other is None:
        return ""
    return f"the worker {other[0]} has fsm_robot {other[1]} and here is {here}; install the same, or bytes would differ"
