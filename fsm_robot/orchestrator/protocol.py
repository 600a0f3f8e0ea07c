"""Wire -> values and values -> wire of the robot protocol. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, unquote

import attrs

from fsm_robot.orchestrator.objects import TaskRow
from fsm_robot.orchestrator.rows import STATUS_WORDS, JobRow

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A GUID with or without dashes, or something long enough to be one in base64.
_SECRET_LIKE = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[A-Za-z0-9+_=-]{40,}")
_LARGEST_FIELD_COUNT = 200
SCHEMES = frozenset({"basic", "bearer"})


class GarbledRequestError(ValueError):
    """A request that cannot be read; the text says why."""


@attrs.frozen
class Answer:
    """What the orchestrator has decided to answer, before it becomes bytes.

    Attributes:
        status: HTTP status.
        body: A JSON value.
        code_key: Name of the key in `body` that holds the code, or empty.
        headers: Further headers.
        data: Bytes in the place of `body`, or None.
    """

    status: int
    body: object
    code_key: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    data: bytes | None = attrs.field(default=None, repr=False)

    @property
    def code(self) -> int | None:
        """The answered code, where there is one."""
        code = self.body.get(self.code_key) if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else None

    def with_code(self, code: int) -> Answer:
        """Return the same answer with another code, where it has one."""
        if not self.code_key or not isinstance(self.body, dict):
            return self
        return attrs.evolve(self, body={**self.body, self.code_key: code})


@attrs.frozen
class WireForm:
    """How `consumeNextJob` puts its documents, as the vendor's pages leave it open.

    Attributes:
        task_key: `Task`, or `" Task "` as the vendor's sample prints it.
        nested: `string`: each document is JSON text inside a string; `object`: already parsed.
        no_task: What `Task` holds for a job without a task.
        numbers_as_strings: Whether numbers in rows are texts, as the vendor's samples show them.
    """

    task_key: str = "Task"
    nested: Literal["string", "object"] = "string"
    no_task: Literal["absent", "null", "empty", "null_text"] = "null"
    numbers_as_strings: bool = True

    def documents(self, job: JobRow, task: TaskRow | None) -> dict[str, object]:
        """Return `Job`, `ProcessVersion` and `Task` of a job."""
        found = {"Job": self._put(_job_document(job)), "ProcessVersion": self._put(_version_document(job))}
        if task is not None:
            found[self.task_key] = self._put(_task_document(task))
        elif self.no_task != "absent":
            found[self.task_key] = {"null": None, "empty": "", "null_text": "null"}[self.no_task]
        return found

    def row(self, document: Mapping[str, object]) -> dict[str, object]:
        """Return a row with its numbers as this form has them."""
        if not self.numbers_as_strings:
            return dict(document)
        return {key: str(value) if isinstance(value, int) else value for key, value in document.items()}

    def _put(self, document: Mapping[str, object]) -> object:
        row = self.row(document)
        return json.dumps(row, ensure_ascii=False) if self.nested == "string" else row


def plain_guid(text: str) -> str:
    """Return a GUID in lower case and without braces, or an empty text where `text` is none."""
    bare = text.strip().removeprefix("{").removesuffix("}").lower()
    return bare if _GUID.fullmatch(bare) else ""


def credential(header: str | None, schemes: Collection[str] = SCHEMES) -> str:
    """Return the GUID of an `Authorization` header, or an empty text where it holds none.

    Shape: `Basic` or `Bearer`, then base64 of the bare GUID; a trailing `:` in the decoded text is accepted.
    """
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() not in schemes:
        return ""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return plain_guid(decoded.removesuffix(":"))


def fold(name: str) -> str:
    """Return a parameter name as it is compared: `RobotGUID`, `robot_guid` and `RobotGuid` are one."""
    return name.strip().replace("_", "").lower()


def fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the parameters of a form, JSON or multipart body by folded name. Raises `GarbledRequestError`."""
    return {fold(name): value for name, value in spelled_fields(content_type, body).items()}


