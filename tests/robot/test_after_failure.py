"""A session in which a job has failed is left as the settings say: once an hour, and never while anything is open."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import pytest

from fsm_robot.engine.logs import Log
from fsm_robot.robot.after_failure import NAME, AfterFailure
from tests.fakes.robot_folder import RobotFolder

FAILS, WORKS = "raise SystemExit(3)", "print(1)"


@attrs.define
class Clock:
    now: str = "2026-11-27T10:00:00.000000Z"

    def monotonic(self) -> float:
        return 0.0

    def utc_now(self) -> str:
        return self.now


@attrs.define
class Machine:
    """What would be started anew."""

    folder: Path
    clock: Clock = attrs.field(factory=Clock)
    done: list[str] = attrs.field(factory=list)
    problem: str = ""

    def _leave(self, how: str) -> str:
        # What keeps it from being done again is on disk before: this call may not come back.
        told = json.loads((self.folder / NAME).read_bytes())
        self.done.append(f"{how} {told['did']} {told['at'] == self.clock.now}")
        return self.problem

    def act(self, how: str = "reboot", at: str = "") -> bool:
        self.clock.now = at or self.clock.now
        log = Log(self.folder / "robot.log", "info", str, False)  # a log of its own: every start has one
        try:
            return AfterFailure(log, how, self.folder, self.clock, self._leave).act()
        finally:
            log.close()

    def said(self) -> str:
        return (self.folder / "robot.log").read_text("utf-8")


def test_machine_is_never_started_anew_twice_an_hour_whatever_was_restarted(tmp_path: Path) -> None:
    """Nothing but the file is between the tries, and another way of leaving counts as well."""
    machine = Machine(tmp_path)
    tries = [
        ("reboot", "2026-11-27T10:00:00.000000Z", True),
        ("reboot", "2026-11-27T10:00:01.000000Z", False),
        ("log_off", "2026-11-27T10:59:59.000000Z", False),
        ("log_off", "2026-11-27T11:00:00.000000Z", True),
        ("reboot", "2026-11-27T11:30:00.000000Z", False),
    ]

    assert [machine.act(how, at) for how, at, _ in tries] == [did for *_, did in tries]
    assert machine.done == ["reboot reboot True", "log_off log_off True"]
    assert machine.said().count("is never done twice an hour") == 3
    assert [path.name for path in tmp_path.iterdir() if path.name != "robot.log"] == [NAME]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", '{"at": 5}', '{"at": "soon"}', '{"at": "2026-11-27"}', "[" * 99999]
)
def test_limit_that_cannot_be_understood_counts_from_now(tmp_path: Path, content: str) -> None:
    """Somebody has written there: it is not taken for a licence, nor does it hold for ever."""
    (tmp_path / NAME).write_text(content)
    machine = Machine(tmp_path)

    assert not machine.act()
    assert not machine.act(at="2026-11-27T10:59:00.000000Z")
    assert machine.act(at="2026-11-27T11:00:00.000000Z")
    assert len(machine.done) == 1


def test_clock_that_was_set_back_delays_it_by_an_hour_only(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.act(at="2027-11-27T10:00:00.000000Z")

    assert not machine.act(at="2026-11-27T10:00:00.000000Z")
    assert machine.act(at="2026-11-27T11:00:00.000000Z")


def test_machine_stays_as_it_is_where_that_cannot_be_written_down(tmp_path: Path) -> None:
    """Else it would be started anew after every failure."""
    machine = Machine(tmp_path)
    (tmp_path / NAME).mkdir()

    assert not machine.act()
    assert machine.done == []


def test_reboot_that_the_system_refuses_is_said_and_when_idle_has_the_word(tmp_path: Path) -> None:
    machine = Machine(tmp_path, problem="this account may not")

    assert not machine.act()
    assert "the session could not be ended" in machine.said()
    assert "this account may not" in machine.said()


def test_stay_keeps_the_session_for_somebody_to_look(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    assert machine.act("stay")
    assert machine.done == []
    assert "stays logged on so that a person can look" in machine.said()


def test_robot_reboots_after_a_run_with_a_failed_job_once_its_results_are_delivered(robot_folder: RobotFolder) -> None:
    """Not after one without, not with --no-log-off, not twice; what is queued behind the failed job is done first."""
    marks = {way: robot_folder.path / f"{way}.txt" for way in ("reboot", "log_off")}
    writes = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
    limit = robot_folder.path / "state" / NAME
    command = {way: [sys.executable, "-I", "-c", writes, str(limit), str(mark)] for way, mark in marks.items()}
    robot_folder.settings(
        session={
            "after_failure": "reboot",
            "reboot_command": command["reboot"],
            "when_idle": "exit",
            "log_off_command": command["log_off"],
        }
    )
    robot_folder.store.enqueue(robot_folder.script("works", WORKS))
    robot_folder.run()
    robot_folder.store.enqueue(robot_folder.script("fails by hand", FAILS))
    robot_folder.run("--no-log-off")
    assert not limit.exists()

    robot_folder.store.enqueue(robot_folder.script("fails", FAILS))
    robot_folder.store.enqueue(robot_folder.script("behind", WORKS))
    assert robot_folder.run().exit_code == 0

    assert json.loads(marks["reboot"].read_bytes())["did"] == "reboot"
    assert robot_folder.statuses() == {"works": 4, "fails by hand": 5, "fails": 5, "behind": 4}
    assert robot_folder.log().count("a job of this run failed, the session ends") == 1
    marks["reboot"].unlink()
    robot_folder.store.enqueue(robot_folder.script("fails again", FAILS))
    assert robot_folder.run().exit_code == 0
    assert not any(mark.exists() for mark in marks.values())
    assert "is never done twice an hour" in robot_folder.log()
