"""The environment variables of a script. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fsm_robot.worker.job_folder import JobFolder

HOST_FOLDER = Path(__file__).with_name("site")
"""What brings the script host into the script's Python, and into the Pythons that the script starts."""
HOST_VARIABLE = "FSM_ROBOT_HOST"
JOB_VARIABLE = "FSM_ROBOT_JOB"
TYPED_VARIABLE = "FSM_ROBOT_TYPED"
SCREEN_VARIABLE = "FSM_ROBOT_SCREEN"
VENDOR_VARIABLE = "FSM_ROBOT_VENDOR_API"
# As UTF-8, and as Python does where no language is set: a file name that is not UTF-8 is printed as it is.
PRINTED = "utf-8:surrogateescape"


def script_environment(
    inherited: Mapping[str, str], folder: JobFolder, *, vendor_api: bool = False, typed: bool = False, screen: str = ""
) -> dict[str, str]:
    """Return the variables of a script: what the robot has inherited, without its own, and what the host needs.

    `typed` says that a person types what it reads; `screen` how a picture is taken when it fails, see `host.py`.
    """
    # The robot's own variables stay behind: one of them may be the credential.
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith("FSM_ROBOT_")}
    path = kept.get("PYTHONPATH")
    return {
        **kept,
        JOB_VARIABLE: str(folder.job_file),
        HOST_VARIABLE: str(folder.path),
        "PYTHONPATH": f"{HOST_FOLDER}{os.pathsep}{path}" if path else str(HOST_FOLDER),
        **({VENDOR_VARIABLE: "1"} if vendor_api else {}),
        **({TYPED_VARIABLE: "1"} if typed else {}),
        **({SCREEN_VARIABLE: screen} if screen else {}),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": kept.get("PYTHONIOENCODING") or PRINTED,
    }
