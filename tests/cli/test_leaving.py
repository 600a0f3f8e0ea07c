"""Told to leave by a person at the keyboard: Ctrl-C in every phase of a run, on every system."""

from __future__ import annotations

import time

import pytest

from fsm_robot.orchestrator.faults import Fault
from tests.fakes.console import press_ctrl_c, start_in_console
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

HANGS_S = 120.0
"""What an answer or a pause takes that nobody waits for: longer than a test waits for a process."""
POLITE = (
    "import pathlib, time\npathlib.Path('started').touch()\n"
    "try:\n    while True: time.sleep(0.1)\nfinally: print('finally ran', flush=True)\n"
)
DEAF = (
    "import pathlib, signal, time\n"
    "for name in ('SIGINT', 'SIGTERM', 'SIGBREAK'):\n"
    "    if hasattr(signal, name): signal.signal(getattr(signal, name), lambda *_: None)\n"
    "pathlib.Path('started').touch()\nwhile True: time.sleep(1)\n"
)


def came(folder: RobotFolder, path: str, status: str) -> bool:
    """Return whether a call of this kind has arrived."""
    return any(each.endswith(path) and status == told for each, told in folder.calls())


def test_ctrl_c_during_a_job_stops_it_and_the_second_one_aborts_it(robot_folder: RobotFolder) -> None:
    """The script hears nothing of the first one; the second one kills it, the job is Aborted, the run ends with 6."""
    robot_folder.settings(scripts={"stop_grace_s": HANGS_S})
    robot_folder.store.enqueue(robot_folder.script("deaf", DEAF))
    process = start_in_console(robot_folder)
    until((robot_folder.path / "scripts" / "started").exists)

    press_ctrl_c(process)
    until(lambda: "script is asked to stop" in robot_folder.log(), "the stop")
    press_ctrl_c(process)

    assert robot_folder.finish(process).exit_code == 6
    assert robot_folder.statuses() == {"deaf": 3}


def test_ctrl_c_during_a_job_lets_its_script_leave_and_takes_no_other(robot_folder: RobotFolder) -> None:
    """The script's `finally` runs, the job is Stopped, the next job stays where it is, the run ends with 6."""
    robot_folder.store.enqueue(robot_folder.script("polite", POLITE))
    robot_folder.store.enqueue(robot_folder.script("next", "print(1)"))
    process = start_in_console(robot_folder)
    until((robot_folder.path / "scripts" / "started").exists)

    press_ctrl_c(process)

    done = robot_folder.finish(process)
    assert done.exit_code == 6
    assert "Traceback" not in done.err
    assert robot_folder.statuses() == {"polite": 7, "next": 1}
    assert "finally ran" in robot_folder.output()


def test_ctrl_c_between_two_questions_of_an_idle_robot_ends_it(robot_folder: RobotFolder) -> None:
    """It waits two minutes for a job, and leaves at once."""
    robot_folder.settings(session={"idle_wait_s": HANGS_S}, heartbeat={"interval_s": HANGS_S})
    process = start_in_console(robot_folder)
    until(lambda: came(robot_folder, "/heartbeat", "2"), "the first heartbeat")
    time.sleep(0.3)  # its answer, too, has to be there: the pause behind it is what is ended here

    press_ctrl_c(process)

    assert robot_folder.finish(process).exit_code == 6


def test_ctrl_c_while_the_first_heartbeat_hangs_ends_the_robot(robot_folder: RobotFolder) -> None:
    """Nothing depends on the answer, so nobody waits for it."""
    robot_folder.settings(orchestrator={"timeout_s": HANGS_S})
    robot_folder.store.order_fault(Fault.parse(f"announce:delay:{HANGS_S:g}"))
    process = start_in_console(robot_folder)
    until(lambda: came(robot_folder, "/heartbeat", "2"), "the first heartbeat")

    press_ctrl_c(process)

    assert robot_folder.finish(process).exit_code == 6


def test_ctrl_c_while_a_job_is_being_handed_out_loses_no_job(robot_folder: RobotFolder) -> None:
    """The answer may hold a job: it is waited for, and the job that it holds is reported and not started."""
    robot_folder.settings(orchestrator={"timeout_s": HANGS_S})
    robot_folder.store.enqueue(robot_folder.script("x", "open('ran', 'w')"))
    robot_folder.store.order_fault(Fault.parse("consume:delay:12"))
    process = start_in_console(robot_folder)
    until(lambda: any(path.endswith("/consumeNextJob") for path, _ in robot_folder.calls()), "the order to consume")

    press_ctrl_c(process)

    assert robot_folder.finish(process).exit_code == 6
    assert robot_folder.statuses() == {"x": 5}
    assert not (robot_folder.path / "scripts" / "ran").exists()


@pytest.mark.parametrize("presses_before", [0, 2])
def test_ctrl_c_while_a_report_hangs_waits_and_the_next_one_keeps_it_for_the_next_start(
    robot_folder: RobotFolder, presses_before: int
) -> None:
    """A result is worth a wait; who is told once more keeps it, and it is sent before anything else is asked for.

    Also where the script was aborted from the keyboard: that was about the script, and its result is still sent.
    """
    robot_folder.settings(orchestrator={"timeout_s": HANGS_S}, scripts={"stop_grace_s": HANGS_S})
    robot_folder.store.order_fault(Fault.parse(f"report:delay:{HANGS_S:g}"))
    text = DEAF if presses_before else "print('done')"
    robot_folder.store.enqueue(robot_folder.script("x", text))
    process = start_in_console(robot_folder)
    for _ in range(presses_before):
        until((robot_folder.path / "scripts" / "started").exists)
        press_ctrl_c(process)
        until(lambda: "script is asked to stop" in robot_folder.log(), "the stop")
    until(lambda: came(robot_folder, "/update", "3" if presses_before else "4"), "the report")

    if not presses_before:
        press_ctrl_c(process)
        time.sleep(0.5)
        assert process.poll() is None
    press_ctrl_c(process)

    assert robot_folder.finish(process).exit_code == 6
    assert "result not delivered" in robot_folder.log()
