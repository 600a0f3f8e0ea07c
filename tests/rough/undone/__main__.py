"""Takes back one repair after the other in a copy of the tree, and looks whether rough cases notice it."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.rough.chance import case_by

ROOT = Path(__file__).parents[3]
PATCHES = Path(__file__).parent
LONGEST_S = 900.0
TRIES = 2
"""How often a known case is played: what hangs on a moment does not break each time."""


@attrs.frozen
class Undone:
    """One patch.

    Attributes:
        takes_back: The repair, in a sentence: what is true without the patch.
        kind: The kind of roughness that has to find it.
        finds: What the sentence of the broken promise has to say, a pattern; empty for whatever it says.
        case: A case that is known to find it, as JSON, or empty.
    """

    path: Path
    takes_back: str
    kind: str
    finds: str
    case: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.stem

    def apply(self, tree: Path, *options: str) -> None:
        """Change a copy of the tree; it is an error when the patch does not fit any more."""
        done = subprocess.run(
            ["patch", "--quiet", "--strip=1", "--forward", "--fuzz=0", "--input", str(self.path), *options],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.path.name} does not fit any more:\n{done.stdout}{done.stderr}")

    def remember(self, case: str) -> None:
        """Write a case that finds it into the patch."""
        lines = [line for line in self.path.read_text(encoding="utf-8").splitlines() if not line.startswith("case: ")]
        place = next(number for number, line in enumerate(lines) if line.startswith("finds:")) + 1
        self.path.write_text("\n".join([*lines[:place], f"case: {case}", *lines[place:]]) + "\n", encoding="utf-8")


@attrs.frozen
class Found:
    """A broken promise: of which case, after how many jobs, and what was said."""

    case: str
    after: str
    said: str
    smaller: str = ""


def patches() -> list[Undone]:
    """Return every patch with what its first lines say."""
    return [_read(path) for path in sorted(PATCHES.glob("*.patch"))]


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what the robot needs to run, so that nothing of the project itself is changed."""
    folder.chmod(0o755)  # the limits are tried by another account, which has to read it
    shutil.copytree(ROOT / "fsm_robot", folder / "fsm_robot")  # what is compiled stays so: its times are copied
    for path in ROOT.glob("states*.yaml"):
        shutil.copy(path, folder)
    return folder


def noticed(undone: Undone, arguments: argparse.Namespace) -> str:
    """Return what was found, in a line, or empty when nobody has noticed the patch."""
    with tempfile.TemporaryDirectory(prefix="rough-undone-") as name:
        tree = copy_of_the_tree(Path(name))
        undone.apply(tree)
        known = ["--case", undone.case] * TRIES
        if undone.case and not arguments.search:
            found = _played(undone, [*known, "--tree", str(tree)])
            return f"its known case: {found.said}" if found and not _played(undone, known) else ""
        options = ["--kind", undone.kind, "--jobs", str(arguments.jobs), "--seed", str(arguments.seed)]
        options += [
            "--seconds",
            str(arguments.seconds),
            "--side-by-side",
            str(arguments.side_by_side),
            "--until-broken",
            "--tree",
            str(tree),
        ]
        options += ["--shrink-seconds", "20"] if arguments.shrink else ["--no-shrink"]
        found = _played(undone, options)
    if found is None:
        return ""
    case = found.smaller or found.case
    if without := _played(undone, ["--case", case] * TRIES):
        return f"{found.case} IS BROKEN WITHOUT THE PATCH, TOO: {without.said}"
    if arguments.remember:
        undone.remember(found.smaller or case_by(found.case).to_text())
    return f"{found.case} {found.after}: {found.said}"


def _played(undone: Undone, options: Sequence[str]) -> Found | None:
    """Play cases and return the first broken promise that fits, or None."""
    command = [sys.executable, "-m", "tests.rough", *options, "--finds", undone.finds]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    if done.returncode == 0:
        return None
    lines = done.stdout.splitlines()
    place = next((n for n, line in enumerate(lines) if line.startswith("    ") and _fits(undone, line)), None)
    if place is None:
        raise SystemExit(f"{undone.name}: rough cases ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    case = next(line.split("  ")[0].split(" ", 1)[1] for line in reversed(lines[:place]) if line.startswith("BROKEN"))
    counted = next((line for line in lines if " jobs in " in line), "")
    smaller = next((line.partition("--case ")[2].strip("'") for line in lines if line.startswith("    again:")), "")
    return Found(case, f"({counted.partition(' cases')[0].strip()} cases)", lines[place].strip(), smaller)


def _fits(undone: Undone, line: str) -> bool:
    return re.search(undone.finds, line.strip().replace(": ", " ", 1)) is not None


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.rough.undone", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="patches whose name has this in it")
    parser.add_argument("--missing", action="store_true", help="only patches of which no case is known")
    parser.add_argument("--search", action="store_true", help="draw cases, and do not take the one that is known")
    parser.add_argument("--jobs", type=int, default=500, help="within how many jobs each has to be found")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=LONGEST_S / 2, help="draw no further case after so long")
    parser.add_argument("--side-by-side", type=int, default=4, metavar="N", help="cases at once (default: %(default)s)")
    parser.add_argument("--remember", action="store_true", help="write the case that was found into the patch")
    parser.add_argument("--shrink", action="store_true", help="make it smaller first")
    arguments = parser.parse_args()
    missed = 0
    for undone in patches():
        if arguments.only and not any(word in undone.name for word in arguments.only):
            continue
        if arguments.missing and undone.case:
            continue
        began_s = time.monotonic()
        found = noticed(undone, arguments)
        missed += not found or "WITHOUT THE PATCH" in found
        print(f"{undone.name:<40} {time.monotonic() - began_s:5.0f} s  {found or 'NOBODY NOTICED'}", flush=True)
    return 1 if missed else 0


def _read(path: Path) -> Undone:
    head = path.read_text(encoding="utf-8").partition("--- ")[0]
    values = dict(re.findall(r"^(kind|finds|case): *(.*)$", head, re.MULTILINE))
    return Undone(path, head.partition("\n")[0], values["kind"], values["finds"], values.get("case", ""))


if __name__ == "__main__":
    sys.exit(main())
