"""Old runs are deleted, by age and by count, with the folders of their jobs; idle ones by a count of their own.

A robot that wakes up every minute must not lose yesterday's jobs over the wake-ups that found none. Which run had none
stands in its name, so that a wake-up pays for one listing of the folder and one renaming.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fsm_robot.engine.journal.file import IDLE, SUFFIX, journal_names, read_run, run_name
from fsm_robot.engine.journal.record import Record, steps_in
from fsm_robot.errors import JournalError
from fsm_robot.robot.unsettled import OPENING, unsettled_in

if TYPE_CHECKING:
    from fsm_robot.robot.ledger import JobLedger

ALWAYS_KEPT = 10
"""Newest runs that stay whatever their age is: a clock that was set wrong must not empty the folder."""

_MARK = f"{IDLE}{SUFFIX}"
_STAMP = r"[0-9]{8}T[0-9]{6}Z"
Warn = Callable[..., None]


class Kept(NamedTuple):
    """What the settings say is kept: so many runs with jobs, none of them older than so many days; so many others."""

    runs: int
    days: float
    idle_runs: int = 100


def prune_runs(
    directory: Path,
    names: Sequence[str],
    kept: Kept,
    now: str,
    *,
    ledger: JobLedger,
    folder_of: Callable[[str], Path],
    warn: Warn,
) -> int:
    """Delete the runs that are over, and return how many.

    A run whose job has no delivered final status stays, and so does one that cannot be read: a person has to look.

    Args:
        directory: The folder of the journals.
        names: What lies in it, oldest first; the run that calls this has ended, and is the last one.
        kept: What stays.
        now: The moment in UTC.
        ledger: Says of which jobs the end was delivered.
        folder_of: Job GUID -> its folder.
        warn: Told what could not be deleted.
    """
    if _many(_with_jobs(names), kept.runs):
        _mark_those_without_a_job([directory / name for name in _with_jobs(names[:-1])], warn)
        names = journal_names(directory)
    deleted = 0
    for name in due(names, kept, now):
        try:
            deleted += _delete(directory / name, ledger, folder_of)
        except (OSError, JournalError) as error:
            warn("run.not_deleted", "an old run could not be deleted", journal=name, error=str(error))
    return deleted


def _mark_those_without_a_job(paths: Sequence[Path], warn: Warn) -> None:
    """Tell them from runs with jobs: wake-ups that died, and those of a version that marked none."""
    for path in paths:
        try:
            if not _speaks_of_a_job(path):
                mark_idle(path)
        except OSError as error:
            warn(
                "run.not_marked", "a run without a job could not be marked as one", journal=path.name, error=str(error)
            )


def mark_idle(path: Path) -> Path:
    """Say in the name of a run that it had no job, when it has ended; return the new one. Raises `OSError`."""
    return path.rename(path.with_name(f"{run_name(path)}{_MARK}"))


def due(names: Sequence[str], kept: Kept, now: str) -> list[str]:
    """Return the journals to delete, oldest first, by their names alone; `names` are in the order of the runs.

    They are gathered, so that not every wake-up deletes one: a tenth more than `kept.runs` or `kept.idle_runs`, and a
    day more than `kept.days`, start it.
    """
    with_jobs, idle = _with_jobs(names), [name for name in names if name.endswith(_MARK)]
    limit = datetime.fromisoformat(now) - timedelta(days=kept.days)
    found: set[str] = set()
    if _many(with_jobs, kept.runs) or (with_jobs and _began(with_jobs[0]) < _stamp(limit - timedelta(days=1))):
        found.update(with_jobs[: max(0, len(with_jobs) - kept.runs)])
        found.update(name for name in with_jobs if _began(name) < _stamp(limit))
    if _many(idle, kept.idle_runs):
        found.update(idle[: len(idle) - kept.idle_runs])
    # Most wake-ups delete nothing, and must not look at every name once more for that.
    return [name for name in names[: max(0, len(names) - ALWAYS_KEPT)] if name in found] if found else []


def _many(names: Sequence[str], kept: int) -> bool:
    return len(names) - kept > kept // 10


def _with_jobs(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.endswith(_MARK)]


def _speaks_of_a_job(path: Path) -> bool:
    content = path.read_bytes()
    return any(f'"{name}"'.encode() in content for name in OPENING)


def _began(name: str) -> str:
    """Return the stamp in a journal's name; one without a stamp is as young as can be."""
    stamp = name.partition("-")[2].partition(".")[0]
    return stamp if re.fullmatch(_STAMP, stamp) else "9"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _delete(path: Path, ledger: JobLedger, folder_of: Callable[[str], Path]) -> int:
    reading = read_run(path)
    left = unsettled_in(reading.records)
    if reading.damage == "changed" or (left is not None and not ledger.outcome(left.job_guid)):
        return 0
    for job_guid in _jobs(reading.records):
        folder = folder_of(job_guid)
        if folder.is_dir():
            import shutil  # only a run with something to delete pays for it

            shutil.rmtree(folder)
    path.unlink()
    return 1


def _jobs(records: Sequence[Record]) -> list[str]:
    taken = [step.event.data.get("job") for step in steps_in(records) if step.event.name in OPENING]
    return [job for job in taken if isinstance(job, str)]
