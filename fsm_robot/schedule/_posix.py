"""The schedule of a robot under Linux: systemd of the user; `_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

import getpass
import os
import shutil
import subprocess
from pathlib import Path

from fsm_robot.errors import ScheduleError
from fsm_robot.schedule.plan import Plan
from fsm_robot.schedule.units import USUAL_EVERY_MIN, crontab_line, service, timer

FILE_ENCODING = ""
"""What a document is written in: as this program prints everything."""
_PATIENCE_S = 30.0


def account() -> str:
    """Return the name of this account."""
    return getpass.getuser()


def interpreter() -> str:
    """Return the interpreter that is to run the robot."""
    return sys.executable


def every_min(plan: Plan) -> int | None:
    """Return how often a clock starts the robot; here always by a clock."""
    return plan.every_min or USUAL_EVERY_MIN


def documents(plan: Plan) -> dict[str, str]:
    """Return what would be installed, by where it goes."""
    units = {str(path): text for path, text in _units(plan).items()}
    return {**units, "crontab -e, where there is no systemd": crontab_line(plan) + "\n"}


def install(plan: Plan) -> list[str]:
    """Write the units and start the timer; return what was done.

    Raises:
        ScheduleError: It could not be done; what is wrong and what to do instead.
    """
    _systemctl("daemon-reload")  # is there anybody to ask? Else nothing is written
    for path, text in _units(plan).items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ScheduleError(f"{path}: cannot be written: {error.strerror or error}") from error
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", f"{plan.name}.timer")
    return [*(f"wrote {path}" for path in _units(plan)), f"started {plan.name}.timer"]


def remove(plan: Plan) -> list[str]:
    """Stop the timer and delete the units; return what was done."""
    paths = [path for path in _units(plan) if path.exists()]
    if not paths:
        return [f"{plan.name} is not installed"]
    _systemctl("disable", "--now", f"{plan.name}.timer")
    for path in paths:
        path.unlink()
    _systemctl("daemon-reload")
    return [f"removed {path}" for path in paths]


def problems(plan: Plan) -> list[str]:
    """Return what is installed otherwise than it should be."""
    found = []
    for path, text in _units(plan).items():
        if not path.exists():
            found.append(f"{path}: is not there; `fsm-robot schedule install` writes it")
        elif path.read_text(encoding="utf-8", errors="replace") != text:
            found.append(f"{path}: is not what these settings ask for; `fsm-robot schedule install` writes it anew")
    if not found and not _is_enabled(plan):
        found.append(f"{plan.name}.timer is not enabled; `fsm-robot schedule install` enables it")
    return found


def _units(plan: Plan) -> dict[Path, str]:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    return {folder / f"{plan.name}.service": service(plan), folder / f"{plan.name}.timer": timer(plan)}


def _is_enabled(plan: Plan) -> bool:
    return _run("is-enabled", f"{plan.name}.timer").returncode == 0


def _systemctl(*arguments: str) -> None:
    done = _run(*arguments)
    if done.returncode:
        text = done.stderr.decode(errors="replace").strip()
        raise ScheduleError(
            f"systemctl --user {' '.join(arguments)} failed: {text};"
            " where this account has no systemd of its own, use the crontab line that `fsm-robot schedule show` prints"
        )


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    if not shutil.which("systemctl"):
        raise ScheduleError("there is no systemctl here; use the crontab line that `fsm-robot schedule show` prints")
    try:
        return subprocess.run(
            ["systemctl", "--user", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"does not answer within {_PATIENCE_S:g} s"
    except OSError as error:
        problem = f"cannot be started: {error.strerror or error}"
    raise ScheduleError(
        f"systemctl --user {' '.join(arguments)} {problem}; use the crontab line that `fsm-robot schedule show` prints"
    )
