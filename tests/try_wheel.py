"""Build a wheel, install it into an empty environment, run it there: what a user gets from `pip install`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # started as a file

from tests.fakes.pythons import other_python  # noqa: E402


def main() -> None:
    """Fail with a message where the installed package does not do what the checkout does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)])
        (wheel,) = folder.glob("fsm_robot-*.whl")
        venv.create(folder / "venv", with_pip=True)
        bin_folder = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        python = str(bin_folder / "python")
        installer = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        _run([*installer, "--require-hashes", "-r", str(ROOT / "requirements.lock")])
        _run([*installer, "--no-deps", str(wheel)])
        program = str(bin_folder / "fsm-robot")
        machine = json.loads(_run([program, "check", "--json"], folder))["machine"]
        if machine["initial"] != "Recovering" or not machine["transitions"]:
            raise SystemExit("the wheel does not carry states.yaml")
        asked = "from importlib.metadata import entry_points as e; print(*(p.value for p in e(group='pytest11')))"
        if "fsm_robot" in _run([python, "-I", "-c", asked], folder):
            raise SystemExit("the wheel loads its pytest plugin into every pytest run")
        for language, title in (("en", "Ready for work"), ("ru", "Готов к работе")):
            if title not in _run([program, "diagram", "--format", "svg", "--lang", language], folder):
                raise SystemExit(f"the wheel does not carry states.{language}.yaml")
        if "Content-Security-Policy" not in _run([program, "diagram", "--format", "html"], folder):
            raise SystemExit("the wheel does not carry the run player")
        _run([program, "init", "--machine", "own"], folder)
        if "Greeting" not in _run([program, "check"], folder / "own"):
            raise SystemExit("the wheel does not carry the robot that `init --machine` writes")
        demo = _run([python, "-I", "-m", "fsm_robot", "demo", "--folder", str(folder / "demo")], folder)
        if "отчёты" not in (folder / "demo" / "run.html").read_text(encoding="utf-8"):
            raise SystemExit("the demo does not show its own run")
        print("\n".join(demo.splitlines()[-12:]))
        _run([python, "-I", "-m", "fsm_robot", "demo", "--queue", "--folder", str(folder / "queue")], folder)
        print(f"{wheel.name}: built, installed into an empty environment, checked and run there")


def try_sdk() -> None:
    """Build what scripts are written with, and use it in an environment that has nothing else, the oldest Python first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT / "packaging" / "sdk")])
        (wheel,) = folder.glob("fsm_robot_sdk-*.whl")
        target = folder / "installed"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
        (folder / "queues").mkdir()
        (folder / "queues" / "Q.json").write_text('[{"name": "1", "parameters": {"sum": 5}}]')
        script = folder / "script.py"
        script.write_text(SCRIPT)
        pythons = [found for version in ("3.8", "3.13") if (found := other_python(version))]
        for python in (*pythons, sys.executable):
            # -S: nothing that is installed beside it.
            command = [
                python,
                "-S",
                "-c",
                f"import sys; sys.path.insert(0, {str(target)!r}); exec(open('script.py').read())",
            ]
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "FSM_ROBOT_DATA": str(folder)},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout != "5\n":
                raise SystemExit(f"{wheel.name} does not work in {python}: {done.stdout}{done.stderr}")
        checked = ["-m", "mypy", "--strict", "--no-incremental", str(script)]
        done = subprocess.run(
            [sys.executable, *checked],
            cwd=folder,
            env={**os.environ, "MYPYPATH": str(target)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"a script cannot be checked against {wheel.name}: {done.stdout}")
        print(f"{wheel.name}: built, a script runs with it in {len(pythons) + 1} Pythons and is type-checked")


SCRIPT = """\
from fsm_robot.sdk import BusinessError, Task, log, queue


def book(task: Task) -> int:
    if task["sum"] > 10:
        raise BusinessError("too much", code="LIMIT")
    return int(task["sum"])


for task in queue("Q").tasks(max_failures=3):
    with task, log.fields(name=task.name):
        print(book(task))
        task.done("booked", tags="done")
"""


def _run(command: list[str], folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    try_sdk()
    main()
