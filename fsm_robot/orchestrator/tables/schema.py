"""The form of the tables, and how a file of the form before becomes one. Pure: statements only.

Every table but `meta`, `calls`, `faults` and `moves` keeps what was deleted, with a mark, as the vendor's do.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FORM = 2
JOBS_QUEUE = "jobs"
"""Where a task goes that is made together with its job."""

# Named in the same way on every machine, so that a script has one version GUID wherever it is enqueued.
_VERSIONS = uuid.UUID("3f0f6c1e-7a54-4b0c-8a53-6f9b5c7d2e10")
_PROCESSES = uuid.UUID("9b0c2f7e-2c1d-4b57-9d0b-1f6a3e5c8d21")

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE robots (
    row_id INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, label TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1,
    machine TEXT NOT NULL DEFAULT '', ip TEXT NOT NULL DEFAULT '', mac TEXT NOT NULL DEFAULT '',
    status INTEGER NOT NULL DEFAULT 0, job_guid TEXT NOT NULL DEFAULT '', job_name TEXT NOT NULL DEFAULT '',
    last_heartbeat TEXT, paused INTEGER NOT NULL DEFAULT 0, group_id INTEGER, created TEXT NOT NULL DEFAULT '');
CREATE TABLE keys (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT UNIQUE NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE processes (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', min_version_to_run TEXT NOT NULL DEFAULT '',
    process_type INTEGER NOT NULL DEFAULT 0, version_id INTEGER, created TEXT NOT NULL, updated TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE versions (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, process_id INTEGER NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', process_file_name TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL, updated TEXT NOT NULL, is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE queues (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', unique_tasks INTEGER NOT NULL DEFAULT 0,
    auto_change_status INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0,
    abandon_new_min INTEGER NOT NULL DEFAULT 0, abandon_busy_min INTEGER NOT NULL DEFAULT 1440,
    created TEXT NOT NULL, updated TEXT NOT NULL, is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE tasks (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, queue_id INTEGER NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', status INTEGER NOT NULL DEFAULT 0, job_id INTEGER,
    robot_id INTEGER, priority INTEGER NOT NULL DEFAULT 1, created TEXT NOT NULL, started TEXT, postponed TEXT,
    deadline TEXT, finished TEXT, updated TEXT NOT NULL, comment TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '', retries INTEGER NOT NULL DEFAULT 0, parent_task TEXT,
    parameters TEXT NOT NULL DEFAULT '{}', since TEXT NOT NULL, is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX tasks_waiting ON tasks (queue_id, status, priority DESC, row_id);
CREATE INDEX tasks_deadline ON tasks (queue_id, deadline) WHERE status = 0 AND deadline IS NOT NULL;
CREATE INDEX tasks_since ON tasks (queue_id, status, since);
CREATE INDEX tasks_names ON tasks (name);
CREATE INDEX tasks_postponed ON tasks (postponed) WHERE status = 5;
CREATE TABLE moves (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, at TEXT NOT NULL, before INTEGER,
    after INTEGER NOT NULL, robot_id INTEGER, job_id INTEGER, reason TEXT NOT NULL DEFAULT '');
CREATE INDEX moves_of_task ON moves (task_id);
CREATE TABLE assets (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', type INTEGER NOT NULL DEFAULT 2, text TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL DEFAULT '', password_expiration TEXT, robot_type INTEGER NOT NULL DEFAULT 3,
    robot_id INTEGER, robot_group_id INTEGER, created TEXT NOT NULL, updated TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE folders (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', created TEXT NOT NULL, updated TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE files (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, folder_id INTEGER, name TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0, content BLOB NOT NULL);
CREATE TABLE logs (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, robot_id INTEGER, version_guid TEXT NOT NULL,
    job_guid TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, received TEXT NOT NULL);
CREATE INDEX logs_of_job ON logs (job_guid, row_id);
CREATE TABLE jobs (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, script TEXT NOT NULL,
    version_guid TEXT NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL, priority INTEGER NOT NULL,
    robot_id INTEGER, group_id INTEGER, task_id INTEGER, source TEXT NOT NULL DEFAULT 'GUI', stop_after TEXT,
    abort_after TEXT, last_message TEXT NOT NULL DEFAULT '',
    ordered TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, consumed_at TEXT, started_at TEXT, finished_at TEXT,
    updated_at TEXT NOT NULL, is_deleted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX jobs_waiting ON jobs (robot_id, group_id, priority DESC, row_id)
    WHERE status = 1 AND consumed_at IS NULL AND is_deleted = 0;
CREATE INDEX jobs_taken ON jobs (robot_id, consumed_at) WHERE consumed_at IS NOT NULL;
CREATE INDEX jobs_deleted ON jobs (row_id) WHERE is_deleted != 0;
CREATE INDEX jobs_limited ON jobs (row_id) WHERE finished_at IS NULL AND
    (stop_after IS NOT NULL OR abort_after IS NOT NULL);
CREATE TABLE calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, monotonic_s REAL NOT NULL, robot TEXT NOT NULL,
    verb TEXT NOT NULL, path TEXT NOT NULL, fields TEXT NOT NULL, http_status INTEGER, code INTEGER,
    fault TEXT NOT NULL);
CREATE TABLE faults (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, times_left INTEGER, until_s REAL);
CREATE TABLE held (row_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)
"""


