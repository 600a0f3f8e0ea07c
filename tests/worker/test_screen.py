"""Pictures of the screen, by a real robot on a screen of its own (Xvfb): of what failed, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.needed import missing
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

FAILS = "raise ValueError('нет кнопки')"
BLANK = ["-br"]
PATTERN = ["-retro"]


def screen(*how: str) -> Iterator[str]:
    """Have a screen, with its classic pattern or blank; yield its name."""
    if sys.platform == "win32" or shutil.which("Xvfb") is None:
        missing("there is no Xvfb")
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "320x200x24", "-nolisten", "tcp", *how]
    with subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(writer)
        with open(reader, "rb") as told:
            name = told.readline().decode().strip()
        try:
            yield f":{name}"
        finally:
            server.terminate()


@pytest.fixture
def pattern() -> Iterator[str]:
    yield from screen(*PATTERN)


@pytest.fixture
def blank() -> Iterator[str]:
    yield from screen(*BLANK)


def job_of(robot: RobotFolder, text: str, **settings: Any) -> str:
    robot.settings(**settings)
    return robot.store.enqueue(robot.script("s", text))


def pictures(robot: RobotFolder) -> list[Path]:
    return sorted((robot.path / "state" / "jobs").rglob("*.png"))


def test_a_failed_script_leaves_a_picture(robot_folder: RobotFolder, pattern: str) -> None:
    """For this account only; the robot's log and the orchestrator's log name it; a script that succeeds leaves none."""
    robot = robot_folder
    job_of(robot, FAILS)
    robot.store.enqueue(robot.script("fine", "print(1)"))
    robot.run(DISPLAY=pattern)

    (picture,) = pictures(robot)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_mode & 0o77 == 0
    assert str(picture) in robot.log()
    (line,) = robot.store.logs.newest()
    assert line.message.endswith(f"ValueError: нет кнопки\npicture of the screen: {picture}")


def test_a_script_takes_pictures_of_its_own_and_not_too_many(robot_folder: RobotFolder, pattern: str) -> None:
    """The log names each with its label, without a secret; what is too many is told."""
    robot = robot_folder
    text = """
from fsm_robot.sdk import hide, screenshot
hide("тайна-123456")
print([str(screenshot("касса тайна-123456")) for _ in range(3)])
"""
    job_of(robot, text, screenshots={"keep": 2})
    robot.run(DISPLAY=pattern)

    first, second = pictures(robot)
    assert robot.output().strip() == str([str(first), str(second), "None"])
    messages = [line.message for line in robot.store.logs.newest()]
    assert messages[0] == f"picture of the screen (касса ***): {first}"
    assert "the job has 2 already" in messages[2]


def test_a_failed_task_leaves_a_picture(robot_folder: RobotFolder, pattern: str) -> None:
    """And the loop goes on."""
    robot = robot_folder
    queue = robot.store.queues.add("Q")
    robot.store.tasks.add(queue, "1", "{}")
    text = "from fsm_robot.sdk import queue\nfor task in queue('Q').tasks():\n    with task: 1 / 0"
    job_of(robot, text)
    robot.run(DISPLAY=pattern)

    assert len(pictures(robot)) == 1
    assert robot.statuses() == {"s": 4}


def test_where_there_is_nothing_to_see_a_sentence_says_so(robot_folder: RobotFolder, blank: str) -> None:
    """No black picture."""
    job_of(robot_folder, FAILS)
    robot_folder.run(DISPLAY=blank)

    assert pictures(robot_folder) == []
    assert "the screen is of one colour" in robot_folder.log()


@pytest.mark.skipif(sys.platform == "win32", reason="there is a desktop")
@pytest.mark.parametrize(("display", "said"), [("", "DISPLAY is not set"), (":98765", "no desktop that can be seen")])
def test_without_a_desktop_a_sentence_says_so(robot_folder: RobotFolder, display: str, said: str) -> None:
    """Whether it is known before, or found out."""
    job_of(robot_folder, f"from fsm_robot.sdk import screenshot\nprint(screenshot('x'))\n{FAILS}")
    robot_folder.run(DISPLAY=display)

    assert pictures(robot_folder) == []
    assert robot_folder.output().startswith("None\n")
    assert said in robot_folder.log()
    assert said in robot_folder.store.logs.newest()[0].message


@pytest.mark.parametrize("order", ["stop", "abort"])
def test_after_a_stop_or_an_abort_no_picture_is_taken(robot_folder: RobotFolder, pattern: str, order: str) -> None:
    """Whatever the script does then."""
    robot = robot_folder
    text = """