def query_fields(query: str) -> dict[str, str]:
    """Return the parameters of an address by folded name. Raises `GarbledRequestError`."""
    return fields("application/x-www-form-urlencoded", query.encode("latin-1", "replace"))


def spelled_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the parameters of a form, JSON or multipart body by their names as they came.

    Raises:
        GarbledRequestError: The body is not what its Content-Type says.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            pairs = _multipart_pairs(content_type, body)
        elif kind.endswith("json") or (not kind and body.lstrip().startswith(b"{")):
            pairs = _json_pairs(body)
        else:
            text = body.decode("utf-8")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_LARGEST_FIELD_COUNT)
        for text in (text for pair in pairs for text in pair):
            text.encode()  # half a surrogate pair is no text, and nothing that is kept or sent could hold it
    except (ValueError, RecursionError, LookupError, AttributeError, TypeError) as error:  # the last three: email
        raise GarbledRequestError(f"the body is not readable as {kind or 'a form'}") from error
    return dict(pairs)


def without_secrets(path: str) -> str:
    """Return a path that may be shown: no query, and nothing in it that could be a credential."""
    return _SECRET_LIKE.sub("***", unquote(path.partition("?")[0]))[:200]


def status_number(text: str) -> int:
    """Return a job status.

    Raises:
        GarbledRequestError: It is not a number from 0 to 8.
    """
    if text.strip() not in map(str, STATUS_WORDS):
        raise GarbledRequestError("status must be a number from 0 to 8")
    return int(text)


def stamp(moment: datetime | None) -> str | None:
    """Return a moment as the vendor's rows have it, `YYYY-MM-DD HH:MM:SS`, in UTC."""
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    document = json.loads(body.decode("utf-8-sig"))
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return [(name, _as_text(value)) for name, value in document.items()]


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(int(value) if isinstance(value, bool) else value, ensure_ascii=False)


def _multipart_pairs(content_type: str, body: bytes) -> list[tuple[str, str]]:
    from email.parser import BytesParser  # rare, and heavy to load
    from email.policy import HTTP

    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise ValueError("no parts")
    pairs = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            pairs.append((name, content.decode("utf-8")))
    return pairs


# The vendor publishes Job.GUID and ProcessVersion.Name only; the rest is our guess: its CRUD rows in PascalCase.
def _job_document(job: JobRow) -> dict[str, object]:
    return {
        "Id": job.row_id,
        "GUID": job.guid,
        "Status": job.status,
        "Priority": job.priority,
        "ProcessVersionId": job.version_id,
        "RobotId": job.robot_id,
        "AccountId": 1,
        "ScheduleId": None,
        "StopAfter": stamp(job.stop_after),
        "AbortAfter": stamp(job.abort_after),
        "CreatedAt": stamp(job.created_at),
        "UpdatedAt": stamp(job.updated_at),
    }


def _version_document(job: JobRow) -> dict[str, object]:
    return {
        "Id": job.version_id,
        "GUID": job.version_guid,
        "ProcessId": job.version_id,
        "Name": job.script,
        "Description": "",
        "ProcessFileName": "",
        "Created": stamp(job.created_at),
        "Updated": stamp(job.created_at),
        "IsDeleted": 0,
        "AccountId": 1,
    }


def _task_document(task: TaskRow) -> dict[str, object]:
    return {
        "Id": task.row_id,
        "Guid": task.guid,
        "QueueId": task.queue_id,
        "Name": task.name,
        "Description": task.description,
        "Status": task.status,
        "JobId": task.job_id,
        "Priority": task.priority,
        "Created": stamp(task.created),
        "Started": stamp(task.started),
        "Postponed": stamp(task.postponed),
        "Deadline": stamp(task.deadline),
        "Updated": stamp(task.updated),
        "Comment": task.comment,
        "IsDeleted": 0,
        "AccountId": 1,
        "Tags": task.tags,
        "Retries": task.retries,
        "ParentTask": task.parent_task,
        "Parameters": task.parameters,
    }
