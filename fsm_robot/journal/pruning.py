"""Old runs are deleted, by age and by count, with the folders of their jobs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from fsm_robot.errors import JournalError
from fsm_robot.journal.file import journal_names, read_run
from fsm_robot.journal.ledger import JobLedger
from fsm_robot.journal.record import Record
from fsm_robot.journal.unsettled import OPENING, unsettled_in

ALWAYS_KEPT = 10
"""Newest runs that stay whatever their age is: a clock that was set wrong must not empty the folder."""

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
Warn = Callable[[str], None]


class Kept(NamedTuple):
    """What the settings say is kept: so many runs, and none older than so many days."""

    runs: int
    days: float


def prune_runs(
    directory: Path, kept: Kept, now: str, *, ledger: JobLedger, folder_of: Callable[[str], Path], warn: Warn
) -> int:
    """Delete the runs that are over, and return how many; costs one listing of the folder where none is.

    A run whose job has no delivered final status stays, and so does one that cannot be read: a person has to look.

    Args:
        directory: The folder of the journals; the run that calls this has ended, and is among the newest.
        kept: What stays.
        now: The moment in UTC.
        ledger: Says of which jobs the end was delivered.
        folder_of: Job GUID -> its folder.
        warn: Told what could not be deleted.
    """
    deleted = 0
    for path in due([directory / name for name in journal_names(directory)], kept, now):
        try:
            deleted += _delete(path, ledger, folder_of)
        except (OSError, JournalError) as error:
            warn(str(error))
    return deleted


def due(paths: Sequence[Path], kept: Kept, now: str) -> list[Path]:
    """Return the runs to delete, oldest first, by their names alone; `paths` are in the order of the runs.

    They are gathered, so that not every wake-up deletes one: a tenth more than `kept.runs`, and a day more than
    `kept.days`, start it.
    """
    old = paths[: max(0, len(paths) - ALWAYS_KEPT)]
    over = len(paths) - kept.runs
    limit = datetime.fromisoformat(now) - timedelta(days=kept.days)
    if not old or (over <= kept.runs // 10 and _began(old[0]) >= _stamp(limit - timedelta(days=1))):
        return []
    return [path for number, path in enumerate(old) if number < over or _began(path) < _stamp(limit)]


def _began(path: Path) -> str:
    """Return the stamp in a journal's name; one without a stamp is as young as can be."""
    stamp = path.name.partition("-")[2].partition(".")[0]
    return stamp if _STAMP.fullmatch(stamp) else "9"


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
    events = [record.values["event"] for record in records if record.kind == "step"]
    taken = [event.get("data", {}).get("job") for event in events if event["name"] in OPENING]
    return [job for job in taken if isinstance(job, str)]
