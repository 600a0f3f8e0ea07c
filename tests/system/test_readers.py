"""`[storage] readers`: one group may look at what a robot does, and at nothing that is a secret. Two real accounts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    pytest.skip("permissions of POSIX", allow_module_level=True)

import grp

from tests.system.test_private import OTHER, needs_root

READER = 61236
GROUP = grp.getgrnam("users") if any(entry.gr_name == "users" for entry in grp.getgrall()) else grp.getgrall()[-1]
# An interpreter in the folder of another account cannot be started by this one.
PYTHON = "/usr/bin/python3" if os.path.realpath(sys.executable).startswith("/root/") else sys.executable
SCRIPTS = {"keep_job_files": True, "python": PYTHON}
READ_ALL = """
import os, sys
for line in sys.stdin.read().splitlines():
    try:
        os.listdir(line) if os.path.isdir(line) else open(line, "rb").close()
        print("yes")
    except OSError as error:
        print("no")
"""
WRITE_ALL = """
import os, sys
for line in sys.stdin.read().splitlines():
    try:
        open(os.path.join(line, "planted"), "x").close() if os.path.isdir(line) else open(line, "ab").close()
        print("yes")
    except OSError as error:
        print("no")
"""


@pytest.fixture
def robot_folder(robot_folder: RobotFolder) -> Iterator[RobotFolder]:
    """Where another account may come: each pytest that begins closes the folder of all pytests anew."""
    with tempfile.TemporaryDirectory(prefix="readers-", ignore_cleanup_errors=True) as name:
        path = Path(name) / "robot"
        path.mkdir()
        yield RobotFolder(path, robot_folder.store, robot_folder.server)


def may(code: str, paths: list[Path], *, groups: str) -> dict[Path, bool]:
    """Return what an account of its own, in some groups, may do with files and folders."""
    let_pass(min((path.parent for path in paths), key=lambda path: len(path.parts)).parent)
    command = ["setpriv", f"--reuid={READER}", f"--regid={READER}", f"--groups={groups}", sys.executable, "-c", code]
    done = subprocess.run(
        command, input="\n".join(map(str, paths)), capture_output=True, text=True, check=True, cwd="/"
    )
    answers = done.stdout.split()
    assert len(answers) == len(paths)
    return {path: answer == "yes" for path, answer in zip(paths, answers, strict=True)}


def let_pass(folder: Path) -> None:
    """Let other accounts come as far as the folder."""
    for above in [folder, *folder.parents][:-1]:
        if not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(0o711)


def run_as_its_account(folder: RobotFolder) -> None:
    """Let the robot run once as the account that owns the folder, a member of the group."""
    let_pass(folder.path)
    command = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", f"--groups={GROUP.gr_gid}", sys.executable, "-I"]
    command += ["-m", "fsm_robot", "run", "--config", str(folder.path / "robot.toml")]
    environment = {**os.environ, "HOME": str(folder.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.path, env=environment)
    assert done.returncode == 0, done


@needs_root
def test_readers_see_what_a_robot_does_and_none_of_its_secrets(robot_folder: RobotFolder) -> None:
    """Journals, robot.log, outputs, screenshots and status.json; not GUID, list of jobs, lock, job.json; never to write."""
    folder = robot_folder.path
    text = """\
        import os, pathlib
        shots = pathlib.Path(os.environ["FSM_ROBOT_JOB"]).parent / "screenshots"
        shots.mkdir()
        (shots / "one.png").write_bytes(b"png")
        print("of the company")
    """
    robot_folder.settings(scripts=SCRIPTS)
    robot_folder.store.enqueue(robot_folder.script("сводка", dedent(text)), {"secret": "of the task"})
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, OTHER, OTHER)
    run_as_its_account(robot_folder)
    state = folder / "state"
    assert not may(READ_ALL, [state / "status.json"], groups=str(GROUP.gr_gid))[state / "status.json"]

    robot_folder.settings(scripts=SCRIPTS, storage={"readers": [GROUP.gr_name]})
    (folder / "robot.toml").chmod(0o600)
    os.chown(folder / "robot.toml", OTHER, OTHER)
    robot_folder.store.enqueue("сводка")
    run_as_its_account(robot_folder)

    everything = [state, *state.rglob("*"), folder / "robot.toml"]
    seen = may(READ_ALL, everything, groups=str(GROUP.gr_gid))
    journals = list((state / "journal").iterdir())
    outputs = list(state.glob("jobs/*/output.log"))
    pictures = list(state.glob("jobs/*/screenshots/*.png"))
    assert len(journals) == len(outputs) == len(pictures) == 2
    meant = [state, state / "status.json", state / "robot.log", state / "jobs", state / "journal", *journals, *outputs]
    assert {path for path in meant if not seen[path]} == set()
    assert seen[pictures[0]]  # there before; a new one as far as the script's umask lets it
    secret = ("robot.toml", "ledger.jsonl", "taken.sqlite", "robot.lock", "job.json", "stop", "no-stop")
    assert {path for path, allowed in seen.items() if allowed and path.name in secret} == set()
    assert {path.name for path in everything} >= {"ledger.jsonl", "robot.lock", "job.json"}
    assert [path for path, allowed in may(READ_ALL, everything, groups="61299").items() if allowed] == []
    assert [path for path, allowed in may(WRITE_ALL, everything, groups=str(GROUP.gr_gid)).items() if allowed] == []

    told = json.loads((state / "status.json").read_text(encoding="ascii"))
    assert (told["state"], told["exit_code"], told["last_job"]["script"]) == ("idle", 0, "сводка")
    assert robot_folder.guid not in (state / "status.json").read_text(encoding="ascii")

    robot_folder.settings(scripts=SCRIPTS)
    os.chown(folder / "robot.toml", OTHER, OTHER)
    run_as_its_account(robot_folder)
    assert [p for p, allowed in may(READ_ALL, everything, groups=str(GROUP.gr_gid)).items() if allowed] == []


@needs_root
def test_group_that_is_none_of_this_account_is_named_and_the_robot_goes_on(robot_folder: RobotFolder) -> None:
    """A slip in a setting for lookers must not keep a job from being done."""
    robot_folder.settings(storage={"readers": ["no-such-group"]})
    robot_folder.store.enqueue(robot_folder.script("quick", "print('done')"))

    assert robot_folder.run().exit_code == 0

    assert robot_folder.statuses() == {"quick": 4}
    assert "there is no group 'no-such-group'" in robot_folder.log()
