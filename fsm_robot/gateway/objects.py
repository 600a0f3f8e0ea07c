"""The calls of queues, tasks, assets, logs and jobs; every method makes one attempt and repeats nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

import attrs

from fsm_robot.errors import GatewayGarbledError, GatewayRejectedError
from fsm_robot.gateway import object_rows as read
from fsm_robot.gateway.failures import moment_of
from fsm_robot.gateway.http import HttpGateway

LIST_LIMIT = 100
LARGEST_ROW_BYTES = 256 << 20
Row = dict[str, object]


@attrs.define(eq=False, repr=False)
class ObjectGateway:
    """`jobapi.ports.Objects` over HTTP. Every method may raise `GatewayError`.

    Attributes:
        http: Makes the calls.
        zone: In which the server writes its times; None: in that of this machine.
    """

    http: HttpGateway
    zone: tzinfo | None = UTC
    server_time: datetime | None = None

    # ---- tasks

    def last_task(self, queue: str) -> read.TaskRead | None:
        """Return the New task whose turn it is, or None; nothing is reserved."""
        path = f"/api/queue/lastTask/{read.reference(queue)}"
        row = read.row(path, self._ask("GET", path))
        return None if row is None else read.task(row, self.zone)

    def tasks(self, queue: str, filters: Mapping[str, object], limit: int = LIST_LIMIT) -> list[read.TaskRead]:
        """Return tasks of a queue, filtered by status and priority at most.

        How a server filters is not published: what it makes of tags and names may leave out what is looked for.
        """
        path = f"/api/task/filter/list/{read.reference(queue)}"
        fields: Row = {"Name": queue, "limit": limit, **{key: filters.get(key) for key in ("status", "priority")}}
        return [read.task(row, self.zone) for row in read.rows(path, self._ask("POST", path, fields))]

    def task(self, guid: str) -> read.TaskRead | None:
        """Return a task, or None where there is none; without its parameters, as most servers show it."""
        path = f"/api/task/read/{read.reference(guid)}"
        row = read.row(path, self._ask("GET", path))
        return None if row is None else read.task(row, self.zone)

    def create_task(self, queue: str, fields: Mapping[str, object]) -> str:
        """Add a task and return its GUID."""
        path = "/api/task/create"
        return read.guid(path, self._ask("POST", path, {**self._task_fields(fields), "queue_guid": queue}))

    def update_task(self, guid: str, fields: Mapping[str, object], job_guid: str = "") -> None:
        """Change a task."""
        named = {"guid": guid, **self._task_fields(fields), "job_guid": job_guid or None}
        self._ask("PUT", "/api/task/update", named)

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
        return made

    # ---- assets

    def asset(self, name: str) -> Row | None:
        """Return an asset as it is, or None where there is none."""
        path = f"/api/asset/read/{read.reference(name)}"
        return read.row(path, self._ask("GET", path))

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
            self.http.send_file(method, call, file, {"name": name, "folder_guid": folder}, name)

    def download(self, folder: str, name: str, path: str) -> bool:
        """Fetch a file to `path`; False where there is none."""
        call = f"/api/files/read/{read.reference(name)}?folder_guid={read.reference(folder)}"
        try:
            with open(path, "wb") as sink:
                _, content_type = self.http.fetch_file(call, sink)
        except GatewayRejectedError as error:
            if error.status == 404:
                return False
            raise
        if "json" in content_type:
            _unpack(path)
        return True

    def delete_file(self, folder: str, name: str) -> None:
        """Remove a file."""
        self._ask("DELETE", f"/api/files/delete/{read.reference(name)}?folder_guid={read.reference(folder)}")

    def _has_file(self, folder: str, name: str) -> bool:
        """Return whether a folder has a file; no call says it but the one that gives it."""
        call = f"/api/files/read/{read.reference(name)}?folder_guid={read.reference(folder)}"
        try:
            with open(os.devnull, "wb") as sink:
                self.http.fetch_file(call, sink)
        except GatewayRejectedError as error:
            if error.status == 404:
                return False
            raise
        return True

    # ---- jobs

    def create_job(self, fields: Mapping[str, object]) -> str:
        """Have a process run; return the job's GUID."""
        path = "/api/job/create"
        made = dict(fields)
        for key in ("stop_after", "abort_after"):
            if key in made:
                made[key] = read.stamp(made[key], self.zone)
        return read.guid(path, self._ask("POST", path, made))

    def job(self, guid: str) -> Row | None:
        """Return a job, or None where there is none."""
        path = f"/api/job/read/{read.reference(guid)}"
        row = read.row(path, self._ask("GET", path))
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
        self._ask("POST", "/api/log/create", {"level": level, "message": message, **about}, of_lines=True)

    # ---- one attempt

    def _ask(
        self, method: str, path: str, fields: Mapping[str, object] | None = None, *, of_lines: bool = False
    ) -> object:
        answer = self.http.call(method, path, b"" if fields is None else read.form(fields), of_lines=of_lines)
        self.server_time = moment_of(answer.date) or self.server_time
        try:
            return read.document(path, answer.data, answer.charset)
        except GatewayGarbledError as error:
            detail = self.http.redact(f"{error.detail} (HTTP {answer.status}, {answer.shown})")
            raise GatewayGarbledError(path, "garbled", detail) from None


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
