from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fsm_robot.robot.ports import ConsumeAnswer, Ending
from fsm_robot.robot.session import Session
from tests.fakes.world import GONE, JOB, JOB_FOUND, NO_JOB, FakeGateway, FakeWorker, Lines, World, lost

INTERVAL_S = 10.0


def test_idle_wait_asks_every_interval_and_once_more_at_its_end() -> None:
    """A robot that waits 25 s before it leaves asks at 0, 10, 20 and 25 s: nobody leaves on old news."""
    world = World(idle_wait_s=25.0)

    assert world.run() == 0
    assert world.inbox.pauses == [INTERVAL_S, INTERVAL_S, 5.0]
    assert len(world.gateway.calls) == 4
    assert world.left_session == ["Finished"]


def test_idle_wait_ends_with_the_first_job() -> None:
    """A job that comes during the wait is done at once, and the wait begins anew after it."""
    gateway = FakeGateway([NO_JOB, NO_JOB, JOB_FOUND, NO_JOB], [ConsumeAnswer(0, job=JOB), GONE])
    world = World(gateway=gateway, worker=FakeWorker(on_start=Ending("succeeded", exit_code=0)), idle_wait_s=20.0)

    assert world.run() == 0
    assert world.gateway.statuses() == [8, 4]
    assert world.inbox.pauses == [INTERVAL_S, INTERVAL_S, INTERVAL_S, INTERVAL_S]


def test_idle_wait_when_told_to_leave_ends_at_once_and_keeps_the_session() -> None:
    """Ctrl-C in the middle of the wait: exit 6, and nobody is logged off."""
    world = World(idle_wait_s=90.0)
    world.inbox.leave_after_pauses = 2

    assert world.run() == 6
    assert world.left_session == []


def test_idle_wait_when_the_orchestrator_vanishes_is_no_reason_to_log_off() -> None:
    """The wait does not hide an outage: the robot ends with 4, the session stays."""
    world = World(gateway=FakeGateway([NO_JOB, lost("no_connection")]), idle_wait_s=90.0)

    assert world.run() == 4
    assert world.left_session == []


def marker(tmp_path: Path, code: int = 0) -> tuple[Path, list[str]]:
    """A command that leaves a file behind, and says so on its way out."""
    file = tmp_path / "left"
    return file, [
        sys.executable, "-c", f"import sys; open({str(file)!r}, 'w').close(); sys.exit('no right to' if {code} else 0)",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["log_off", "disconnect"])
def test_session_is_left_by_the_command_of_the_settings(tmp_path: Path, how: str) -> None:
    """Its effect is there, and the log says what was done."""
    file, command = marker(tmp_path)
    lines = Lines()

    Session(lines.log(), how, command, lambda: True).leave()

    assert file.exists()
    assert any("the session ends" in line and how in line for line in lines.lines)


def test_session_with_a_living_script_is_never_left(tmp_path: Path) -> None:
    """The log-off would kill it in the midst of its work."""
    file, command = marker(tmp_path)
    lines = Lines()

    Session(lines.log(), "log_off", command, lambda: False).leave()

    assert not file.exists()
    assert any("processes of a job still run" in line for line in lines.lines)


def test_session_stays_when_the_settings_say_exit(tmp_path: Path) -> None:
    """Nothing is run, and the log says why."""
    file, command = marker(tmp_path)
    lines = Lines()

    Session(lines.log(), "exit", command, lambda: True).leave()

    assert not file.exists()
    assert any("stays logged on" in line for line in lines.lines)


def test_session_that_could_not_be_left_is_an_error_with_the_reason(tmp_path: Path) -> None:
    """The command ran and said no: its own words are in the log."""
    _, command = marker(tmp_path, code=1)
    lines = Lines()

    Session(lines.log(), "log_off", command, lambda: True).leave()

    assert any(line.startswith("error") and "no right to" in line for line in lines.lines)
