"""The tasks that this robot has in hand, on disk before a script sees them: whatever dies, each gets one end.

Lines of JSON, appended and synced. `trying` is written before a task is touched, `taken` before the script gets it,
`ending` with the end before that is sent, `ended` once the orchestrator has it. What a line says is that of its task
until the next one. When no task is open, the file is emptied.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from fsm_robot.engine.disk import SystemDisk
from fsm_robot.engine.ports import Disk
from fsm_robot.errors import JournalError

Stage = Literal["trying", "taken", "ending", "ended"]
STAGES: tuple[Stage, ...] = ("trying", "taken", "ending", "ended")
EMPTIED_AT_BYTES = 64 * 1024
NAME = "tasks.jsonl"


@attrs.frozen
class Entry:
    """A task in hand.

    Attributes:
        task: Its GUID.
        stage: How far it is.
        job: GUID of the job that took it.
        job_id: The number that the server has for that job, or empty.
        mark: The tag by which it was announced.
        end: The fields of its end, once that is known.
    """

    task: str
    stage: Stage
    job: str = ""
    job_id: str = ""
    mark: str = ""
    end: Mapping[str, object] = attrs.field(factory=dict)


@attrs.define(eq=False, repr=False)
class TaskLedger:
    """An append-only file of entries; any thread may write."""

    path: Path
    disk: Disk = attrs.field(factory=SystemDisk)
    _open: dict[str, Entry] | None = None
    _size: int = 0
    _cut: bool = False
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def open(self) -> list[Entry]:
        """Return the tasks that have no end yet. Raises `JournalError`."""
        with self._lock:
            return list(self._read().values())

    def entry(self, task: str) -> Entry | None:
        """Return what is known of a task in hand. Raises `JournalError`."""
        with self._lock:
            return self._read().get(task)

    def write(self, entry: Entry) -> None:
        """Write how far a task is; it is on disk when this returns. Raises `JournalError`."""
        line = json.dumps({key: value for key, value in attrs.asdict(entry).items() if value}).encode("ascii") + b"\n"
        with self._lock:
            known = self._read()
            try:
                file = self.disk.append(self.path)
                try:
                    # A power loss, or a full disk, may have cut the last line, and may cut this one.
                    start, self._cut = b"\n" if self._cut else b"", True
                    file.write(start + line)
                    file.sync()
                    self._cut = False
                    self._size += len(line)
                    known.pop(entry.task, None)
                    if entry.stage != "ended":
                        known[entry.task] = entry
                    elif not known and self._size > EMPTIED_AT_BYTES:
                        file.cut(0)
                        self._size = 0
                finally:
                    file.close()
            except OSError as error:
                if entry.stage == "ending":
                    known[entry.task] = entry  # for as long as this robot lives
                raise JournalError(f"{self.path}: the list of tasks in hand cannot be written: {error}") from error

    def _read(self) -> dict[str, Entry]:
        if self._open is None:
            try:
                content = self.disk.read(self.path)
            except FileNotFoundError:
                content = b""
            except OSError as error:
                raise JournalError(f"{self.path}: the list of tasks in hand cannot be read: {error}") from error
            self._size, self._cut = len(content), content[-1:] not in (b"", b"\n")
            self._open = {}
            for line in content.decode("utf-8", "replace").splitlines():
                entry = _parsed(line)
                if entry is None:
                    continue
                self._open.pop(entry.task, None)
                if entry.stage != "ended":
                    self._open[entry.task] = entry
        return self._open


def _parsed(line: str) -> Entry | None:
    try:
        values = json.loads(line)
        if not isinstance(values["task"], str) or values["stage"] not in STAGES:
            return None
        texts = {key: str(values.get(key, "")) for key in ("job", "job_id", "mark")}
        end = values.get("end", {})
        return Entry(values["task"], values["stage"], **texts, end=end if isinstance(end, dict) else {})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # the last line of a power loss, or no line of ours
