"""`make matrix` and `make lowest`: the tests of what meets Python and its packages, in each Python that is found.

`--lowest` takes one Python, and of each package that `pyproject.toml` asks for the oldest version that it allows.
Scripts run in other Pythons, from 3.8 on, in the usual tests (`tests/fakes/pythons.py`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # started as a file

from tests.fakes.pythons import other_python  # noqa: E402

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
FOLDER = ROOT / ".matrix"
LOWEST = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)[^>]*>=(?P<version>[0-9][0-9.]*)")
MET = ("tests/engine", "tests/gateway", "tests/system", "tests/worker/test_supervisor.py", "tests/cli/test_run.py")
"""Tests of what a Python or a package of another version would break first."""


def main(arguments: list[str]) -> int:
    """Return 0 where all Pythons that were found pass."""
    lowest = "--lowest" in arguments
    chosen = [each for each in arguments if not each.startswith("-")] or list(PYTHONS[:1] if lowest else PYTHONS)
    results: dict[str, str] = {}
    for version in chosen:
        this = f"{sys.version_info.major}.{sys.version_info.minor}" == version
        found = sys.executable if this else other_python(version)
        results[version] = "not found on this machine" if found is None else _tried(version, found, lowest=lowest)
    print("\n".join(f"Python {version}: {what}" for version, what in results.items()))
    return int(
        any("FAILED" in what for what in results.values()) or all("not found" in what for what in results.values())
    )


def lowest_versions() -> list[str]:
    """Return the oldest version of each package that the robot needs, as `pyproject.toml` allows it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [LOWEST.match(each) for each in project["dependencies"]]
    return [f"{each['name']}=={each['version']}" for each in found if each is not None]


def _tried(version: str, python: str, *, lowest: bool) -> str:
    folder = FOLDER / (f"{version}-lowest" if lowest else version)
    inside = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [str(inside), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    steps = [[python, "-m", "venv", "--clear", str(folder)]]
    steps += [[*pip, "--require-hashes", "-r", str(ROOT / f"requirements{kind}.lock")] for kind in ("", "-dev")]
    steps += [[*pip, *lowest_versions()]] if lowest else []
    steps += [[*pip, "--no-deps", "-e", str(ROOT)]]
    steps += [[str(inside), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *MET]]
    for step in steps:
        print(" ".join(step), flush=True)
        if subprocess.run(step, cwd=ROOT, check=False).returncode:
            return f"FAILED at {' '.join(step)}"
    return f"passed{', with ' + ', '.join(lowest_versions()) if lowest else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