def version_guid(script: str) -> str:
    """Return the GUID of a script's process version."""
    return str(uuid.uuid5(_VERSIONS, script))


def process_guid(script: str) -> str:
    """Return the GUID of a script's process."""
    return str(uuid.uuid5(_PROCESSES, script))


def _move_scripts(db: Any) -> None:
    """Let every script that was enqueued be a process with one version."""
    rows = db.execute(
        "SELECT script, MIN(created_at) AS at FROM jobs_1 GROUP BY script ORDER BY MIN(row_id)"
    ).fetchall()
    for script, at in rows:
        process = db.execute(
            "INSERT INTO processes (guid, name, created, updated) VALUES (?, ?, ?, ?)",
            (process_guid(script), script, at, at),
        ).lastrowid
        version = db.execute(
            "INSERT INTO versions (guid, process_id, name, created, updated) VALUES (?, ?, ?, ?, ?)",
            (version_guid(script), process, script, at, at),
        ).lastrowid
        db.execute("UPDATE processes SET version_id = ? WHERE row_id = ?", (version, process))


def _move_tasks(db: Any) -> None:
    """Let every task that was a text of its job be a row of the queue for such tasks, under the GUID that it had."""
    rows = db.execute("SELECT * FROM jobs_1 WHERE task_text IS NOT NULL ORDER BY row_id").fetchall()
    if not rows:
        return
    first = rows[0]["created_at"]
    queue = db.execute(
        "INSERT INTO queues (guid, name, auto_change_status, created, updated) VALUES (?, ?, 1, ?, ?)",
        (str(uuid.uuid4()), JOBS_QUEUE, first, first),
    ).lastrowid
    for row in rows:
        status = 0 if row["consumed_at"] is None else {4: 2}.get(row["status"], 3 if row["finished_at"] else 1)
        values = {
            "guid": str(uuid.uuid5(uuid.UUID(row["guid"]), "task")), "queue_id": queue,
            "name": row["name"] or row["script"], "status": status,
            "job_id": row["row_id"] if row["consumed_at"] else None,
            "robot_id": row["robot_id"] if row["consumed_at"] else None, "created": row["created_at"],
            "started": row["consumed_at"], "finished": row["finished_at"] if status in (2, 3) else None,
            "updated": row["updated_at"], "since": row["updated_at"], "parameters": row["task_text"],
        }  # fmt: skip
        marks = ", ".join(f":{name}" for name in values)
        task = db.execute(f"INSERT INTO tasks ({', '.join(values)}) VALUES ({marks})", values).lastrowid  # noqa: S608
        db.execute("UPDATE jobs SET task_id = ? WHERE row_id = ?", (task, row["row_id"]))


_JOB_COLUMNS = (
    "row_id, guid, script, version_guid, name, status, priority, robot_id, ordered, created_at, consumed_at,"
    " started_at, finished_at, updated_at"
)
_ROBOT_COLUMNS = "row_id, digest, label, active, machine, ip, mac, status, job_guid, job_name, last_heartbeat, paused"
_OLD_TABLES = ("meta", "robots", "jobs", "calls", "faults")

Step = str | Callable[[Any], None]
MIGRATIONS: Mapping[int, Sequence[Step]] = {
    1: (
        "; ".join(["DROP INDEX jobs_waiting", *(f"ALTER TABLE {name} RENAME TO {name}_1" for name in _OLD_TABLES)]),
        SCHEMA,
        "INSERT INTO meta SELECT * FROM meta_1",
        f"INSERT INTO robots ({_ROBOT_COLUMNS}) SELECT {_ROBOT_COLUMNS} FROM robots_1",  # noqa: S608 - our own names
        f"INSERT INTO jobs ({_JOB_COLUMNS}) SELECT {_JOB_COLUMNS} FROM jobs_1",  # noqa: S608 - our own names
        "INSERT INTO calls SELECT * FROM calls_1; INSERT INTO faults SELECT * FROM faults_1",
        _move_scripts,
        _move_tasks,
        "; ".join(f"DROP TABLE {name}_1" for name in _OLD_TABLES),
    )
}
"""Form of a file -> what makes it one of this version, all in one transaction."""
