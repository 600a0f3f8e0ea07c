"""Writes journals of any size, as a busy robot would leave them: `python bench/journals.py FOLDER [EVENTS]`."""

from __future__ import annotations

import hashlib
import sys
from datetime import datetime, timedelta
from pathlib import Path

from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.record import line_of, step_values
from fsm_robot.engine.machine.core import RobotMachine, Step
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in

STEPS_OF_A_JOB = 5
JOBS_OF_A_RUN = 400
SCRIPTS = ("сводка", "счета\\проверка", "export", "mail.py")
START = datetime.fromisoformat("2026-11-23T00:00:00.000000+00:00")


def write_journals(folder: Path, events: int) -> int:
    """Write runs with at least `events` steps in all; return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    definition = machine_file.load(built_in(), None, ())
    written = number = 0
    while written < events:
        number += 1
        steps = _steps(definition, number, min(JOBS_OF_A_RUN, max(1, (events - written) // STEPS_OF_A_JOB)))
        lines = _lines(definition, steps, START + timedelta(hours=number))
        (folder / f"{number:06d}-20261123T000000Z.jsonl").write_bytes("".join(lines).encode())
        written += len(steps)
    return written


def _steps(definition: Definition, run: int, jobs: int) -> list[Step]:
    machine = RobotMachine(definition)
    steps = [machine.start(), machine.handle(Event("nothing_left"))]
    for number in range(jobs):
        guid = f"{run:08x}-0000-4000-8000-{number:012x}"
        job = {"job": guid, "script": SCRIPTS[number % len(SCRIPTS)], "run_token": f"{run:016x}{number:016x}"}
        outcome, status = ("failed", 5) if number % 10 == 9 else ("succeeded", 4)
        steps.append(machine.handle(Event("job_found", {"code": 0})))
        steps.append(machine.handle(Event("job_consumed", {**job, "task_sha256": guid * 2})))
        steps.append(machine.handle(Event("job_claimed")))
        steps.append(machine.handle(Event("script_ended", {"outcome": outcome, "exit_code": status - 4}, number + 1)))
        steps.append(machine.handle(Event("job_reported", {"job": guid, "outcome": outcome, "status": status})))
    return [*steps, machine.handle(Event("no_job", {"code": 0}))]


def _lines(definition: Definition, steps: list[Step], started: datetime) -> list[str]:
    identity = {"salt": "00" * 8, "sha256": hashlib.sha256(b"bench").hexdigest()}
    header = {"format": 1, "machine": definition.name, "machine_sha256": definition.digest(), "robot": identity}
    line, chain = line_of("header", {**header, "started_at": _stamp(started)}, "", str)
    lines = [line]
    for number, step in enumerate(steps):
        wait_s = number * 0.25
        values = step_values(step, _stamp(started + timedelta(seconds=wait_s)), wait_s)
        line, chain = line_of("step", values, chain, str)
        lines.append(line)
    return [*lines, line_of("end", {"at": _stamp(started), "exit_code": 0}, chain, str)[0]]


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    print(write_journals(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
