"""How a peer is called: as a program of its own, with JSON in a file and JSON on its standard output."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.fakes import needed

HERE = Path(__file__).parent
PEERS = HERE.parent.parent / ".peers"
BIN = "Scripts" if os.name == "nt" else "bin"
SHOTS = PEERS / "shots"


def missing(what: str) -> NoReturn:
    """Fail where peers are required (CI, `make peers`), skip elsewhere: a peer that is silently absent proves nothing."""
    why = f"{what} is not installed; `make peers` installs it"
    if os.environ.get("FSM_REQUIRE_PEERS") == "1":
        pytest.fail(why)
    needed.missing(why)


def program(name: str) -> str:
    """Return the path of a program of the system."""
    return shutil.which(name) or missing(name)


def node(script: str, job: Any, folder: Path, timeout_s: float = 300) -> Any:
    """Return what `js/<script>` makes of `job`."""
    if not (PEERS / "npm" / ".installed").exists():
        missing("the set of npm packages")
    given = folder / f"{script}.job.json"
    given.write_text(json.dumps(job, ensure_ascii=False), encoding="utf-8")
    source = (HERE / "js" / script).read_text(encoding="utf-8")
    # From standard input, because then imports are looked up in the working folder, where the packages are.
    command = [program("node"), "--input-type=module", "-", str(given)]
    return _answer(command, PEERS / "npm", timeout_s, source)


def python(environment: str, script: str, job: Any, folder: Path, timeout_s: float = 300) -> Any:
    """Return what `py/<script>` makes of `job` in one of the environments of the peers: `venv` or `pm4py`."""
    interpreter = PEERS / environment / BIN / "python"
    if not (PEERS / environment / ".installed").exists():
        missing(f"the environment .peers/{environment}")
    given = folder / f"{script}.job.json"
    given.write_text(json.dumps(job, ensure_ascii=False), encoding="utf-8")
    return _answer([str(interpreter), "-I", str(HERE / "py" / script), str(given)], folder, timeout_s, None)


def _answer(command: list[str], folder: Path, timeout_s: float, source: str | None) -> Any:
    done = subprocess.run(
        command,
        cwd=folder,
        input=source,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    # Some peers greet; what we asked for is the last line.
    return json.loads(done.stdout.rstrip().split("\n")[-1])


def versions() -> dict[str, str]:
    """Return the versions that the locks ask for."""
    packages = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for lock in HERE.glob("requirements-*.in"):
        packages.update(re.findall(r"^([A-Za-z0-9_-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))
    return {"SCION": packages["@scion-scxml/scxml"], "maxgraph": packages["@maxgraph/core"], **packages}
