"""What never raises: progress, screenshots, hidden texts, the question whether to stop."""

from __future__ import annotations

import os

from fsm_robot.sdk import _transport
from fsm_robot.sdk._errors import SdkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONGEST_S = 10.0


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
    """Keep a picture of the screen in the job's folder; return where it is, or None where none could be made.

    The log tells which it was, with the label. Ten seconds at most, and none once the script was asked to stop.
    """
    how = _how()
    return None if how is None else _picture(how, str(label))


def on_failure(label: str) -> None:
    """Keep a picture of what was on the screen when a task failed, unless the settings say no."""
    how = _how()
    # Where there is no desktop at all the robot tells it once.
    if how is not None and how.get("on_failure") and not how.get("why_not"):
        _picture(how, label)


def _how() -> Mapping[str, object] | None:
    if not os.environ.get(_transport.JOB_VARIABLE) or should_stop():
        return None
    try:
        how = _transport.document().get("screenshots")
    except SdkError:
        return None
    return how if isinstance(how, dict) else None


def _picture(how: Mapping[str, object], label: str) -> Path | None:
    import subprocess

    folder, of = str(how.get("folder")), f" ({label})" if label else ""
    said = str(how.get("why_not") or "")
    if not said:
        command = [str(how.get("python")), "-I", str(how.get("program")), folder, str(how.get("most"))]
        try:
            quiet = subprocess.DEVNULL
            done = subprocess.run(
                command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, timeout=LONGEST_S, check=False
            )
            said = done.stdout.decode("utf-8", "replace") or "the program that takes it has failed"
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
    # The label stands in the log, where secrets are known, and in no file name.
    if not said.endswith(".png"):
        _transport.tell("log", level="INFO", message=f"no picture of the screen{of}: {said}")
        return None
    from pathlib import Path

    _transport.tell("log", level="INFO", message=f"picture of the screen{of}: {os.path.join(folder, said)}")
    _transport.tell("picture", name=said)
    return Path(folder, said)


def hide(text: str) -> None:
    """Keep a text of six characters or more out of output, log, comments and journal from here on."""
    if not text:
        return
    try:
        # Not only told: it must be known before the script goes on and prints it.
        _transport.call("hide", text=str(text))
    except SdkError:
        return  # nobody is there who could show it
