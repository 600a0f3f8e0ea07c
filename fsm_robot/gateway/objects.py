"""The calls of queues, tasks, assets, logs and jobs; every method makes one attempt and repeats nothing."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import IO, TypeVar

import attrs

from fsm_robot.engine.wording import counted
from fsm_robot.errors import GatewayError, GatewayGarbledError, GatewayRejectedError, GatewayUnreachableError
from fsm_robot.gateway import object_rows as read
from fsm_robot.gateway.failures import moment_of
from fsm_robot.gateway.http import HttpGateway
from fsm_robot.gateway.profile import Profile

LIST_LIMIT = 100
MOST_OF_A_NAME = 1000
MOST_PARAMETERS = 1000
"""Of so many tasks the parameters are kept, for servers that have to be told them again."""
MINUTE_S = 61.0
"""What counts as a minute: the server's may begin a little later than ours."""
LARGEST_ROW_BYTES = 256 << 20
LONGEST_EMPTY = 2
"""Bytes of `[]`, which some servers give for what is not there."""
Row = dict[str, object]
Value = TypeVar("Value")


@attrs.define(eq=False, repr=False)
class ObjectGateway:
    """`jobapi.ports.Objects` over HTTP. Every method may raise `GatewayError`.

    Attributes:
        http: Makes the calls.
        zone: In which the server writes its times; None: in that of this machine.
        profile: What the server does where the vendor's pages leave it open.
        take_call: Its own call that takes a task, such as `PUT queue/take/{queue} job_guid={job}`; empty: none.
        clock: Seconds that never go back.
    """

    http: HttpGateway
    zone: tzinfo | None = UTC
    server_time: datetime | None = None
    profile: Profile = attrs.field(factory=Profile)
    take_call: str = ""
    clock: Callable[[], float] = time.monotonic
    _parameters: dict[str, object] = attrs.field(factory=dict)
    _known: set[str] = attrs.field(factory=set)
    _logged_s: deque[float] = attrs.field(factory=deque)

    # ---- tasks

    def take(self, queue: str, job_guid: str) -> read.TaskRead | None:
        """Have the server give a task to this job, by its own call; None where there is none."""
        words = self.take_call.replace("{queue}", self._guid("queue", queue, in_path=True)).split()
        verb, call, *fields = [word.replace("{job}", job_guid) for word in words]
        path = f"/api/{call}"
        row = read.row(path, self._ask(verb, path, dict(field.split("=", 1) for field in fields) or None))
        return None if row is None else self._task(row)

    def last_task(self, queue: str) -> read.TaskRead | None:
        """Return the New task whose turn it is, or None; nothing is reserved."""
        path = f"/api/queue/lastTask/{self._guid('queue', queue, in_path=True)}"
        row = read.row(path, self._look_up(path))
        if row is None:
            self._must_be_there(queue)
        return None if row is None else self._task(row)

    def tasks(self, queue: str, filters: Mapping[str, object], limit: int = LIST_LIMIT) -> list[read.TaskRead]:
        """Return tasks of a queue, filtered by status and priority at most.

        How a server filters is not published: what it makes of tags and names may leave out what is looked for.
        """
        path = f"/api/task/filter/list/{self._guid('queue', queue, in_path=True)}"
        fields: Row = {"Name": self._guid("queue", queue), "limit": limit, "status": filters.get("status")}
        if isinstance(priority := filters.get("priority"), int):
            fields["priority"] = priority + self._lowest
        rows = read.rows(path, self._look_up(path, "POST", fields))
        if not rows:
            self._must_be_there(queue)
        return [self._task(row) for row in rows]

    def task(self, guid: str) -> read.TaskRead | None:
        """Return a task, or None where there is none; without its parameters, as most servers show it."""
        path = f"/api/task/read/{read.reference(guid)}"
        row = read.row(path, self._ask("GET", path))
        return None if row is None else self._task(row)

    def create_task(self, queue: str, fields: Mapping[str, object]) -> str:
        """Add a task and return its GUID."""
        path = "/api/task/create"
        before = self._named(queue, str(fields.get("name") or "")) if self.profile["duplicate"] == "200" else ()
        named = {**self._task_fields(fields), "queue_guid": self._guid("queue", queue)}
        guid = read.guid(path, self._ask("POST", path, named))
        if guid in before:
            # What this server says to a second one of a name, in the place of 400.
            raise GatewayRejectedError(path, "rejected", "the queue has a task of this name and takes each once", 400)
        return guid

    def _named(self, queue: str, name: str) -> list[str]:
        rows = self.tasks(queue, {"name": name}, MOST_OF_A_NAME) if name else ()
        return [row["guid"] for row in rows if row["name"] == name]

    def update_task(self, guid: str, fields: Mapping[str, object], job_guid: str = "") -> None:
        """Change a task."""
        named = {"guid": guid, **self._kept(guid), **self._task_fields(fields)}
        spelling = {"any": "job_guid", "none": ""}.get(self.profile["job_field"], self.profile["job_field"])
        if spelling and job_guid:
            named[spelling] = job_guid
        self._ask("PUT", "/api/task/update", named)

    def _kept(self, guid: str) -> Row:
        """Return what a task is, for a server that resets whatever an update does not name."""
        if self.profile["absent"] == "keep":
            return {}
        path = f"/api/task/read/{read.reference(guid)}"
        row = read.row(path, self._ask("GET", path)) or {}
        kept = {key: read.field(row, key) for key in ("description", "comment", "deadline", "tags", "retries")}
        parameters = read.field(row, "parameters") or self._parameters.get(guid) or self._looked_for(guid, row)
        if parameters is not None:
            # In whatever wrapping it is shown: sent as it came it would be wrapped once more each time.
            kept["parameters"] = json.dumps(read.parameters(parameters), ensure_ascii=False)
        return kept

    def _looked_for(self, guid: str, row: Mapping[str, object]) -> object:
        """Return the parameters of a task that this run has not seen, as after a crash; None where nothing shows them.

        Most servers show them where tasks of a queue are looked for, and not where one is read.
        """
        queue = read.field(row, "queue_guid") or read.field(row, "queue_id")
        if not queue:
            return None
        path = f"/api/task/filter/list/{read.reference(str(queue))}"
        fields = {"Name": queue, "limit": MOST_PARAMETERS, "status": read.field(row, "status")}
        try:
            rows = read.rows(path, self._ask("POST", path, fields))
        except GatewayRejectedError:
            return None  # this server knows its queues by name only
        found = next((each for each in rows if read.field(each, "guid") == guid), {})
        return read.field(found, "parameters")

    def _task(self, row: Mapping[str, object]) -> read.TaskRead:
        """Return a task as scripts know it."""
        found = read.task(row, self.zone)
        if read.field(row, "priority") is not None:
            found["priority"] -= self._lowest
        parameters = read.field(row, "parameters")
        if parameters and self.profile["absent"] == "reset":
            self._parameters.pop(found["guid"], None)
            self._parameters[found["guid"]] = parameters
            while len(self._parameters) > MOST_PARAMETERS:
                del self._parameters[next(iter(self._parameters))]
        return found

    @property
    def _lowest(self) -> int:
        return 1 if self.profile["task_priority"] == "low1" else 0

    def add_tag(self, guid: str, tags: str) -> None:
        """Add tags, such as `a;b`."""
        self._ask("PUT", "/api/task/addTag", {"TaskGuid": guid, "TagNames": tags})

    def remove_tag(self, guid: str, tags: str) -> None:
        """Take tags away."""
        self._ask("DELETE", "/api/task/removeTag", {"TaskGuid": guid, "TagNames": tags})

    def _task_fields(self, fields: Mapping[str, object]) -> Row:
        made = dict(fields)
        for key in ("deadline", "postponed"):
            if key in made:
                made[key] = read.stamp(made[key], self.zone)
        if isinstance(tags := made.get("tags"), (list, tuple)):
            made["tags"] = ";".join(map(str, tags))
        if "parameters" in made and not isinstance(made["parameters"], str):
            made["parameters"] = json.dumps(made["parameters"])
        if isinstance(priority := made.get("priority"), int):
            made["priority"] = priority + self._lowest
        if self.profile["postponed"] == "ignored" and made.get("postponed"):
            # The time is not kept, so a person has to put the task in again: he reads when.
            made["comment"] = f"{made.get('comment') or ''} (postponed until {made['postponed']})".strip()
        return made

    # ---- assets

    def asset(self, name: str) -> Row | None:
        """Return an asset as it is, or None where there is none."""
        path = f"/api/asset/read/{self._guid('asset', name, in_path=True)}"
        return read.row(path, self._look_up(path))

    def shown_asset(self, row: Mapping[str, object]) -> Row:
        """Return an asset as scripts know it."""
        return read.asset(row, self.zone)

    def update_asset(self, row: Mapping[str, object], changes: Mapping[str, object]) -> None:
        """Change an asset. All of it is sent: the vendor's default for a name that is left out renames it."""
        kept = {key: read.field(row, key) for key in ("guid", "name", "description", "type", "text", "password")}
        self._ask("PUT", "/api/asset/update", {**kept, **changes})

    # ---- files

    def upload(self, folder: str, name: str, path: str) -> None:
        """Put a file into a folder, in place of one of its name."""
        there = self._has_file(folder, name)
        call, method = ("/api/files/update", "PUT") if there else ("/api/files/create", "POST")
        with open(path, "rb") as file:
            verb = self.profile.verb(call.removeprefix("/api/"), method)
            self.http.send_file(verb, call, file, {"name": name, "folder_guid": self._guid("folder", folder)}, name)

    def download(self, folder: str, name: str, path: str) -> bool:
        """Fetch a file to `path`; False where there is none."""
        with open(path, "wb") as sink:
            content_type = self._fetched(folder, name, sink)
        if content_type is None:
            return False
        if "json" in content_type:
            _unpack(path)
        return True

    def delete_file(self, folder: str, name: str) -> None:
        """Remove a file."""
        self._ask(
            "DELETE",
            f"/api/files/delete/{read.reference(name)}?folder_guid={self._guid('folder', folder, in_path=True)}",
        )

    def _has_file(self, folder: str, name: str) -> bool:
        """Return whether a folder has a file; no call says it but the one that gives it."""
        with tempfile.TemporaryDirectory() as place, open(os.path.join(place, "file"), "wb") as sink:
            return self._fetched(folder, name, sink) is not None

    def _fetched(self, folder: str, name: str, sink: IO[bytes]) -> str | None:
        """Write a file as it comes into `sink` and return its content type; None where there is no such file."""
        call = f"/api/files/read/{read.reference(name)}?folder_guid={self._guid('folder', folder, in_path=True)}"
        try:
            _, content_type = self._twice(lambda: self.http.fetch_file(call, sink))
        except GatewayRejectedError as error:
            if error.status == 404:
                return None
            raise
        if self.profile["unknown"] == "200-empty" and "json" in content_type and sink.tell() <= LONGEST_EMPTY:
            return None
        return content_type

    # ---- jobs

    def create_job(self, fields: Mapping[str, object]) -> str:
        """Have a process run; return the job's GUID."""
        path = "/api/job/create"
        made = {**fields, "process_guid": self._guid("process", str(fields["process_guid"]))}
        for key in ("stop_after", "abort_after"):
            if key in made:
                made[key] = read.stamp(made[key], self.zone)
        return read.guid(path, self._ask("POST", path, made))

    def job(self, guid: str) -> Row | None:
        """Return a job, or None where there is none."""
        path = f"/api/job/read/{read.reference(guid)}"
        row = read.row(path, self._look_up(path))
        if row is None:
            return None
        return {
            "guid": read.field(row, "guid") or guid,
            "status": read.number(read.field(row, "status"), 0),
            "row": row,
        }

    def order_job(self, guid: str, status: int) -> None:
        """Ask a job to stop (6) or to be aborted (2)."""
        self._ask("PUT", "/api/job/update", {"guid": guid, "status": status})

    # ---- log

    def log(self, level: str, message: str, **about: str) -> None:
        """Add a line; `about` may be `robot_guid`, `process_version_guid`, `job_guid`."""
        path = "/api/log/create"
        self._hold_back(path)
        self._ask("POST", path, {"level": self.profile.level(level), "message": message, **about}, of_lines=True)

    def _hold_back(self, path: str) -> None:
        """Say what a server should say that takes so many lines in a minute: some swallow the others."""
        limit, now_s = self.profile.log_lines_per_minute, self.clock()
        if limit is None:
            return
        while self._logged_s and now_s - self._logged_s[0] >= MINUTE_S:
            self._logged_s.popleft()
        if len(self._logged_s) >= limit:
            wait_s = MINUTE_S - (now_s - self._logged_s[0])
            detail = f"the server takes {counted(limit, 'line')} a minute, by orchestrator.profile"
            raise GatewayUnreachableError(path, "throttled", detail, wait_s)
        self._logged_s.append(now_s)

    # ---- names

    def _guid(self, kind: str, name: str, *, in_path: bool = False) -> str:
        """Return what the server takes for a name: the name, or its GUID where it takes GUIDs only."""
        if self.profile["names"] == "off":
            found = self.profile.guids.get(f"{kind}:{name}", name)
            if not _is_guid(found):
                detail = (
                    f"this server takes GUIDs in the place of names, by orchestrator.profile: add"
                    f' "{kind}:{name}" = "GUID" to [names] there'
                )
                raise GatewayRejectedError(f"/api/{kind}", "rejected", detail, 400)
            name = found
        return read.reference(name) if in_path else name

    def _must_be_there(self, queue: str) -> None:
        """Tell an empty queue from none, where the server answers both alike. Raises `GatewayRejectedError`."""
        if self.profile["unknown"] != "200-empty" or queue in self._known:
            return
        path = f"/api/queue/read/{self._guid('queue', queue, in_path=True)}"
        if read.row(path, self._ask("GET", path)) is None:
            raise GatewayRejectedError(path, "rejected", "there is no such queue", 404)
        self._known.add(queue)

    def _look_up(self, path: str, method: str = "GET", fields: Mapping[str, object] | None = None) -> object:
        """Ask for what may not be there. Raises `GatewayRejectedError` with status 404 where it is not."""
        return self._twice(lambda: self._ask(method, path, fields))

    def _twice(self, call: Callable[[], Value]) -> Value:
        """Make a call; once more where the server fails that says so of what is not there, for it may fail for once."""
        try:
            return call()
        except GatewayError as error:
            if error.kind != "server_error" or self.profile["unknown"] != "500":
                raise
        try:
            return call()
        except GatewayError as error:
            if error.kind != "server_error":
                raise
            raise GatewayRejectedError(error.path, "rejected", f"it is not there: {error.detail}", 404) from error

    # ---- one attempt

    def _ask(
        self, method: str, path: str, fields: Mapping[str, object] | None = None, *, of_lines: bool = False
    ) -> object:
        method = self.profile.verb("/".join(path.removeprefix("/api/").split("/")[:2]), method)
        answer = self.http.call(method, path, b"" if fields is None else read.form(fields), of_lines=of_lines)
        self.server_time = moment_of(answer.date) or self.server_time
        try:
            return read.document(path, answer.data, answer.charset)
        except GatewayGarbledError as error:
            detail = self.http.redact(f"{error.detail} (HTTP {answer.status}, {answer.shown})")
            raise GatewayGarbledError(path, "garbled", detail) from None


def _is_guid(text: str) -> bool:
    return re.fullmatch(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?", text) is not None


def _unpack(path: str) -> None:
    """Replace an answer that is a row with the file as a text by the file; one that is not stays."""
    if os.path.getsize(path) > LARGEST_ROW_BYTES:
        return
    with open(path, "rb") as stream:
        content = stream.read()
    try:
        row = json.loads(content)
        text = row["file"] if isinstance(row, dict) and read.field(row, "guid") else None
        data = None if text is None else read.file_data(text)
    except (ValueError, KeyError, RecursionError):
        return  # the file itself is JSON
    if data is not None:
        with open(path, "wb") as stream:
            stream.write(data)
