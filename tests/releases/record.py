"""Keeps what a release writes, by a real run of it: `python -m tests.releases.record VERSION [FOLDER OF ITS SOURCES]`.

Two folders of a robot, each with the database of the orchestrator beside it, as tests/fixtures/releases/VERSION/NAME.zip:

    killed       two jobs came to their end; the robot was killed in the midst of a third one, with a task in hand
    undelivered  a job has ended, and its final status could not be sent; lines for the log wait, where there are such

Run once, when a version is released, with the Python that has its packages. What is there is never made anew.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from tests.fakes.waiting import GUID, until

RELEASES = Path(__file__).parent.parent / "fixtures" / "releases"
BEGIN = "import sys; sys.path.insert(0, {!r}); from fsm_robot.cli import entry; entry()"
SCRIPTS = {
    "отчёты/сводка": "import fsm_robot.job as job\nprint('параметры', job.parameters())\n",
    "broken": "raise KeyError('iban')\n",
    "long": """\
import pathlib, time
try:
    from fsm_robot.sdk import queue
    tasks = iter(queue("Счета").tasks())
    next(tasks)
except Exception:
    pass  # a robot from before there were tasks
pathlib.Path("started").touch()
while not pathlib.Path("end").exists(): time.sleep(0.05)
""",
}
SETTINGS = """\
[orchestrator]
url = "{url}"
robot_guid = "{guid}"
[heartbeat]
interval_s = 1.0
[session]
when_idle = "exit"
"""


def main(version: str, sources: str) -> None:
    """Record both folders."""
    for name, play in (("killed", killed), ("undelivered", undelivered)):
        target = RELEASES / version / f"{name}.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise SystemExit(f"{target}: is there, and is read for ever as it is")
        with tempfile.TemporaryDirectory(prefix="robot-") as work:
            release = Release(Path(work), sources)
            try:
                play(release)
            finally:
                release.end()
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(Path(work).rglob("*")):
                    if path.is_file() and "__pycache__" not in path.parts and path.name != "end":
                        archive.write(path, path.relative_to(work))
        print(f"{target}: {target.stat().st_size:,} bytes")


class Release:
    """One release at work in a folder."""

    def __init__(self, folder: Path, sources: str) -> None:
        self.folder, self.program = folder, [sys.executable, "-I", "-c", BEGIN.format(sources)]
        for name, text in SCRIPTS.items():
            path = folder / "scripts" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.server = self.start("orchestrator", "serve", "--port", "0")
        assert self.server.stdout is not None
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+", said)) is None:
            said += (line := self.server.stdout.readline())
            assert line, said
        (folder / "robot.toml").write_text(SETTINGS.format(url=found[0], guid=GUID), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> int:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=180)
        print(f"  {' '.join(arguments)}: {process.returncode}")
        if process.returncode:
            print(said)
        return process.returncode

    def end(self) -> None:
        self.server.send_signal(signal.SIGINT)
        self.server.communicate(timeout=60)


def killed(release: Release) -> None:
    """Two jobs are done, the third one is under way, and the power goes."""
    if release.run("orchestrator", "queue", "add", "Счета") == 0:  # else older than queues
        release.run("orchestrator", "task", "add", "Счета", '{"sum": 5}', "--name", "4711")
    for script in SCRIPTS:
        release.run("orchestrator", "enqueue", script, "--task", '{"месяц": "2026-10"}')
    robot = release.start("run")
    until(lambda: (release.folder / "scripts" / "started").exists() or robot.poll() is not None)
    if robot.poll() is not None:
        raise SystemExit(robot.communicate()[0])
    time.sleep(2.5)  # heartbeats of a job at work
    robot.kill()
    robot.wait()
    (release.folder / "scripts" / "end").touch()
    time.sleep(1.0)


def undelivered(release: Release) -> None:
    """A job has ended while the server does not take final statuses; then somebody tells the robot to leave."""
    release.run("orchestrator", "enqueue", "отчёты/сводка", "--task", '{"месяц": "2026-10"}')
    release.run("orchestrator", "fault", "report:status:503*500")
    release.run("orchestrator", "fault", "log:status:503*500")
    robot = release.start("run")
    log = release.folder / "state" / "robot.log"
    until(lambda: log.exists() and "script ended" in log.read_text(encoding="utf-8"))
    time.sleep(3.0)
    robot.send_signal(signal.SIGINT)
    said, _ = robot.communicate(timeout=60)
    print(f"  interrupted: {robot.returncode}\n{said}")
    release.run("orchestrator", "fault", "--clear")


if __name__ == "__main__":
    main(sys.argv[1], str(Path(sys.argv[2] if len(sys.argv) > 2 else ".").absolute()))
