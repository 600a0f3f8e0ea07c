"""What a test needs of the machine, and what becomes of the test where that is missing."""

from __future__ import annotations

import os
import shutil
import sys
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true"


def missing(why: str) -> NoReturn:
    """Skip the test that runs; fail it in CI, which installs everything, but for a Windows Python under Wine."""
    if IN_CI and sys.platform != "win32":
        pytest.fail(f"{why}, and CI must not skip this test")
    pytest.skip(why)


def program(name: str) -> str:
    """Return the path of a program that the test needs."""
    return shutil.which(name) or missing(f"{name} is not installed")
