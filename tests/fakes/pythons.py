"""The other Pythons of this machine, for scripts may run in any of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.fakes.needed import missing

OTHERS = ("3.8", "3.10", "3.13")
"""The oldest that scripts may run in, the last one without `sys.flags.safe_path`, and a newer one than the robot's."""


@cache
def python(version: str) -> str:
    """Return the path of a Python, such as `3.8`; skips the test where there is none, and fails it in CI."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = other_python(version)
    if found is not None:
        return found
    return missing(f"there is no Python {version} on this machine")


def other_python(version: str) -> str | None:
    """Return the path of a Python of another version that works, or None."""
    for found in (*_of_pyenv(version), shutil.which(f"python{version}")):
        if (
            found
            and subprocess.run([found, "-c", "import ssl, ctypes"], capture_output=True, check=False).returncode == 0
        ):
            return found
    return None


def _of_pyenv(version: str) -> list[str]:
    name, folder = ("bin/python", ".pyenv") if os.name == "posix" else ("python.exe", ".pyenv/pyenv-win")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / folder)
    return sorted(map(str, (root / "versions").glob(f"{version}.*/{name}")))
