"""What a script asks of its robot, done at the orchestrator: one method per operation of docs/sdk.md."""

from __future__ import annotations

import fnmatch
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import attrs

from fsm_robot.engine.redact import SHORTEST_SECRET, Secrets
from fsm_robot.engine.wording import progress_text
from fsm_robot.errors import GatewayError, JournalError
from fsm_robot.gateway.object_rows import TaskRead
from fsm_robot.jobapi import taking
from fsm_robot.jobapi.hands import LEFT, Hands
from fsm_robot.jobapi.ledger import Entry
from fsm_robot.jobapi.lines import Lines
from fsm_robot.jobapi.ports import Objects, Row
from fsm_robot.robot.ports import Job
from fsm_robot.sdk._errors import (
    ConflictError,
    MaybeDoneError,
    NotFoundError,
    NotSupportedError,
    RefusedError,
    SdkError,
    UnavailableError,
)
from fsm_robot.sdk._values import has_name, has_tags, moment, nearest

Answer = TypeVar("Answer")
NOT_ACTED = ("no_connection", "throttled")
"""Failures after which the server has certainly not done it."""
PASSING = (*NOT_ACTED, "no_answer", "server_error", "garbled")
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
LARGEST_LIST = 1000
WAYS = {
    "announce": taking.announced, "verify": taking.verified, "naive": taking.naive, "server": taking.served,
}  # fmt: skip
NEW, IN_PROGRESS, POSTPONED = 0, 1, 5
STOP_JOB = 6
PROGRESS_EVERY_S = 30.0
SAME_MOMENT_S = 2.0
"""Rows and answers tell whole seconds."""


