"""What a job did with tasks and in which steps, as lines in its folder: for event logs, never for the robot itself.

Nothing is synced, nothing is waited for, and what cannot be written is told once: the ledger is what counts.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

NAME = "work.jsonl"
LONGEST_TEXT = 400


@attrs.define(eq=False, repr=False)
class WorkLog:
    """Appends lines; any thread may write.

    Attributes:
        folder_of: Returns the folder of a job by its GUID; None: nothing is written.
        clean: Takes secrets out of a text.
        log: Writes a line of the robot's own log.
        now: The moment, in UTC.
    """

    folder_of: Callable[[str], Path] | None = None
    clean: Callable[[str], str] = str
    log: Callable[..., None] = lambda *_, **__: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _told: bool = False
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def add(self, job: str, what: str, **values: object) -> None:
        """Write that something happened in a job; empty values are left out."""
        if self.folder_of is None or not job:
            return
        told = {key: self._text(value) for key, value in values.items() if value not in ("", None)}
        at = self.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = json.dumps({"at": at, "what": what, **told}, ensure_ascii=True, default=str).encode("ascii") + b"\n"
        with self._lock:
            try:
                descriptor = system.open_private(str(self.folder_of(job) / NAME), os.O_APPEND)
                try:
                    os.write(descriptor, line)
                finally:
                    os.close(descriptor)
            except OSError as error:
                if not self._told:
                    self._told = True
                    self.log(
                        "warning",
                        "work.not_recorded",
                        "the record of a job's work with tasks cannot be written",
                        error=str(error),
                    )

    def _text(self, value: object) -> object:
        return self.clean(value)[:LONGEST_TEXT] if isinstance(value, str) else value
