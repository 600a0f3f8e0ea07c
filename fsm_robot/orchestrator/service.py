"""What each call does and what it is answered, before anything is bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import IO

import attrs

from fsm_robot.engine.redact import REPLACEMENT, Redactor
from fsm_robot.orchestrator import uploads
from fsm_robot.orchestrator.api import routes
from fsm_robot.orchestrator.api.asked import Asked, RefusedError, guid_of
from fsm_robot.orchestrator.objects import BUSY
from fsm_robot.orchestrator.protocol import (
    SCHEMES,
    Answer,
    GarbledRequestError,
    WireForm,
    credential,
    fold,
    plain_guid,
    query_fields,
    spelled_fields,
)
from fsm_robot.orchestrator.quirks import Quirks
from fsm_robot.orchestrator.rows import IN_PROGRESS, READY, WORKING, JobRow, RobotRow
from fsm_robot.orchestrator.store import DuplicateError, NoSuchError, Store, StoreError
from fsm_robot.orchestrator.tables.storage import Content

HEARTBEAT, CONSUME, UPDATE = "/api/robot/heartbeat", "/api/robot/consumeNextJob", "/api/job/update"
NO_ERROR, ABORTING_CODE, STOPPING_CODE, ROBOT_NOT_FOUND, NO_NEW_JOB = 0, 10, 20, 101, 102
_UPLOADS = ("files/create", "files/update", "processVersion/create")
# What a call may hold and its record may not.
_PRIVATE = ("password", "text")
_DIGESTED = ("parameters",)


# What it is made of costs as much as a query, and robots call again and again.
_redactor = lru_cache(maxsize=4096)(Redactor.for_guid)


def takes_files(path: str) -> bool:
    """Return whether the body of a call may be as large as a file."""
    return path.removeprefix("/api/") in _UPLOADS


@attrs.frozen
class Request:
    """A call as it arrived: verb, path without query, headers that matter, body.

    Attributes:
        query: What stood behind the path, without the question mark.
        file: The body on disk and its size, in the place of `body`, where the call may bring a file.
    """

    verb: str
    path: str
    authorization: str | None
    content_type: str
    body: bytes = attrs.field(repr=False)
    query: str = attrs.field(default="", repr=False)
    file: tuple[IO[bytes], int] | None = None


@attrs.frozen
class Call:
    """A call that was understood.

    Attributes:
        robot: Who calls; None where the credential is missing, unknown or an API key.
        fields: Parameters by folded name, without the credential.
        endpoints: Every name that faults know this call by.
        problem: The answer, where the call is refused before anything is done.
        spellings: Folded name -> the name as it came.
        key: What the API key is called, or empty.
        names_robot: What the parameter RobotGUID holds: a password, and nothing to be written down.
        upload: A file that came with the call.
    """

    robot: RobotRow | None
    fields: Mapping[str, str] = attrs.field(repr=False)
    endpoints: tuple[str, ...] = ()
    problem: Answer | None = None
    spellings: Mapping[str, str] = attrs.field(factory=dict)
    key: str = ""
    names_robot: str = attrs.field(default="", repr=False)
    upload: Content | None = None

    @property
    def caller(self) -> str:
        """Label of the robot, or the name of the key."""
        return self.robot.label if self.robot is not None else self.key

    @property
    def kept(self) -> dict[str, str]:
        """The parameters that may be written down."""
        kept = {name: value for name, value in self.fields.items() if name not in _PRIVATE}
        if plain_guid(kept.get("robotid", "")):
            kept["robotid"] = REPLACEMENT
        for name in _DIGESTED:
            if name in kept:
                # Whether two were the same can be seen, what they were cannot.
                kept[name] = f"sha256:{hashlib.sha256(kept[name].encode()).hexdigest()[:16]}"
        return kept


@attrs.define
class Service:
    """The orchestrator without its HTTP.

    Attributes:
        form: How nested documents are sent.
        schemes: Which authorization schemes are taken.
        known_only: Whether a robot that was never seen is answered 101 instead of being registered.
        lax: Whether a robot may set any status of any job.
        gives_again: Whether a robot is given once more what it was given last and has not claimed: the server may have
            ended before its answer was sent.
        verbs: Verbs that job/update takes, for servers that know only one of them.
        quirks: How it differs where the vendor's pages leave it open.
    """

    store: Store
    form: WireForm = attrs.field(factory=WireForm)
    schemes: Collection[str] = SCHEMES
    known_only: bool = False
    lax: bool = False
    gives_again: bool = False
    verbs: tuple[str, ...] = ("PUT", "POST")
    quirks: Quirks = attrs.field(factory=Quirks)

    def understand(self, request: Request) -> Call:
        """Return who calls and what for; nothing is done yet."""
        problem = self._verb_problem(request)
        guid = credential(request.authorization, self.schemes)
        try:
            spelled, upload = _parameters(request)
        except GarbledRequestError as error:
            return Call(None, {}, problem=Answer(400, {"error": str(error)}))
        folded = {fold(name): value for name, value in spelled.items()}
        found = _without_credential(folded, guid)
        if not guid:
            problem = problem or Answer(
                int(self.quirks["no_credential"]),
                {"error": "Authorization: Basic base64(robot GUID) is missing or unreadable"},
            )
            return Call(None, found, problem=problem)
        # Robots call all day, keys seldom; no key has the GUID of a robot, for the store itself has drawn it.
        robot = self.store.robot(guid, known_only=True)
        key = "" if robot is not None else self.store.credentials.key_name(guid) or ""
        if robot is None and not key and not self.known_only:
            robot = self.store.robot(guid)
        return Call(
            robot,
            found,
            _endpoints(request.path, found),
            problem,
            {fold(name): name for name in spelled},
            key,
            folded.get("robotguid", "").strip(),
            upload,
        )

    def act(self, request: Request, call: Call) -> Answer:
        """Do what the call asks for and return the answer."""
        if call.problem is not None:
            return call.problem
        try:
            action = self._actions.get(request.path)
            return self._object_call(request, call) if action is None else action(call)
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
        return {HEARTBEAT: self._heartbeat, CONSUME: self._consume}

    def _verb_problem(self, request: Request) -> Answer | None:
        found = routes.find(request.path)
        if request.path in self._actions:
            allowed: tuple[str, ...] = ("POST",)
        elif found is None:
            return Answer(404, {"error": "there is no such call"})
        else:
            allowed = self.verbs if request.path == UPDATE else found.route.verbs
            allowed = self.quirks.verbs.get(found.call, allowed)
        return None if request.verb in allowed else Answer(405, {"error": f"this call takes {' or '.join(allowed)}"})

    def _object_call(self, request: Request, call: Call) -> Answer:
        found = routes.find(request.path)
        if found is None:  # understood as 404 before
            raise GarbledRequestError("there is no such call")
        if call.robot is None and not call.key:
            return Answer(403, {"error": "Robot not found"})
        asked = Asked(
            self.store, self.form, self.quirks, call.fields, call.spellings, call.robot, call.names_robot,
            found.reference, found.rest, self.lax, call.upload,
        )  # fmt: skip
        try:
            return found.route.act(asked)
        except RefusedError as error:
            return error.answer
        except DuplicateError as error:
            return guid_of(error.guid) if self.quirks["duplicate"] == "200" else Answer(400, {"error": str(error)})
        except NoSuchError:
            return self._unknown(found.call)

    def _unknown(self, call: str) -> Answer:
        # Not the sentence of the store, which names the file and maybe what was asked for: a GUID is a password here.
        if self.quirks["unknown"] == "200-empty":
            return Answer(200, [])
        return Answer(int(self.quirks["unknown"]), {"error": f"{call}: the object does not exist"})

    def _heartbeat(self, call: Call) -> Answer:
        status = _number(call.fields.get("status", ""), "Status")
        if status not in (READY, WORKING):
            raise GarbledRequestError("Status must be 2 (Ready) or 3 (Working)")
        if call.robot is None:
            return _heartbeat_answer(ROBOT_NOT_FOUND, "Robot not found")
        self.store.order_overdue()
        self.store.heard(call.robot.row_id, call.fields, status)
        waits = not call.robot.paused and self._waits_for(call.robot, status)
        code, text = self._order(call) if status == WORKING else (NO_ERROR, "")
        return _heartbeat_answer(code, text, int(waits))

    def _waits_for(self, robot: RobotRow, status: int) -> bool:
        if self.store.waits_for(robot.row_id):
            return True
        return self.gives_again and status == READY and self.store.unclaimed(robot.row_id) is not None

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
        job = None if call.robot.paused else self.store.take(call.robot.row_id, again=self.gives_again)
        return _no_job() if job is None else self._handed_out(job)

    def _handed_out(self, job: JobRow) -> Answer:
        body: dict[str, object] = {
            "ConsumeJobErrorCode": NO_ERROR,
            "ErrorText": "",
            **self.form.documents(job, self.store.task_of(job)),
        }
        return Answer(200, body, "ConsumeJobErrorCode")


def _parameters(request: Request) -> tuple[dict[str, str], Content | None]:
    """Return the parameters of the address and of the body by their names as they came, and the file among them."""
    found = dict(query_fields(request.query)) if request.query else {}
    if request.file is not None:
        fields, upload = uploads.read(request.content_type, *request.file)
        return {**found, **fields}, upload
    return {**found, **(spelled_fields(request.content_type, request.body) if request.body else {})}, None


def _without_credential(found: Mapping[str, str], guid: str) -> dict[str, str]:
    """Return parameters that may be remembered: the robot's GUID is in none of them, in whatever form.

    The header counts; the parameter RobotGUID is only for people, and left out even where it is not a GUID.
    """
    redactors = [_redactor(each) for each in {guid, plain_guid(found.get("robotguid", ""))} if each]
    kept = {name: value for name, value in found.items() if name != "robotguid"}
    # One look at all of it: nearly no call has anything to hide, and a robot calls every few seconds.
    whole = "\n".join([*kept, *kept.values()])
    if all(redactor.text(whole) == whole for redactor in redactors):
        return kept
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
    found_route = routes.find(path)
    if found_route is None:
        return ("all",)
    takes = ("take",) if found_route.call == "task/update" and status == str(BUSY) else ()
    return ("all", *found_route.route.faults, *takes)


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
        raise GarbledRequestError(f"{name} is missing or is not a number") from None
