"""What the robot keeps is for its account only, and no other account can take its lock in advance."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm_robot.engine.instance import only_instance
from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    pytest.skip("permissions of POSIX", allow_module_level=True)

OTHER, ANOTHER = 61234, 61235
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two accounts that permissions bind")
MOMENT = "2026-11-23T10:00:00Z"


def as_account(account: int, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a piece of Python as another account, which has no rights but its own."""
    command = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", sys.executable, "-c", code]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd="/")


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@needs_root
@pytest.mark.usefixtures("wide_umask")
def test_no_file_of_a_run_can_be_read_by_another_account(robot_folder: RobotFolder) -> None:
    """Whatever the umask is, in a storage folder that was made before and that everybody may enter."""
    state = robot_folder.path / "state"
    state.mkdir(mode=0o777)
    (state / "robot.log").write_text("of a version that cared less\n")
    (state / "robot.log").chmod(0o644)
    robot_folder.store.enqueue(robot_folder.script("quick", "print('of the company')"), {"month": "october"})
    assert robot_folder.run().exit_code == 0
    for folder in [state, *state.parents][:-1]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o711)
    for folder in (path for path in state.rglob("*") if path.is_dir()):
        folder.chmod(0o755)

    kept = [
        path for path in state.rglob("*") if path.is_file() and path.name not in ("machine.cache.json", "running.json")
    ]
    assert {"robot.log", "output.log", "ledger.jsonl", "robot.lock"} <= {path.name for path in kept}
    assert as_account(OTHER, "import os, sys; os.stat(sys.argv[1])", str(kept[0])).returncode == 0  # it gets that far
    for path in [*kept, robot_folder.store.place]:
        tried = as_account(OTHER, "open(__import__('sys').argv[1])", str(path))
        assert "PermissionError" in tried.stderr, path


@pytest.mark.usefixtures("wide_umask")
def test_folder_of_a_job_lets_nobody_else_in(robot_folder: RobotFolder) -> None:
    """Another account can neither read in it nor raise the stop flag."""
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"))
    robot_folder.run()

    (folder,) = (path for path in (robot_folder.path / "state" / "jobs").iterdir() if path.is_dir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((robot_folder.path / "state").stat().st_mode) == 0o700


TAKE_ALL = """
import fcntl, os, sys
uid = sys.argv[1]
for place in (f"/tmp/fsm_robot-{uid}", f"/var/tmp/fsm_robot-{uid}"):
    os.mkdir(place, 0o777)
"""
RUN_ONE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fsm_robot.engine.instance import only_instance
with only_instance(sys.argv[2], Path(sys.argv[3]), "now"):
    print("took it", flush=True)
    sys.stdin.read()
"""


@needs_root
def test_lock_cannot_be_taken_in_advance_by_another_account(tmp_path: Path) -> None:
    """Another account makes every name that it can guess: the robot starts all the same."""
    account = 62000 + os.getpid() % 1000
    places = [Path(f"/tmp/fsm_robot-{account}"), Path(f"/var/tmp/fsm_robot-{account}")]
    storage = tmp_path / "state"
    storage.mkdir()
    os.chown(storage, account, account)
    for folder in tmp_path.parents[:-1]:
        folder.chmod(folder.stat().st_mode | 0o011)
    tmp_path.chmod(0o711)
    try:
        assert as_account(ANOTHER, TAKE_ALL, str(account)).returncode == 0
        root = str(Path(__file__).parents[2])
        started = as_account(account, RUN_ONE, root, str(uuid.uuid4()), str(storage))
        assert started.stdout == "took it\n", started.stderr
    finally:
        for place in places:
            place.rmdir()


def test_names_of_the_locks_tell_nothing_and_nobody_else_sees_them(tmp_path: Path) -> None:
    """They lie in a folder of the account, and hang on a salt in it: a list of GUIDs cannot be matched with them."""
    from fsm_robot.system import _posix

    guid = str(uuid.uuid4())
    before = {path.name for path in Path(_posix.account_folder()).iterdir()}

    with only_instance(guid, tmp_path / "state", MOMENT):
        folder = Path(_posix.account_folder())
        new = {path.name for path in folder.iterdir()} - before - {"salt"}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not [name for name in new if guid.split("-", maxsplit=1)[0] in name]
        assert len((folder / "salt").read_bytes()) == 16
    assert not list(folder.glob("salt.*"))


@needs_root
def test_folder_whose_parent_cannot_be_read_keeps_a_job_all_the_same(tmp_path: Path) -> None:
    """A parent with 0711 may be passed but not synced by itself: the names are made to last in another way."""
    account = 62000 + os.getpid() % 1000
    parent = tmp_path / "robots"
    storage = parent / "state"
    storage.mkdir(parents=True)
    os.chown(storage, account, account)
    for folder in [parent, tmp_path, *tmp_path.parents[:-1]]:
        folder.chmod(folder.stat().st_mode | 0o011)
    parent.chmod(0o711)
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
from fsm_robot.system._posix import sync_directory
try:
    os.open(sys.argv[2], os.O_RDONLY)
except PermissionError:
    print("it bites")
sync_directory(sys.argv[2])
print("synced")
"""
    done = as_account(account, code, str(Path(__file__).parents[2]), str(parent))

    assert done.stdout.split("\n")[:2] == ["it bites", "synced"], done.stderr
