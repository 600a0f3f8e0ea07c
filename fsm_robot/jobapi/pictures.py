"""Puts pictures of the screen into the orchestrator's storage, where the settings want that: nobody waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from queue import SimpleQueue

import attrs

from fsm_robot.errors import FailureKind, GatewayError
from fsm_robot.jobapi.lines import Lines
from fsm_robot.system import threads

PASSING: tuple[FailureKind, ...] = ("no_connection", "no_answer", "server_error", "throttled", "garbled")
PAUSES_S = (1.0, 5.0, 20.0)
"""Before it is tried again: each picture has a name of its own, so a second one only takes the place of the first."""


class Flag(threads.Flag):
    """What `flush` puts behind the pictures that wait."""


@attrs.define(eq=False, repr=False)
class Pictures:
    """The pictures of one robot; a thread of its own sends one after the other.

    Attributes:
        folder: That of the storage, by its name.
        upload: Puts a file (folder, name there, path here) into the storage. Raises `GatewayError`, `OSError`.
        redact: Takes every secret out of a text.
        log: Writes a line of the robot's own log.
    """

    folder: str
    upload: Callable[[str, str, str], None]
    redact: Callable[[str], str]
    log: Callable[..., None]
    _known: set[str] = attrs.field(factory=set)
    _waiting: SimpleQueue[tuple[Lines, str] | Flag] = attrs.field(factory=SimpleQueue)
    _begun: bool = False
    _taken: int = 0
    _done: int = 0  # by the thread alone
    _closed: threads.Flag = attrs.field(factory=threads.Flag)

    def add(self, lines: Lines, paths: Iterable[str]) -> None:
        """Take pictures of the job that these lines are of; what is known already is left out."""
        for path in paths:
            if path in self._known:
                continue
            self._known.add(path)
            self._taken += 1
            self._waiting.put((lines, path))
            self._begin()

    def flush(self, within_s: float) -> bool:
        """Wait until all that was taken is there, at most so many seconds."""
        if not self._begun:
            return True
        mark = Flag()
        self._waiting.put(mark)
        return mark.wait(within_s)

    def close(self) -> None:
        """Try nothing again, and say what is left: it stays on this machine."""
        self._closed.set()
        left = self._taken - self._done
        if left:
            self.log(
                "warning",
                "screenshot.left_at_end",
                "screenshots are not in the orchestrator's storage, the robot ended before",
                folder=self.folder,
                screenshots=left,
            )

    def _begin(self) -> None:
        if self._begun:
            return
        try:
            threads.start("pictures", self._send_all, self._failed)
            self._begun = True
        except OSError as error:
            self.log(
                "warning",
                "screenshot.upload_no_thread",
                "screenshots are not uploaded, no thread could be started",
                error=str(error),
            )

    def _failed(self, error: BaseException) -> bool:
        self.log(
            "error",
            "screenshot.uploader_failed",
            "an error in the upload of screenshots, the upload goes on",
            error=repr(error),
        )
        return True

    # ---- in a thread of its own

    def _send_all(self) -> None:
        while True:
            next_one = self._waiting.get()
            if isinstance(next_one, Flag):
                next_one.set()
            else:
                self._send(*next_one)
                self._done += 1

    def _send(self, lines: Lines, path: str) -> None:
        name = f"{lines.job.guid}-{os.path.basename(path)}"
        problem = self._sent(name, path)
        if not problem:
            lines.add("INFO", f"picture of the screen in the storage: {self.folder}/{name}")
            return
        self.log(
            "warning",
            "screenshot.not_uploaded",
            "a screenshot could not be uploaded",
            folder=self.folder,
            file=path,
            error=problem,
        )
        lines.add("WARNING", f"picture of the screen not in the storage, but on the robot's machine: {path}: {problem}")

    def _sent(self, name: str, path: str) -> str:
        """Return why a picture could not be sent, empty where it was."""
        for pause_s in (*PAUSES_S, None):
            try:
                self.upload(self.folder, name, path)
            except GatewayError as error:
                # A wait that the end of the robot breaks off ends the tries.
                if error.kind not in PASSING or pause_s is None or self._closed.wait(pause_s):
                    return self.redact(str(error))
            except OSError as error:
                return self.redact(str(error))
            else:
                return ""
        raise AssertionError("the last try returns")
