"""Whether a Python can run scripts for the robot: it is started once, as for a script, with the script host in it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs

from fsm_robot.engine.redact import cut
from fsm_robot.worker.environment import HOST_FOLDER, HOST_VARIABLE, script_environment
from fsm_robot.worker.job_folder import JobFolder

OLDEST = (3, 8)
WAIT_S = 30.0
LONGEST_SAID = 200
# Old Pythons have to understand it, too. The host takes its variable away.
_QUESTION = f"""
import json, os, sys
try:
    import fsm_robot.job
    offered = True
except Exception:
    offered = False
print(json.dumps([list(sys.version_info[:3]), "{HOST_VARIABLE}" not in os.environ, offered]))
"""
_ANOTHER = "fix scripts.python: the path of a python or python.exe"


@attrs.frozen
class Interpreter:
    """What was found out about a Python.

    Attributes:
        version: Such as `3.8.18`, empty where it did not say.
        problem: Why scripts do not run there as they should, or empty.
        remedy: What to do about the problem.
    """

    version: str = ""
    problem: str = ""
    remedy: str = ""


def look_at(python: str, clean: Callable[[str], str] = str) -> Interpreter:
    """Start `python` as for a script, and return what it is like; `clean` takes secrets out of what it says."""
    with tempfile.TemporaryDirectory() as folder:
        environment = script_environment(os.environ, JobFolder(Path(folder)))
        try:
            done = subprocess.run(
                [python, "-c", _QUESTION],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=WAIT_S,
                check=False,
                env=environment,
                cwd=folder,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return Interpreter(problem=f"{python} cannot be started: {error}", remedy=_ANOTHER)
    texts = (data.decode(errors="replace").strip() for data in (done.stdout, done.stderr))
    said, failed = (cut(text, LONGEST_SAID, clean, end=True) for text in texts)
    if done.returncode:
        return Interpreter(problem=f"{python} ends with exit code {done.returncode}: {failed}", remedy=_ANOTHER)
    try:
        numbers, begun, offered = json.loads(said)
    except ValueError:
        return Interpreter(problem=f"{python} is not Python: it answers {said!r}", remedy=_ANOTHER)
    return _judged(python, tuple(numbers), bool(begun and offered), failed)


def _judged(python: str, numbers: tuple[int, ...], hosted: bool, failed: str) -> Interpreter:
    version, oldest = (".".join(map(str, each)) for each in (numbers, OLDEST))
    if numbers < OLDEST:
        problem = f"{python} is Python {version}, and scripts need {oldest} or newer"
        return Interpreter(version, problem, _ANOTHER)
    if not hosted:
        problem = (
            f"{python}, Python {version}, does not load what the robot gives it: scripts run, but cannot be asked to "
            f"stop, and do not have fsm_robot.job{': ' + failed if failed else ''}"
        )
        remedy = (
            "take an ordinary Python or a virtual environment of it, without the options -E, -I and -S; "
            f"in a ._pth file beside it, add the lines {HOST_FOLDER} and `import site`"
        )
        return Interpreter(version, problem, remedy)
    return Interpreter(version)
