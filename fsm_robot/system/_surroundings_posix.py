"""What may bite a robot in its surroundings, under other systems than Windows."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on other systems than Windows"  # and type-checked for them only

import os


def warnings(scripts: str, python: str) -> list[str]:
    """Return what works, but not as one would think: a sentence each, with what to do."""
    found = []
    if os.getuid() == 0:
        found.append("this account is root: its scripts may change everything on this machine; use another account")
    if not os.access(scripts, os.W_OK):
        found.append(f"{scripts} cannot be written, so its modules are compiled anew for each job")
    if not os.access(python, os.X_OK):
        found.append(f"{python} cannot be executed by this account")
    return found
