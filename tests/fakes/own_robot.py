"""A folder with a robot of one's own machine, and the robot and its commands as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.fakes.waiting import PATIENCE_S, until

COMMAND = (sys.executable, "-I", "-X", "utf8", "-m", "fsm_robot")


@attrs.define
class OwnRobot:
    """Commands are run in `path`, as a person would type them there."""

    path: Path
    processes: list[subprocess.Popen[str]] = attrs.field(factory=list)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.path,
            env=_environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
        )

    def start(self, how: Mapping[str, Any] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, "run"],
            cwd=self.path,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **(how or {}),
        )
        self.processes.append(process)
        return process

    def start_and_wait_for(self, state: str, how: Mapping[str, Any] | None = None) -> subprocess.Popen[str]:
        """Start the robot; return when it waits in `state`, and can be told something."""
        process = self.start(how)

        def waits() -> bool:
            assert process.poll() is None, process.communicate()
            return self.states()[-1:] == [state] and (self.path / "state" / "channel.json").exists()

        until(waits)
        return process

    def records(self) -> list[dict[str, Any]]:
        """Return the whole lines of the newest journal."""
        files = sorted((self.path / "state" / "journal").glob("*.jsonl"))
        lines = files[-1].read_text(encoding="utf-8").splitlines(keepends=True) if files else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def steps(self) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["record"] == "step"]

    def states(self) -> list[str]:
        return [step["dest"] for step in self.steps()]

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FSM_ROBOT")}
