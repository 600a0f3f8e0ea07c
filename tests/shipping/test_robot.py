"""A real robot whose orchestrator takes no lines: the final status is never much later for it, and lines are not lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from fsm_robot.orchestrator.quirks import Quirks
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

SETTLE_S = 5.0
SOME_S = 6.0
"""What a loaded machine takes for all that is not waiting."""
LOGS = """
from fsm_robot.sdk import log
for number in range(30):
    log.warning("строка %d", number)
"""
FAILS = f"""{LOGS}
def book():
    try:
        {{}}["сумма"]
    except KeyError as error:
        raise ValueError("счёт без суммы") from error
book()
"""


def delay_s(robot: RobotFolder) -> float:
    """Return the seconds from the end of the script to the moment when its job was reported."""
    ended, reported = (_moment(robot.log(), sentence) for sentence in ("script ended", "job reported"))
    return (reported - ended).total_seconds()


def _moment(log: str, sentence: str) -> datetime:
    line = next(line for line in log.splitlines() if f" {sentence}" in line)
    return datetime.fromisoformat(line.split()[0])


def messages(robot: RobotFolder) -> list[str]:
    """Return the lines that the orchestrator has, without the time of those that were late."""
    kept = [line.message for line in robot.store.logs.newest(10_000)]
    return [re.sub(r"^\[[-0-9: ]+\] ", "", message) for message in kept]


def job_of(robot: RobotFolder, text: str, **settings: dict[str, Any]) -> str:
    robot.settings("", **settings)
    return robot.store.enqueue(robot.script("работа", text))


def test_a_failed_job_tells_its_traceback_without_being_asked(robot_folder: RobotFolder) -> None:
    """With the exceptions that led to it, as an Error of that job; a script that succeeds says nothing by itself."""
    robot = robot_folder
    failed = job_of(robot, FAILS, screenshots={"on_failure": False})
    robot.store.enqueue(robot.script("fine", "print(1)"))
    robot.run()

    last = robot.store.logs.newest()[-1]
    assert (last.level, last.job_guid) == ("Error", failed)
    assert last.message.startswith("работа: the script failed: exit code 1: ValueError: счёт без суммы\nTraceback")
    assert "KeyError: 'сумма'" in last.message
    assert last.message.endswith("ValueError: счёт без суммы")
    assert messages(robot)[:-1] == [f"строка {number}" for number in range(30)]
    assert not (robot.path / "state" / "lines").exists()


def test_a_job_that_could_not_start_says_why(robot_folder: RobotFolder) -> None:
    """There is no script that could say it."""
    robot_folder.store.enqueue("нет такого")
    robot_folder.run()

    (line,) = robot_folder.store.logs.newest()
    assert line.level == "Error"
    assert "the script was not started: " in line.message


@pytest.mark.parametrize(
    ("fault", "longest_s"),
    [
        pytest.param("log:delay:60*9", SETTLE_S, marks=pytest.mark.alike),
        ("log:status:429/60*99", 0),
        pytest.param("log:status:403*99", SETTLE_S, marks=pytest.mark.long),
        pytest.param("log:status:500*99", SETTLE_S, marks=pytest.mark.long),
        ("log:drop-before*99", SETTLE_S),
    ],
)
def test_the_final_status_is_never_later_than_said(robot_folder: RobotFolder, fault: str, longest_s: float) -> None:
    """Whatever the server does with lines: slow, refusing, failing, hanging up."""
    robot = robot_folder
    robot.server.fault(fault)
    # What is not to be waited for at all must show on a loaded machine.
    job_of(robot, FAILS, log_shipping={"exit_flush_s": 0}, sdk={"settle_s": longest_s or 30})
    robot.run()

    assert robot.statuses() == {"работа": 5}
    assert delay_s(robot) < longest_s + SOME_S
    assert "lines do not reach the orchestrator's log" in robot.log() or "delay" in fault


def test_after_an_abort_nothing_is_waited_for(robot_folder: RobotFolder) -> None:
    """The final status goes first, though lines and a task are open and the server hangs with both."""
    robot = robot_folder
    robot.store.queues.add("Q")
    robot.store.tasks.add(robot.store.queues.find("Q"), "1", "{}")
    text = f"""{LOGS}
from fsm_robot.sdk import queue
import pathlib, time
queue("Q").take()
pathlib.Path("started").touch()
time.sleep(600)
"""
    robot.server.fault("log:delay:60*9")
    job = job_of(robot, text, log_shipping={"exit_flush_s": 0}, sdk={"settle_s": 60})
    process = robot.start()
    until((robot.path / "scripts" / "started").exists)
    robot.server.fault("task:delay:60*9")
    robot.store.order_abort(job)
    robot.finish(process)

    assert robot.statuses() == {"работа": 3}
    assert delay_s(robot) < SOME_S


def test_lines_of_an_aborted_job_arrive_where_the_server_takes_none_of_a_job_that_has_ended(
    robot_folder: RobotFolder,
) -> None:
    """Nothing is waited for, and nothing is lost: they go without the job's GUID, which their text names."""
    robot = robot_folder
    robot.server.service.quirks = Quirks.parse(["log_after_end=refuse"])
    text = f"{LOGS}\nimport pathlib, time\npathlib.Path('started').touch()\ntime.sleep(600)"
    # Held up so that they wait when the abort comes.
    robot.server.fault("log:status:503*1")
    job = job_of(robot, text)
    process = robot.start()
    until((robot.path / "scripts" / "started").exists)
    robot.store.order_abort(job)
    robot.finish(process)

    said = "\n".join(messages(robot))
    assert [number for number in range(30) if f"строка {number}\n" not in f"{said}\n"] == []
    assert "are missing here" not in said
    told = [row for row in robot.store.logs.newest() if "the script was aborted" in row.message]
    assert [(row.job_guid, row.message.startswith(f"[job {job}] работа: the script was aborted")) for row in told] == [
        ("", True)
    ]
    assert robot.statuses() == {"работа": 3}


