"""Tasks in simulated worlds: whatever dies at which write, each has one taker at a time and one end; a broken ledger is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from fsm_robot.cli import main
from fsm_robot.jobapi import operations, taking
from fsm_robot.jobapi.hands import Hands
from fsm_robot.jobapi.ledger import Entry, TaskLedger
from fsm_robot.jobapi.operations import Operations
from fsm_robot.simulator.disk import LifeFile
from fsm_robot.simulator.scenario import CRASHES
from fsm_robot.simulator.task_explore import TASKS_PER_WORLD, TaskTally, tasks_by_seed
from fsm_robot.simulator.task_world import (
    BUSY,
    CALL_FAULTS,
    DONE,
    FAILED,
    NEW,
    TaskFact,
    TaskScenario,
    TaskWorld,
    task_violations,
)

WORLDS = 60


def played(worlds: int = WORLDS, seed: int = 3) -> TaskTally:
    return tasks_by_seed(seed, worlds * TASKS_PER_WORLD, lambda _: None)


def test_each_task_has_one_taker_and_one_end() -> None:
    """With every fault, by seed; and every fault has struck."""
    tally = played()

    assert tally.findings == []
    assert (tally.worlds, tally.tasks) == (WORLDS, WORLDS * TASKS_PER_WORLD)
    assert tally.given >= tally.tasks * 0.9
    kinds = {f"{kind} before {what}" for kind in CRASHES for what in ("open", "write", "sync", "send", "hear")}
    assert {*kinds, *CALL_FAULTS, "outage", "disk_full"} <= set(tally.struck)


@pytest.mark.parametrize("kind", CRASHES)
def test_a_robot_dies_before_each_of_its_effects(kind: str) -> None:
    """Not by chance: one world, and a crash before its first effect, its second, until none is left."""
    calm = TaskScenario(5, tasks=3, robots=2, crash_rate=0.0, call_rate=0.0, full_rate=0.0, crash_kinds=(kind,))
    crash_at = 0
    while True:
        crash_at += 1
        world = TaskWorld(attrs.evolve(calm, crash_at=crash_at))
        assert world.run() == [], f"died before effect {crash_at}"
        if not world.struck:
            break
    assert crash_at > 60


def test_a_seed_repeats_what_happened() -> None:
    """In every fact."""
    assert played(10).as_text() == played(10).as_text()
    assert played(10).digests != played(10, seed=4).digests


# ---- a broken one is found

Patch = pytest.MonkeyPatch


def acts_before_it_writes(patch: Patch) -> None:
    """The line in the ledger comes after the call that it is about."""
    step = Operations._step
    later: list[taking.Step] = []

    def turned(self: Operations, now: taking.Step, queue: str, filters: Any) -> Any:
        if now.name == "trying":
            later.append(now)
            return None
        result = step(self, now, queue, filters)
        if now.name == "update" and later:
            step(self, later.pop(), queue, filters)
        return result

    patch.setattr(Operations, "_step", turned)


def does_not_sync(patch: Patch) -> None:
    """A line is in the system's memory only."""
    patch.setattr(LifeFile, "sync", lambda self: None)


def keeps_the_job_of_before(patch: Patch) -> None:
    """Who takes a task again is written down as the job that had it before."""

    def note(self: Hands, entry: Entry) -> None:
        before = self.ledger.entry(entry.task)
        job = before.job if before else (self.job.guid if self.job else "")
        job_id = before.job_id if before else self.job_id
        self.ledger.write(
            attrs.evolve(entry, job=job, job_id=job_id, mark=entry.mark or (before.mark if before else ""))
        )

    patch.setattr(Hands, "note", note)


def adds_to_half_a_line(patch: Patch) -> None:
    """What a full disk has cut is not ended before the next line."""
    write = TaskLedger.write

    def never_cut(self: TaskLedger, entry: Entry) -> None:
        self._cut = False
        write(self, entry)

    patch.setattr(TaskLedger, "write", never_cut)


def forgets_what_it_could_not_write(patch: Patch) -> None:
    """A start does not look for what an earlier life has left."""
    patch.setattr(Hands, "settle", lambda self, comment, within_s: True)


