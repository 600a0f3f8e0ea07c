from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot import sdk

PROJECT = Path(__file__).parent / "project"


@pytest.mark.long
def test_a_user_project_passes_mypy_strict(tmp_path: Path) -> None:
    """What users import is typed, and what they get is what the pages say; by the package as it is installed."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path)]

    done = subprocess.run(
        [*command, *map(str, sorted(PROJECT.glob("*.py")))], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_project_uses_every_public_name_of_the_sdk() -> None:
    """A name that is added is checked from a user's side, too."""
    text = (PROJECT / "script.py").read_text(encoding="utf-8")

    assert [name for name in sdk.__all__ if text.count(name) < 2] == []