def test_lines_that_could_not_be_sent_are_sent_by_the_next_run(robot_folder: RobotFolder) -> None:
    """In their order, each once and as of its job, after the run has announced itself, though it finds no job."""
    robot = robot_folder
    robot.server.fault("log:status:429/60*99")
    job = job_of(robot, FAILS, log_shipping={"exit_flush_s": 0})
    robot.run()
    assert messages(robot) == []
    kept = [path.read_bytes() for path in (robot.path / "state" / "lines").glob("*.jsonl")]
    assert b"".join(kept).count(b"\n") == 31
    if sys.platform != "win32":
        assert [path for path in (robot.path / "state" / "lines").rglob("*") if path.stat().st_mode & 0o77] == []
    robot.store.clear_faults()
    before = len(robot.calls())
    robot.settings()
    robot.run()

    assert messages(robot)[:30] == [f"строка {number}" for number in range(30)]
    assert len(messages(robot)) == 31
    assert {line.job_guid for line in robot.store.logs.newest()} == {job}
    assert robot.calls()[before][0].endswith("heartbeat")
    assert list((robot.path / "state" / "lines").glob("*")) == []


def test_what_a_script_prints_is_sent_where_that_is_wanted(robot_folder: RobotFolder) -> None:
    """Children and native code too, without secrets; and nothing at all where that is wanted."""
    robot = robot_folder
    text = """
import os, subprocess, sys
from fsm_robot.sdk import hide, log
hide("пароль-123456")
print("раз", flush=True)
os.system("echo two")
print("пароль-123456")
log.info("три")
"""
    job_of(robot, text, log_shipping={"send": "output"})
    robot.run()
    assert sorted(messages(robot)) == ["***", "two", "раз", "три"]
    job_of(robot, FAILS, log_shipping={"send": "none"})
    robot.run()

    assert len(messages(robot)) == 4
    assert not [path for path in (robot.path / "state" / "lines").glob("*.jsonl") if path.stat().st_size]


def test_a_full_disk_delays_no_final_status_and_loses_no_line(robot_folder: RobotFolder) -> None:
    """The robot's files may grow no more; the lines arrive from memory, and it is told."""
    if sys.platform == "win32":
        pytest.skip("there is no such limit")
    import resource

    robot = robot_folder
    text = f"{LOGS}\nlog.error('x' * 3000)\n" + "log.error('y' * 3000)\n" * 40 + "raise ValueError('конец')"
    job_of(robot, text)
    limit = 64 * 1024  # enough for the journal, too little for the lines
    process = robot.start(how={"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))})
    robot.server.fault("log:status:429/1*1")
    robot.finish(process)

    assert "kept in memory only" in robot.log()
    assert robot.statuses() == {"работа": 5}
    assert delay_s(robot) < SETTLE_S + SOME_S
    assert messages(robot)[:30] == [f"строка {number}" for number in range(30)]
    assert "конец" in messages(robot)[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_lines_of_a_robot_that_is_killed_are_sent_by_the_next_one(robot_folder: RobotFolder) -> None:
    """And that it was killed; in order."""
    robot = robot_folder
    robot.server.fault("log:status:429/60*99")
    job_of(robot, f"{LOGS}\nimport pathlib, time\npathlib.Path('started').touch()\ntime.sleep(600)")
    process = robot.start()
    until((robot.path / "scripts" / "started").exists)
    lines = Path(robot.path / "state" / "lines")
    until(lambda: b"".join(each.read_bytes() for each in lines.glob("*.jsonl")).count(b"\n") == 30)
    os.kill(process.pid, 9)
    robot.finish(process)
    robot.store.clear_faults()
    robot.run()

    *old, last = messages(robot)
    assert old == [f"строка {number}" for number in range(30)]
    assert "the robot ended while the script ran" in last


def test_progress_is_in_the_status_and_in_the_log(robot_folder: RobotFolder) -> None:
    """The first word of it, then one each half minute, and the last; the page has it beside the job."""
    robot = robot_folder
    text = """
from fsm_robot.sdk import progress
import pathlib, time
for number in range(1, 8):
    progress(number, 10, "счета")
progress(7.5, 10)
pathlib.Path("started").touch()
while not pathlib.Path("on").exists():
    time.sleep(0.05)
progress(10, 10)
"""
    job = job_of(robot, text)
    process = robot.start()
    until((robot.path / "scripts" / "started").exists)
    told = until(lambda: (found := status_of(robot))["progress"] == "7.5 of 10" and found)
    assert robot.store.job(job).last_message == "1 of 10, счета"
    with urlopen(f"{robot.server.url}/state.json") as answer:
        assert json.load(answer)["jobs"][0]["last_message"] == "1 of 10, счета"
    (robot.path / "scripts" / "on").touch()
    robot.finish(process)

    assert told["script"] == "работа"
    assert messages(robot) == ["1 of 10, счета", "10 of 10"]


def status_of(robot: RobotFolder) -> dict[str, Any]:
    command = [sys.executable, "-m", "fsm_robot", "status", str(robot.path), "--json"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    (found,) = json.loads(done.stdout)
    return dict(found)
