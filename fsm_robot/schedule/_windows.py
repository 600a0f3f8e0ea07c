"""The schedule of a robot under Windows: the Task Scheduler; `_posix.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform == "win32", "imported on Windows only"  # and type-checked for Windows only

import os
import subprocess
import tempfile
from pathlib import Path, PureWindowsPath

from fsm_robot.errors import ScheduleError
from fsm_robot.schedule._accounts import is_same_account
from fsm_robot.schedule.plan import Plan
from fsm_robot.schedule.task_xml import differences, task_xml

FILE_ENCODING = "utf-16"
"""What a document is written in, with its mark: the scheduler takes it, and the document declares it."""
_PATIENCE_S = 60.0
_MARKS = (b"\xff\xfe", b"\xfe\xff")
_STORE = "\\windowsapps\\"


def account() -> str:
    """Return the name of this account, with its domain."""
    return f"{os.environ.get('USERDOMAIN') or os.environ.get('COMPUTERNAME', '.')}\\{os.environ.get('USERNAME', '')}"


def interpreter() -> str:
    """Return the interpreter that is to run the robot: the one without a console window, which a person might close.

    Raises:
        ScheduleError: It is the stub of the Microsoft Store, which another account does not have.
    """
    path = PureWindowsPath(sys.executable)
    if _STORE in str(path).lower():
        raise ScheduleError(
            f"{path} is the Microsoft Store's stub; install Python from its own installer, for all users"
        )
    without_window = Path(path.with_name("pythonw.exe"))
    return str(without_window) if without_window.exists() else str(path)


def every_min(plan: Plan) -> int | None:
    """Return how often a clock starts the robot; None where only the log-on does."""
    return plan.every_min


def documents(plan: Plan) -> dict[str, str]:
    """Return what would be installed, by where it goes."""
    return {f"Task Scheduler, \\{plan.name}": task_xml(plan)}


def install(plan: Plan) -> list[str]:
    """Register the task and read it back; return what was done.

    Raises:
        ScheduleError: It could not be done; what is wrong and what to do instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "task.xml")
        file.write_text(task_xml(plan), encoding=FILE_ENCODING)
        done = _schtasks("/Create", "/TN", plan.name, "/XML", str(file), "/F")
    if done.returncode:
        raise ScheduleError(f"the task was not registered: {_said(done)}; try it from a prompt run as administrator")
    # What it answered is not believed: only what it gives back is installed.
    left = problems(plan)
    if left:
        raise ScheduleError(f"the task was registered, but is not what was asked for: {'; '.join(left)}")
    return [f"registered the task \\{plan.name} for {plan.account}"]


def remove(plan: Plan) -> list[str]:
    """Delete the task; return what was done."""
    if not _installed(plan):
        return [f"{plan.name} is not installed"]
    done = _schtasks("/Delete", "/TN", plan.name, "/F")
    if done.returncode or _installed(plan):
        raise ScheduleError(f"the task \\{plan.name} is still there: {_said(done)}")
    return [f"removed the task \\{plan.name}"]


def problems(plan: Plan) -> list[str]:
    """Return what is installed otherwise than it should be."""
    installed = _installed(plan)
    if not installed:
        return [f"the task \\{plan.name} is not there; `fsm-robot schedule install` registers it"]
    wanted = task_xml(plan)
    if not _is_utf16(installed):
        # The console's code page has lost what it does not hold; so must what we compare with.
        wanted = wanted.encode("oem", "replace").decode("oem")
    text = _text(installed)
    found = differences(text[text.index("<") :], wanted, is_same_account)
    return [f"task \\{plan.name}: {each}" for each in found]


def _installed(plan: Plan) -> bytes:
    """Return the XML of the installed task as it came, or nothing."""
    done = _schtasks("/Query", "/TN", plan.name, "/XML", "ONE")
    return done.stdout if done.returncode == 0 and "<Task" in _text(done.stdout) else b""


def _schtasks(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "schtasks.exe")
    try:
        return subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScheduleError(f"schtasks.exe cannot be used: {error}") from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return " ".join(_text(done.stderr or done.stdout).split()) or f"exit code {done.returncode}"


def _text(data: bytes) -> str:
    # The XML comes as UTF-16 on some versions and in the console's code page on others.
    if _is_utf16(data):
        return data.decode("utf-16" if data[:2] in _MARKS else "utf-16-le", errors="replace")
    return data.decode("oem", errors="replace")


def _is_utf16(data: bytes) -> bool:
    return data[:2] in _MARKS or b"<\0" in data[:8]
