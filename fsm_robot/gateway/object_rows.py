"""Rows of the object API <-> what a script is given: tolerant reading, form bodies. Pure.

The calls are the vendor's; docs/orchestrator.md, "Queues, tasks, assets, files, logs", lists them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, TypedDict
from urllib.parse import quote, urlencode

from fsm_robot.errors import GatewayGarbledError
from fsm_robot.gateway.payloads import decoded, is_markup

STAMP = "%Y-%m-%d %H:%M:%S"
_MOST_WRAPPINGS = 3
_BLANKS = "\ufeff \t\r\n"
_NORMAL = 1


def reference(name: str) -> str:
    """Return a name or GUID as the end of a path."""
    return quote(name, safe="")


def form(fields: Mapping[str, Any]) -> bytes:
    """Return the body of a call; what is None is left out, what is no text or number is JSON."""
    texts = {
        name: value if isinstance(value, (str, int)) and not isinstance(value, bool) else json.dumps(value)
        for name, value in fields.items()
        if value is not None
    }
    return urlencode(texts, errors="replace").encode("ascii")


def document(path: str, data: bytes, charset: str = "") -> Any:
    """Return what an answer holds; None for what servers say where there is nothing. Raises `GatewayGarbledError`."""
    if is_markup(data):
        detail = "the answer is an HTML page; is this the Orchestrator, or a proxy in front of it?"
        raise GatewayGarbledError(path, "garbled", detail)
    text = decoded(data, charset).strip(_BLANKS)
    try:
        value = json.loads(text, strict=False) if text else None
    except RecursionError:
        raise GatewayGarbledError(path, "garbled", "the answer is nested too deeply") from None
    except ValueError as error:
        # `guid` comes as bare text from some servers.
        if text and len(text) < 200 and text.isprintable() and " " not in text:
            return text
        raise GatewayGarbledError(path, "garbled", f"the answer is not JSON ({error})") from None
    return None if value in ([], {}, "", False) else value


def row(path: str, value: Any) -> dict[str, Any] | None:
    """Return the one row of an answer, or None where it holds none. Raises `GatewayGarbledError`."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise GatewayGarbledError(path, "garbled", "the answer is not a row")
    return None if truthy(field(value, "is_deleted")) else value


def rows(path: str, value: Any) -> list[dict[str, Any]]:
    """Return the rows of an answer that are not deleted. Raises `GatewayGarbledError`."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise GatewayGarbledError(path, "garbled", "the answer is not a list of rows")
    return [each for each in value if not truthy(field(each, "is_deleted"))]


def guid(path: str, value: Any) -> str:
    """Return the GUID that a call has made. Raises `GatewayGarbledError`."""
    found = field(value, "guid") if isinstance(value, dict) else value
    if not isinstance(found, str) or not found.strip():
        raise GatewayGarbledError(path, "garbled", "the answer does not say the GUID of what was made")
    return found.strip()


def field(value: Mapping[str, Any], name: str) -> Any:
    """Return a field, whatever its case and underscores are; None where it is not there."""
    wanted = name.replace("_", "").lower()
    return next((each for key, each in value.items() if key.strip().replace("_", "").lower() == wanted), None)


def number(value: Any, default: int) -> int:
    """Return a number that may come as text."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default


def truthy(value: Any) -> bool:
    """Return whether a flag is set that may come as 1, "1" or true."""
    return value is True or number(value, 0) != 0


def tags(value: Any) -> list[str]:
    """Return the tags of a row: `a;b`, or a list."""
    parts = value if isinstance(value, list) else str(value or "").split(";")
    return [tag.strip() for tag in map(str, parts) if tag.strip()]


def moment(value: Any, zone: tzinfo | None) -> str | None:
    """Return a moment of a row as ISO text in UTC; `zone` is that of the server, None: of this machine."""
    if not isinstance(value, str) or not value.strip() or value.startswith("0000"):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if found.tzinfo is None and zone is not None:
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC).isoformat()


def stamp(iso: object, zone: tzinfo | None) -> str | None:
    """Return an ISO moment, or None, as the server writes it."""
    return None if iso is None else datetime.fromisoformat(str(iso)).astimezone(zone).strftime(STAMP)


def parameters(value: Any) -> Any:
    """Return the parameters of a task: an object, JSON text, or JSON text within JSON."""
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value, strict=False) if value.strip(_BLANKS) else None
        except (ValueError, RecursionError):
            break  # a plain text is a parameter, too
    return {} if value in (None, "", [], {}) else value


class TaskRead(TypedDict):
    """A task as scripts know it; moments are ISO texts in UTC, `row` is what the server told."""

    guid: str
    name: str
    parameters: object
    tags: list[str]
    priority: int
    status: int
    comment: str
    parent_guid: str
    created: str | None
    started: str | None
    postponed: str | None
    deadline: str | None
    finished: str | None
    row: dict[str, object]


def task(value: Mapping[str, Any], zone: tzinfo | None) -> TaskRead:
    """Return a task as scripts know it: see `sdk.TaskRow`."""
    return {
        "guid": str(field(value, "guid") or ""),
        "name": str(field(value, "name") or ""),
        "parameters": parameters(field(value, "parameters")),
        "tags": tags(field(value, "tags")),
        "priority": number(field(value, "priority"), _NORMAL),
        "status": number(field(value, "status"), 0),
        "comment": str(field(value, "comment") or ""),
        "parent_guid": str(field(value, "parent_task") or ""),
        "created": moment(field(value, "created"), zone),
        "started": moment(field(value, "started"), zone),
        "postponed": moment(field(value, "postponed"), zone),
        "deadline": moment(field(value, "deadline"), zone),
        "finished": moment(field(value, "finished"), zone),
        "row": dict(value),
    }


def asset(value: Mapping[str, Any], zone: tzinfo | None) -> dict[str, object]:
    """Return an asset as scripts know it: `name`, `type`, and `text`, `password` and `expires`, or `dates`."""
    kind = number(field(value, "type"), 2)
    found: dict[str, object] = {"name": str(field(value, "name") or ""), "type": kind}
    text = field(value, "text")
    if kind == 3:
        return {**found, "dates": dates(text)}
    shown = text if isinstance(text, str) else "" if text is None else json.dumps(text, ensure_ascii=False)
    if kind == 1:
        expires = moment(field(value, "password_expiration"), zone)
        return {**found, "text": shown, "password": str(field(value, "password") or ""), "expires": expires}
    return {**found, "text": shown}


def dates(value: Any) -> Sequence[str]:
    """Return the days of a calendar: a list, the keys of an object, or either as JSON text."""
    value = parameters(value)
    if isinstance(value, dict):
        inner = field(value, "dates")
        value = inner if isinstance(inner, (list, dict)) else value
    if isinstance(value, (dict, list)):
        return [str(each) for each in value]
    return [part.strip() for part in str(value).replace(",", ";").split(";") if part.strip()]


def file_data(text: str) -> bytes:
    """Return what a file of a row holds: text of base 16, 32 or 64. Raises `ValueError`."""
    bare = "".join(text.split())
    if len(bare) % 2 == 0 and all(character in "0123456789abcdefABCDEF" for character in bare):
        return bytes.fromhex(bare)
    try:
        return base64.b32decode(bare)
    except ValueError:
        return base64.b64decode(bare, validate=True)
