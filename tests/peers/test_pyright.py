"""Pyright, which many editors run: the public names pass its checks from a user's side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import peers
from tests.typed.test_typed import PROJECT

pytestmark = pytest.mark.peers


def said(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = peers.PEERS / "npm" / "node_modules" / "pyright" / "index.js"
    if not program.exists():
        peers.missing("pyright")
    # The Python that holds the package is found by the path: `--verifytypes` takes none by name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [peers.program("node"), str(program), *arguments],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


@pytest.mark.peer("pyright")
def test_a_user_project_passes_pyright() -> None:
    """What a user imports has the type that its page says, by the rules of another checker."""
    done = said("--pythonpath", sys.executable, str(PROJECT))

    assert done.returncode == 0, done.stdout
    assert "0 errors, 0 warnings" in done.stdout


@pytest.mark.peer("pyright")
@pytest.mark.parametrize("module", ["fsm_robot.job", "fsm_robot.sdk"])
def test_every_public_name_for_scripts_has_a_type_that_all_checkers_see_alike(module: str) -> None:
    """None is left to be inferred, which each checker does in its own way; and each has its docstring."""
    done = said("--ignoreexternal", "--verifytypes", module)

    assert "Type completeness score: 100%" in done.stdout, done.stdout
    for what in ("Functions", "Classes"):
        assert f"{what} without docstring: 0" in done.stdout
