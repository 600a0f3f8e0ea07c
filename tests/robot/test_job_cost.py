"""What one more job costs a robot, in what can be counted: a busy machine changes no count."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest

from tests.fakes.robot_folder import RobotFolder

COUNTING = """
import collections, json, os, sys, threading
seen = collections.Counter()
KINDS = {"os.listdir": "listed", "os.scandir": "listed", "os.rename": "renamed", "os.remove": "removed",
         "os.mkdir": "made", "os.rmdir": "removed", "subprocess.Popen": "processes", "socket.connect": "connections"}
def hook(event, args):
    if event == "open":
        path = args[0]
        if isinstance(path, (str, bytes, os.PathLike)):
            name = os.fsdecode(path)
            kind = "looked" if name.startswith("/proc") else "" if name.endswith(".pyc") else "opened"
            seen[kind] += 1
    elif event in KINDS:
        seen[KINDS[event]] += 1
def counted(real):
    def sync(descriptor):
        seen["syncs"] += 1
        return real(descriptor)
    return sync
os.fsync = counted(os.fsync)
if hasattr(os, "fdatasync"):
    os.fdatasync = counted(os.fdatasync)
def started(*how, real=threading._start_new_thread):
    seen["threads"] += 1
    return real(*how)
threading._start_new_thread = started  # 3.11 tells no audit hook of it
from fsm_robot.cli import main
from fsm_robot.engine import inbox
inbox.LASTS_S = 60  # a busy machine makes moments long
sys.addaudithook(hook)
code = main(sys.argv[1:])
print("COUNTED", json.dumps(seen))
sys.exit(code)
"""
"""Runs the command line, and tells at its end how often it has done what a system has to do for it."""
FEW, MANY = 2, 6
MOST = {
    "syncs": 5,  # consume, claim, start, report, and the list of jobs when it is over
    "threads": 3,  # what watches the script, and two for its output
    "processes": 1,
    "connections": 0,
    "listed": 1,  # the storage folder, for what a writer of status.json that was killed has left
    "renamed": 1,  # status.json
    "opened": 18,  # five times the list of jobs; what is kept open for a kill; the files of the job
}
"""How often it may do something for one more job that is over in moments."""


def of_jobs(folder: RobotFolder, jobs: int) -> Counter[str]:
    """Return what a run with so many jobs has done."""
    for _ in range(jobs):
        folder.store.enqueue("nothing")
    done = folder.run()
    assert done.exit_code == 0, done.err
    told = next(line for line in done.out.splitlines() if line.startswith("COUNTED"))
    return Counter(json.loads(told.removeprefix("COUNTED")))


@pytest.mark.skipif(sys.platform == "win32", reason="there a job has other files, and Wine other waits")
def test_one_more_job_costs_what_is_written_down_here(robot_folder: RobotFolder) -> None:
    """Four calls of the orchestrator, five syncs, three threads, one process, and nothing that grows with the jobs."""
    robot_folder.settings(heartbeat={"interval_s": 60})
    robot_folder.script("nothing", "pass\n")
    robot_folder.program = ("-c", COUNTING)
    of_jobs(robot_folder, 1)
    few = of_jobs(robot_folder, FEW)
    calls = len(robot_folder.calls())
    many = of_jobs(robot_folder, MANY)

    one_more = {what: (many[what] - few[what]) / (MANY - FEW) for what in {*few, *many}}
    assert {what: cost for what, cost in one_more.items() if cost > MOST.get(what, cost)} == {}
    assert one_more["processes"] == 1
    assert one_more["threads"] > 0  # else nothing was counted
    assert len(robot_folder.calls()) - calls == 4 * MANY + 1
