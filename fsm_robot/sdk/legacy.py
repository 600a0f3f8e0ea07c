"""`OrchestratorAPI.TaskOrcAPI` of the vendor's Python framework, on the job API: its scripts run unchanged.

The robot offers it under that name with `scripts.vendor_api = true`. GUID, host and headers that a script hands over
are ignored: the robot asks in its own name. What is a response of requests there has the same attributes here.
"""

from __future__ import annotations

from fsm_robot.sdk import _records, _transport
from fsm_robot.sdk._errors import ConflictError, NotFoundError, RefusedError, SdkError
from fsm_robot.sdk._values import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Response", "TaskOrchestratorAPI"]

NEW, IN_PROGRESS = 0, 1
RENAMES = "NewName"
"""The vendor's default for the name of an asset that is changed: a script that forgets it renames the asset."""
_STATUSES = ((NotFoundError, 404), (ConflictError, 409), (RefusedError, 400))
_OK, _FAILED = 200, 503


class Response:
    """What a script reads of an answer.

    Attributes:
        status_code: HTTP status.
        text: JSON.
    """

    def __init__(self, status_code: int, value: object) -> None:
        from json import dumps

        self.status_code = status_code
        self.text: str = dumps(value, ensure_ascii=False)
        self.headers: dict[str, str] = {"Content-Type": "application/json; charset=utf-8"}
        self.encoding = "utf-8"
        self.reason: str = "OK" if self.ok else self.text

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status_code < 400

    @property
    def content(self) -> bytes:
        """The text as bytes."""
        return self.text.encode("utf-8", "replace")

    def json(self, **_: object) -> Any:
        """Return what the text means."""
        from json import loads

        return loads(self.text)

    def raise_for_status(self) -> None:
        """Raise where it was not done."""
        if not self.ok:
            raise RefusedError(f"{self.status_code}: {self.text}")

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"


class TaskOrchestratorAPI:
    """The six methods of the vendor's class."""

    def __init__(
        self, robot_guid: object = None, host: object = None, headers: object = None, *_: object, **__: object
    ) -> None:
        del robot_guid, host, headers

    def add_task(self, queue_GUID: str, param_task: object = None, name: str = "NewTask") -> dict[str, Any]:  # noqa: N803
        """Add a task, and return `{"guid": …}`. Raises `SdkError`."""
        row = {"name": name, "parameters": as_json({"": ""} if param_task is None else param_task, "param_task")}
        return {"guid": _transport.call("task.add", queue=queue_GUID, rows=[row])["guids"][0]}

    def get_task(self, queue_GUID: str, status: int = NEW) -> Response:  # noqa: N803
        """Return the task whose turn it is; `[]` where there is none. It is taken by `update_task_status(guid, 1)`."""
        return _answered("task.peek", "task", queue=queue_GUID, status=int(status))

    def update_task_status(self, task_GUID: str, status: int = NEW) -> Response:  # noqa: N803
        """Set a status; with 1 the robot has the task in hand, and ends it where the script does not."""
        return _answered("task.set", "", task=task_GUID, status=int(status))

    def get_asset(self, asset_GUID: str) -> dict[str, Any]:  # noqa: N803
        """Return an asset: for credentials the login is its `text`. Raises `SdkError`."""
        row: dict[str, Any] = _transport.call("asset.row", name=asset_GUID)["row"]
        return row

    def asset_update(self, asset_GUID: str, text: object = "", name: str = RENAMES, password: str = "") -> Response:  # noqa: N803
        """Change text and password; a name is left as it is, for the vendor's default renamed what was not named."""
        del name
        return _answered("asset.set", "", name=asset_GUID, text=str(text), password=password or None)

    def add_new_log_entry(
        self,
        robot_guid: object = None,
        process_version_guid: object = None,
        job_guid: object = None,
        level: str = "Info",
        message: object = "",
    ) -> Response:
        """Add a line to the log, for this job."""
        del robot_guid, process_version_guid, job_guid
        word = str(level).upper()
        _records.write(word if word in _records.LEVELS else "INFO", message)
        return Response(_OK, {"guid": ""})


def _answered(op: str, key: str, **fields: object) -> Response:
    try:
        answer = _transport.call(op, **fields)
    except SdkError as error:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), _FAILED)
        return Response(status, {"error": str(error)})
    return Response(_OK, (answer.get(key) or []) if key else [])
