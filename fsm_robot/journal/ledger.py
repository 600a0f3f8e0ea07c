"""Which jobs this robot has already had, so that none is ever run twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs

from fsm_robot.errors import JournalError

KEPT_LINES = 20_000


@attrs.define
class JobLedger:
    """An append-only file of JSON lines: `{"job": GUID}` when a job is taken, with `"outcome"` when it is over."""

    path: Path

    def known(self, job_guid: str) -> bool:
        """Return whether the job was taken before."""
        return bool(self._entries(job_guid))

    def outcome(self, job_guid: str) -> str:
        """Return how the job ended, or empty where that is not known."""
        outcomes = [entry.get("outcome", "") for entry in self._entries(job_guid)]
        return str(next((outcome for outcome in reversed(outcomes) if outcome), ""))

    def add(self, job_guid: str, outcome: str = "") -> None:
        """Write that the job was taken, or how it ended; on disk when this returns.

        Raises:
            JournalError: The disk is full, read-only or gone.
        """
        entry = {"job": job_guid, "outcome": outcome} if outcome else {"job": job_guid}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(json.dumps(entry) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be written: {error}") from error

    def _entries(self, job_guid: str) -> list[dict[str, str]]:
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()[-KEPT_LINES:]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalError(f"{self.path}: the list of jobs cannot be read: {error}") from error
        written = json.dumps(job_guid)
        entries = (_parsed(line) for line in lines if written in line)
        return [entry for entry in entries if isinstance(entry, dict) and entry.get("job") == job_guid]


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None  # the last line of a power loss
