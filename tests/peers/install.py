"""Install the peers into `.peers/`: packages of npm and Python there, programs of Debian where they are missing.

Run by `make peers`; `make site` names the one environment that it needs. Nothing of it is imported by fsm_robot, nor shipped.
What is already there and unchanged stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent.parent / ".peers"
PROGRAMS = {
    "dot": "graphviz",
    "plantuml": "plantuml",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "xmllint": "libxml2-utils",
    "node": "nodejs",
    "npm": "npm",
}


# PySpark is 450 MB, and there as sources alone; nothing but `make peer-spark` asks for it.
SPARK = "spark"
ENVIRONMENTS = {"venv": "engines", "pm4py": "pm4py", "schedulers": "schedulers", "site": "site"}  # folder -> its lock


def main(only: Sequence[str]) -> int:
    """Install everything, or `only` these environments; return 1 and say what is missing where something could not be."""
    PEERS.mkdir(exist_ok=True)
    missing = [] if only else _programs()
    jobs: list[Callable[[], None]] = [
        partial(_venv, name, ENVIRONMENTS.get(name, name)) for name in only or ENVIRONMENTS
    ]
    if not only and shutil.which("npm"):
        jobs.insert(0, _npm)
    with ThreadPoolExecutor(2) as pool:
        problems = [problem for problem in pool.map(_tried, jobs) if problem]
    for problem in [*missing, *problems]:
        print(f"peers: {problem}", file=sys.stderr)
    return 1 if missing or problems else 0


def _tried(job: Callable[[], None]) -> str:
    try:
        job()
    except subprocess.CalledProcessError as error:
        return f"{' '.join(map(str, error.cmd[:6]))} ... ended with {error.returncode}: {(error.stderr or '')[-800:]}"
    return ""


def _programs() -> list[str]:
    """Install missing programs where that is allowed; return a sentence for what is still missing."""
    wanted = {program: package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if not wanted:
        return []
    started = time.monotonic()
    root = [] if getattr(os, "geteuid", lambda: 1)() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not root or shutil.which("sudo")):
        _apt(root, "update", "-qq")
        # Fonts, so that texts have the widths that a reader will see.
        _apt(root, "install", "-y", "-qq", "--no-install-recommends", *wanted.values(), "fonts-dejavu-core")
    missing = [package for program, package in wanted.items() if not shutil.which(program)]
    _said("Debian packages", started)
    return [f"install {', '.join(missing)} (Debian's names) and try again"] if missing else []


def _apt(root: list[str], *arguments: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # What could not be installed is named afterwards, by what is still missing.
    subprocess.run([*root, "apt-get", *arguments], env=quiet, capture_output=True, check=False)


def _npm() -> None:
    folder, files = PEERS / "npm", ("package.json", "package-lock.json")
    if not _stale(folder, files):
        return
    started = time.monotonic()
    folder.mkdir(exist_ok=True)
    for name in files:
        shutil.copy(HERE / name, folder / name)
    # No script of a package runs; puppeteer-core takes the browser that is there.
    _run(
        [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder
    )
    _done(folder, files)
    _said("npm packages", started)


def _venv(name: str, lock: str) -> None:
    folder, files = PEERS / name, (f"requirements-{lock}.lock",)
    if not _stale(folder, files):
        return
    started = time.monotonic()
    venv.create(folder, clear=True, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    wheels = [] if name == SPARK else ["--only-binary", ":all:"]
    _run([*pip, "--require-hashes", *wheels, "-r", str(HERE / files[0])], HERE)
    _done(folder, files)
    _said(f"Python peers ({lock})", started)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=900)


def _sum(files: tuple[str, ...]) -> str:
    return hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in files)).hexdigest()


def _stale(folder: Path, files: tuple[str, ...]) -> bool:
    mark = folder / ".installed"
    return not mark.exists() or mark.read_text(encoding="utf-8") != _sum(files)


def _done(folder: Path, files: tuple[str, ...]) -> None:
    (folder / ".installed").write_text(_sum(files), encoding="utf-8")


def _said(what: str, started: float) -> None:
    print(f"peers: {what} installed in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
