"""What a call costs does not grow with what others have in the file: counted in steps of the database, not in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fsm_robot.orchestrator.store import Store
from tests.fakes.waiting import GUID
from tests.orchestrator.test_store import robot_id

OTHER = "99999999-0000-4000-8000-000000000001"
FEW, MANY = 50, 5000
AT = "2026-11-27T00:00:00.000000+00:00"
CALLS: dict[str, Callable[[Store, int], object]] = {
    "waits for a robot": lambda store, robot: store.waits_for(robot),
    "nothing to take": lambda store, robot: store.take(robot),
    "taken last": lambda store, robot: store.taken_last(robot),
    "how many": lambda store, robot: store.job_count(),
    "the newest": lambda store, robot: store.newest_jobs(10),
    "limits": lambda store, robot: store.order_overdue(),
}


def steps_of(store: Store, call: Callable[[Store, int], object], robot: int) -> int:
    """Return how many of its instructions the database needs for a call, in tens."""
    count = [0]

    def counted() -> int:
        count[0] += 1
        return 0

    with store.file.reading() as db:
        assert isinstance(db, sqlite3.Connection)
        db.set_progress_handler(counted, 10)
        try:
            call(store, robot)
        finally:
            db.set_progress_handler(None, 10)
    return count[0]


def fill(store: Store, robot: int, others: int) -> None:
    """Let `others` jobs wait for another robot, and as many be over that it has had, but for one."""
    with store.file.transaction() as db:
        assert isinstance(db, sqlite3.Connection)
        db.executemany(
            "INSERT INTO jobs (guid, script, version_guid, name, status, priority, robot_id, created_at, updated_at,"
            " consumed_at, finished_at) VALUES (?, 's', 'v', '', ?, 2, ?, ?, ?, ?, ?)",
            [
                (
                    f"{number}-{over}",
                    4 if over else 1,
                    robot,
                    AT,
                    AT,
                    AT if over else None,
                    AT if over else None,
                )
                for number in range(others)
                for over in (False, True)
            ],
        )


@pytest.mark.parametrize("name", CALLS)
def test_call_costs_the_same_beside_a_hundred_times_as_many_jobs_of_others(tmp_path: Path, name: str) -> None:
    """Forty accounts share one server, and one of them may have a backlog of a year."""
    steps = []
    for others in (FEW, MANY):
        with_jobs = Store(tmp_path / f"{others}.sqlite")
        other, robot = robot_id(with_jobs, OTHER), robot_id(with_jobs, GUID)
        fill(with_jobs, other, others)
        steps.append(steps_of(with_jobs, CALLS[name], robot))
        with_jobs.close()

    few, many = steps

    assert many <= few + 10
