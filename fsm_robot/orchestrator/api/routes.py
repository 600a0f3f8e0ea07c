"""Which path is which call, which verbs it takes, and by which names faults know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import unquote

import attrs

from fsm_robot.orchestrator.api import assets, jobs, logs, processes, queues, robots, storage, tasks
from fsm_robot.orchestrator.api.asked import Asked
from fsm_robot.orchestrator.protocol import Answer

Reference = Literal["none", "needed", "free"]


@attrs.frozen
class Route:
    """A call.

    Attributes:
        verbs: Verbs that it takes.
        act: What it does.
        faults: Names by which faults know it.
        reference: Whether its path ends with a GUID or a name.
    """

    verbs: tuple[str, ...]
    act: Callable[[Asked], Answer]
    faults: tuple[str, ...] = ()
    reference: Reference = "none"


@attrs.frozen
class Found:
    """A route, the call's name such as `task/read`, and what its path holds behind it."""

    route: Route
    call: str
    reference: str
    rest: str


def _family(name: str, fault: str, *acts: Callable[[Asked], Answer]) -> dict[str, Route]:
    create, read, update, delete = acts
    return {
        f"{name}/create": Route(("POST",), create, (fault,)),
        f"{name}/read": Route(("GET",), read, (fault,), "needed"),
        f"{name}/update": Route(("PUT",), update, (fault,)),
        f"{name}/delete": Route(("DELETE",), delete, (fault,), "needed"),
    }


ROUTES: Mapping[str, Route] = {
    **_family("queue", "queue", queues.create, queues.read, queues.update, queues.delete),
    "queue/lastTask": Route(("GET",), queues.last_task, ("queue", "take"), "needed"),
    **_family("task", "task", tasks.create, tasks.read, tasks.update, tasks.delete),
    "task/filter/read": Route(("POST",), tasks.filter_read, ("task", "take"), "needed"),
    "task/filter/list": Route(("POST",), tasks.filter_list, ("task", "take"), "needed"),
    "task/addTag": Route(("PUT",), tasks.add_tag, ("task",)),
    "task/removeTag": Route(("DELETE",), tasks.remove_tag, ("task",)),
    **_family("asset", "asset", assets.create, assets.read, assets.update, assets.delete),
    **_family(
        "folders", "file", storage.create_folder, storage.read_folder, storage.update_folder, storage.delete_folder
    ),
    "folders/list": Route(("GET",), storage.list_folders, ("file",)),
    **_family("files", "file", storage.create_file, storage.read_file, storage.update_file, storage.delete_file),
    "log/create": Route(("POST",), logs.create, ("log",)),
    "log/read": Route(("GET",), logs.read, ("log",), "needed"),
    "log/list": Route(("POST",), logs.list_all, ("log",)),
    "log/purge": Route(("DELETE",), logs.purge, ("log",)),
    "job/create": Route(("POST",), jobs.create, ("job-create",)),
    "job/read": Route(("GET",), jobs.read, (), "needed"),
    "job/update": Route(("PUT", "POST"), jobs.update),
    "job/delete": Route(("DELETE",), jobs.delete, (), "needed"),
    "process/create": Route(("POST",), processes.create),
    "process/read": Route(("GET",), processes.read, (), "needed"),
    "processVersion/create": Route(("POST",), processes.create_version),
    "processVersion/read": Route(("GET",), processes.read_version, (), "needed"),
    "robot/read": Route(("GET",), robots.read, (), "free"),
    "robot/getStatus": Route(("GET",), robots.get_status, (), "needed"),
}


def find(path: str) -> Found | None:
    """Return the call that a path without its query names, or None."""
    if not path.startswith("/api/"):
        return None
    parts = path.removeprefix("/api/").split("/")
    for length in (3, 2):
        call = "/".join(parts[:length])
        route = ROUTES.get(call)
        if route is None or len(parts) < length:
            continue
        behind = [unquote(part) for part in parts[length:]]
        reference, rest = (behind[0] if behind else ""), "/".join(behind[1:])
        if (route.reference == "none" and behind) or (route.reference == "needed" and not reference):
            return None
        return Found(route, call, reference, rest)
    return None
