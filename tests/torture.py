"""Kill the real robot at random moments, again and again, and look whether it keeps its promises. `make torture`.

Real processes, real HTTP, a real disk: what the simulator does on virtual time, with everything that it simulates.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import attrs

from fsm_robot.engine.journal.file import journals, read_journal
from fsm_robot.orchestrator.rows import JobRow
from fsm_robot.orchestrator.server import Orchestrator
from fsm_robot.orchestrator.store import Store
from tests.fakes.processes import alive
from tests.fakes.robot_folder import RobotFolder, until

LONGEST_LIFE_S = 0.9
FINALS = {"quick": 4, "failing": 5, "family": 4}
MARK = (
    "import os, pathlib, subprocess, sys, time\nfrom fsm_robot import job\n"
    "def mark(*pids):\n    with open('starts', 'a') as f: f.write(' '.join([job.guid(), *map(str, pids)]) + chr(10))\n"
)
SCRIPTS = {
    "quick": MARK + "mark(os.getpid())\n",
    "failing": MARK + "mark(os.getpid())\nraise ValueError('on purpose')\n",
    "family": MARK
    + "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    + "free = subprocess.Popen(sleep, start_new_session=True)\nchild = subprocess.Popen(sleep)\n"
    + "mark(os.getpid(), free.pid, child.pid)\ntime.sleep(0.3)\nfor each in (free, child): each.kill(); each.wait()\n",
}


@attrs.frozen
class Report:
    """What came of it.

    Attributes:
        jobs: Every job, as the orchestrator has it in the end.
        lives: How often the robot was started; some end by themselves before they are killed.
        unheard: Jobs whose life died between the orchestrator's answer and its own record of it: the protocol has no
            way to ask for them again.
        broken: Promises that were broken, in words.
    """

    jobs: list[JobRow]
    lives: int
    unheard: int
    broken: list[str]


def torture(folder: Path, kills: int, seed: int) -> Report:
    """Start the robot and kill it after a random time, until that came `kills` times before its end; then a last life."""
    chance = random.Random(seed)
    store = Store(folder / "orchestrator.sqlite")
    (folder / "scripts").mkdir(parents=True)
    lives = killed = 0
    with Orchestrator(store) as server:
        robot = RobotFolder(folder, store, server)
        robot.settings()
        for name, text in SCRIPTS.items():
            robot.script(name, text)
        while killed < kills:
            for _ in range(2):
                store.enqueue(chance.choice(list(SCRIPTS)))
            killed += _one_life(robot, chance.uniform(0.05, LONGEST_LIFE_S))
            lives += 1
        done = robot.run()
        broken = [f"the last life ended with {done.exit_code}: {done.err}"] if done.exit_code else []
        unheard = _lives_that_died_while_consuming(folder)
        broken += _broken(robot, store.jobs(), unheard)
        return Report(store.jobs(), lives, unheard, broken)


def _one_life(robot: RobotFolder, longest_s: float) -> int:
    process = robot.start()
    deadline_s = time.monotonic() + longest_s
    while process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.005)
    killed = process.poll() is None
    process.kill()
    process.communicate()
    return int(killed)


def _lives_that_died_while_consuming(folder: Path) -> int:
    count = 0
    for path in journals(folder / "state" / "journal"):
        records, _ = read_journal(path)
        steps = [record.values for record in records if record.kind == "step"]
        count += bool(steps) and steps[-1]["dest"] == "Consuming"
    return count


def _broken(robot: RobotFolder, jobs: list[JobRow], unheard: int) -> list[str]:
    starts = [line.split() for line in (robot.path / "scripts" / "starts").read_text().splitlines()]
    started = Counter(line[0] for line in starts)
    broken = [f"job {guid} was started {times} times" for guid, times in started.items() if times > 1]
    open_jobs = [job for job in jobs if not job.ended]
    silent = [job for job in open_jobs if job.started_at is None and job.guid not in started]
    broken += [f"job {job.guid} has no final status" for job in open_jobs if job not in silent]
    if len(silent) > unheard:
        broken.append(f"{len(silent)} jobs were taken and forgotten, and {unheard} lives died while they asked for one")
    for job in jobs:
        if job.ended and job.status not in (FINALS[job.script], 5):
            broken.append(f"job {job.guid} ({job.script}) ended as {job.status_word}")
        if job.ended and job.status == FINALS[job.script] == 4 and job.guid not in started:
            broken.append(f"job {job.guid} ended as Success and was never started")
    pids = [int(pid) for line in starts for pid in line[1:]]
    until(lambda: not any(map(alive, pids)), "the end of every process")
    for file in (robot.path / "state").rglob("*"):
        if file.is_file() and robot.guid.encode() in file.read_bytes():
            broken.append(f"{file.name} holds the credential")
    return broken


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        report = torture(Path(name) / "robot", arguments.kills, arguments.seed)
    words = Counter(job.status_word for job in report.jobs)
    print(
        f"seed {arguments.seed}: {arguments.kills} kills in {report.lives} lives, {len(report.jobs)} jobs: {dict(words)}"
    )
    print(f"{report.unheard} lives died between asking for a job and writing down that they had it")
    print("\n".join(report.broken) or "no promise was broken")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
