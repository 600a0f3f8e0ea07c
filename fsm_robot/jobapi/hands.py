"""The tasks that the robot has in hand, for a job or from an earlier life: writing them down, ending them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import attrs

from fsm_robot.errors import GatewayError, JournalError
from fsm_robot.gateway.object_rows import TaskRead, field, task
from fsm_robot.jobapi.ledger import Entry, TaskLedger
from fsm_robot.jobapi.ports import Objects, Row
from fsm_robot.jobapi.work import WorkLog
from fsm_robot.robot.ports import Job
from fsm_robot.system import threads

Answer = TypeVar("Answer")
MOST_CALLS = 2
"""At a time: the usual server has eight workers for all robots."""
NEW, IN_PROGRESS, FAILED_APPLICATION, POSTPONED = 0, 1, 3, 5
LEFT, STOPPED, LOST = "left without a result", "stopped while at work", "the robot ended while it worked on it"


@attrs.define(eq=False, repr=False)
class Hands:
    """The tasks in hand. Any thread may call.

    Attributes:
        objects: The orchestrator.
        ledger: Where they are written down.
        log: Writes a line of the robot's own log.
        job: The job that takes tasks now, or None.
        job_id: The number that the server has for it, or empty.
        busy: Tasks that are being taken at this moment: only who does it knows how far it is.
        start: Begins a thread, as `threads.start` does.
        work: Is told what became of tasks.
    """

    objects: Objects
    ledger: TaskLedger
    log: Callable[..., None]
    job: Job | None = None
    job_id: str = ""
    busy: set[str] = attrs.field(factory=set)
    start: Callable[[str, Callable[[], None], Callable[[BaseException], bool]], None] = threads.start
    work: WorkLog = attrs.field(factory=WorkLog)
    _calls: threading.BoundedSemaphore = attrs.field(factory=lambda: threading.BoundedSemaphore(MOST_CALLS))
    _ending: threading.Lock = attrs.field(factory=threading.Lock)
    _last_comment: str = LEFT

    def begin(self, job: Job) -> None:
        """Work for a job from now on."""
        self.job = job
        document = job.documents.get("job")
        self.job_id = str(field(document, "id") or "") if isinstance(document, dict) else ""

    def one_call(self, call: Callable[[], Answer]) -> Answer:
        """Make a call when there is room for one."""
        with self._calls:
            return call()

    def note(self, entry: Entry) -> None:
        """Write down how far a task of the job is. Raises `JournalError`."""
        # Whoever tries to take a task is the job of now; what an earlier job has left in the list is its own no more.
        before = None if entry.stage == "trying" else self.ledger.entry(entry.task)
        mark = entry.mark or (before.mark if before else "")
        job = before.job if before else (self.job.guid if self.job else "")
        job_id = before.job_id if before else self.job_id
        self.ledger.write(attrs.evolve(entry, job=job, job_id=job_id, mark=mark))

    def entry(self, guid: str) -> Entry | None:
        """Return a task that the job has in hand and may end. Raises `JournalError`."""
        found = self.ledger.entry(guid)
        return found if found is not None and found.stage == "taken" else None

    def is_ours(self, row: TaskRead) -> bool | None:
        """Return whether a task says that it is this job's; None where the server does not tell, or nobody knows."""
        return _is_of(row, self.job_id)

    def own_task(self, document: Mapping[str, object]) -> TaskRead:
        """Return the job's own task as scripts know it."""
        return task(document, None)

    def remove_mark(self, guid: str, mark: str) -> None:
        """Take our announcement away; where that cannot be done it counts for ten minutes and no longer."""
        if not mark:
            return
        try:
            self.one_call(lambda: self.objects.remove_tag(guid, mark))
        except GatewayError as error:
            self.log(
                "warning",
                "task.tag_stays",
                "the tag that announced a task could not be removed",
                task=guid,
                tag=mark,
                error=str(error),
            )

    def deliver(self, guid: str, end: Mapping[str, object], job_guid: str) -> None:
        """Send the end of a task once, unless it has one already. Raises `GatewayError`, `JournalError`."""
        with self._ending:
            entry = self.ledger.entry(guid)
            if entry is not None and self._may_send(entry, end):
                self._send(guid, end, job_guid)

    def _may_send(self, entry: Entry, end: Mapping[str, object]) -> bool:
        """Return whether an end cannot take a task from others.

        One after which they may take it may have been sent before, without an answer, and they have it now.
        """
        if end.get("status") not in (NEW, POSTPONED):
            return True
        row = self.objects.task(entry.task)
        return row is None or (row["status"] == IN_PROGRESS and _is_of(row, entry.job_id) is not False)

    def _send(self, guid: str, end: Mapping[str, object], job_guid: str) -> None:
        tags = end.get("tags")
        if isinstance(tags, list) and tags:
            self.objects.add_tag(guid, ";".join(map(str, tags)))
        fields: Row = {"status": end.get("status", FAILED_APPLICATION), "comment": end.get("comment") or None}
        if end.get("postponed"):
            fields["postponed"] = end["postponed"]
        self.objects.update_task(guid, fields, job_guid)

    # ---- when nobody works on them any more

    def settle(self, comment: str, within_s: float) -> bool:
        """Give every task that is left open its end; return whether that was possible in so many seconds.

        What was not goes on in the background while the robot lives, and at its next start.
        """
        self._last_comment = comment
        try:
            left = self.ledger.open()
        except JournalError as error:
            self.log("error", "task.may_stay_open", "tasks may be left in progress", error=str(error))
            return False
        if not left:
            return True
        done = threads.Flag()
        failed: list[str] = []

        def work() -> None:
            for entry in left:
                try:
                    with self._ending:
                        self._settle_one(self.ledger.entry(entry.task), comment)
                except (GatewayError, JournalError) as error:
                    failed.append(str(error))
            over()

        def stopped(error: BaseException) -> bool:
            failed.append(repr(error))
            over()
            return False

        def over() -> None:
            # Told here and not by who waits: nobody may wait any more.
            if failed:
                self._tell_late(failed[0])
            done.set()

        try:
            self.start("tasks", work, stopped)
        except OSError as error:
            self._tell_late(str(error))
            return False
        in_time = done.wait(within_s)
        if not in_time and within_s > 0:
            self._tell_late(f"the orchestrator has not answered within {within_s:g} s")
        return in_time and not failed

    def settle_rest(self, within_s: float) -> bool:
        """Wait for what `settle` has begun and has not ended, and try once more what failed; see there."""
        return self.settle(self._last_comment, within_s)

    def _tell_late(self, why: str) -> None:
        self.log(
            "warning",
            "task.end_delayed",
            "the final status of tasks could not be sent; it is sent at the next start at the latest",
            why=why,
        )

    def _settle_one(self, entry: Entry | None, comment: str) -> None:
        """Read first: a person, a rule of the queue, or a call of ours whose answer was lost may have been faster."""
        if entry is None or entry.task in self.busy:
            return
        row = self.one_call(lambda: self.objects.task(entry.task))
        is_ours = row is not None and row["status"] == IN_PROGRESS and _is_of(row, entry.job_id) is not False
        if entry.stage == "trying":
            if is_ours:
                # The script has not seen it.
                self.one_call(lambda: self.objects.update_task(entry.task, {"status": NEW}, entry.job))
        elif is_ours:
            end = entry.end if entry.stage == "ending" else {"status": FAILED_APPLICATION, "comment": comment}
            self.one_call(lambda: self._send(entry.task, end, entry.job))
            if entry.stage == "taken":
                self.work.add(entry.job, "ended", task=entry.task, status=FAILED_APPLICATION, by="robot")
            self.log(
                "warning",
                "task.ended_by_robot",
                "the robot set the final status of a task that its script left open",
                task=entry.task,
                comment=end.get("comment", ""),
            )
        if row is not None and entry.mark in row["tags"]:
            self.remove_mark(entry.task, entry.mark)  # also where the robot died between taking and withdrawing it
        self.ledger.write(attrs.evolve(entry, stage="ended"))


def _is_of(row: TaskRead, job_id: str) -> bool | None:
    told = field(row["row"], "job_id")
    if told in (None, "", 0, "0") or not job_id:
        return None
    return str(told) == job_id
