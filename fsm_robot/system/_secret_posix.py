"""A text that only this account can read again: POSIX has no such thing; `_secret_windows.py` has the same names."""

from __future__ import annotations

import sys

assert sys.platform != "win32", "imported on POSIX only"  # and type-checked for POSIX only

import os
import stat

MEANS = ""
"""What protects a text, as people call it; empty where nothing does."""


def protect(text: str) -> str:  # noqa: ARG001 - the twin needs it
    """Return a text that only this account can turn back. Raises `OSError`: here there is none."""
    raise OSError(
        "this system cannot encrypt a text for one account; keep it in a file that only this account can read"
    )


def unprotect(text: str) -> str:  # noqa: ARG001 - the twin needs it
    """Return what `protect` was given. Raises `OSError`."""
    raise OSError("it is protected by Windows (DPAPI), and can be read there only, by the account that has written it")


def other_readers(path: str) -> str:
    """Return who else than this account and administrators may read a file, empty where nobody. Raises `OSError`."""
    found = os.stat(path)
    told = []
    if found.st_mode & stat.S_IRGRP:
        told.append(f"the group {found.st_gid}")
    if found.st_mode & stat.S_IROTH:
        told.append("every account of this machine")
    return ", ".join(told)
