"""What each call of a robot does and what it is answered, before anything is bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from fsm_robot.engine.redact import Redactor
from fsm_robot.orchestrator.protocol import (
    SCHEMES,
    Answer,
    GarbledRequestError,
    WireForm,
    credential,
    fields,
    job_row,
    plain_guid,
    status_number,
)
from fsm_robot.orchestrator.rows import IN_PROGRESS, READY, WORKING, JobRow, RobotRow
from fsm_robot.orchestrator.store import Store, StoreError

HEARTBEAT, CONSUME, UPDATE = "/api/robot/heartbeat", "/api/robot/consumeNextJob", "/api/job/update"
READ = "/api/job/read/"
NO_ERROR, ABORTING_CODE, STOPPING_CODE, ROBOT_NOT_FOUND, NO_NEW_JOB = 0, 10, 20, 101, 102
_VERBS = {HEARTBEAT: ("POST",), CONSUME: ("POST",), UPDATE: ("PUT", "POST")}


@attrs.frozen
class Request:
    """A call as it arrived: verb, path without query, headers that matter, body."""

    verb: str
    path: str
    authorization: str | None
    content_type: str
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Call:
    """A call that was understood.

    Attributes:
        robot: Who calls; None where the credential is missing or unknown.
        fields: Parameters by folded name, without the credential.
        endpoints: Every name that faults know this call by.
        problem: The answer, where the call is refused before anything is done.
    """

    robot: RobotRow | None
    fields: Mapping[str, str]
    endpoints: tuple[str, ...] = ()
    problem: Answer | None = None


@attrs.define
class Service:
    """The orchestrator without its HTTP.

    Attributes:
        form: How documents are put on the wire.
        schemes: Which authorization schemes are taken.
        known_only: Whether a robot that was never seen is answered 101 instead of being registered.
        lax: Whether a robot may set any status of any job.
        verbs: Verbs that job/update takes, for servers that know only one of them.
    """

    store: Store
    form: WireForm = attrs.field(factory=WireForm)
    schemes: Collection[str] = SCHEMES
    known_only: bool = False
    lax: bool = False
    verbs: tuple[str, ...] = ("PUT", "POST")

    def understand(self, request: Request) -> Call:
        """Return who calls and what for; nothing is done yet."""
        problem = self._verb_problem(request)
        guid = credential(request.authorization, self.schemes)
        try:
            found = fields(request.content_type, request.body) if request.body else {}
        except GarbledRequestError as error:
            return Call(None, {}, problem=Answer(400, {"error": str(error)}))
        found = _without_credential(found, guid)
        if not guid:
            problem = problem or Answer(
                401, {"error": "Authorization: Basic base64(robot GUID) is missing or unreadable"}
            )
            return Call(None, found, problem=problem)
        return Call(self.store.robot(guid, known_only=self.known_only), found, _endpoints(request.path, found), problem)

    def act(self, request: Request, call: Call) -> Answer:
        """Do what the call asks for and return the answer."""
        if call.problem is not None:
            return call.problem
        try:
            if request.path.startswith(READ):
                return self._read(request.path.removeprefix(READ))
            return self._actions[request.path](call)
        except GarbledRequestError as error:
            return Answer(400, {"error": str(error)})

    def coded(self, request: Request, call: Call, code: int) -> Answer:
        """Answer with another code. A job is not taken for it: it would be lost with a code that denies it."""
        if request.path != CONSUME or call.problem is not None:
            return self.act(request, call).with_code(code)
        return _consume_answer(code, "ordered")

    def repeat(self, call: Call) -> Answer:
        """Answer consumeNextJob with the job that the robot was given last."""
        job = None if call.robot is None else self.store.taken_last(call.robot.row_id)
        return _no_job() if job is None else self._handed_out(job)

    @property
    def _actions(self) -> Mapping[str, Callable[[Call], Answer]]:
        return {HEARTBEAT: self._heartbeat, CONSUME: self._consume, UPDATE: self._update}

    def _verb_problem(self, request: Request) -> Answer | None:
        if request.path.startswith(READ):
            allowed: tuple[str, ...] = ("GET",)
        else:
            allowed = self.verbs if request.path == UPDATE else _VERBS.get(request.path, ())
        if not allowed:
            return Answer(404, {"error": "there is no such call"})
        return None if request.verb in allowed else Answer(405, {"error": f"this call takes {' or '.join(allowed)}"})

    def _heartbeat(self, call: Call) -> Answer:
        status = _number(call.fields.get("status", ""), "Status")
        if status not in (READY, WORKING):
            raise GarbledRequestError("Status must be 2 (Ready) or 3 (Working)")
        if call.robot is None:
            return _heartbeat_answer(ROBOT_NOT_FOUND, "Robot not found")
        self.store.heard(call.robot.row_id, call.fields, status)
        waits = not call.robot.paused and self.store.waits_for(call.robot.row_id)
        code, text = self._order(call) if status == WORKING else (NO_ERROR, "")
        return _heartbeat_answer(code, text, int(waits))

    def _order(self, call: Call) -> tuple[int, str]:
        try:
            job = self.store.job(call.fields.get("jobguid", ""))
        except StoreError:
            return NO_ERROR, ""
        if job.ended or call.robot is None or job.robot_id != call.robot.row_id or not job.ordered:
            return NO_ERROR, ""
        return (ABORTING_CODE, "Job aborting") if job.ordered == "abort" else (STOPPING_CODE, "Job stopping")

    def _consume(self, call: Call) -> Answer:
        if call.robot is None:
            return _consume_answer(ROBOT_NOT_FOUND, "Robot not found")
        job = None if call.robot.paused else self.store.take(call.robot.row_id)
        return _no_job() if job is None else self._handed_out(job)

    def _handed_out(self, job: JobRow) -> Answer:
        body: dict[str, Any] = {"ConsumeJobErrorCode": NO_ERROR, "ErrorText": "", **self.form.documents(job)}
        return Answer(200, body, "ConsumeJobErrorCode")

    def _update(self, call: Call) -> Answer:
        guid = plain_guid(call.fields.get("guid", ""))
        if not guid:
            raise GarbledRequestError("guid is missing or no GUID")
        status = status_number(call.fields.get("status", ""))
        if call.robot is None:
            return Answer(403, {"error": "Robot not found"})
        problem = self.store.set_status(guid, call.robot.row_id, status, lax=self.lax)
        if problem is None:
            return Answer(404, {"error": "there is no such job"})
        return Answer(409, {"error": problem}) if problem else Answer(200, [])

    def _read(self, guid: str) -> Answer:
        try:
            return Answer(200, self.form.row(job_row(self.store.job(plain_guid(guid)))))
        except StoreError:
            return Answer(404, {"error": "there is no such job"})


def _without_credential(found: Mapping[str, str], guid: str) -> dict[str, str]:
    """Return parameters that may be remembered: the robot's GUID is in none of them, in whatever form.

    The header counts; the parameter RobotGUID is only for people, and left out even where it is no GUID.
    """
    redactors = [Redactor.for_guid(each) for each in {guid, plain_guid(found.get("robotguid", ""))} if each]
    kept = {}
    for name, value in found.items():
        if name != "robotguid":
            for redactor in redactors:
                name, value = redactor.text(name), redactor.text(value)  # noqa: PLW2901
            kept[name] = value
    return kept


def _endpoints(path: str, found: Mapping[str, str]) -> tuple[str, ...]:
    status = found.get("status", "").strip()
    if path == HEARTBEAT:
        return ("all", "heartbeat", "beat" if status == str(WORKING) else "announce")
    if path == CONSUME:
        return ("all", "consume")
    if path == UPDATE:
        return ("all", "update", "claim" if status == str(IN_PROGRESS) else "report")
    return ("all",)


def _heartbeat_answer(code: int, text: str, has_new_job: int = 0) -> Answer:
    # The vendor says that further keys may come; one does, so that nobody relies on there being none.
    body = {"HeartbeatErrorCode": code, "ErrorText": text, "HasNewJob": has_new_job, "ServerVersion": "embedded"}
    return Answer(200, body, "HeartbeatErrorCode")


def _no_job() -> Answer:
    return _consume_answer(NO_NEW_JOB, "New job not found")


def _consume_answer(code: int, text: str) -> Answer:
    return Answer(200, {"ConsumeJobErrorCode": code, "ErrorText": text}, "ConsumeJobErrorCode")


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise GarbledRequestError(f"{name} is missing or no number") from None
