"""The places where a script finds its orchestrator, so that one test plays the same script in each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import attrs

import fsm_robot
from fsm_robot.orchestrator.tables.storage import Plain
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from fsm_robot.sdk._values import moment, priority_number, status_number, status_word, tag_list

PACKAGE_FOLDER = Path(fsm_robot.__file__).parents[1]
LONGEST_S = 60


@attrs.define
class Place:
    """A folder of data, with a script that works on it.

    Attributes:
        way: `folder`: the script is started by hand, FSM_ROBOT_DATA names the folder; `try`: by `fsm-robot try`, so
            that it asks over the job API.
    """

    way: str
    path: Path
    python: str = sys.executable
    said: str = ""

    def __attrs_post_init__(self) -> None:
        (self.path / "queues").mkdir(parents=True)

    def queue(self, name: str, tasks: Sequence[Any] = (), **options: Any) -> None:
        (self.path / "queues" / f"{name}.json").write_text(json.dumps({**options, "tasks": list(tasks)}))

    def assets(self, **assets: Any) -> None:
        (self.path / "assets.json").write_text(json.dumps(assets))

    def file(self, folder: str, name: str, content: bytes) -> None:
        (self.path / "files" / folder).mkdir(parents=True, exist_ok=True)
        (self.path / "files" / folder / name).write_bytes(content)

    def folders(self, *names: str) -> None:
        """Have these folders in the storage: a folder of data has each that is written to."""

    def run(self, script: str, *options: str, code: int | None = 0) -> str:
        """Run the text of a script, and return what it printed; `code` is the exit code that it must have."""
        file = self.path / "script.py"
        file.write_text(dedent(script), encoding="utf-8")
        done = subprocess.run(
            self.command(file, options),
            env=self.environment(),
            cwd=self.path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LONGEST_S,
            check=False,
        )
        self.said = done.stdout + done.stderr
        if code is not None:
            assert (done.returncode != 0) == (code != 0), self.said
        return done.stdout

    def command(self, file: Path, options: Sequence[str] = ()) -> list[str]:
        if self.way == "folder":
            return [self.python, str(file)]
        python = ["--python", self.python]
        return [sys.executable, "-m", "fsm_robot", "try", str(file), "--data", str(self.path), *python, *options]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FSM_ROBOT_")}
        kept["PYTHONPATH"] = str(PACKAGE_FOLDER)
        kept["PYTHONIOENCODING"] = "utf-8"
        return {**kept, "FSM_ROBOT_DATA": str(self.path)} if self.way == "folder" else kept

    def tasks(self, queue: str = "Q") -> dict[str, Mapping[str, Any]]:
        rows = json.loads((self.path / ".run" / "tasks" / f"{queue}.json").read_text(encoding="utf-8"))
        return {row["name"]: row for row in rows}

    def statuses(self, queue: str = "Q") -> list[str]:
        return [row["status_word"] for row in self.tasks(queue).values()]

    def own_task(self, parameters: Any) -> None:
        """Give the job a task of its own."""
        (self.path / "task.json").write_text(json.dumps({"name": "own", "parameters": parameters}))

    def own_task_now(self) -> Mapping[str, Any] | None:
        """Return the job's own task, None where nothing has changed it."""
        file = self.path / ".run" / "task.json"
        return json.loads(file.read_text(encoding="utf-8"))[0] if file.exists() else None

    def log(self) -> list[Mapping[str, Any]]:
        file = self.path / ".run" / "logs.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


@attrs.define
class RobotPlace(Place):
    """A robot with an orchestrator of its own; the script is a job."""

    robot: Any = None
    sdk: dict[str, Any] = attrs.field(factory=dict)
    scripts: dict[str, Any] = attrs.field(factory=dict)
    # As the other places have it, which keep every line.
    log_shipping: dict[str, Any] = attrs.field(factory=lambda: {"level": "DEBUG"})
    # A Windows without a screen says so once more for each failure, as a line of the log.
    screenshots: dict[str, Any] = attrs.field(factory=lambda: {"on_failure": False})
    environment_of_robot: dict[str, str] = attrs.field(factory=dict)

    @property
    def store(self) -> Any:
        return self.robot.store

    def queue(self, name: str, tasks: Sequence[Any] = (), **options: Any) -> None:
        queue = self.store.queues.add(name, **options)
        for task in tasks:
            values = {
                "tags": ";".join(tag_list(task.get("tags"))),
                "priority": priority_number(task.get("priority", 1)),
                "deadline": moment(task.get("deadline")),
            }
            parameters = json.dumps(task.get("parameters", {}))
            made = self.store.tasks.add(queue, task.get("name", ""), parameters, **values)
            if "status" in task:
                changes = {"status": status_number(task["status"]), "postponed": moment(task.get("postponed"))}
                self.store.tasks.change(made, changes)

    def assets(self, **assets: Any) -> None:
        for name, value in assets.items():
            if isinstance(value, str):
                self.store.assets.add(name, type=2, text=value)
            elif "dates" in value:
                self.store.assets.add(name, type=3, text=json.dumps(value["dates"]))
            else:
                self.store.assets.add(name, type=1, text=value["login"], password=value["password"])

    def file(self, folder: str, name: str, content: bytes) -> None:
        self.folders(folder)
        self.store.storage.add_file(name, Plain(content), self.store.storage.folder(folder))

    def folders(self, *names: str) -> None:
        for name in names:
            if name not in [each.name for each in self.store.storage.folders()]:
                self.store.storage.add_folder(name)

    def run(self, script: str, *options: str, code: int | None = 0) -> str:
        self.robot.script("script", dedent(script))
        self.robot.settings(
            sdk=self.sdk,
            log_shipping=self.log_shipping,
            screenshots=self.screenshots,
            scripts={"python": self.python, **self.scripts},
        )
        guid = self.store.enqueue("script", self.task_of_job)
        done = self.robot.run(**self.environment_of_robot)
        output = self.robot.path / "state" / "jobs" / guid / "output.log"
        said = output.read_text(encoding="utf-8")
        self.said = f"{said}\n{done}"
        self.job = self.store.job(guid)
        if code is not None:
            assert (self.job.status == 4) == (code == 0), self.said
        return str(said)

    task_of_job: Any = None
    job: Any = None

    def tasks(self, queue: str = "Q") -> dict[str, Mapping[str, Any]]:
        found = self.store.tasks.fitting(TaskFilter(self.store.queues.find(queue).row_id, limit=10_000))
        rows = sorted(found, key=lambda each: each.row_id)
        return {
            row.name: {
                "name": row.name,
                "status": row.status,
                "status_word": status_word(row.status),
                "comment": row.comment,
                "tags": tag_list(row.tags),
                "priority": row.priority,
                "parameters": json.loads(row.parameters),
                "moves": [(move.before, move.after) for move in self.store.tasks.moves(row)],
            }
            for row in rows
        }

    def own_task(self, parameters: Any) -> None:
        self.task_of_job = parameters

    def own_task_now(self) -> Mapping[str, Any] | None:
        (row,) = self.tasks("jobs").values()
        return None if row["status_word"] == "In progress" else row

    def log(self) -> list[Mapping[str, Any]]:
        return [{"level": line.level.upper(), "message": line.message} for line in self.store.logs.newest()]