def takes_without_announcing(patch: Patch) -> None:
    """Reading and writing, as one does who thinks that he is alone."""
    patch.setitem(operations.WAYS, "announce", taking.naive)


def does_not_read_before_it_settles(patch: Patch) -> None:
    """An end of an earlier life is sent, whatever has become of the task."""

    def settle_one(self: Hands, entry: Entry | None, comment: str) -> None:
        if entry is None or entry.task in self.busy:
            return
        self.one_call(lambda: self._send(entry.task, entry.end or {"status": FAILED, "comment": comment}, entry.job))
        self.ledger.write(attrs.evolve(entry, stage="ended"))

    patch.setattr(Hands, "_settle_one", settle_one)


@pytest.mark.long
@pytest.mark.parametrize(
    "breaking",
    [
        acts_before_it_writes,
        does_not_sync,
        keeps_the_job_of_before,
        adds_to_half_a_line,
        forgets_what_it_could_not_write,
        takes_without_announcing,
        does_not_read_before_it_settles,
    ],
)
def test_what_is_broken_is_found(monkeypatch: Patch, breaking: Callable[[Patch], None]) -> None:
    """Each of these would lose a task or do it twice."""
    breaking(monkeypatch)

    assert played(1500).findings


# ---- the promises themselves


def fact(what: Any, job: str, status: int) -> TaskFact:
    return TaskFact("t", what, job, status)


TAKEN = (fact("status", "a", BUSY), fact("given", "a", BUSY))


def test_a_task_that_goes_its_way_is_right() -> None:
    """Taken, given back, taken by another, ended."""
    back = (*TAKEN, fact("status", "a", NEW), fact("ended", "a", NEW))
    again = (fact("status", "b", BUSY), fact("given", "b", BUSY), fact("status", "b", DONE), fact("ended", "b", DONE))
    assert task_violations([*back, *again]) == []


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ([*TAKEN, fact("given", "b", BUSY)], "given to the scripts of two jobs: a and b"),
        ([*TAKEN, fact("status", "a", DONE), fact("status", "a", FAILED)], "went on to 3 after its end 2"),
        ([*TAKEN, fact("status", "a", DONE), fact("given", "b", BUSY)], "after its end 2"),
        ([*TAKEN, fact("ended", "a", DONE), fact("status", "a", FAILED)], "ended as 3, and its script has said 2"),
        ([*TAKEN, fact("ended", "a", DONE)], "ended as None, and its script has said 2"),
    ],
)
def test_each_broken_promise_is_told(facts: list[TaskFact], sentence: str) -> None:
    """One history for each."""
    assert any(sentence in each for each in task_violations(facts))


# ---- the command


def test_the_command_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--tasks", "100", "--seed", "2"]) == 0
    said = capsys.readouterr().out
    assert "120 tasks in 5 worlds" in said
    assert "promises broken: none" in said


def test_the_command_tells_what_is_broken_and_how_to_see_it_again(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The world by its number breaks the same promise."""
    forgets_what_it_could_not_write(monkeypatch)

    assert main(["simulate", "--tasks", "2400"]) == 1
    said = capsys.readouterr().out
    again = said.partition("again: fsm-robot ")[2].splitlines()[0]
    first = next(line for line in said.splitlines() if line.startswith("BROKEN"))
    assert main(again.split()) == 1
    assert first in capsys.readouterr().out


def test_the_command_tells_it_to_a_program(monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures, and what is broken."""
    assert main(["simulate", "--tasks", "100", "--seed", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tasks"], told["worlds"], told["violations"]) == (120, 5, [])
    assert main(["simulate", "--tasks", "100", "--seed", "2"]) == 0
    assert told["happened_sha256"] in capsys.readouterr().out

    forgets_what_it_could_not_write(monkeypatch)
    assert main(["simulate", "--tasks", "2400", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["violations"]


@pytest.mark.parametrize("tasks", ["0", "-3"])
def test_tasks_are_at_least_one(tasks: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", f"--tasks={tasks}"]) == 2
    assert "--tasks must be at least 1" in capsys.readouterr().err
