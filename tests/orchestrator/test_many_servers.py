"""Servers that share a database: nothing is given twice and nothing is lost, whoever ends in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes import postgres
from tests.fakes.waiting import PATIENCE_S, until
from tests.orchestrator.conftest import Api

pytestmark = pytest.mark.skipif(os.name == "nt", reason="PostgreSQL's server is not set up under Windows")
JOBS, ROBOTS = 90, 24


@contextmanager
def serving(address: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a server process of its own; return it and its port."""
    command = [sys.executable, "-m", "fsm_robot", "orchestrator", "serve", "--db", address, "--port", "0"]
    process = subprocess.Popen([*command, "--give-again"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listening at" in line, line
        yield process, int(line.split()[2].rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def test_each_job_is_done_once_though_a_server_is_killed_and_the_database_crashes(cluster: postgres.Cluster) -> None:
    """Two processes, some dozens of robots: `kill -9` of one after a third of the jobs, a crash of PostgreSQL after two."""
    from bench.fleet import Fleet, Plan

    address = cluster.schema()
    store = Store(address)
    for number in range(JOBS):
        store.enqueue(f"job {number}", {"number": number} if number % 3 else None)
    with serving(address) as (first, first_port), serving(address) as (_, second_port):
        fleet = Fleet(Plan([first_port, second_port], ROBOTS, interval_s=0.3))

        async def break_things(fleet: Fleet) -> None:
            await _come_to(fleet, JOBS // 3)
            first.kill()
            await _come_to(fleet, 2 * JOBS // 3)
            cluster.crash()
            await asyncio.to_thread(cluster.start)
            await _come_to(fleet, JOBS)
            fleet.over.set()

        asyncio.run(asyncio.wait_for(fleet.live(break_things), 2 * PATIENCE_S))

    assert fleet.failed  # somebody was cut off, or nothing was tried here
    assert set(fleet.given.values()) == {1}
    jobs = store.jobs()
    assert {job.guid for job in jobs} == set(fleet.ended)
    assert {job.status_word for job in jobs} == {"Success"}
    assert {job.robot for job in jobs} <= {robot.label for robot in store.robots()}
    store.close()


async def _come_to(fleet: object, ended: int) -> None:
    """Wait until so many jobs have ended."""
    from bench.fleet import Fleet

    assert isinstance(fleet, Fleet)
    await asyncio.to_thread(until, lambda: len(fleet.ended) >= ended, f"the end of {ended} jobs")


def test_call_of_a_robot_asks_the_database_a_few_times(
    cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement is a way there and back, and what a server can take is counted in them."""
    import psycopg

    with Orchestrator(Store(cluster.schema())) as server:
        api, asked, execute = Api(server), list[str](), psycopg.Connection.execute

        def counted(self: Any, query: Any, *values: Any, **more: Any) -> Any:
            asked.append(str(query))
            return execute(self, query, *values, **more)

        def cost(verb: str, call: str, **fields: Any) -> int:
            asked.clear()
            api(verb, call, **fields)
            return len(asked)

        for number in range(3):
            server.store.enqueue(f"job {number}")
        api("POST", "robot/heartbeat", Status=2)
        api("POST", "robot/consumeNextJob", Status=2)
        monkeypatch.setattr(psycopg.Connection, "execute", counted)
        assert cost("POST", "robot/heartbeat", Status=2) <= 6
        assert cost("POST", "robot/consumeNextJob", Status=2) <= 10
        guid = server.store.newest_jobs(2)[-1].guid
        assert cost("PUT", "job/update", guid=guid, status=8) <= 7
        assert cost("PUT", "job/update", guid=guid, status=4) <= 7
        monkeypatch.undo()
        server.store.close()
