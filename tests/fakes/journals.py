"""Journals as the robot writes them, made step by step by the machine itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.journal.record import Record, line_of, read_lines, step_values
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from tests.fakes.world import definition_of_the_robot

Told = str | tuple[str, Mapping[str, Any]]
"""An event: its name, or its name and its data."""

GUID_OF_A_JOB = "5c1e0000-0000-4000-8000-00000000000a"
ONE_SECOND = 1.0


def job(number: int = 10, script: str = "сводка", **data: Any) -> dict[str, Any]:
    return {"job": f"5c1e0000-0000-4000-8000-{number:012x}", "script": script, "run_token": f"t{number}", **data}


def done(number: int = 10, script: str = "сводка", outcome: str = "succeeded", status: int = 4) -> list[Told]:
    """The events of a job from `job_found` to `job_reported`."""
    return [
        "job_found",
        ("job_consumed", job(number, script)),
        "job_claimed",
        ("script_ended", {"outcome": outcome, "exit_code": 0}),
        ("job_reported", {"job": job(number)["job"], "outcome": outcome, "status": status}),
    ]


@attrs.define
class JournalMaker:
    """Makes the lines of one run; a second passes with every step."""

    robot: str = "ab" * 32
    started_at: str = "2026-11-23T10:00:00.000000Z"
    step_s: float = ONE_SECOND
    definition: Definition = attrs.field(factory=definition_of_the_robot)
    salt: str = "0011223344556677"

    def steps(self, events: Iterable[Told]) -> list[Step]:
        machine = RobotMachine(self.definition)
        steps = [machine.start()]
        for told in events:
            name, data = (told, {}) if isinstance(told, str) else told
            late = name.startswith("late:")
            event = Event(name.removeprefix("late:"), dict(data))
            steps.append(machine.late(event) if late else machine.handle(event))
        return steps

    def values(self, events: Iterable[Told], exit_code: int | None = 0) -> list[tuple[str, dict[str, Any]]]:
        """Return (kind, values) of every record; without an end record where `exit_code` is None."""
        header = {
            "format": 1,
            "machine": self.definition.name,
            "machine_sha256": self.definition.digest(),
            "program": "0.1.0",
            "robot": {"salt": self.salt, "sha256": self.robot},
            "pid": 1,
            "started_at": self.started_at,
        }
        written: list[tuple[str, dict[str, Any]]] = [("header", header)]
        for number, step in enumerate(self.steps(events)):
            written.append(("step", step_values(step, self.stamp(number), number * self.step_s)))
        if exit_code is not None:
            written.append(("end", {"at": self.stamp(len(written) - 2), "exit_code": exit_code}))
        return written

    def stamp(self, number: int) -> str:
        from datetime import datetime, timedelta

        at = datetime.fromisoformat(self.started_at) + timedelta(seconds=number * self.step_s)
        return at.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def records(self, events: Iterable[Told], exit_code: int | None = 0) -> list[Record]:
        return read_lines(lines_of(self.values(events, exit_code)))[0]

    def write(
        self,
        path: Path,
        events: Iterable[Told],
        exit_code: int | None = 0,
        change: Callable[[list[tuple[str, dict[str, Any]]]], None] = lambda written: None,
    ) -> Path:
        """Write a journal; `change` may spoil its records before they are chained."""
        written = self.values(events, exit_code)
        change(written)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(lines_of(written)).encode())
        return path


def lines_of(written: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    lines, chain = [], ""
    for kind, values in written:
        line, chain = line_of(kind, values, chain, str)
        lines.append(line)
    return lines
