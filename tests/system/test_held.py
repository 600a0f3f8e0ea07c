"""What another program holds open is waited for before a job is asked for, and then named together with the program.

Windows alone keeps a file from others. Elsewhere a refusal at the call that opens it stands for that: so every file of
a storage folder is held, and every place that opens one is found.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from fsm_robot.system import held
from fsm_robot.system.held import HeldFileError, Patience
from tests.fakes.robot_folder import RobotFolder

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

SCANNER = "scanner.exe (pid 4711)"


@attrs.define
class FakeClock:
    """Time that passes only where somebody waits."""

    now_s: float = 0.0
    paused: list[float] = attrs.field(factory=list)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.now_s += seconds

    def patience(self) -> Patience:
        return Patience(lambda: self.now_s, self.pause)


@pytest.fixture
def violations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a PermissionError be what Windows says of a file that is held."""
    monkeypatch.setattr(system, "is_held", lambda path, error: isinstance(error, PermissionError))
    monkeypatch.setattr(system, "holders", lambda path: (SCANNER,))


@pytest.mark.usefixtures("violations")
def test_work_is_done_once_the_file_is_free() -> None:
    clock, tries = FakeClock(), []

    def work() -> str:
        tries.append(clock.now_s)
        if clock.now_s < 2:
            raise PermissionError("held")
        return "done"

    assert clock.patience().until_free("a file", work) == "done"
    assert 2 <= clock.now_s < 2.2
    assert len(tries) > 10


@pytest.mark.usefixtures("violations")
def test_file_that_does_not_become_free_is_named_with_its_holder() -> None:
    clock = FakeClock()

    def work() -> None:
        raise PermissionError("held")

    with pytest.raises(HeldFileError, match=rf"robot\.lock .*{SCANNER[:11]}.* 10 s"):
        clock.patience().until_free(Path("state") / "robot.lock", work)

    assert held.LONGEST_S <= clock.now_s < held.LONGEST_S + 0.2


@pytest.mark.usefixtures("violations")
@pytest.mark.parametrize("error", [FileNotFoundError("no"), OSError(28, "full"), ValueError("no")])
def test_other_errors_are_not_waited_for(error: Exception) -> None:
    clock = FakeClock()

    def work() -> None:
        raise error

    with pytest.raises(type(error)):
        clock.patience().until_free("a file", work)

    assert clock.paused == []


# ---- the robot itself, with every file that it has

ROBOT = """
import os, sys, time
from fsm_robot.cli import entry
from fsm_robot.system import _posix as system, held
file, seconds, patience_s, told, *command = sys.argv[1:]
held.LONGEST_S = float(patience_s)
tries = []  # the time counts from the first one: under load it may come late
def hold(event, arguments):
    if event not in ("open", "os.remove", "sqlite3.connect") or str(arguments[0]) != file:
        return
    tries.append(time.monotonic())
    if len(tries) == 1: open(told, "w").close()
    if tries[-1] - tries[0] < float(seconds): raise PermissionError(13, "held")
sys.addaudithook(hold)
system.is_held = lambda path, error: isinstance(error, PermissionError)
system.holders = lambda path: ("scanner.exe (pid 4711)",)
sys.argv[1:] = command
entry()
"""

only_faked = pytest.mark.skipif(sys.platform == "win32", reason="here files are really held: test_held_windows.py")


