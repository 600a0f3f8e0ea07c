"""Journals of nights that never were: real files, written by the real journal, from a machine that really ran."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from fsm_robot.engine.journal.file import JournalFile
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor

SCRIPTS = ("отчёты\\сводка", "invoices", "1c\\загрузка", "mail\\sort")
TAKES_S = {
    "Ready": (0.05, 0.4),
    "Consuming": (0.1, 0.6),
    "Claiming": (0.05, 0.3),
    "Working": (20, 900),
    "Stopping": (1, 60),
    "Aborting": (0.2, 2),
    "Reporting": (0.1, 0.5),
}


@attrs.define
class Night:
    """A clock that each event moves on, and chance that is always the same."""

    chance: random.Random
    now_s: float = 72000.0

    def monotonic(self) -> float:
        return self.now_s

    def utc_now(self) -> str:
        whole = int(self.now_s)
        days, rest = divmod(whole, 86400)
        micro = int((self.now_s - whole) * 1e6)
        return f"2026-11-{23 + days:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}.{micro:06d}Z"

    def guid(self) -> str:
        return f"{self.chance.getrandbits(32):08x}-0000-4000-8000-{self.chance.getrandbits(48):012x}"


def write_run(
    directory: Path, definition: Definition, events: Iterable[Event], night: Night, *, end: bool = True
) -> Path:
    """Drive the machine with `events` and return the journal of it."""
    header = {"format": 1, "machine": definition.name, "machine_sha256": definition.digest(), "program": "0.1.0"}
    journal = JournalFile(directory, header, night, Redactor())
    machine = RobotMachine(definition)
    step = machine.start()
    journal.append(step)
    for event in events:
        low, high = TAKES_S.get(machine.state, (0.01, 0.1))
        night.now_s += night.chance.uniform(low, high)
        step = machine.handle(event)
        journal.append(step)
    if end and machine.finished:
        journal.end(step.exit_code or 0)
    else:
        journal.close()
    assert journal.path is not None
    return journal.path


def jobs(night: Night, kinds: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a run that takes one job of each kind, and then finds no more."""
    yield Event("nothing_left")
    for kind in kinds:
        job = {"job": night.guid(), "script": night.chance.choice(SCRIPTS), "run_token": "7" * 32}
        yield Event("job_found", {"code": 0, "text": ""})
        if kind == "gone":
            yield Event("job_gone", {"code": 102, "text": "new job not found"})
            continue
        yield Event("job_consumed", {**job, "task_sha256": "e" * 64}, 1)
        yield from _job(kind)
    yield Event("no_job", {"code": 0, "text": ""})


def _job(kind: str) -> Iterator[Event]:
    ends: Mapping[str, dict[str, Any]] = {
        "succeeded": {"outcome": "succeeded", "exit_code": 0},
        "failed": {"outcome": "failed", "exit_code": 1},
        "stopped": {"outcome": "stopped", "exit_code": 0},
        "aborted": {"outcome": "aborted", "exit_code": -9},
        "stop_ran_out": {"outcome": "stop_ran_out", "exit_code": -9},
    }
    statuses = {"succeeded": 4, "failed": 5, "stopped": 7, "aborted": 3, "stop_ran_out": 3, "not_started": 5}
    if kind == "not_started":
        yield Event(
            "claim_failed", {"outcome": kind, "kind": "no_answer", "error": "/api/job/update: no answer in 30 s"}
        )
    else:
        yield Event("job_claimed")
        if kind in ("stopped", "stop_ran_out"):
            yield Event("stop_ordered", {"code": 20, "text": "JobStopping"})
        if kind == "stop_ran_out":
            yield Event("grace_ended")
        if kind == "aborted":
            yield Event("abort_ordered", {"code": 10, "text": "JobAborting"})
        yield Event("script_ended", ends[kind], 1)
    yield Event("job_reported", {"outcome": kind, "status": statuses[kind]})


def write_nights(directory: Path, definition: Definition, runs: int = 4, jobs_each: int = 12) -> list[Path]:
    """Write some runs with all kinds of jobs in them."""
    night = Night(random.Random(20261123))
    kinds = ["succeeded"] * 11 + ["failed", "failed", "stopped", "aborted", "stop_ran_out", "not_started", "gone"]
    return [
        write_run(directory, definition, jobs(night, [night.chance.choice(kinds) for _ in range(jobs_each)]), night)
        for _ in range(runs)
    ]
