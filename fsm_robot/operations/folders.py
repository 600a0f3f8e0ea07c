"""Folders of robots on disk: which storage belongs to one, what lies in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path

from fsm_robot.engine import channel
from fsm_robot.engine.clock import SystemClock
from fsm_robot.engine.instance import holder
from fsm_robot.engine.journal.file import journals, read_journal, read_run, run_name
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import Reading, Record, steps_in
from fsm_robot.errors import ChannelError, JournalError, NoRobotError, SettingsError
from fsm_robot.operations.now import Seen, last_trouble_in
from fsm_robot.operations.past_jobs import PastJob, newest_jobs
from fsm_robot.robot import settings as settings_module
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.look_back import find_unsettled
from fsm_robot.robot.pause import in_force
from fsm_robot.robot.ports import Unsettled
from fsm_robot.robot.settings import LINES_NAME, PAUSED_NAME
from fsm_robot.robot.status_file import NAME, read_document
from fsm_robot.shipping.line import moment
from fsm_robot.shipping.spool import left_in
from fsm_robot.worker.job_folder import OUTPUT_NAME, folder_name

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

LOG_TAIL_BYTES = 64 * 1024
SAYS_WITHIN_S = 2.0
"""How long a robot that listens may take to say what it does: who answers waits for no call and no script."""
MARKS = ("journal", "robot.lock", "jobs", "robot.log", NAME, PAUSED_NAME)
NOT_FOR_YOU = (
    "not readable for this account; let the robot's robot.toml say [storage] readers = [a group that you are in],"
    " and its folder be one that the group may pass through"
)
USUAL_STORAGE = "state"


def storage_of(folder: Path) -> Path:
    """Return the storage folder of a robot.

    Args:
        folder: The folder of its robot.toml, a robot.toml, or the storage folder itself.

    Raises:
        SettingsError: It is none of them, or the robot.toml is wrong.
    """
    config = folder if folder.is_file() else folder / "robot.toml"
    if config.is_file() and not (may_only_look(config) and _is_storage(folder / USUAL_STORAGE)):
        # The environment belongs to the robot of this shell, and there may be forty folders.
        text = settings_module.load(config.absolute(), {}, need_credential=False)
        return text.storage_directory
    if config.is_file():
        return folder / USUAL_STORAGE  # robot.toml is for the robot's own account
    if _is_storage(folder):
        return folder
    if not folder.is_dir():
        raise SettingsError(f"{folder}: there is no such folder")
    raise SettingsError(f"{folder}: is not the folder of a robot: it has no robot.toml, no journal and no robot.lock")


def may_only_look(config: Path) -> bool:
    """Return whether a robot.toml is another account's, which this one may not read: it may look, if it is let to."""
    return not os.access(config, os.R_OK)


def _is_storage(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in MARKS)


def storage_of_config(config: str) -> Path:
    """Return the storage folder that `--config` and the environment name."""
    return settings_module.load(Path(config).absolute(), need_credential=False).storage_directory


def has_jobs(folder: Path) -> bool:
    """Return whether a robot takes jobs, as far as its robot.toml tells: that of its folder, or the file itself.

    Raises:
        SettingsError: The robot.toml is wrong.
    """
    config = folder if folder.is_file() else folder / "robot.toml"
    return not config.is_file() or settings_module.load(config.absolute(), {}, need_credential=False).is_of_jobs


def seen_in(storage: Path, says_within_s: float = SAYS_WITHIN_S) -> Seen:
    """Return what is found in a storage folder now; nothing in it is changed.

    A robot that listens is given `says_within_s` to say what it does.

    Another account's robot is seen by what `[storage] readers` opens: its journals and its status.json.

    Raises:
        JournalError: Something of it cannot be read, or nothing may be read by this account.
    """
    try:
        return _seen_in(storage, says_within_s)
    except JournalError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        # A run without a job has ended since it was listed, and got its other name.
        return _seen_in(storage, says_within_s)


