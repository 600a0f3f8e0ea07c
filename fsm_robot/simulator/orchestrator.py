"""The simulated orchestrator: jobs, orders, codes, and the answers as bytes. Its moves are the embedded one's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import attrs

from fsm_robot.orchestrator.moves import refusal, status_after
from fsm_robot.orchestrator.rows import ABORTING, FINAL_STATUSES, IN_PROGRESS, PENDING, STOPPING, JobRow
from fsm_robot.simulator.scenario import JobPlan, Order
from fsm_robot.simulator.schedule import EPOCH, Schedule

Reply = tuple[int, bytes]
"""HTTP status and body."""
ROBOT, OTHER_ROBOT = 1, 2
NO_ERROR, JOB_ABORTING, JOB_STOPPING, ROBOT_NOT_FOUND, NO_NEW_JOB = 0, 10, 20, 101, 102
CHATTY = 0.03
"""Share of the answers that echo the credential in one of its forms, as a debug page would."""


@attrs.define
class SimulatedOrchestrator:
    """The other side: what it knows is what it was told.

    Attributes:
        note: Writes a fact: what, job, number, text.
        forgotten_until_s: Until then it answers 101 to everything.
        jobs: GUID -> row, in the order of creation.
    """

    schedule: Schedule
    chance: Random
    note: Callable[[str, str, int, str], None]
    spoken_secrets: tuple[str, ...]
    plans: dict[str, JobPlan] = attrs.field(factory=dict)
    jobs: dict[str, JobRow] = attrs.field(factory=dict)
    forgotten_until_s: float = -1.0
    last_given: str = ""
    _unfinished: list[str] = attrs.field(factory=list)

    def add(self, guid: str, plan: JobPlan) -> None:
        """Create a job; it can be taken from its moment on."""
        appears = self._moment(plan.appears_s)
        number = len(self.jobs) + 1
        version = f"aaaaaaaa-0000-4000-8000-{number:012d}"
        self.jobs[guid] = JobRow(
            row_id=number,
            guid=guid,
            script=f"папка\\script_{number}",
            version_guid=version,
            name="",
            status=PENDING,
            priority=2,
            task_text=None,
            robot_id=None,
            robot="",
            ordered="",
            created_at=appears,
            consumed_at=None,
            started_at=None,
            finished_at=None,
            updated_at=appears,
        )
        self.plans[guid] = plan
        self._unfinished.append(guid)

    def next_job_s(self) -> float | None:
        """Return when the next job can be taken, None where none is left."""
        return min((self.plans[guid].appears_s for guid in self._pending()), default=None)

    # ---- the calls

    def heartbeat(self, job_guid: str, *, working: bool) -> Reply:
        """Answer a heartbeat."""
        if self._forgot():
            return self._reply({"HeartbeatErrorCode": ROBOT_NOT_FOUND, "HasNewJob": 0})
        job = self.jobs.get(job_guid)
        code = NO_ERROR
        if working and job is not None and not job.ended and job.ordered:
            code = JOB_ABORTING if job.ordered == "abort" else JOB_STOPPING
        return self._reply({"HeartbeatErrorCode": code, "HasNewJob": int(self._takeable() is not None)})

    def consume(self) -> Reply:
        """Hand out the next job."""
        if self._forgot():
            return self._reply({"ConsumeJobErrorCode": ROBOT_NOT_FOUND})
        guid = self._takeable()
        if guid is None:
            return self._reply({"ConsumeJobErrorCode": NO_NEW_JOB})
        self.jobs[guid] = attrs.evolve(self.jobs[guid], robot_id=ROBOT, consumed_at=self._now(), robot="robot")
        self.note("consumed", guid, 0, "")
        self.last_given = guid
        for order in self.plans[guid].orders:
            self.schedule.after(order.after_s, self._ordering(guid, order))
        return self._handing_out(guid)

    def give_again(self) -> Reply:
        """Hand out the job that was handed out last, as some servers do after a lost answer."""
        return self._handing_out(self.last_given) if self.last_given else self.consume()

    def lose_to_another(self) -> Reply:
        """Let another robot take the next job, and answer 102."""
        guid = self._takeable()
        if guid is not None:
            self.jobs[guid] = attrs.evolve(self.jobs[guid], robot_id=OTHER_ROBOT, consumed_at=self._now())
            self._unfinished.remove(guid)
            self.note("lost_to_another", guid, 0, "")
        return self._reply({"ConsumeJobErrorCode": NO_NEW_JOB})

    def update(self, guid: str, status: int) -> Reply:
        """Take a status, by the rules of the embedded orchestrator."""
        job = self.jobs.get(guid)
        why = "unknown job" if job is None else refusal(job, ROBOT, status)
        if job is None or why:
            self.note("update_refused", guid, status, why)
            return (404 if job is None else 409), json.dumps({"error": why}).encode()
        self.note("status_accepted", guid, status, "")
        new = status_after(job, status)
        if new != job.status:
            self.jobs[guid] = attrs.evolve(self.jobs[guid], status=new)
        if new in FINAL_STATUSES and guid in self._unfinished:
            self._unfinished.remove(guid)
        return 200, b"[]"

    def forget(self, seconds: float) -> None:
        """Answer 101 to everything for so long."""
        self.forgotten_until_s = self.schedule.now_s + seconds

    # ---- pieces

    def _pending(self) -> list[str]:
        return [guid for guid in self._unfinished if self.jobs[guid].consumed_at is None]

    def _takeable(self) -> str | None:
        for guid in self._unfinished:
            if self.jobs[guid].consumed_at is None and self.plans[guid].appears_s <= self.schedule.now_s:
                return guid
        return None

    def _ordering(self, guid: str, order: Order) -> Callable[[], None]:
        def ordered() -> None:
            job = self.jobs[guid]
            if job.ended or job.ordered == "abort":
                return
            self.note("ordered", guid, 0, order.kind)
            status = job.status
            if status in (IN_PROGRESS, STOPPING):
                status = ABORTING if order.kind == "abort" else STOPPING
            self.jobs[guid] = attrs.evolve(self.jobs[guid], ordered=order.kind, status=status)

        return ordered

    def _handing_out(self, guid: str) -> Reply:
        job = self.jobs[guid]
        return self._reply(
            {
                "ConsumeJobErrorCode": NO_ERROR,
                "Job": json.dumps({"GUID": guid, "Status": job.status}),
                "ProcessVersion": json.dumps({"GUID": job.version_guid, "Name": job.script}),
                "Task": None,
            }
        )

    def _reply(self, answer: dict[str, object]) -> Reply:
        answer["ErrorText"] = self.chance.choice(self.spoken_secrets) if self.chance.random() < CHATTY else ""
        return 200, json.dumps(answer).encode()

    def _forgot(self) -> bool:
        return self.schedule.now_s < self.forgotten_until_s

    def _now(self) -> datetime:
        return self._moment(self.schedule.now_s)

    def _moment(self, at_s: float) -> datetime:
        return EPOCH + timedelta(seconds=at_s)