@pytest.fixture
def run_beside_a_scanner(robot_folder: RobotFolder) -> Callable[..., tuple[int, str]]:
    def run(file: Path, seconds: float, patience_s: float) -> tuple[int, str]:
        told = robot_folder.path / "told"
        told.unlink(missing_ok=True)
        config = ["run", "--config", str(robot_folder.path / "robot.toml")]
        command = [str(file), str(seconds), str(patience_s), str(told), *config]
        done = subprocess.run(
            [sys.executable, "-I", "-c", ROBOT, *command],
            cwd=robot_folder.path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stderr

    return run


def _files_of_a_robot(robot_folder: RobotFolder) -> list[Path]:
    """Return all files after some runs: a list of jobs that was handed over to the index, a journal, a robot.log."""
    for number in range(2):
        robot_folder.store.enqueue(robot_folder.script(f"before{number}", "print('before')"))
    assert robot_folder.run().exit_code == 0
    state = robot_folder.path / "state"
    entries = [f'{{"job": "{number}", "outcome": "succeeded"}}\n' for number in range(200)]
    with (state / "jobs" / "ledger.jsonl").open("a") as stream:
        stream.writelines(entries)
    robot_folder.store.enqueue(robot_folder.script("folded", "print('folded')"))
    assert robot_folder.run().exit_code == 0
    (state / "channel.json").write_text('{"address": "", "token": "", "pid": 1}')  # as a killed robot leaves it
    files = [path for path in sorted(state.rglob("*")) if path.is_file()]
    own = system.account_folder()
    return [robot_folder.path / "robot.toml", *files, Path(own) / "salt"]


def _newest_journal(robot_folder: RobotFolder) -> Path:
    return max((robot_folder.path / "state" / "journal").iterdir())


@pytest.mark.long
@only_faked
def test_every_file_of_a_robot_may_be_held_for_a_moment(
    robot_folder: RobotFolder, run_beside_a_scanner: Callable[..., tuple[int, str]]
) -> None:
    """The job is done all the same: nothing of it is lost, and nothing is told on the console but the job."""
    files = _files_of_a_robot(robot_folder)
    assert {"robot.lock", "ledger.jsonl", "taken.sqlite", "robot.log", "salt"} <= {path.name for path in files}
    met = set()

    for number, found in enumerate(files):
        file = _newest_journal(robot_folder) if found.parent.name == "journal" else found
        script = robot_folder.script(f"held{number}", "print('beside a scanner')")
        robot_folder.store.enqueue(script)
        exit_code, said = run_beside_a_scanner(file, 0.4, 10.0)

        assert (exit_code, robot_folder.statuses()[script]) == (0, 4), (file, said)
        assert not [line for line in said.splitlines() if "INFO" not in line and "below 10 s" not in line], (file, said)
        if (robot_folder.path / "told").exists():
            met.add(file.name)

    assert {"robot.toml", "robot.lock", "ledger.jsonl", "taken.sqlite", "robot.log", "salt"} <= met
    assert [name for name in met if name.endswith("Z.jsonl")] != [], "no journal was held"


@only_faked
@pytest.mark.parametrize("name", ["robot.lock", "ledger.jsonl", "taken.sqlite", "journal"])
def test_file_that_stays_held_ends_the_run_before_a_job_is_asked_for(
    robot_folder: RobotFolder, run_beside_a_scanner: Callable[..., tuple[int, str]], name: str
) -> None:
    files = _files_of_a_robot(robot_folder)
    file = _newest_journal(robot_folder) if name == "journal" else next(path for path in files if path.name == name)
    robot_folder.store.enqueue(robot_folder.script("waits", "print('not now')"))

    exit_code, said = run_beside_a_scanner(file, 60.0, 0.3)

    assert exit_code == 1, said
    assert robot_folder.statuses()["waits"] == 1  # nobody has taken it
    assert "Traceback" not in said
    (line,) = {line[line.index(str(file)) :] for line in said.splitlines() if f"{file} is held" in line}
    assert SCANNER in line


def test_file_is_put_in_its_place_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    """Its old content or its new one, and what a killed writer has left is gone with the next one."""
    path = tmp_path / "status.json"
    writes = (
        "import os, sys, pathlib; from fsm_robot.system.held import put_whole;"
        "put_whole(pathlib.Path(sys.argv[1]), b'new', ready=lambda new: os._exit(9) if sys.argv[2] else None)"
    )
    for number, (killed, content, left) in enumerate([("", b"new", 0), ("yes", b"old", 1), ("yes", b"old", 1)]):
        path.write_bytes(b"old" if number else b"older")
        done = subprocess.run([sys.executable, "-c", writes, str(path), killed], check=False)

        assert (done.returncode, path.read_bytes()) == (9 if killed else 0, content)
        assert len(list(tmp_path.iterdir())) == 1 + left

    held.put_whole(path, b"last", mode=0o644)

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"last")]
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o644


def test_file_that_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    """Two operators pause one robot at once: neither takes the other's file away."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = tmp_path / f".paused.json.{child.pid}.new"
    theirs.write_bytes(b"half")

    held.put_whole(tmp_path / "paused.json", b"{}")
    beside = theirs.exists()
    child.communicate(b"\n", timeout=60)
    held.put_whole(tmp_path / "paused.json", b"{}")

    assert (beside, theirs.exists()) == (True, False)


def test_file_is_written_although_what_a_killed_writer_left_cannot_be_taken_away(tmp_path: Path) -> None:
    """A scanner holds it, or it is another account's: that is for the next one who writes."""
    left = tmp_path / ".status.json.999999999.new"
    left.mkdir()  # which no system deletes as a file

    held.put_whole(tmp_path / "status.json", b"new")

    assert (tmp_path / "status.json").read_bytes() == b"new"


def test_refused_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    """Whatever fails on the way."""
    path = tmp_path / "status.json"
    path.write_bytes(b"old")

    def no_room(_new: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        held.put_whole(path, b"new", ready=no_room)

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"old")]