class Over(Protocol):
    """What is set when the script has ended, as a `threading.Event` is."""

    def set(self) -> None:
        """Let nobody wait any more."""

    def is_set(self) -> bool:
        """Return whether it was set."""

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most so many seconds; return whether it was."""


@attrs.define(eq=False, repr=False)
class Operations:
    """`server.Backend` for one job of a robot.

    Attributes:
        job: The job whose script asks.
        objects: The orchestrator.
        hands: The tasks in hand.
        secrets: Learns each password before the script has it.
        lines: Takes lines for the orchestrator's log.
        allow: What a script may ask for, such as `queue:*` and `asset:ERP*`; `*` is everything.
        take: How a task is taken: `announce`, `verify`, `naive` or `server`.
        patience_s: How long a call goes on that fails for a passing reason.
        log: Writes a line of the robot's own log.
        clock: Seconds that never go back.
        fraction: Gives a random number from 0 to 1.
        over: Set when the script has ended; every pause waits for it.
        picture: Is told the name of a picture of the screen that the script has had taken.
    """

    job: Job
    objects: Objects
    hands: Hands
    secrets: Secrets
    lines: Lines
    allow: Sequence[str] = ("*",)
    take: str = "announce"
    patience_s: float = 120.0
    log: Callable[..., None] = lambda *_, **__: None
    clock: Callable[[], float] = time.monotonic
    fraction: Callable[[], float] = random.random
    progress: Mapping[str, object] = attrs.field(factory=dict)
    over: Over = attrs.field(factory=threading.Event)
    picture: Callable[[str], None] = lambda _: None
    _progress_told: str = ""
    _progress_due_s: float = 0.0
    _taking: threading.Lock = attrs.field(factory=threading.Lock)

    # ---- the two ways in

    def call(self, op: str, fields: Mapping[str, object]) -> Mapping[str, object]:
        """See `server.Backend.call`."""
        method = _OPERATIONS.get(op)
        if method is None:
            raise NotSupportedError(f"this robot does not know {op}; a newer version may know it")
        try:
            return method(self, **fields) or {}
        except JournalError as error:
            raise UnavailableError(f"{error}; nothing was done") from error

    def tell(self, op: str, fields: Mapping[str, object]) -> None:
        """See `server.Backend.tell`."""
        self.call(op, fields)

    def end(self) -> None:
        """Let no call go on waiting: the script has ended."""
        self.over.set()

    def wind_up(self, comment: str, within_s: float) -> None:
        """Give the tasks that are left open their end, and send the lines, side by side, in so many seconds."""
        self.end()
        began_s = self.clock()
        self.hands.settle(comment, within_s)
        self.lines.flush(max(0.0, began_s + within_s - self.clock()))

    # ---- tasks

    def _task_take(self, queue: str, **filters: object) -> Row:
        self._may("queue", queue)
        want = taking.Want(
            fits=lambda row: fits(row, filters),
            filtered=bool(filters),
            fraction=self.fraction,
            is_ours=self.hands.is_ours,
            mark=lambda now_s: taking.mark_of(self.job.guid, f"{int(self.fraction() * 65536):04x}", now_s),
        )
        if self.take == "server" and filters:
            raise RefusedError(
                'a filter is not possible if the orchestrator selects the tasks (`[sdk] take = "server"`)'
            )
        # Two threads of one script must not compete with each other.
        with self._taking:
            try:
                row = self._played(WAYS[self.take](want), queue, filters)
            except taking.CrowdedError:
                raise UnavailableError(
                    f"other robots took tasks of {queue} at the same time, in each of {taking.MOST_ROUNDS} rounds"
                ) from None
        if row is not None:
            self._noted("taken", row, queue)
        return {"task": row}

    def _noted(self, what: str, row: TaskRead, queue: str) -> None:
        self.hands.work.add(
            self.job.guid, what, task=row["guid"], name=row["name"], queue=queue, parent=row.get("parent_guid", "")
        )

    def _played(self, steps: taking.Taking, queue: str, filters: Mapping[str, object]) -> TaskRead | None:
        """Do the steps of a taker."""
        result: object = None
        tried = set[str]()
        try:
            while True:
                try:
                    step = steps.send(result)
                except StopIteration as ended:
                    row: TaskRead | None = ended.value
                    return row
                if self.over.is_set():
                    raise UnavailableError("the script of this job has ended")
                if step.name == "trying":
                    tried.add(step.task)
                    self.hands.busy.add(step.task)
                result = self._step(step, queue, filters)
        finally:
            self.hands.busy -= tried
            if self.over.is_set():
                # The end of the script did not wait for this call, and left its task to it.
                self.hands.settle(LEFT, 0)

    def _step(self, step: taking.Step, queue: str, filters: Mapping[str, object]) -> object:
        guid = step.task
        match step.name:
            case "take" | "last_task" | "tasks":
                return self._candidates(step.name, queue, filters)
            case "read":
                return self._asked(lambda: self.objects.task(guid), f"task {guid}")
            case "add_tag":
                return self._asked(lambda: self.objects.add_tag(guid, step.mark), f"task {guid}")
            case "update":
                return self._asked(
                    lambda: self.objects.update_task(guid, {"status": IN_PROGRESS}, self.job.guid), f"task {guid}"
                )
            case "remove_tag":
                self.hands.remove_mark(guid, step.mark)
            case "trying" | "taken" | "dropped":
                stage = step.name if step.name != "dropped" else "ended"
                self.hands.note(Entry(guid, stage, mark=step.mark))
            case "now":
                return (self.objects.server_time or datetime.now(UTC)).timestamp()
            case "clock":
                return self.clock()
            case "pause":
                self._paused(step.seconds)
            case _:
                raise AssertionError(step)
        return None

    def _candidates(self, name: str, queue: str, filters: Mapping[str, object]) -> object:
        what = f"the queue {queue}"
        if name == "take":
            # Asked again it might take a second one: after a lost answer somebody has to look.
            return self._asked(lambda: self.objects.take(queue, self.job.guid), what, kinds=NOT_ACTED)
        if name == "last_task":
            return self._asked(lambda: self.objects.last_task(queue), what)
        return self._asked(lambda: self.objects.tasks(queue, {**filters, "status": NEW}), what)

    def _task_end(
        self,
        task: str,
        status: int,
        comment: str = "",
        tags: Sequence[str] = (),
        until: str | None = None,
    ) -> Row:
        entry = self.hands.entry(task)
        if entry is None:
            raise ConflictError(
                f"task {task} is not in progress in this job: it has a final status, or this job never took it"
            )
        end: Row = {"status": int(status), "comment": self.secrets.text(comment), "tags": list(tags)}
        if status == POSTPONED:
            end["postponed"] = until
        kept = True
        try:
            self.hands.note(Entry(task, "ending", end=end))
        except JournalError as error:
            kept = False
            # It is sent all the same: what matters is that the orchestrator has it.
            self.log(
                "error",
                "task.end_not_recorded",
                "the final status of a task could not be written to disk before it was sent",
                error=str(error),
            )
        try:
            self._asked(lambda: self.hands.deliver(task, end, self.job.guid), f"task {task}")
        except UnavailableError as error:
            # It is delivered when the script has ended or, from the disk, at the next start.
            if kept:
                self.log(
                    "warning",
                    "task.end_kept",
                    "the final status of a task is kept and sent later",
                    task=task,
                    error=str(error),
                )
            else:
                self.log(
                    "warning",
                    "task.end_in_memory",
                    "the final status of a task is sent later; it is not on disk, and lost if the robot ends before",
                    task=task,
                    error=str(error),
                )
            self.hands.work.add(self.job.guid, "ended", task=task, status=int(status), by="script")
            return {"delivered": False, "kept": kept}
        except SdkError:
            self.hands.note(Entry(task, "ended"))
            raise
        self.hands.note(Entry(task, "ended"))
        self.hands.work.add(self.job.guid, "ended", task=task, status=int(status), by="script")
        return {"delivered": True}

    def _task_update(self, task: str, **fields: object) -> None:
        self._in_hand(task)
        if "comment" in fields:
            fields["comment"] = self.secrets.text(str(fields["comment"]))
        self._asked(lambda: self.objects.update_task(task, fields, self.job.guid), f"task {task}")

    def _task_tag(self, task: str, tags: Sequence[str]) -> None:
        self._in_hand(task)
        self._asked(lambda: self.objects.add_tag(task, ";".join(tags)), f"task {task}")

    def _task_untag(self, task: str, tags: Sequence[str]) -> None:
        self._in_hand(task)
        self._asked(lambda: self.objects.remove_tag(task, ";".join(tags)), f"task {task}")

    def _in_hand(self, task: str) -> None:
        if self.hands.entry(task) is None:
            raise ConflictError(f"task {task} is not in progress in this job")

    def _task_add(self, queue: str, rows: Sequence[Mapping[str, object]], on_duplicate: str = "raise") -> Row:
        return {"guids": self._added_all(queue, rows, on_duplicate)}

    def _added_all(self, queue: str, rows: Sequence[Mapping[str, object]], on_duplicate: str) -> list[str]:
        self._may("queue", queue)
        names = self._names(queue) if on_duplicate == "skip" else set()
        guids = []
        for row in rows:
            name = str(row.get("name") or "")
            if name and name.casefold() in names:
                guids.append("")
                continue
            guids.append(self._added(queue, row, name, skip=on_duplicate == "skip"))
            names.add(name.casefold())
        return guids

    def _names(self, queue: str) -> set[str]:
        rows = self._asked(lambda: self.objects.tasks(queue, {}, LARGEST_LIST * 10), f"the queue {queue}")
        return {row["name"].casefold() for row in rows}

    def _added(self, queue: str, row: Mapping[str, object], name: str, *, skip: bool) -> str:
        fields = {**row, "name": name or f"{self.job.script_name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
        if "comment" in fields:
            fields["comment"] = self.secrets.text(str(fields["comment"]))
        began = self.objects.server_time
        try:
            return self._asked(lambda: self.objects.create_task(queue, fields), f"the queue {queue}", kinds=NOT_ACTED)
        except MaybeDoneError:
            # Looked up by its name: one that is as young as this call is the one that was made.
            made = [each["guid"] for each in self._named(queue, name) if _is_since(each, began)] if name else []
            if not made:
                raise
            return str(made[-1])
        except RefusedError:
            if name and self._named(queue, name):
                if skip:
                    return ""
                raise ConflictError(
                    f"the queue {queue} already has a task {name}, and accepts each name only once"
                ) from None
            raise

    def _named(self, queue: str, name: str) -> list[TaskRead]:
        rows = self._asked(lambda: self.objects.tasks(queue, {"name": name}, LARGEST_LIST), f"the queue {queue}")
        return [row for row in rows if row["name"].casefold() == name.casefold()]

    def _task_list(self, queue: str, limit: int = 100, status: int | None = None, **filters: object) -> Row:
        self._may("queue", queue)
        wanted = dict(filters) if status is None else {**filters, "status": status}
        rows = self._asked(lambda: self.objects.tasks(queue, wanted, max(limit, LARGEST_LIST)), f"the queue {queue}")
        found = [row for row in rows if (status is None or row["status"] == status) and fits(row, filters)]
        return {"tasks": [{**row, "tags": taking.without_claims(row["tags"])} for row in found[:limit]]}

    # ---- as the vendor's framework asks

    def _task_peek(self, queue: str, status: int = NEW) -> Row:
        self._may("queue", queue)
        if status == NEW:
            row = self._asked(lambda: self.objects.last_task(queue), f"the queue {queue}")
        else:
            rows = self._asked(lambda: self.objects.tasks(queue, {"status": status}), f"the queue {queue}")
            row = next((each for each in rows if each["status"] == status), None)
        return {"task": row and row["row"]}

    def _task_set(self, task: str, status: int) -> None:
        """Set a status; In progress puts the task into the ledger, an end takes it out."""
        if status == IN_PROGRESS:
            if self.hands.entry(task) is None:
                self._job_task_begin(task)
            return
        if self.hands.entry(task) is not None:
            self._task_end(task, status)
            return
        self._asked(lambda: self.objects.update_task(task, {"status": status}, self.job.guid), f"task {task}")

    def _asset_row(self, name: str) -> Row:
        return {"row": self._asset(name)}

    # ---- the job's own task

    def _job_task(self) -> Row:
        document = self.job.documents.get("task")
        if not isinstance(document, dict):
            return {"task": None if document is None else {"name": "", "parameters": document}}
        return {"task": self.hands.own_task(document)}

    def _job_task_begin(self, task: str) -> None:
        if not task:
            raise RefusedError("the orchestrator did not send the GUID of the job's task, so its status cannot be set")
        self.hands.note(Entry(task, "trying"))
        self._asked(lambda: self.objects.update_task(task, {"status": IN_PROGRESS}, self.job.guid), f"task {task}")
        self.hands.note(Entry(task, "taken"))
        document = self.job.documents.get("task")
        own = self.hands.own_task(document) if isinstance(document, dict) else None
        if own is not None and own["guid"] == task:
            self._noted("taken", own, "")
        else:
            self.hands.work.add(self.job.guid, "taken", task=task)

    # ---- assets

    def _asset_read(self, name: str, type: int = 0) -> Row:  # as the wire has it
        row = self.objects.shown_asset(self._asset(name))
        self._hide(str(row.get("password") or ""), f"the password of {name}")
        return {"asset": row}

    def _asset_set(self, name: str, text: str | None = None, password: str | None = None) -> None:
        if password is not None:
            self._hide(password, f"the new password of {name}")
        row = self._asset(name)
        changes = {key: value for key, value in (("text", text), ("password", password)) if value is not None}
        self._asked(lambda: self.objects.update_asset(row, changes), f"the asset {name}")
        after = self.objects.shown_asset(self._asset(name))
        if any(str(after.get(key, "")) != str(value) for key, value in changes.items()):
            raise RefusedError(f"the orchestrator did not keep the new value of {name}")

    def _asset(self, name: str) -> Row:
        self._may("asset", name)
        row = self._asked(lambda: self.objects.asset(name), f"the asset {name}")
        if row is None:
            raise NotFoundError(f"there is no asset {name!r}, or it is not for this robot")
        # Before anything else is done with it, and before a sentence of an error can quote it.
        shown = self.objects.shown_asset(row)
        self._hide(str(shown.get("password") or ""), f"the password of {name}")
        return row

    # ---- files

    def _file_upload(self, folder: str, path: str, name: str) -> None:
        self._may("file", f"{folder}/{name}")
        self._asked(lambda: self.objects.upload(folder, name, path), f"the folder {folder}", kinds=NOT_ACTED)

    def _file_download(self, folder: str, name: str, to: str) -> None:
        self._may("file", f"{folder}/{name}")
        if not self._asked(lambda: self.objects.download(folder, name, to), f"the file {name} in {folder}"):
            raise NotFoundError(f"the folder {folder} has no file {name!r}")

    def _file_delete(self, folder: str, name: str) -> None:
        self._may("file", f"{folder}/{name}")
        self._asked(lambda: self.objects.delete_file(folder, name), f"the file {name} in {folder}")

    # ---- jobs

    def _job_create(self, process: str, **fields: object) -> Row:
        self._may("job", process)
        task = fields.get("task")
        if "parameters" in fields:
            task = self._added_all(str(fields["queue"]), [{"parameters": fields["parameters"]}], "raise")[0]
        named: Row = {
            "process_guid": process,
            "robot_guid": fields.get("robot"),
            "robot_group_guid": fields.get("group"),
            "task_guid": task,
            **{key: fields[key] for key in ("priority", "stop_after", "abort_after") if key in fields},
        }
        guid = self._asked(lambda: self.objects.create_job(named), f"the process {process}", kinds=NOT_ACTED)
        return {"job": {"guid": guid}}

    def _job_read(self, job: str) -> Row:
        row = self._asked(lambda: self.objects.job(job), f"the job {job}")
        if row is None:
            raise NotFoundError(f"there is no job {job}")
        return {"job": row}

    def _job_stop(self, job: str) -> None:
        self._may("job", job)
        self._asked(lambda: self.objects.order_job(job, STOP_JOB), f"the job {job}")

    # ---- log, progress, secrets

    def _log(self, level: str, message: str, **record: object) -> None:
        fields, lost = record.get("fields"), record.get("lost")
        beside = "".join(f" {name}={value}" for name, value in fields.items()) if isinstance(fields, dict) else ""
        text, said_at = self.secrets.text(f"{message}{beside}"), str(record.get("time") or "")
        self.lines.add(str(level), text, lost=lost if isinstance(lost, int) else 0, time=said_at)

    def _read_until_here(self, lost: int = 0) -> None:
        """Answer that all that came before on this connection was done; `lost` lines have not come."""
        self.lines.lost(lost)

    def _work_step(
        self,
        name: str,
        number: int = 0,
        task: str = "",
        seconds: float | None = None,
        failed: str = "",
    ) -> None:
        what = "step" if seconds is None else "step ended"
        self.hands.work.add(self.job.guid, what, task=task, step=name, number=number, seconds=seconds, failed=failed)

    def _progress(self, done: object, total: object, text: str) -> None:
        self.progress = {"done": done, "total": total, "text": self.secrets.text(str(text))}
        if self.clock() >= self._progress_due_s:
            self.tell_progress()

    def tell_progress(self) -> None:
        """Let the orchestrator's log have the progress, unless it has this one."""
        told = progress_text(self.progress)
        if told and told != self._progress_told:
            self._progress_told, self._progress_due_s = told, self.clock() + PROGRESS_EVERY_S
            self.lines.add("INFO", told)

    def _pictured(self, name: str) -> None:
        self.picture(str(name))

    def _hidden(self, text: str) -> None:
        self._hide(text, "a text that the script wants hidden")

    def _hide(self, secret: str, what: str) -> None:
        if secret and not self.secrets.hide(secret):
            self.log(
                "warning",
                "secret.too_short",
                "a secret is too short to be hidden in output",
                what=what,
                shortest_characters=SHORTEST_SECRET,
            )

    # ---- asking, again

    def _asked(self, call: Callable[[], Answer], what: str, kinds: Sequence[str] = PASSING) -> Answer:
        """Return what `call` returns; ask again after a failure of these kinds, for `patience_s`. Raises `SdkError`."""
        deadline_s, wait_s = self.clock() + self.patience_s, FIRST_WAIT_S
        while True:
            try:
                return self.hands.one_call(call)
            except GatewayError as error:
                pause_s = max(wait_s * (0.5 + self.fraction()), getattr(error, "retry_after_s", None) or 0.0)
                if error.kind not in kinds or self.clock() + pause_s > deadline_s or self.over.wait(pause_s):
                    raise self._told(error, what, may_be_repeated=kinds is PASSING) from error
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _paused(self, seconds: float) -> None:
        if self.over.wait(seconds):
            raise UnavailableError("the script of this job has ended")

    def _told(self, error: GatewayError, what: str, *, may_be_repeated: bool) -> SdkError:
        text = self.secrets.text(str(error))
        if error.kind in (PASSING if may_be_repeated else NOT_ACTED):
            return UnavailableError(f"{what}: {text}")
        if error.kind in PASSING:
            return MaybeDoneError(f"{what}: {text}; check whether it was done before you repeat it")
        if getattr(error, "status", None) == 404:
            return NotFoundError(f"{what} does not exist, or this robot may not use it")
        return RefusedError(f"{what}: {text}")

    def _may(self, kind: str, name: str) -> None:
        if any(pattern == "*" or fnmatch.fnmatchcase(f"{kind}:{name}", pattern) for pattern in self.allow):
            return
        hint = nearest(f"{kind}:{name}", [pattern for pattern in self.allow if pattern.startswith(kind)])
        raise RefusedError(f"`[sdk] allow` in robot.toml does not name {kind}:{name}{hint}")


