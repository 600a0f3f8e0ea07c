"""What can be done on the page: a POST below `/page/` from the page itself, and from nowhere else."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping

from fsm_robot.orchestrator.objects import HIGH, LOW, NORMAL
from fsm_robot.orchestrator.protocol import GarbledRequestError, fields
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.tasks import json_text
from fsm_robot.system import language

PREFIX = "/page/"
TOKEN_HEADER = "X-Page-Token"  # noqa: S105 - its name
_LONGEST_NAME = 500


def refusal(headers: Mapping[str, str | None], token: str, own: str) -> str:
    """Return why an action is not taken from whoever sends it, or an empty text.

    A page of another site can send a form here, but neither JSON nor a header of its own without asking first, which is
    answered with no permission; nor can it read the token.

    Args:
        headers: `Origin`, `Content-Type` and `X-Page-Token`, None where one is missing.
        token: What the page was told; empty where no page may act.
        own: The address that the request came to, such as `http://127.0.0.1:4500`.
    """
    if not token:
        return "this page only shows: the server listens at an address that other machines can reach"
    if headers.get("Origin") not in (None, own):
        return "a page of another site may not do this"
    if (headers.get("Content-Type") or "").partition(";")[0].strip().lower() != "application/json":
        return "an action is sent as JSON"
    if not hmac.compare_digest((headers.get(TOKEN_HEADER) or "").encode(), token.encode()):
        return "the page is older than the server; load it again"
    return ""


def act(store: Store, path: str, body: bytes) -> dict[str, object] | None:
    """Do what an action asks for and return what it has made, or None where there is no such action.

    Raises:
        GarbledRequestError: A field is missing or wrong.
        RobotError: It cannot be done.
    """
    action = ACTIONS.get(path.removeprefix(PREFIX))
    return None if action is None else action(store, fields("application/json", body))


def _enqueue(store: Store, said: Mapping[str, str]) -> dict[str, object]:
    task = _parameters(said, "task") if said.get("task", "").strip() else None
    guid = store.enqueue(
        _needed(said, "script"),
        task,
        name=said.get("name", ""),
        priority=_number(said, "priority", 2, 1, 3),
        robot=said.get("robot", ""),
    )
    return {"guid": guid}


def _stop(store: Store, said: Mapping[str, str]) -> dict[str, object]:
    return store.order_stop(_needed(said, "guid")).to_json()


def _abort(store: Store, said: Mapping[str, str]) -> dict[str, object]:
    return store.order_abort(_needed(said, "guid")).to_json()


def _add_task(store: Store, said: Mapping[str, str]) -> dict[str, object]:
    parameters = json_text(_parameters(said, "parameters") if said.get("parameters", "").strip() else {})
    tags, priority = said.get("tags", ""), _number(said, "priority", NORMAL, LOW, HIGH)
    with store.file.transaction():
        queue = store.queues.named(_needed(said, "queue"))
        name = said.get("name", "").strip() or "NewTask"
        return {"guid": store.tasks.add(queue, name, parameters, tags=tags, priority=priority).guid}


def _retry(store: Store, said: Mapping[str, str]) -> dict[str, object]:
    return {"guid": store.tasks.repeat(store.tasks.find(_needed(said, "guid"))).guid}


ACTIONS: Mapping[str, Callable[[Store, Mapping[str, str]], dict[str, object]]] = {
    "job/enqueue": _enqueue,
    "job/stop": _stop,
    "job/abort": _abort,
    "task/add": _add_task,
    "task/retry": _retry,
}


def _label(name: str) -> str:
    """Return what the form calls a field: only the form reads what is wrong with it."""
    return language.said(name)


def _needed(said: Mapping[str, str], name: str) -> str:
    text = said.get(name, "").strip()
    if not text or len(text) > _LONGEST_NAME:
        raise GarbledRequestError(f"{_label(name)} must be a text of 1 to {_LONGEST_NAME} characters")
    return text


def _number(said: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = said.get(name, "").strip() or str(default)
    if text not in map(str, range(lowest, highest + 1)):
        raise GarbledRequestError(f"{_label(name)} must be a number from {lowest} to {highest}")
    return int(text)


def _parameters(said: Mapping[str, str], name: str) -> Mapping[str, object]:
    try:
        found = json.loads(said[name])
    except (ValueError, RecursionError) as error:
        raise GarbledRequestError(f"{_label(name)}: is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise GarbledRequestError(f'{_label(name)}: must be a JSON object such as {{"month": "2026-10"}}')
    return found
