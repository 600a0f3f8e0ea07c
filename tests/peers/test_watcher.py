"""The event log of the example `watcher`, run as a real robot, as pm4py reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.fakes.own_robot import OwnRobot
from tests.fakes.waiting import until
from tests.peers.test_eventlogs import PEER, ROOT, peer_python

__all__ = ("PEER",)
SCRIPT = Path(__file__).with_name("pm4py_watcher.py")


def test_log_of_the_watcher_is_read_as_it_went(tmp_path: Path) -> None:
    """A robot that knows nothing of jobs leaves a log that process mining reads: one case per run, its events in order."""
    python = peer_python()
    shutil.copytree(ROOT / "examples" / "watcher", tmp_path / "watcher")
    robot = OwnRobot(tmp_path / "watcher")
    for folder in ("inbox", "archive"):
        (robot.path / folder).mkdir(exist_ok=True)
    (robot.path / "inbox" / "письмо.txt").write_text("1", encoding="utf-8")
    try:
        process = robot.start_and_wait_for("Resting")
        until(lambda: robot.command("post", "day_over").returncode == 0)
        assert process.wait(60) == 0
    finally:
        robot.close()
    exported = robot.command("export", ".", "--format", "xes", "--activity", "event", "-o", "watcher.xes")
    assert exported.returncode == 0, exported.stderr

    done = subprocess.run(
        [python, "-W", "ignore", str(SCRIPT), str(robot.path / "watcher.xes")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    (events,) = found["cases"].values()
    assert events == [step["event"]["name"] for step in robot.steps() if step["kind"] != "started"]
    assert events[:3] == ["file_found", "filed", "nothing_there"]
    assert events[-1] == "day_over"
    assert (found["variants"], found["fitness"]) == (1, 1.0)
