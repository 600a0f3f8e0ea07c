"""Which jobs this robot has already had, so that none is ever run twice."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from fsm_robot.disk import SystemDisk
from fsm_robot.errors import JournalError
from fsm_robot.ports import Disk

KEPT_LINES = 20_000
SYSTEM_DISK = SystemDisk()


@attrs.define(eq=False, repr=False)
class JobLedger:
    """An append-only file of JSON lines: `{"job": GUID}` when a job is taken, with `"outcome"` when it is over."""

    path: Path
    disk: Disk = SYSTEM_DISK
    _sure_whole: bool = False

    def known(self, job_guid: str) -> bool:
        """Return whether the job was taken before."""
        return bool(self._entries(job_guid))

    def outcome(self, job_guid: str) -> str:
        """Return how the job ended, or empty where that is not known."""
        outcomes = [entry.get("outcome", "") for entry in self._entries(job_guid)]
        return str(next((outcome for outcome in reversed(outcomes) if outcome), ""))

    def last_open(self) -> str:
        """Return the job that was taken last, if no entry says how it ended; else an empty text."""
        entries = [entry for line in self._lines() if isinstance(entry := _parsed(line), dict) and "job" in entry]
        job = str(entries[-1]["job"]) if entries else ""
        return "" if any(entry["job"] == job and entry.get("outcome") for entry in entries) else job

    def add(self, job_guid: str, outcome: str = "") -> None:
        """Write that the job was taken, or how it ended; the latter is on disk when this returns.

        That a job was taken is not waited for: the journal's own record of it, synced before, tells the same, and the
        entry reaches the disk with the next one.

        Raises:
            JournalError: The disk is full, read-only or gone.
        """
        entry = {"job": job_guid, "outcome": outcome} if outcome else {"job": job_guid}
        line = json.dumps(entry).encode("ascii") + b"\n"
        try:
            start = b"" if self._ends_whole() else b"\n"
            self._sure_whole = False
            file = self.disk.append(self.path)
            try:
                file.write(start + line)
                if outcome:
                    file.sync()
            finally:
                file.close()
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be written: {error}") from error
        self._sure_whole = True

    def _ends_whole(self) -> bool:
        """Return whether the next entry begins on its own line: a power loss or a full disk may cut the last one."""
        if self._sure_whole:
            return True
        try:
            return self.disk.read(self.path)[-1:] in (b"", b"\n")
        except FileNotFoundError:
            return True

    def _entries(self, job_guid: str) -> list[dict[str, str]]:
        written = json.dumps(job_guid)
        entries = (_parsed(line) for line in self._lines() if written in line)
        return [entry for entry in entries if isinstance(entry, dict) and entry.get("job") == job_guid]

    def _lines(self) -> list[str]:
        try:
            return self.disk.read(self.path).decode("utf-8", "replace").splitlines()[-KEPT_LINES:]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be read: {error}") from error


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None  # the last line of a power loss, or no line of ours
