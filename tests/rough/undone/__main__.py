"""Takes back one repair after the other in a copy of the tree, and looks whether rough cases notice it."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[3]
PATCHES = Path(__file__).parent
LONGEST_S = 900.0


@attrs.frozen
class Undone:
    """One patch: its name, the kind of roughness that has to find it, and what the sentence has to say."""

    path: Path
    kind: str
    finds: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.stem

    def apply(self, tree: Path) -> None:
        """Change the copy; it is an error when the patch does not fit any more."""
        done = subprocess.run(
            ["patch", "--quiet", "--strip=1", "--forward", "--input", str(self.path)],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.path.name} does not fit any more:\n{done.stdout}{done.stderr}")


def patches() -> list[Undone]:
    """Return every patch with what its first lines say."""
    return [_read(path) for path in sorted(PATCHES.glob("*.patch"))]


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what the robot needs to run, so that nothing of the project itself is changed."""
    shutil.copytree(ROOT / "fsm_robot", folder / "fsm_robot", ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("states*.yaml"):
        shutil.copy(path, folder)
    return folder


def judged(undone: Undone, jobs: int, seed: int) -> str:
    """Return the first broken promise that fits, or empty when nobody has noticed."""
    with tempfile.TemporaryDirectory(prefix="rough-undone-") as name:
        tree = copy_of_the_tree(Path(name))
        undone.apply(tree)
        command = [sys.executable, "-m", "tests.rough", "--kind", undone.kind, "--jobs", str(jobs), "--seed", str(seed)]
        command += ["--tree", str(tree), "--until-broken", "--finds", undone.finds, "--no-shrink"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    if done.returncode == 0:
        return ""
    lines = done.stdout.splitlines()
    case = next((line for line in reversed(lines) if line.startswith("BROKEN")), "")
    said = next((line.strip() for line in lines if line.startswith("    ") and re.search(undone.finds, line)), "")
    counted = next((line for line in lines if " jobs in " in line), "")
    return f"{case.split()[1]} ({counted.strip()}): {said}" if case and said else ""


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.rough.undone", description=__doc__)
    parser.add_argument("--only", help="patches whose name has this in it")
    parser.add_argument("--jobs", type=int, default=500, help="within how many jobs each has to be found")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    missed = 0
    for undone in patches():
        if arguments.only and arguments.only not in undone.name:
            continue
        began_s = time.monotonic()
        found = judged(undone, arguments.jobs, arguments.seed)
        missed += not found
        print(f"{undone.name:<40} {time.monotonic() - began_s:5.0f} s  {found or 'NOBODY NOTICED'}", flush=True)
    return 1 if missed else 0


def _read(path: Path) -> Undone:
    head = path.read_text(encoding="utf-8").partition("--- ")[0]
    values = dict(re.findall(r"^(kind|finds): *(.+)$", head, re.MULTILINE))
    return Undone(path, values["kind"], values["finds"])


if __name__ == "__main__":
    sys.exit(main())
