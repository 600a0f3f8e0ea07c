from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.robot.settings import PAUSED_NAME
from tests.cli.test_bad_input import unprivileged
from tests.fakes.robot_folder import RobotFolder, until

WAITS = """\
import pathlib, time
pathlib.Path('started').touch()
while not pathlib.Path('go_on').exists(): time.sleep(0.02)
"""


def test_pause_of_a_working_robot_lasts_over_starts_until_resume(
    robot_folder: RobotFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The job in progress ends normally, the next one waits, no start asks or logs off, `status` says it."""
    mark, folder = robot_folder.path / "logged_off", str(robot_folder.path)
    leave = [sys.executable, "-I", "-c", f"open({str(mark)!r}, 'w').close()"]
    session = {"when_idle": "log_off", "log_off_command": leave}
    robot_folder.settings(session=session, heartbeat={"interval_s": 10})
    robot_folder.store.enqueue(robot_folder.script("первый", WAITS))
    robot_folder.store.enqueue(robot_folder.script("второй", "print(2)"))
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)

    assert main(["pause", folder, "--until", "2999-01-01"]) == 0
    said = capfd.readouterr().out
    (robot_folder.path / "scripts" / "go_on").touch()
    first = robot_folder.finish(process)
    calls = len(robot_folder.calls())
    second = robot_folder.run()

    assert f"pid {process.pid}" in said
    assert first.exit_code == second.exit_code == 0, first.err + second.err
    assert sorted(robot_folder.statuses().values()) == [1, 4]
    assert len(robot_folder.calls()) == calls
    assert "Finished: 0 jobs done, exit code 0; paused since" in second.out
    assert len((second.out + second.err).strip().splitlines()) == 1
    assert not mark.exists()
    assert main(["status", folder, "--json"]) == 0
    (found,) = json.loads(capfd.readouterr().out)
    assert (found["doing"], found["paused"][:12]) == ("paused", "paused since")

    assert main(["resume", folder]) == 0
    third = robot_folder.run()

    assert sorted(robot_folder.statuses().values()) == [4, 4]
    assert "paused" not in third.out
    assert mark.exists()


def test_one_folder_that_cannot_be_paused_spares_no_other(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A typing error among forty folders is said, with exit code 2, and the rest is paused."""
    for name in ("anna", "vera"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "robot.toml").write_text("[storage]\ndirectory = 'state'\n", encoding="utf-8")
    folders = [str(tmp_path / name) for name in ("anna", "gone", "vera")]

    assert main(["pause", *folders]) == 2

    assert "there is no such folder" in capfd.readouterr().err
    assert [(tmp_path / name / "state" / PAUSED_NAME).exists() for name in ("anna", "vera")] == [True, True]
    assert main(["resume", *folders]) == 2
    assert [(tmp_path / name / "state" / PAUSED_NAME).exists() for name in ("anna", "vera")] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--until", "2020-01-01"], "is over"),
        (["--until", "soon"], "is not a moment"),
        (["--until", ""], ""),
    ],
)
def test_moment_that_cannot_be_pauses_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """One sentence, exit code 2."""
    (tmp_path / "robot.toml").write_text("", encoding="utf-8")

    assert main(["pause", str(tmp_path), *arguments]) == (2 if says else 0)

    assert says in capfd.readouterr().err
    assert (tmp_path / "state" / PAUSED_NAME).exists() == (not says)


def test_robot_without_jobs_is_not_paused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It asks nobody for jobs; what keeps it from starting is its schedule."""
    (tmp_path / "robot.toml").write_text("[machine]\ncallbacks = 'my.py'\n", encoding="utf-8")

    assert main(["pause", str(tmp_path)]) == 2
    assert "takes no jobs" in capfd.readouterr().err


def test_another_account_pauses_no_robot(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The folder is the robot's own: who may not write there is told who may."""
    if sys.platform == "win32":
        pytest.skip("Windows has access lists instead")
    (tmp_path / "robot.toml").write_text("", encoding="utf-8")
    (tmp_path / "state").mkdir(mode=0o555)
    (tmp_path / "closed").touch(mode=0)
    with unprivileged(tmp_path):
        assert not os.access(tmp_path / "state", os.W_OK, effective_ids=True), "the limit does not bite"
        assert main(["pause", str(tmp_path)]) == 2

    assert "only the robot's own account and administrators" in capfd.readouterr().err
    assert not list((tmp_path / "state").iterdir())