def _is_since(row: TaskRead, began: datetime | None) -> bool:
    created = moment(row["created"])
    return created is not None and began is not None and (began - created).total_seconds() <= SAME_MOMENT_S


def fits(row: TaskRead, filters: Mapping[str, object]) -> bool:
    """Return whether a task is one that is asked for: how a server filters is not published."""
    if "priority" in filters and row["priority"] != filters["priority"]:
        return False
    if "created_after" in filters:
        created, after = moment(row["created"]), moment(filters["created_after"])
        if created is None or after is None or created <= after:
            return False
    tags = filters.get("tags", ())
    wanted = tags if isinstance(tags, (list, tuple)) else [str(tags)]
    return has_tags(row["tags"], wanted) and has_name(row["name"], str(filters.get("name", "*")))


_OPERATIONS: Mapping[str, Callable[..., Row | None]] = {
    "task.take": Operations._task_take,
    "task.end": Operations._task_end,
    "task.update": Operations._task_update,
    "task.tag": Operations._task_tag,
    "task.untag": Operations._task_untag,
    "task.add": Operations._task_add,
    "task.list": Operations._task_list,
    "task.peek": Operations._task_peek,
    "task.set": Operations._task_set,
    "asset.row": Operations._asset_row,
    "job.task": Operations._job_task,
    "job.task.begin": Operations._job_task_begin,
    "asset.read": Operations._asset_read,
    "asset.set": Operations._asset_set,
    "file.upload": Operations._file_upload,
    "file.download": Operations._file_download,
    "file.delete": Operations._file_delete,
    "job.create": Operations._job_create,
    "job.read": Operations._job_read,
    "job.stop": Operations._job_stop,
    "log": Operations._log,
    "told": Operations._read_until_here,
    "progress": Operations._progress,
    "step": Operations._work_step,
    "hide": Operations._hidden,
    "picture": Operations._pictured,
}
