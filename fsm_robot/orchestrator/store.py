"""What the orchestrator remembers, in a file or a database that survives a restart: its tables, and what spans two.

Any number of threads and processes may use it: the command line enqueues while servers serve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.objects import BUSY, TaskRow
from fsm_robot.orchestrator.rows import ABORTED, FAILED, STATUS_WORDS, STOPPED, CallRow, JobRow, RobotRow
from fsm_robot.orchestrator.tables.assets import AssetTable
from fsm_robot.orchestrator.tables.calls import CallTable
from fsm_robot.orchestrator.tables.database import Database, DuplicateError, NoSuchError, StoreError, is_utf8
from fsm_robot.orchestrator.tables.jobs import JobTable
from fsm_robot.orchestrator.tables.logs import LogTable
from fsm_robot.orchestrator.tables.ordered_faults import FaultTable
from fsm_robot.orchestrator.tables.places import engine_of, place_of
from fsm_robot.orchestrator.tables.processes import ProcessTable
from fsm_robot.orchestrator.tables.queues import QueueTable
from fsm_robot.orchestrator.tables.robots import RobotTable
from fsm_robot.orchestrator.tables.schema import JOBS_QUEUE
from fsm_robot.orchestrator.tables.storage import StorageTable
from fsm_robot.orchestrator.tables.tasks import Author, TaskTable, json_text

__all__ = ["DuplicateError", "NoSuchError", "Store", "StoreError"]


@attrs.define(eq=False)
class Store:
    """Everything that the orchestrator knows.

    Attributes:
        place: The SQLite file, created when it is not there, or the address of a PostgreSQL database.
        clock: What time it is, in UTC; the rules for tasks and jobs go by it.
        queues: Queues.
        tasks: Tasks, and the rules for them.
        assets: Credentials, texts, calendars.
        storage: Folders and files.
        logs: What robots logged.
        processes: Processes and their versions.
        credentials: Robots by all their names, and API keys.
        held: Answers that a fault holds back.
    """

    place: str | Path = attrs.field(converter=place_of)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    file: Database = attrs.field(init=False)
    queues: QueueTable = attrs.field(init=False)
    tasks: TaskTable = attrs.field(init=False)
    assets: AssetTable = attrs.field(init=False)
    storage: StorageTable = attrs.field(init=False)
    logs: LogTable = attrs.field(init=False)
    processes: ProcessTable = attrs.field(init=False)
    credentials: RobotTable = attrs.field(init=False)
    held: FaultTable = attrs.field(init=False)
    _jobs: JobTable = attrs.field(init=False)
    _calls: CallTable = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.file = Database(engine_of(self.place), self._now)
        self.queues, self.tasks = QueueTable(self.file), TaskTable(self.file)
        self.assets, self.storage, self.logs = AssetTable(self.file), StorageTable(self.file), LogTable(self.file)
        self.processes, self.credentials = ProcessTable(self.file), RobotTable(self.file)
        self._jobs, self._calls, self.held = JobTable(self.file), CallTable(self.file), FaultTable(self.file)

    def _now(self) -> datetime:
        return self.clock()  # looked up anew: a test may set another one

    # ---- jobs

    def enqueue(
        self,
        script: str,
        task: Mapping[str, object] | None = None,
        *,
        name: str = "",
        priority: int = 2,
        robot: str = "",
        task_id: int | None = None,
        version_guid: str = "",
        group_id: int | None = None,
        source: str = "GUI",
        stop_after: datetime | None = None,
        abort_after: datetime | None = None,
    ) -> str:
        """Add a job and return its GUID.

        Args:
            script: `ProcessVersion.Name`, whatever it is.
            task: Parameters of a task that is made for it in the queue `jobs`; None for a job without one.
            name: What people call it.
            priority: 1 low, 2 normal, 3 high.
            robot: Label or GUID of the only robot that may take it; a GUID that is new here is known from now on.
            task_id: Row of a task that is there already, in the place of `task`.
            version_guid: The process version, where it is not the one that every script has.
            group_id: The only group of robots that may take it.
            source: Who made it, a word for people.
            stop_after: When it is to be stopped.
            abort_after: When it is to be killed.

        Raises:
            StoreError: There is no such robot, or a text is none that JSON and UTF-8 can carry.
        """
        text = None if task is None else _task_text(task)
        for each in (script, name):
            if not is_utf8(each):
                raise StoreError(f"{each!r} cannot be written as UTF-8, so no robot can be sent it")
        # What is made for the first time is looked for and made by one alone.
        is_new = not (version_guid or self.processes.knows(script)) or (text is not None and self._makes_queue())
        with self.file.transaction(alone=is_new):
            robot_id = self.credentials.row_id(robot) if robot else None
            if text is not None:
                queue = self.queues.named(JOBS_QUEUE, auto_change_status=1)
                task_id = self.tasks.add(queue, name or script, text).row_id
            return self._jobs.add(
                script,
                version_guid=version_guid or self.processes.know(script),
                name=name,
                priority=priority,
                robot_id=robot_id,
                task_id=task_id,
                group_id=group_id,
                source=source,
                stop_after=stop_after,
                abort_after=abort_after,
            )

    def _makes_queue(self) -> bool:
        try:
            return self.queues.find(JOBS_QUEUE).unique_tasks
        except NoSuchError:
            return True

    def jobs(self) -> list[JobRow]:
        """Return every job, oldest first."""
        return self._jobs.all()

    def newest_jobs(self, count: int) -> list[JobRow]:
        """Return the youngest jobs, youngest first."""
        return self._jobs.newest(count)

    def job_count(self) -> int:
        """Return how many jobs there are."""
        return self._jobs.count()

    def job(self, guid: str) -> JobRow:
        """Return one job; `last` is the youngest. Raises `StoreError`."""
        return self._jobs.get(guid)

    def find_job(self, name: str) -> JobRow:
        """Return the job with this GUID or number. Raises `NoSuchError`."""
        return self._jobs.find(name)

    def order_stop(self, guid: str) -> JobRow:
        """Ask for a soft stop; a job that no robot has yet is Stopped at once. Raises `StoreError`."""
        return self._jobs.order(guid, "stop")

    def order_abort(self, guid: str) -> JobRow:
        """Ask for a hard stop, which overrides a soft one. Raises `StoreError`."""
        return self._jobs.order(guid, "abort")

    def order_overdue(self) -> None:
        """Stop and abort the jobs whose time for it has come."""
        self._jobs.order_overdue()

    def take(self, robot_id: int, *, again: bool = False) -> JobRow | None:
        """Give the next job to a robot, its task In progress with it; None where there is none.

        Args:
            robot_id: Row of the robot.
            again: Whether it is given once more what it was given last and has not claimed.
        """
        self.order_overdue()
        with self.file.transaction(alone=False):
            job = (self.unclaimed(robot_id) if again else None) or self._jobs.take(robot_id)
            task = None if job is None else self.task_of(job)
            if job is not None and task is not None:
                self.tasks.change(task, {"status": BUSY}, Author(robot_id, job.row_id, "its job was taken"))
        return job

    def task_of(self, job: JobRow) -> TaskRow | None:
        """Return the task of a job, or None."""
        return None if job.task_id is None else self.tasks.by_row(job.task_id)

    def unclaimed(self, robot_id: int) -> JobRow | None:
        """Return the job that a robot was given last, where it has not claimed it: the answer may have been lost."""
        job = self._jobs.taken_last(robot_id)
        return job if job is not None and job.started_at is None and not job.ended else None

    def taken_last(self, robot_id: int) -> JobRow | None:
        """Return the job that a robot was given last, or None."""
        return self._jobs.taken_last(robot_id)

    def waits_for(self, robot_id: int) -> bool:
        """Return whether a job waits that this robot may take."""
        return self._jobs.waits_for(robot_id)

    def set_status(self, guid: str, robot_id: int | None, status: int, *, lax: bool = False) -> str | None:
        """Set what a robot says of a job; return why it may not, or empty; None where there is no such job.

        A job that ends Failed, Stopped or Aborted takes its tasks with it, in the queues that say so.
        """
        with self.file.transaction(alone=False):
            job = self._jobs.held(guid)
            if job is None:
                return None
            problem, new = self._jobs.set_status(job, robot_id, status, lax=lax)
            if not job.ended and new in (ABORTED, FAILED, STOPPED):
                self.tasks.job_ended(job.row_id, STATUS_WORDS[new])
        return problem

    def delete_job(self, job: JobRow) -> None:
        """Let a job be gone."""
        self._jobs.delete(job)

    def log(
        self, message: str, level: str, *, robot_id: int | None = None, version_guid: str = "", job_guid: str = ""
    ) -> str:
        """Keep a line that a robot sent and return its GUID; it is the last message of its job."""
        with self.file.transaction(alone=False):
            if job_guid:
                self._jobs.said(job_guid, message)
            return self.logs.add(message, level, robot_id=robot_id, version_guid=version_guid, job_guid=job_guid)

    # ---- robots

    def robots(self) -> list[RobotRow]:
        """Return every robot in the order of its first contact."""
        return self.credentials.all()

    def robot(self, guid: str, *, known_only: bool = False) -> RobotRow | None:
        """Return the robot with this credential, registered at its first contact; None where it is unknown.

        The credential itself is not kept: a robot is known by a salted digest of it.
        """
        return self.credentials.by_credential(guid, known_only=known_only)

    def set_active(self, robot: str, active: bool) -> str:
        """Let the orchestrator know a robot, or deny it (code 101); return its label. Raises `StoreError`.

        Args:
            robot: Label or GUID; a GUID that is new here is known from now on.
            active: Whether it is known.
        """
        return self.credentials.set_column(robot, "active", active)

    def set_paused(self, robot: str, paused: bool) -> str:
        """Let a robot have no new job, or have them again; what it does goes on. Raises `StoreError`."""
        return self.credentials.set_column(robot, "paused", paused)

    def set_group(self, robot: str, group_id: int | None) -> str:
        """Put a robot into a group, or into none. Raises `StoreError`."""
        return self.credentials.set_column(robot, "group_id", group_id)

    def heard(self, robot_id: int, fields: Mapping[str, str], status: int) -> None:
        """Write down what a heartbeat said."""
        self.credentials.heard(robot_id, fields, status)

    # ---- calls and faults

    def add_call(self, call: CallRow) -> None:
        """Write down a call; the number of `call` is given by the file. Old ones are dropped."""
        self._calls.add(call)

    def calls(self, after: int = 0) -> list[CallRow]:
        """Return the calls with a number above `after`, in the order of their arrival."""
        return self._calls.after(after)

    def order_fault(self, fault: Fault) -> None:
        """Let the orchestrator misbehave from now on."""
        self.held.add(fault)

    def clear_faults(self) -> None:
        """Let the orchestrator behave again."""
        self.held.clear()

    def faults(self) -> list[tuple[Fault, int | None]]:
        """Return the faults in force and how many times each will still strike, None for ever."""
        return self.held.in_force()

    def next_fault(self, endpoints: tuple[str, ...], chance: float) -> Fault | None:
        """Return the fault that strikes a call now, used up by one, or None; see `FaultTable.next`."""
        return self.held.next(endpoints, chance)

    # ---- the file

    def check(self) -> None:
        """Raise `StoreError` where the file that is open is no longer the one that others find under its name."""
        self.file.check()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self.file.close()


def _task_text(task: Mapping[str, object]) -> str:
    try:
        return json_text(task)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the task cannot be written as JSON: {error}") from error
