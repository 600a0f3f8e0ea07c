"""The folder of one job: what the script is told, how it is asked to stop, what it printed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from io import FileIO
from pathlib import Path

import attrs

from fsm_robot.engine.redact import Redactor
from fsm_robot.robot.ports import Job
from fsm_robot.system.held import PATIENCE

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

OUTPUT_NAME = "output.log"
JOB_NAME = "job.json"
NO_STOP_NAME = "no-stop"
STOP_NAME = "stop"  # this and the two below: as in host.py, which imports nothing
EXCEPTION_NAME = "exception.txt"
SCREENSHOTS_NAME = "screenshots"
BUILDING_NAME = "building"
LONGEST_EXCEPTION = 1 << 16
LONGEST_REASON = 1000
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def private_file(path: Path) -> FileIO:
    """Open a file of a job to write it anew, for this account only. Raises `OSError`."""
    return open(system.open_private(str(path), os.O_TRUNC), "wb", buffering=0)


def folder_name(job_guid: str) -> str:
    """Return the name of the folder of a job: its GUID, or a digest where what came as one is none."""
    if _GUID.fullmatch(job_guid):
        return job_guid.lower()
    return f"job-{hashlib.sha256(job_guid.encode(errors='surrogatepass')).hexdigest()[:32]}"


@attrs.frozen
class JobFolder:
    """Where the files of a job are."""

    path: Path

    @property
    def output(self) -> Path:
        """What the script printed."""
        return self.path / OUTPUT_NAME

    @property
    def job_file(self) -> Path:
        """What `fsm_robot.job` reads."""
        return self.path / JOB_NAME

    @property
    def stop_flag(self) -> Path:
        """Exists once the script should stop."""
        return self.path / STOP_NAME

    @property
    def lowered_flag(self) -> Path:
        """Becomes the stop flag: a new name is had without room on the disk and without a descriptor."""
        return self.path / NO_STOP_NAME

    @property
    def screenshots(self) -> Path:
        """Pictures of the screen."""
        return self.path / SCREENSHOTS_NAME

    @property
    def exception(self) -> Path:
        """What ended the script, once the script host has left it."""
        return self.path / EXCEPTION_NAME

    @property
    def building(self) -> Path:
        """Exists while the script's environment is built: the script itself has not been started yet."""
        return self.path / BUILDING_NAME

    def create(
        self,
        job: Job,
        redactor: Redactor,
        api: Mapping[str, object] | None = None,
        screenshots: Mapping[str, object] | None = None,
    ) -> None:
        """Write what the script is told, readable for this account only. Raises `OSError`.

        `api` is how it can ask the robot: not in its environment, for that is printed and sent to people more often.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Another account must not even be able to raise the stop flag, whatever the umask is.
        system.make_private_folder(str(self.path))
        for file in (self.stop_flag, self.job_file, self.exception, self.building):
            file.unlink(missing_ok=True)
        documents: dict[str, object] = {key: job.documents.get(key) for key in ("job", "process_version", "task")}
        beside = {"screenshots": dict(screenshots)} if screenshots else {}
        told = redactor.text(json.dumps({**documents, "stop_flag": str(self.stop_flag), **beside}, ensure_ascii=True))
        # Its token is kept out of everything that is written, but for here.
        offered = f', "api": {json.dumps(dict(api))}' if api else ""
        descriptor = system.create_private(str(self.job_file))
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{told[:-1]}{offered}}}")
        self.lowered_flag.touch()

    def raise_stop_flag(self) -> None:
        """Let `fsm_robot.job.stop_requested` say yes. Raises `OSError`."""
        try:
            self.lowered_flag.replace(self.stop_flag)
        except OSError:
            self.stop_flag.touch()  # somebody has taken the file away, or holds it

    def told_exception(self, redactor: Redactor) -> str:
        """Return the exception that ended the script, in one line and without the secret; empty where none is told."""
        try:
            data = self.exception.read_bytes()
        except OSError:
            return ""  # it ended in another way, or could not write it down
        if len(data) >= LONGEST_EXCEPTION:  # the host has cut it, maybe in the midst of the secret
            data = data[: len(data) - redactor.held_back(data)]
        text = redactor.data(data).decode(errors="replace")
        line = " ".join(text.split())
        return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}…"

    def clear(self, *, keep_job_file: bool) -> None:
        """Remove what only the running script needed, as much of it as can be. Raises `OSError`."""
        problem: OSError | None = None
        # What may be confidential first; one that cannot be removed must not spare the others.
        for name in (*(() if keep_job_file else (JOB_NAME,)), STOP_NAME, NO_STOP_NAME, EXCEPTION_NAME, BUILDING_NAME):
            try:
                file = self.path / name
                PATIENCE.until_free(file, partial(file.unlink, missing_ok=True))
            except OSError as error:
                problem = problem or error
        if problem is not None:
            raise problem
