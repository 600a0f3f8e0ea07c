"""What a test of a script needs: queues, assets and files of its own, and a way to run it. See docs/testing.md."""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from fsm_robot.sdk import TaskRow, _open_tasks, _transport
from fsm_robot.sdk._files_of_run import file_name
from fsm_robot.sdk._folder import Folder

_STOP = "stop"


@attrs.frozen
class ScriptRun:
    """How a script ended that raised nothing.

    Attributes:
        names: What it had defined at its end.
    """

    names: Mapping[str, object] = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Sdk:
    """What `fsm_robot.sdk` works with in a test.

    Attributes:
        path: The folder that holds it; see docs/sdk.md, "Without a robot".
    """

    path: Path
    _folder: Folder

    @classmethod
    @contextmanager
    def of(cls, path: Path) -> Iterator[Sdk]:
        """Let `fsm_robot.sdk` of this process work with a new folder."""
        (path / "queues").mkdir(parents=True)
        (path / "assets.json").write_text("{}", encoding="utf-8")
        folder = Folder(str(path))
        from fsm_robot import job

        kept = job._loaded
        job._loaded = {"stop_flag": str(path / _STOP)}
        _transport.use(folder)
        try:
            yield cls(path, folder)
        finally:
            _open_tasks.end(None)
            _transport.use(None)
            job._loaded = kept

    # ---- before

    def queue(self, name: str, tasks: Sequence[Mapping[str, object]] = (), *, unique_tasks: bool = False) -> None:
        """Have a queue with these tasks: `name`, `parameters`, `tags`, `status` and what else a task has."""
        content = {"unique_tasks": unique_tasks, "tasks": list(tasks)}
        (self.path / "queues" / f"{file_name(name)}.json").write_text(json.dumps(content), encoding="utf-8")

    def asset(self, name: str, value: object) -> None:
        """Have an asset: a text, or `{"dates": […]}`."""
        file = self.path / "assets.json"
        file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), name: value}), encoding="utf-8")

    def credential(self, name: str, login: str, password: str) -> None:
        """Have an asset that is a credential."""
        self.asset(name, {"login": login, "password": password})

    def file(self, folder: str, name: str, content: bytes | str) -> None:
        """Have a file in the storage."""
        path = self.path / "files" / file_name(folder) / file_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def job_task(self, parameters: object, **fields: object) -> None:
        """Give the job a task of its own."""
        task = {"name": "task of the job", "parameters": parameters, **fields}
        (self.path / "task.json").write_text(json.dumps(task), encoding="utf-8")

    def stop(self) -> None:
        """Ask the script to stop, as the orchestrator does."""
        (self.path / _STOP).touch()

    # ---- after

    def tasks(self, queue: str) -> dict[str, TaskRow]:
        """Return the tasks of a queue by their name, as they are now; those without one by their GUID."""
        rows = self._folder.call("task.list", {"queue": queue, "limit": sys.maxsize})["tasks"]
        return {row["name"] or row["guid"]: TaskRow(row, queue) for row in rows}

    def read_file(self, folder: str, name: str) -> bytes:
        """Return what a file of the storage holds. Raises `sdk.NotFoundError`."""
        target = self.path / "read"
        self._folder.call("file.download", {"folder": folder, "name": name, "to": str(target)})
        return target.read_bytes()

    @property
    def log(self) -> list[dict[str, object]]:
        """The lines of the log: `level`, `message`, `fields`."""
        return self._folder.log_lines()

    @property
    def steps(self) -> list[dict[str, object]]:
        """The steps that have ended: `name`, `task`, `seconds`, `failed`, the error that came out of it."""
        return self._folder.steps()

    @property
    def jobs(self) -> list[dict[str, object]]:
        """The jobs that were created."""
        return self._folder.jobs()


def run(path: str | Path, *arguments: str) -> ScriptRun:
    """Run a script in this process; what it raises comes out of here, once its open tasks have their end.

    Args:
        path: Of the script, from the current folder.
        arguments: What it finds in `sys.argv`.

    Raises:
        SystemExit: It left with a code other than 0.
    """
    kept_arguments, kept_path = sys.argv, list(sys.path)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        names = runpy.run_path(str(path), run_name="__main__")
    except SystemExit as leaving:
        _open_tasks.end(None)
        if leaving.code in (None, 0):
            return ScriptRun({})
        raise
    except BaseException as error:
        _open_tasks.end(error)
        raise
    finally:
        sys.argv, sys.path[:] = kept_arguments, kept_path
    _open_tasks.end(None)
    return ScriptRun(names)