def _seen_in(storage: Path, says_within_s: float) -> Seen:
    try:
        newest = journals(storage / "journal")[-1:]
        reading = read_run(newest[0]) if newest else Reading([])
    except (PermissionError, JournalError) as error:
        if isinstance(error, PermissionError) or isinstance(error.__cause__, PermissionError):
            raise JournalError(f"{storage}: {NOT_FOR_YOU}") from error
        raise
    damage = reading.wrong if reading.damage == "changed" else ""
    try:
        held = holder(storage)
        unsettled = find_unsettled(storage / "journal", ledger=JobLedger(storage / "jobs" / "ledger.jsonl"))
    except JournalError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise
        held, unsettled = _runs_by_journal(reading.records), _unsettled_by_status(storage)
        return Seen(held, reading.records, damage, unsettled, _trouble_in(storage), paused=_paused(storage))
    said, silent = _asked(storage, says_within_s) if held is not None else ({}, "")
    left, since = (0, "") if said else lines_left(storage)
    paused = _paused(storage)
    return Seen(held, reading.records, damage, unsettled, _trouble_in(storage), said, silent, paused, left, since)


def _paused(storage: Path) -> str:
    paused = in_force(storage, SystemClock().utc_now())
    return "" if paused is None else str(paused)


def _trouble_in(storage: Path) -> str:
    return last_trouble_in(_tail(storage / "robot.log"))


def _runs_by_journal(records: Sequence[Record]) -> int | None:
    """Return the process of a robot whose lock is not for us: the one that its open journal names, if it lives."""
    if not records or any(record.kind == "end" for record in records):
        return None
    steps = [step for step in steps_in(records) if step.kind in ("taken", "started")]
    pid = records[0].values.get("pid")
    ended = bool(steps) and steps[-1].exit_code is not None
    return pid if isinstance(pid, int) and not ended and system.process_lives(pid) else None


def _unsettled_by_status(storage: Path) -> Unsettled | None:
    waiting = read_document(storage).get("undelivered")
    if not isinstance(waiting, dict):
        return None
    job, script, outcome = (str(waiting.get(key) or "") for key in ("job", "script", "outcome"))
    return Unsettled(job, script, "", outcome)


def lines_left(storage: Path) -> tuple[int, str]:
    """Return how many lines for the orchestrator's log lie there, and when the first was written.

    Raises:
        JournalError: They cannot be read.
    """
    try:
        left = left_in(storage / LINES_NAME)
    except FileNotFoundError:
        return 0, ""  # they have just been sent
    except OSError as error:
        raise JournalError(f"{storage / LINES_NAME}: cannot be read: {error.strerror or error}") from error
    return len(left), moment(left[0].at_s, UTC) if left else ""


def _asked(storage: Path, within_s: float) -> tuple[Mapping[str, object], str]:
    """Return what a robot that runs says it does, or why it says nothing though it listens."""
    try:
        return channel.ask(storage, {"ask": "status"}, within_s), ""
    except NoRobotError:
        return {}, ""  # it has not waited yet, or ends at this moment: its journal tells
    except ChannelError as error:
        return {}, str(error)


def runs_backwards(storage: Path) -> Iterator[tuple[str, list[Record]]]:
    """Return name and records of each run, the newest first. Raises `JournalError`."""
    make = quickest()
    for path in reversed(journals(storage / "journal")):
        try:
            records = read_journal(path, make=make)[0]
        except JournalError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                continue  # since it was listed it was deleted as an old one, or ended without a job
            raise
        yield run_name(path), records


def output_of(storage: Path, job_guid: str) -> Path:
    """Return where the output of a job is, whether it is there or not."""
    return storage / "jobs" / folder_name(job_guid) / OUTPUT_NAME


def job_meant(storage: Path, word: str) -> PastJob:
    """Return the job that an operator means: the last one, or the one whose GUID begins so.

    Raises:
        SettingsError: There is none, or there are several.
    """
    if not word:
        found = newest_jobs(runs_backwards(storage), 1)
        if not found:
            raise SettingsError(f"{storage}: this robot has had no job yet")
        return found[0]
    jobs = newest_jobs(runs_backwards(storage), limit=1_000_000)
    meant = [job for job in jobs if job.job.lower().startswith(word.lower())]
    if not meant and output_of(storage, word).exists():
        return PastJob(word, "")  # its journal was deleted, its output was kept
    if not meant:
        raise SettingsError(f"{storage}: no job begins with {word}; `fsm-robot history` lists them")
    if len(meant) > 1 and meant[0].job.lower() != word.lower():
        raise SettingsError(f"{word} may mean {len(meant)} jobs; give more of the GUID, such as {meant[0].job}")
    return meant[0]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be read: {error}"
