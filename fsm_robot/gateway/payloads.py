"""Wire <-> values: the form bodies that the robot sends, and tolerant reading of the answers. Pure.

What is tolerated, and why, stands in docs/protocol.md, "Tolerances".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fsm_robot.errors import GatewayGarbledError
from fsm_robot.robot.ports import HeartbeatAnswer

if TYPE_CHECKING:
    from fsm_robot.robot.ports import ConsumeAnswer, Job

Redact = Callable[[str], str]

HEARTBEAT_PATH = "/api/robot/heartbeat"
CONSUME_PATH = "/api/robot/consumeNextJob"
UPDATE_PATH = "/api/job/update"
READY, WORKING = 2, 3
ROBOT_UNKNOWN = 101
ORCHESTRATED_JOB = 1

LONGEST_ERROR_TEXT = 500
LONGEST_JOB_GUID = 200
# Deeper documents are an attack or a bug; json and every reader of the job file recurse over them.
DEEPEST_DOCUMENT = 64
_LARGEST_CODE = 2**31
_LONGEST_NUMBER = 20
# A document is a string that holds JSON; some servers wrap it twice.
_MOST_WRAPPINGS = 3
_BLANK_BYTES = b"\xef\xbb\xbf \t\r\n"
# Made once: `json.loads` with an option makes one for each answer. Not strict, see `_object`.
_DECODER = json.JSONDecoder(strict=False)
_BLANKS = "\ufeff \t\r\n"
# Python knows more codecs than there are charsets, and some of them take minutes for a mebibyte of nonsense.
_CHARSETS = ("utf", "us-ascii", "iso", "latin", "cp", "win", "koi8", "ibm", "mac", "gb", "big5", "euc", "shift", "ms")


def heartbeat_form(
    robot_guid: str, status: int, job: Job | None, *, machine: str = "", ip: str = "", mac: str = ""
) -> bytes:
    """Return the body of a heartbeat: all keys are always there, empty ones too."""
    return _form(
        {
            "RobotGUID": robot_guid,
            "Machine": machine,
            "IP": ip,
            "MAC": mac,
            "Status": status,
            "JobGUID": job.guid if job else "",
            "JobName": job.script_name if job else "",
            "JobType": ORCHESTRATED_JOB,
        }
    )


def consume_form(robot_guid: str) -> bytes:
    """Return the body of consumeNextJob."""
    return _form({"RobotGUID": robot_guid, "Status": READY})


def job_form(job_guid: str, status: int) -> bytes:
    """Return the body of job/update."""
    return _form({"guid": job_guid, "status": status})


def heartbeat_answer(data: bytes, redact: Redact = str, charset: str = "") -> HeartbeatAnswer:
    """Read the answer to a heartbeat.

    Args:
        data: The body.
        redact: Takes the credential out of ErrorText, before that is shortened: half a secret is not found any more.
        charset: What the answer says that it is written in.

    Raises:
        GatewayGarbledError: It is not a JSON object, or has no HeartbeatErrorCode.
    """
    answer = _object(HEARTBEAT_PATH, data, charset)
    return HeartbeatAnswer(
        code=_code(HEARTBEAT_PATH, answer, "HeartbeatErrorCode"),
        error_text=_error_text(answer, redact),
        # Not worth losing an abort order in the same answer; `announce` finds None in no table and asks again.
        has_new_job=_integer(_value(answer, "HasNewJob")),
    )


def consume_answer(data: bytes, redact: Redact = str, charset: str = "") -> ConsumeAnswer:
    """Read the answer to consumeNextJob.

    Args:
        data: The body.
        redact: As for `heartbeat_answer`.
        charset: The same.

    Raises:
        GatewayGarbledError: It is not a JSON object, has no ConsumeJobErrorCode, or says 0 without a usable job.
    """
    from fsm_robot.robot.ports import ConsumeAnswer  # which a wake-up without a job never needs

    answer = _object(CONSUME_PATH, data, charset)
    code = _code(CONSUME_PATH, answer, "ConsumeJobErrorCode")
    return ConsumeAnswer(code, _error_text(answer, redact), _job(answer) if code == 0 else None)


def charset_of(content_type: str) -> str:
    """Return the charset that a header `Content-Type` declares, or empty where it declares none that is one."""
    found = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \t\"'")
    return found if found.removeprefix("x-").startswith(_CHARSETS) else ""


def decoded(data: bytes, charset: str = "") -> str:
    """Return the text of an answer, whatever it is written in: no text may cost the code beside it.

    JSON is UTF-8, and what can be read as UTF-8 is: web servers declare a charset for everything that they pass on,
    also for what is written in another one. Where it cannot, the declared charset counts, then U+FFFD for each byte.
    """
    if data.isascii() and b"\0" not in data[:4]:
        return data.decode("ascii")  # nearly every answer; any of the codecs below would say the same
    own = json.detect_encoding(data)
    for name in (own, charset):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode(own, "replace")


def is_markup(data: bytes) -> bool:
    """Return whether an answer is an HTML page, such as the login page of a proxy, or a PHP error message."""
    return data.lstrip(_BLANK_BYTES).startswith(b"<")


def is_json(data: bytes, charset: str = "") -> bool:
    """Return whether an answer is a JSON document of any kind."""
    try:
        _DECODER.decode(decoded(data, charset).strip(_BLANKS))
    except (ValueError, RecursionError):
        return False
    return True


def _form(fields: Mapping[str, str | int]) -> bytes:
    # A lone surrogate, which JSON can carry, has no UTF-8 form: a question mark must not stop the robot.
    return urlencode(fields, errors="replace").encode("ascii")


def _object(path: str, data: bytes, charset: str) -> dict[str, Any]:
    if not data.strip(_BLANK_BYTES):
        raise _garbled(path, "the answer is empty")
    if is_markup(data):
        raise _garbled(path, "the answer is an HTML page; is this the Orchestrator, or a proxy in front of it?")
    try:
        # Not strict: a line break inside ErrorText is no reason to miss the order beside it.
        text = decoded(data, charset).lstrip(_BLANKS)
        answer = _DECODER.decode(text)
    except RecursionError:
        raise _garbled(path, "the answer is nested too deeply") from None
    except ValueError as error:
        raise _garbled(path, f"the answer is not JSON ({error})") from None
    if not isinstance(answer, dict):
        raise _garbled(path, f"the answer is a JSON {_kind(answer)}, not an object")
    _check_depth(path, "the answer", text, answer)
    return answer


def _job(answer: Mapping[str, Any]) -> Job:
    from fsm_robot.robot.ports import Job

    documents = {
        "job": _document(answer, "Job"),
        "process_version": _document(answer, "ProcessVersion"),
        "task": _document(answer, "Task"),
    }
    version_guid = _inner(documents, "process_version", "GUID")
    return Job(
        guid=_job_guid(_inner(documents, "job", "GUID")),
        script_name=_script_name(_inner(documents, "process_version", "Name")),
        process_version_guid=version_guid if isinstance(version_guid, str) else "",
        documents=documents,
    )


def _inner(documents: Mapping[str, Any], document: str, key: str) -> Any:
    content = documents[document]
    return _value(content, key) if isinstance(content, dict) else None


def _job_guid(guid: Any) -> str:
    if not isinstance(guid, str) or not guid.strip():
        raise _garbled(CONSUME_PATH, "Job.GUID is missing or no text")
    if len(guid) > LONGEST_JOB_GUID or not guid.isprintable():
        raise _garbled(CONSUME_PATH, "Job.GUID is too long or holds control characters")
    return guid


def _script_name(name: Any) -> str:
    if not isinstance(name, str):
        raise _garbled(CONSUME_PATH, "ProcessVersion.Name is missing or no text")
    return name


def _document(answer: Mapping[str, Any], key: str) -> Any:
    """Return the document under `key`, parsed where it came as text; None where it holds nothing."""
    content = _value(answer, key)
    text = ""
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(content, str):
            break
        text = content.strip(_BLANKS)
        try:
            content = _DECODER.decode(text) if text else None
        except RecursionError:
            raise _garbled(CONSUME_PATH, f"{key} is nested too deeply") from None
        except ValueError:
            content = text
            break  # plain text: fine as a Task, and found to be no object as anything else
    _check_depth(CONSUME_PATH, key, text, content)
    return None if content in ("", [], {}) else content


def _value(mapping: Mapping[str, Any], key: str) -> Any:
    """Return the value of `key`, else of a key that differs in case, blanks and underscores only, else None."""
    if key in mapping:
        return mapping[key]
    wanted = _folded(key)
    return next((value for name, value in mapping.items() if _folded(name) == wanted), None)


def _folded(key: str) -> str:
    return "".join(key.split()).replace("_", "").lower()


def _code(path: str, answer: Mapping[str, Any], key: str) -> int:
    value = _value(answer, key)
    code = _integer(value)
    if code is None:
        raise _garbled(path, f"{key} {'is missing' if value is None else 'is not a number'}")
    return code


def _integer(value: Any) -> int | None:
    """Return a number that may come as 10, "10", " 10 ", 10.0 or true; None for anything else."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            return None
    # `not … <`, because NaN is neither smaller nor larger, and `int` raises with it.
    if not isinstance(value, (int, float)) or not abs(value) < _LARGEST_CODE or value != int(value):
        return None
    return int(value)


def _error_text(answer: Mapping[str, Any], redact: Redact) -> str:
    value = _value(answer, "ErrorText")
    return "" if value is None else redact(str(value))[:LONGEST_ERROR_TEXT]


def _check_depth(path: str, what: str, text: str, document: Any) -> None:
    """Refuse what is nested deeper than `DEEPEST_DOCUMENT`, without recursion.

    `text` is what `document` was made from, empty where it is a part of an answer that was looked at before.
    """
    if text.count("{") + text.count("[") < DEEPEST_DOCUMENT:
        return  # nearly every answer; brackets within texts only make it more
    level = [document]
    for _ in range(DEEPEST_DOCUMENT):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _garbled(path, f"{what} is nested too deeply")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _kind(value: Any) -> str:
    return {list: "array", str: "string", bool: "literal", type(None): "null"}.get(type(value), "number")


def _garbled(path: str, detail: str) -> GatewayGarbledError:
    return GatewayGarbledError(path, "garbled", detail)
