"""What a script imports: its parameters, and whether it should stop.

Everything works without a robot, too: a script that is started by hand has no parameters and is never asked to stop.
For a try with parameters let `FSM_ROBOT_JOB` name a JSON file such as `{"task": {"Parameters": {"month": "2026-10"}}}`.
"""

from __future__ import annotations

import json
import os
from typing import Any

__all__ = ["document", "guid", "parameters", "script_name", "stop_requested", "task"]

_VARIABLE = "FSM_ROBOT_JOB"
_loaded: dict[str, Any] | None = None


def document() -> dict[str, Any]:
    """Return the whole job as the robot wrote it down, read once.

    Shape: `job`, `process_version` and `task` as the orchestrator gave them, parsed, each None where it gave none;
    `stop_flag`, the path whose existence means that the script should stop. Empty without a robot.
    """
    global _loaded  # noqa: PLW0603 - read once: the file is removed when the job is over
    if _loaded is None:
        path = os.environ.get(_VARIABLE)
        if path:
            with open(path, encoding="utf-8") as stream:
                _loaded = json.load(stream)
        else:
            _loaded = {}
    return _loaded


def task() -> Any:
    """Return the task as the orchestrator gave it, or None."""
    return document().get("task")


def parameters() -> dict[str, Any]:
    """Return the parameters of the job: what the task holds under `Parameters`, or else the task itself.

    Parameters that are not a mapping (a text, a table) come as `{"parameters": value}`. No task gives an empty mapping.
    """
    value = task()
    if isinstance(value, dict):
        inner = next((value[key] for key in value if key.strip().lower() == "parameters"), value)
        value = _parsed(inner)
    if value in (None, "", []):
        return {}
    return value if isinstance(value, dict) else {"parameters": value}


def guid() -> str:
    """Return the GUID of the job, empty without a robot."""
    return str(_first(document().get("job"), "guid"))


def script_name() -> str:
    """Return the name that the orchestrator calls this script by, empty without a robot."""
    return str(_first(document().get("process_version"), "name"))


def stop_requested() -> bool:
    """Return whether the orchestrator, or the person at the machine, has asked this script to stop. Cheap to ask."""
    flag = document().get("stop_flag")
    return isinstance(flag, str) and os.path.exists(flag)


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # a plain text is a parameter, too


def _first(found: Any, key: str) -> Any:
    if not isinstance(found, dict):
        return ""
    return next((value for name, value in found.items() if name.strip().lower() == key), "")
