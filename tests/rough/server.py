"""The orchestrator of a case: plays its protocol in raw bytes, and misbehaves where the case says so."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO
from urllib.parse import parse_qs

import attrs

from tests.rough.case import ABORT, Case
from tests.rough.facts import Facts
from tests.rough.queue import Queue
from tests.rough.wire import TRICKS, Call, answer

IN_PROGRESS = 8
OBJECT = "object"
"""A call of a script: of queues and tasks, not of jobs."""
CODES = {"stop": 20, ABORT: 10}


@attrs.define(eq=False)
class Job:
    """One job as the orchestrator has it."""

    guid: str
    script: str
    parameters: dict[str, object]
    orders: tuple[tuple[str, float], ...]
    status: int = 1
    consumed: bool = False
    final: int | None = None


@attrs.define(eq=False)
class Server:
    """A server on a free loopback port.

    Attributes:
        began: Tells when a job's script has begun, or None: orders count from there.
        look: Called when a final status arrives, before it is answered.
    """

    case: Case
    facts: Facts
    jobs: list[Job]
    began: Callable[[str], float | None]
    look: Callable[[Job], None]
    strikes_left: list[dict[str, Any]] = attrs.field(factory=list)
    counts: dict[str, int] = attrs.field(factory=dict)
    struck: int = 0
    announced_in_life: int = 0
    always: str = ""
    queue: Queue = attrs.field(default=attrs.Factory(lambda self: Queue(self.facts), takes_self=True))
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _listener: socket.socket = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the robot finds it."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def by_guid(self, guid: str) -> Job | None:
        """Return a job."""
        return next((job for job in self.jobs if job.guid == guid), None)

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            while (request := _request(stream)) is not None:
                if not self._one(connection, *request):
                    return

    def _one(self, connection: socket.socket, path: str, form: dict[str, str]) -> bool:
        what = _call_name(path, form)
        if what == OBJECT:
            connection.sendall(answer(self.queue.answer(path, form)))
            return True
        with self._lock:
            number = self.counts[what] = self.counts.get(what, 0) + 1
            strike = next((each for each in self.strikes_left if each["call"] == what and each["nth"] <= number), None)
            if strike is not None:
                self.strikes_left.remove(strike)
                self.struck += 1
        call = Call(connection, what, lambda: self._act(what, form))
        if strike is None and self.always:
            self.struck += 1
            return TRICKS[self.always].play(call)
        if strike is None:
            connection.sendall(answer(call.act()))
            return True
        trick = TRICKS[str(strike["trick"])]
        self.facts.add("struck", form.get("guid", form.get("JobGUID", "")), 0, f"{what} {strike['trick']}")
        keep = trick.play(call)
        if what == "report" and trick.rejects:
            self._rejected(form)
        return keep

    # ---- the protocol

    def _act(self, what: str, form: dict[str, str]) -> dict[str, object]:
        with self._lock:
            return {"announce": self._announced, "beat": self._beaten, "consume": self._consumed}.get(
                what, self._updated
            )(form)

    def _announced(self, form: dict[str, str]) -> dict[str, object]:
        waiting = any(not job.consumed for job in self.jobs)
        self.facts.add("announced", number=int(waiting))
        self.announced_in_life = self.facts.life
        return {"HeartbeatErrorCode": 0, "ErrorText": "", "HasNewJob": int(waiting)}

    def _beaten(self, form: dict[str, str]) -> dict[str, object]:
        job = self.by_guid(form["JobGUID"])
        code = self._order_for(job) if job is not None else 0
        self.facts.add("beat", form["JobGUID"], code)
        return {"HeartbeatErrorCode": code, "ErrorText": "", "HasNewJob": 0}

    def _order_for(self, job: Job) -> int:
        began_s = self.began(job.guid)
        if began_s is None or job.final is not None:
            return 0
        due = [what for what, after_s in job.orders if time.monotonic() - began_s >= after_s]
        return max((CODES[what] for what in due), key=lambda code: code == CODES[ABORT], default=0) if due else 0

    def _consumed(self, form: dict[str, str]) -> dict[str, object]:
        job = next((job for job in self.jobs if not job.consumed), None)
        if job is None:
            return {"ConsumeJobErrorCode": 102, "ErrorText": "нет"}
        job.consumed = True
        self.facts.add("consumed", job.guid, text=job.script)
        return {
            "ConsumeJobErrorCode": 0,
            "ErrorText": "",
            # Its number is its GUID here: rows of tasks say by it whose they are.
            "Job": json.dumps({"GUID": job.guid, "Id": job.guid}),
            "ProcessVersion": json.dumps({"GUID": job.guid, "Name": job.script}),
            "Task": json.dumps(job.parameters),
        }

    def _updated(self, form: dict[str, str]) -> dict[str, object]:
        status, job = int(form["status"]), self.by_guid(form["guid"])
        assert job is not None, f"the robot reports a job that nobody gave it: {form}"
        if status == IN_PROGRESS:
            self.facts.add("claimed", job.guid)
            job.status = status
        else:
            self.look(job)
            self.facts.add("reported", job.guid, status)
            job.final = job.status = status
        return {"ok": True}

    def _rejected(self, form: dict[str, str]) -> None:
        job = self.by_guid(form["guid"])
        assert job is not None
        self.look(job)
        self.facts.add("reported", job.guid, int(form["status"]), "rejected")
        job.final = int(form["status"])


def _call_name(path: str, form: dict[str, str]) -> str:
    if not path.startswith(("/api/job/", "/api/robot/")):
        return OBJECT
    if path.endswith("/heartbeat"):
        return "beat" if form.get("Status") == "3" else "announce"
    if path.endswith("/consumeNextJob"):
        return "consume"
    return "claim" if form.get("status") == str(IN_PROGRESS) else "report"


def _request(stream: BinaryIO) -> tuple[str, dict[str, str]] | None:
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    length = 0
    while (field := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = stream.read(length)
    if len(body) < length:
        return None
    return line[1], {key: values[-1] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
