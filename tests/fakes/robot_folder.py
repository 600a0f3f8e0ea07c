"""A folder with robot.toml and scripts, a real orchestrator, and the robot as a real process."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.waiting import PATIENCE_S, until

__all__ = ["Done", "RobotFolder", "until"]


@attrs.define
class RobotFolder:
    """Everything for one robot; its orchestrator is started by `serve`."""

    path: Path
    store: Store
    server: Orchestrator
    # Of its own, for one GUID is one robot on this machine, and tests run side by side.
    guid: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    processes: list[subprocess.Popen[str]] = attrs.field(factory=list)
    program: tuple[str, ...] = ("-m", "fsm_robot")

    def script(self, name: str, text: str) -> str:
        file = self.path / "scripts" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return name

    def settings(self, url: str = "", **changes: dict[str, Any]) -> None:
        sections: dict[str, dict[str, Any]] = {
            "orchestrator": {"url": url or self.server.url, "robot_guid": self.guid, "timeout_s": 5},
            "heartbeat": {"interval_s": 0.2},
            "scripts": {"stop_grace_s": 20},
            "session": {"when_idle": "exit"},
        }
        for section, values in changes.items():
            sections.setdefault(section, {}).update(values)
        lines: list[str] = []
        for section, values in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
        (self.path / "robot.toml").write_text("\n".join(lines), encoding="utf-8")

    def run_by(self, text: str) -> None:
        """Let the robot be run by a program of the test's own."""
        program = self.path / "look.py"
        program.write_text(text, encoding="utf-8")
        self.program = (str(program),)

    def start(self, *arguments: str, how: Mapping[str, Any] | None = None, **environment: str) -> subprocess.Popen[str]:
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": self.path, **(how or {})}
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-I", *self.program, "run", "--config", str(self.path / "robot.toml"), *arguments],
            env={**{k: v for k, v in os.environ.items() if not k.startswith("FSM_ROBOT")}, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a program prints is in the system's own encoding: under Windows the ANSI code page.
            encoding=locale.getencoding(),
            **options,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, **environment: str) -> Done:
        return self.finish(self.start(*arguments, how=None, **environment))

    def finish(self, process: subprocess.Popen[str]) -> Done:
        out, err = process.communicate(timeout=PATIENCE_S)
        return Done(process.returncode, out, err)

    def statuses(self) -> dict[str, int]:
        """Return the status of every job by its script."""
        return {job.script: job.status for job in self.store.jobs()}

    def log(self) -> str:
        file = self.path / "state" / "robot.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def output(self) -> str:
        # Not `rglob`, which fails where a folder goes while it looks into it: the robot tries the disk with one.
        files = (self.path / "state" / "jobs").glob("*/output.log")
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def calls(self) -> list[tuple[str, str]]:
        """Return what arrived, as (path, status or empty)."""
        return [(call.path, str(_field(call.fields, "status"))) for call in self.store.calls()]

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


@attrs.frozen
class Done:
    exit_code: int
    out: str
    err: str


def _field(fields: Any, name: str) -> Any:
    return next((value for key, value in dict(fields).items() if key.lower() == name), "")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
