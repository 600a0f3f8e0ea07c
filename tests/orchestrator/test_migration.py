"""A file of the form before is taken over whole, or left as it was."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from pathlib import Path

import pytest

from fsm_robot.orchestrator.store import Store, StoreError
from fsm_robot.orchestrator.tables import schema
from tests.fakes.waiting import GUID

# As the version before made it, word for word.
FORM_1 = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS robots (
    row_id INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, label TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1,
    machine TEXT NOT NULL DEFAULT '', ip TEXT NOT NULL DEFAULT '', mac TEXT NOT NULL DEFAULT '',
    status INTEGER NOT NULL DEFAULT 0, job_guid TEXT NOT NULL DEFAULT '', job_name TEXT NOT NULL DEFAULT '',
    last_heartbeat TEXT, paused INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS jobs (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, script TEXT NOT NULL,
    version_guid TEXT NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL, priority INTEGER NOT NULL,
    task_text TEXT, robot_id INTEGER,
    ordered TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, consumed_at TEXT, started_at TEXT, finished_at TEXT,
    updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (priority DESC, row_id) WHERE status = 1 AND consumed_at IS NULL;
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, monotonic_s REAL NOT NULL, robot TEXT NOT NULL,
    verb TEXT NOT NULL, path TEXT NOT NULL, fields TEXT NOT NULL, http_status INTEGER, code INTEGER,
    fault TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, times_left INTEGER, until_s REAL);
PRAGMA user_version = 1;
"""
AT = "2026-10-31T10:00:0{}.000000+00:00"
JOBS = [
    # script, name, status, task, robot, consumed, finished
    ("отчёты\\сводка", "октябрь", 4, '{"месяц": "2026-10"}', 1, True, True),
    ("x", "", 8, '{"a": 1}', 1, True, False),
    ("x", "", 1, '{"a": 2}', None, False, False),
    ("y", "", 5, None, 1, True, True),
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of form 1 with jobs in every stage, calls and a fault."""
    path = tmp_path / "o.sqlite"
    salt = "ab" * 16
    with sqlite3.connect(path) as db:
        db.executescript(FORM_1)
        db.execute("INSERT INTO meta VALUES ('salt', ?)", (salt,))
        digest = hashlib.sha256(f"{salt}{GUID}".encode()).hexdigest()
        db.execute(
            "INSERT INTO robots (digest, label, machine, paused) VALUES (?, ?, 'PC', 1)",
            (digest, f"robot-{digest[:8]}"),
        )
        for number, (script, name, status, task, robot, consumed, finished) in enumerate(JOBS):
            guid, at = f"5c1e0000-0000-4000-8000-00000000000{number}", AT.format(number)
            db.execute(
                "INSERT INTO jobs VALUES (NULL, ?, ?, ?, ?, ?, 2, ?, ?, '', ?, ?, NULL, ?, ?)",
                (guid, script, schema.version_guid(script), name, status, task, robot, at, at if consumed else None,
                 at if finished else None, at),
            )  # fmt: skip
        db.execute("INSERT INTO calls VALUES (7, '2026', 1.5, 'robot-1', 'POST', '/api', '{}', 200, 0, '')")
        db.execute("INSERT INTO faults VALUES (3, 'beat:html*3', 2, NULL)")
    db.close()
    return path


def test_everything_of_form_1_is_there_in_form_2(old: Path) -> None:
    """Jobs with their states, robots with their credential, calls, faults; tasks have become rows of a queue."""
    store = Store(old)

    jobs = store.jobs()
    assert [(job.script, job.name, job.status, job.task_text, job.robot_id) for job in jobs] == [
        (script, name, status, task, robot) for script, name, status, task, robot, _, _ in JOBS
    ]
    assert [job.created_at.isoformat(timespec="microseconds") for job in jobs] == [AT.format(n) for n in range(4)]
    robot = store.robot(GUID, known_only=True)
    assert robot is not None
    assert (robot.machine, robot.paused, len(store.robots())) == ("PC", True, 1)
    assert [call.seq for call in store.calls()] == [7]
    assert [(fault.text, left) for fault, left in store.faults()] == [("beat:html*3", 2)]
    tasks = [store.task_of(job) for job in jobs]
    assert [task and task.status_word for task in tasks] == ["Success", "In progress", "New", None]
    first = tasks[0]
    assert first is not None
    assert (first.guid, first.queue, first.name) == (
        str(uuid.uuid5(uuid.UUID(jobs[0].guid), "task")),
        "jobs",
        "октябрь",
    )


def test_file_that_was_taken_over_goes_on(old: Path) -> None:
    """Numbers go on, the waiting job is taken, the version of a script is the one that it was."""
    store = Store(old)
    robot = store.robot(GUID)
    assert robot is not None
    waiting = store.jobs()[2]

    guid = store.enqueue("x")
    taken = store.take(robot.row_id)

    assert taken is not None
    assert (taken.guid, store.job(guid).row_id) == (waiting.guid, 5)
    assert store.job(guid).version_guid == waiting.version_guid
    assert store.job(guid).version_id == waiting.version_id != 0
    store.close()
    assert Store(old).job(guid).script == "x"
    with sqlite3.connect(old) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (schema.FORM,)
        assert not [name for (name,) in db.execute("SELECT name FROM sqlite_master") if name in ("jobs_1", "robots_1")]
    db.close()


def test_file_whose_migration_fails_is_left_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: what an older version could read, it can still read."""
    steps = schema.MIGRATIONS[1]
    for number in range(1, len(steps)):
        with monkeypatch.context() as patch:
            patch.setattr(
                "fsm_robot.orchestrator.tables.sqlite_file.MIGRATIONS",
                {1: (*steps[:number], "INSERT INTO gone VALUES (1)")},
            )
            with pytest.raises(StoreError, match="no such table"):
                Store(old).jobs()
        with sqlite3.connect(old) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (1,)
            assert db.execute("SELECT COUNT(*) FROM jobs WHERE task_text IS NOT NULL").fetchone() == (3,)
        db.close()
    assert len(Store(old).jobs()) == 4


def test_file_of_a_newer_version_is_refused(old: Path) -> None:
    """It may hold what this one would lose."""
    with sqlite3.connect(old) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(StoreError, match="--db"):
        Store(old).jobs()


def test_new_and_migrated_files_have_the_same_tables(old: Path, tmp_path: Path) -> None:
    """Down to the indexes: there is one form 2, not two."""
    forms = []
    for path in (old, tmp_path / "new.sqlite"):
        Store(path).jobs()
        with sqlite3.connect(path) as db:
            rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
            forms.append(sorted(rows, key=repr))
        db.close()

    assert forms[0] == forms[1]