import pathlib, time
from fsm_robot.sdk import screenshot
pathlib.Path("started").touch()
try:
    time.sleep(600)
except KeyboardInterrupt:
    print(screenshot())
    raise ValueError("asked to stop") from None
"""
    job = job_of(robot, text)
    process = robot.start(DISPLAY=pattern)
    until((robot.path / "scripts" / "started").exists)
    (robot.store.order_stop if order == "stop" else robot.store.order_abort)(job)
    began_s = time.monotonic()
    robot.finish(process)

    assert pictures(robot) == []
    assert robot.statuses() == {"s": 7 if order == "stop" else 3}
    assert time.monotonic() - began_s < 10


def test_none_is_taken_where_none_is_wanted(robot_folder: RobotFolder, pattern: str) -> None:
    """Personal data may be on the screen."""
    job_of(robot_folder, FAILS, screenshots={"on_failure": False})
    robot_folder.run(DISPLAY=pattern)

    assert pictures(robot_folder) == []


TASK_AND_SCRIPT_FAIL = """
from fsm_robot.sdk import queue
for task in queue("Q").tasks():
    with task:
        1 / 0
raise ValueError("нет кнопки")
"""


def stored(robot: RobotFolder) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in robot.store.storage.files():
        pieces: list[bytes] = []
        robot.store.storage.copy(file, pieces.append)
        found[file.name] = b"".join(pieces)
    return found


@pytest.mark.parametrize("fault", ["", "file:status:503*1"])
def test_pictures_go_into_the_storage_where_that_is_wanted(robot_folder: RobotFolder, pattern: str, fault: str) -> None:
    """Those of tasks and of the script, also where the server fails once; each is told; they stay here, too."""
    robot = robot_folder
    robot.store.storage.add_folder("Снимки")
    robot.store.tasks.add(robot.store.queues.add("Q"), "1", "{}")
    if fault:
        robot.server.fault(fault)
    job = job_of(robot, TASK_AND_SCRIPT_FAIL, screenshots={"upload": "Снимки"}, sdk={"settle_s": 30})
    robot.run(DISPLAY=pattern)

    here = {f"{job}-{path.name}": path.read_bytes() for path in pictures(robot)}
    assert len(here) == 2
    assert stored(robot) == here
    said = [line.message for line in robot.store.logs.newest() if "in the storage" in line.message]
    assert said == [f"picture of the screen in the storage: Снимки/{name}" for name in sorted(here)]


def test_a_job_does_not_wait_for_pictures_that_cannot_be_stored(robot_folder: RobotFolder, pattern: str) -> None:
    """Whether the storage has no such folder or does not answer; nothing is sent for a script that succeeds."""
    robot = robot_folder
    robot.server.fault("file:delay:60*9")
    job_of(robot, FAILS, screenshots={"upload": "Снимки"}, sdk={"settle_s": 1}, log_shipping={"exit_flush_s": 0})
    began_s = time.monotonic()
    robot.run(DISPLAY=pattern)
    assert robot.statuses() == {"s": 5}
    assert time.monotonic() - began_s < 30
    robot.store.clear_faults()

    job_of(robot, FAILS, screenshots={"upload": "Снимки"}, log_shipping={"send": "none"})
    robot.store.enqueue(robot.script("fine", "print(1)"))
    robot.run(DISPLAY=pattern)

    assert "a screenshot could not be uploaded" in robot.log()
    assert len([path for path, _ in robot.calls() if "files/" in path and "create" in path]) == 1
    assert len(pictures(robot)) == 2
