"""Pyright, which many editors run: the public names pass its checks from a user's side."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.peers import peers
from tests.typed.test_typed import PROJECT

pytestmark = pytest.mark.peers


@pytest.mark.peer("pyright")
def test_a_user_project_passes_pyright() -> None:
    """What a user imports has the type that its page says, by the rules of another checker."""
    program = peers.PEERS / "npm" / "node_modules" / "pyright" / "index.js"
    if not program.exists():
        peers.missing("pyright")
    command = [peers.program("node"), str(program), "--pythonpath", sys.executable, str(PROJECT)]

    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300)

    assert done.returncode == 0, done.stdout
    assert "0 errors, 0 warnings" in done.stdout
