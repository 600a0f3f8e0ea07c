"""The files of a folder of data: what a person has written, and what a try has made of it below `.run/`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager

from fsm_robot.sdk._errors import NotFoundError, RefusedError
from fsm_robot.sdk._values import nearest

if sys.platform == "win32":
    from fsm_robot.sdk import _local_windows as local
else:
    from fsm_robot.sdk import _local_posix as local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Row = dict[str, Any]

RUN = ".run"
MARK = "made-by-fsm-robot"
"""Shows that a folder `.run` is ours to empty."""
OWN_TASK = "task"
_UNFIT = '<>:"/\\|?*%'


class Files:
    """See `_folder.Folder`. Whoever calls holds the lock."""

    def __init__(self, path: str) -> None:
        import threading

        self._path = path
        self._run = os.path.join(path, RUN)
        self._threads = threading.RLock()
        self._read: dict[str, tuple[tuple[int, int], Any]] = {}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let no other thread or process of this try come between."""
        with self._threads:
            os.makedirs(self._run, exist_ok=True)
            lock = os.path.join(self._run, "lock")
            with local.until_free(lock, lambda: open(lock, "a+b")) as stream:
                local.lock(stream)
                yield

    def begin(self) -> None:
        """Take away what the last try has made. Raises `RefusedError`."""
        mark = os.path.join(self._run, MARK)
        names = [name for name in os.listdir(self._run) if name != "lock"]
        if names and not os.path.exists(mark):
            raise RefusedError(f"{self._run} holds files that a try did not make: move them to another folder")
        for name in names:
            path = os.path.join(self._run, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        with open(mark, "w", encoding="utf-8"):
            pass

    # ---- queues

    def queue_file(self, name: str) -> str:
        """Return where a person writes the tasks of a queue."""
        return os.path.join(self._path, "queues", f"{file_name(name)}.json")

    def queues(self) -> list[str]:
        """Return the names of the queues."""
        try:
            entries = sorted(os.listdir(os.path.join(self._path, "queues")))
        except FileNotFoundError:
            return []
        return [name_of(entry[:-5]) for entry in entries if entry.endswith(".json") and not entry.startswith(".")]

    def options(self, name: str) -> dict[str, Any]:
        """Return what a file says of its queue: `guid`, `unique_tasks`."""
        content = self._json(self.queue_file(name))
        return content if isinstance(content, dict) else {}

    def tasks(self, name: str) -> list[Any]:
        """Return the tasks that a person has written. Raises `RefusedError`."""
        file = self.queue_file(name)
        content = self._json(file)
        rows = content.get("tasks", []) if isinstance(content, dict) else content
        if not isinstance(rows, list):
            raise RefusedError(f"{file}: must be a list of tasks")
        return rows

    def kept_tasks(self, name: str) -> list[Row] | None:
        """Return the tasks as the try has left them, None where it has changed none."""
        file = self._kept_file(name)
        if not os.path.exists(file):
            return None
        rows: list[Row] = self._json(file)
        return [dict(row) for row in rows]

    def keep_tasks(self, name: str, rows: list[Row]) -> None:
        """Keep the tasks of a queue; of the empty name: the job's own."""
        self._write(self._kept_file(name), rows)

    def _kept_file(self, name: str) -> str:
        return os.path.join(self._run, "tasks", f"{file_name(name)}.json") if name else self._in_run("task.json")

    @property
    def own_task_file(self) -> str:
        """Where a person writes the job's own task."""
        return os.path.join(self._path, "task.json")

    def own_task(self) -> Any:
        """Return the job's own task, or None."""
        return self._json(self.own_task_file) if os.path.exists(self.own_task_file) else None

    # ---- assets

    @property
    def assets_file(self) -> str:
        """Where a person writes the assets."""
        return os.path.join(self._path, "assets.json")

    def assets(self) -> dict[str, Any]:
        """Return the assets by name, with what the try has changed. Raises `RefusedError`."""
        found: dict[str, Any] = {}
        for file in (self.assets_file, self._in_run("assets.json")):
            if os.path.exists(file):
                content = self._json(file)
                if not isinstance(content, dict):
                    raise RefusedError(f'{file}: must be an object such as {{"Invoice limit": "1000"}}')
                found.update(content)
        return found

    def keep_asset(self, name: str, value: Any) -> None:
        """Keep an asset that the script has changed."""
        file = self._in_run("assets.json")
        changed = self._json(file) if os.path.exists(file) else {}
        self._write(file, {**changed, name: value})

    # ---- files

    def take_file(self, folder: str, name: str, source: str) -> None:
        """Put a file into the storage."""
        target = self._in_run("files", file_name(folder), file_name(name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, f"{target}.part")
        os.replace(f"{target}.part", target)
        self._keep_deleted([each for each in self._deleted() if each != [folder, name]])

    def give_file(self, folder: str, name: str, target: str) -> None:
        """Fetch a file of the storage. Raises `NotFoundError`."""
        shutil.copyfile(self._found(folder, name), target)

    def delete_file(self, folder: str, name: str) -> None:
        """Take a file out of the storage. Raises `NotFoundError`."""
        found = self._found(folder, name)
        if found.startswith(self._run):
            os.unlink(found)
        self._keep_deleted([*self._deleted(), [folder, name]])

    def _found(self, folder: str, name: str) -> str:
        made, written = (os.path.join(place, "files", file_name(folder)) for place in (self._run, self._path))
        deleted = {each[1] for each in self._deleted() if each[0] == folder}
        if name not in deleted or os.path.isfile(os.path.join(made, file_name(name))):
            for place in (made, written):
                found = os.path.join(place, file_name(name))
                if os.path.isfile(found):
                    return found
        there = {name_of(entry) for place in (made, written) if os.path.isdir(place) for entry in os.listdir(place)}
        if not os.path.isdir(made) and not os.path.isdir(written):
            raise NotFoundError(f"the storage has no folder {folder!r}: there is no {written}")
        raise NotFoundError(f"the folder {folder} has no file {name!r}{nearest(name, there - deleted)}")

    def _deleted(self) -> list[list[str]]:
        file = self._in_run("deleted.json")
        deleted: list[list[str]] = self._json(file) if os.path.exists(file) else []
        return deleted

    def _keep_deleted(self, names: list[list[str]]) -> None:
        if names or self._deleted():
            self._write(self._in_run("deleted.json"), names)

    # ---- jobs, log, progress

    def jobs(self) -> list[Row]:
        """Return the jobs that the script has created."""
        return self._lines(self._in_run("jobs.jsonl"))

    def keep_jobs(self, jobs: list[Row]) -> None:
        """Keep them, one a line."""
        self._replace(self._in_run("jobs.jsonl"), "".join(f"{json.dumps(job, ensure_ascii=False)}\n" for job in jobs))

    def add_log(self, record: Row) -> None:
        """Keep a line of the log."""
        self._append(self.log_file, record)

    @property
    def log_file(self) -> str:
        """Where the lines of the log are."""
        return self._in_run("logs.jsonl")

    def log_lines(self) -> list[Row]:
        """Return the lines of the log."""
        return self._lines(self.log_file)

    def add_step(self, step: Row) -> None:
        """Keep a step that has ended."""
        self._append(self._in_run("steps.jsonl"), step)

    def steps(self) -> list[Row]:
        """Return the steps that have ended."""
        return self._lines(self._in_run("steps.jsonl"))

    def keep_progress(self, progress: Row) -> None:
        """Keep how far the script is."""
        self._write(self._in_run("progress.json"), progress)

    # ---- pieces

    def _in_run(self, *names: str) -> str:
        return os.path.join(self._run, *names)

    def _lines(self, file: str) -> list[Row]:
        try:
            with open(file, encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []

    def _json(self, file: str) -> Any:
        try:
            status = os.stat(file)
            seen = (status.st_mtime_ns, status.st_size)
            if file in self._read and self._read[file][0] == seen:
                return self._read[file][1]
            with local.until_free(file, lambda: open(file, encoding="utf-8-sig")) as stream:
                content = json.load(stream)
        except FileNotFoundError:
            raise NotFoundError(f"{file}: there is no such file") from None
        except ValueError as error:
            raise RefusedError(f"{file}: is not JSON: {error}") from None
        except (OSError, RecursionError) as error:
            raise RefusedError(f"{file}: cannot be read: {error}") from None
        if not file.startswith(self._run):
            self._read[file] = seen, content  # a person's files are not changed by a try; ours are, many times a tick
        return content

    def _write(self, file: str, content: Any) -> None:
        self._replace(file, json.dumps(content, ensure_ascii=False, indent=1))

    def _replace(self, file: str, text: str) -> None:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(f"{file}.new", "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(text)
        local.until_free(file, lambda: os.replace(f"{file}.new", file))

    def _append(self, file: str, record: Row) -> None:
        data = f"{json.dumps(record, ensure_ascii=False)}\n".encode("utf-8", "replace")
        with local.until_free(file, lambda: open(file, "ab", 0)) as stream:
            begin = os.fstat(stream.fileno()).st_size
            while data:
                try:
                    data = data[stream.write(data) :]
                except OSError:
                    # A full disk may have taken a part, which would make the next line unreadable as well.
                    stream.truncate(begin)
                    raise


def file_name(name: str) -> str:
    """Return the name of a file for any name of a queue or a folder; the usual ones are their own."""
    made = "".join(
        "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        if character in _UNFIT or not character.isprintable()
        else character
        for character in name
    )
    # Neither a folder above, nor a name that Windows cuts at its end.
    return f"%2E{made[1:]}" if made.startswith(".") else f"{made[:-1]}%2E" if made.endswith(".") else made


def name_of(file: str) -> str:
    """Return the name that a file was named for."""
    if "%" not in file:
        return file
    from urllib.parse import unquote

    return unquote(file)


def new_guid() -> str:
    """Return a GUID that nothing has yet."""
    return _guid(os.urandom(16))


def steady_guid(queue: str, index: int) -> str:
    """Return the GUID of a task that a person has written without one: the same in every try."""
    from hashlib import sha256

    return _guid(sha256(f"{queue}\n{index}".encode("utf-8", "surrogatepass")).digest()[:16])


def _guid(data: bytes) -> str:
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
