"""How many recorded steps a replay judges per second, reading included."""

from __future__ import annotations

import gc
import io
import json
import statistics
import time

from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import line_of, read, step_values
from fsm_robot.engine.journal.replay import replay
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in

JOB = "5c1e0000-0000-4000-8000-00000000000a"
OF_A_JOB = [
    Event("job_found", {"code": 0}),
    Event("job_consumed", {"job": JOB, "script": "отчёты\\сводка", "run_token": "0" * 32, "task_sha256": "0" * 64}),
    Event("job_claimed"),
    Event("script_ended", {"outcome": "succeeded", "exit_code": 0}, 1),
    Event("job_reported", {"job": JOB, "outcome": "succeeded", "status": 4}),
]


def journal_of(jobs: int, definition: Definition) -> bytes:
    """Return the journal of a run that did so many jobs."""
    machine = RobotMachine(definition)
    steps = [machine.start()]
    steps += [machine.handle(event) for event in [Event("nothing_left"), *OF_A_JOB * jobs, Event("no_job")]]
    line, chain = line_of("header", {"format": 1, "machine": definition.name}, "", str)
    lines = [line]
    for step in steps:
        line, chain = line_of("step", step_values(step, "2026-11-23T00:00:00.000000Z", step.seq / 10), chain, str)
        lines.append(line)
    return "".join(lines).encode()


def steps_per_second(jobs: int = 5000, rounds: int = 5) -> tuple[float, float]:
    """Return the steps that are read, verified and judged in a second of CPU, and the lines that `json.loads` reads.

    Medians over `rounds`, in turns; garbage is not collected meanwhile, as on the command line.
    """
    definition = machine_file.load(built_in(), None, ())
    data = journal_of(jobs, definition)
    judged, parsed, parse = [], [], quickest()
    gc.disable()
    try:
        for _ in range(rounds):
            started_s = time.process_time()
            verdict = replay(read(io.BytesIO(data), parse), definition)
            judged.append(verdict.steps / (time.process_time() - started_s))
            assert verdict.judgement == "identical"
            started_s = time.process_time()
            for line in data.splitlines():
                json.loads(line)
            parsed.append(verdict.steps / (time.process_time() - started_s))
    finally:
        gc.enable()
    return statistics.median(judged), statistics.median(parsed)


if __name__ == "__main__":
    ours, lines = steps_per_second()
    print(f"{ours:.0f} steps/s, json.loads of the same lines {lines:.0f}, ratio {ours / lines:.2f}")
