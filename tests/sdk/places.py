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

PACKAGE_FOLDER = Path(__file__).parents[2]
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

    def log(self) -> list[Mapping[str, Any]]:
        file = self.path / ".run" / "logs.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
