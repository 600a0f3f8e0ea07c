"""What earlier runs left behind, from their journals and the list of jobs, also where a journal was changed.

The rule for a changed journal: from the changed line on nothing is believed but that a job was taken. Whether it was
reported, and how it ended, is then asked of the list of jobs alone; a job of which that list knows no end is reported
as lost. So no job is forgotten, none is run twice, and no outcome is sent that only a doubtful line speaks of.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from fsm_robot.engine.journal.file import SYSTEM_DISK, disk_errors, journal_names, read_run
from fsm_robot.engine.journal.record import Reading, read
from fsm_robot.engine.ports import Disk
from fsm_robot.robot.unsettled import died_asking, has_looked_back, opened_in, outcome_in, unsettled_in

if TYPE_CHECKING:
    from fsm_robot.robot.ledger import JobLedger
    from fsm_robot.robot.ports import Unsettled

Warn = Callable[..., None]


def find_unsettled(
    directory: Path,
    disk: Disk = SYSTEM_DISK,
    ledger: JobLedger | None = None,
    warn: Warn = lambda *_, **__: None,
    earlier: Sequence[str] | None = None,
) -> Unsettled | None:
    """Return the job that earlier runs left open, or None.

    The last run that looked back answers for all before it: it took over what it found.

    Args:
        directory: The folder of the journals.
        disk: Where it is.
        ledger: The list of jobs, asked where a job is open, a journal was changed, or no journal is there.
        warn: Told by event id, sentence and values what a person should look into.
        earlier: The journals of earlier runs, where that is known.

    Raises:
        JournalError: A journal or the list of jobs cannot be read.
    """
    with disk_errors(directory, "read"):
        names = journal_names(directory, disk) if earlier is None else earlier
    doubt: Unsettled | None = None
    for name in reversed(names):
        reading = read_run(directory / name, disk)
        if reading.damage == "changed":
            warn(
                "journal.damaged",
                "a journal is damaged; what follows the damage is ignored, the list of jobs decides",
                file=name,
                damage=reading.wrong,
            )
            found = _in_doubt(reading, ledger, warn)
            if found is not None and not has_looked_back(reading.records):
                doubt, found = doubt or found, None  # a whole journal before it may know how that job ended
        else:
            found = _not_closed(unsettled_in(reading.records), ledger)
        if found is None and died_asking(reading.records) and reading.damage != "changed":
            warn(
                "job.maybe_given",
                "the last run died while it asked for a job, and may have been given one;"
                " look in the orchestrator for a job of this robot that never starts, and create it again",
            )
        if found is not None or has_looked_back(reading.records):
            return _surer(found, doubt)
    if doubt is not None:
        return doubt
    # Journals that somebody deleted take no job with them.
    return None if ledger is None else _only_in_the_list(ledger, warn)


def find_outcome(directory: Path, job_guid: str, disk: Disk = SYSTEM_DISK) -> str:
    """Return how a job ended by the last journal that tells, or empty where none does.

    For a job that the list of jobs knows without an end: the disk was full or the power went when it was written there.

    Raises:
        JournalError: A journal cannot be read.
    """
    with disk_errors(directory, "read"):
        names = journal_names(directory, disk)
    outcomes = (outcome_in(read_run(directory / name, disk).records, job_guid) for name in reversed(names))
    return next((outcome for outcome in outcomes if outcome), "")


def jobs_in(directory: Path, disk: Disk = SYSTEM_DISK) -> Iterator[tuple[str, str]]:
    """Yield every job that a journal of the folder tells of, with how it ended, or an empty text.

    Raises:
        OSError: A journal cannot be read.
    """
    for name in journal_names(directory, disk):
        reading = read(io.BytesIO(disk.read(directory / name)))
        for job in opened_in([*reading.records, *reading.doubtful]):
            yield job.job_guid, outcome_in(reading.records, job.job_guid)


def _not_closed(found: Unsettled | None, ledger: JobLedger | None) -> Unsettled | None:
    """Return `found`, or None where the list of jobs says that it was closed right before the robot died."""
    if found is None or ledger is None or found.repeated or not ledger.outcome(found.job_guid):
        return found
    return None


def _surer(found: Unsettled | None, doubt: Unsettled | None) -> Unsettled | None:
    """Return what a whole journal says where it speaks of the job in doubt, or of the only one."""
    if doubt is None or (found is not None and found.job_guid == doubt.job_guid):
        return found
    return doubt


def _in_doubt(reading: Reading, ledger: JobLedger | None, warn: Warn) -> Unsettled | None:
    sure = unsettled_in(reading.records)
    taken = [*([sure] if sure else []), *opened_in(reading.doubtful)]
    still_open = [job for job in taken if _not_closed(attrs.evolve(job, repeated=False), ledger)]
    if not still_open:
        return None if ledger is None else _only_in_the_list(ledger, warn)
    for job in still_open[:-1]:
        warn(
            "job.maybe_not_reported",
            "a job was taken, and the list of jobs does not say that it was reported; look at it in the orchestrator",
            job=job.job_guid,
        )
    return still_open[-1]


def _only_in_the_list(ledger: JobLedger, warn: Warn) -> Unsettled | None:
    from fsm_robot.robot.ports import Unsettled

    job_guid = ledger.last_open()
    if not job_guid:
        return None
    warn(
        "job.without_journal",
        "a job is open in the list of jobs, and no journal mentions it: its processes cannot be looked for",
        job=job_guid,
    )
    return Unsettled(job_guid, "", "")
