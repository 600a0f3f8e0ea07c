"""What never raises: progress, screenshots, hidden texts, the question whether to stop."""

from __future__ import annotations

from fsm_robot.sdk import _transport
from fsm_robot.sdk._errors import SdkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def should_stop() -> bool:
    """Return whether the orchestrator, or the person at the machine, has asked this script to stop. Cheap to ask."""
    from fsm_robot import job

    try:
        return job.stop_requested()
    except (OSError, ValueError):
        return False  # nobody can ask a script whose robot left it no file


def progress(done: float | None = None, total: float | None = None, text: str = "") -> None:
    """Tell how far the script is: `fsm-robot status` and the orchestrator's log show it."""
    _transport.tell("progress", done=done, total=total, text=str(text))


def screenshot(label: str = "") -> Path | None:
    """Keep a picture of the screen in the job's folder; return where it is, or None where none could be made."""
    try:
        path = _transport.call("screenshot", label=str(label)).get("path")
    except SdkError:
        return None
    from pathlib import Path

    return Path(path) if path else None


def hide(text: str) -> None:
    """Keep a text of six characters or more out of output, log, comments and journal from here on."""
    if not text:
        return
    try:
        # Not only told: it must be known before the script goes on and prints it.
        _transport.call("hide", text=str(text))
    except SdkError:
        return  # nobody is there who could show it
