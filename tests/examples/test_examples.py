"""The worked examples as a user takes them: their tests, their robots as real processes, what their pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.robot.machine import built_in
from tests.fakes.own_robot import OwnRobot
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("watcher", "approval", "own_state")
SHOWN = re.compile(r"^```(?:yaml|python|toml)\n# ([\w.]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DRAWN = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", names, indirect=True)


@pytest.mark.long
@of(*NAMES)
def test_tests_of_an_example_pass_as_they_stand(example: OwnRobot) -> None:
    """A user who copies the folder and types `pytest` sees no failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    done = subprocess.run(command, cwd=example.path, capture_output=True, text=True, encoding="utf-8", check=False)

    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_page_of_an_example_shows_its_files(name: str) -> None:
    """What a page shows as a file is that file, to the letter."""
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")

    shown = SHOWN.findall(page)

    assert shown
    for file, text in shown:
        assert text in (EXAMPLES / name / file).read_text(encoding="utf-8"), file


@of(*NAMES)
def test_machine_of_an_example_has_no_mistake(example: OwnRobot) -> None:
    """`check` finds the callbacks that the robot.toml beside the file names, wherever it is asked from."""
    (machine,) = example.path.glob("*.yaml")

    for done in (example.command("check"), OwnRobot(example.path.parent).command("check", str(machine))):
        assert done.returncode == 0, done.stderr
        assert "no mistake" in done.stdout


@of("watcher")
def test_watcher_files_what_comes_until_the_day_is_over(example: OwnRobot) -> None:
    """Files that are there and files that come later; `post` ends it; the run replays and fits."""
    for folder in ("inbox", "archive"):
        (example.path / folder).mkdir(exist_ok=True)
    (example.path / "inbox" / "письмо.txt").write_text("1", encoding="utf-8")
    process = example.start_and_wait_for("Resting")
    (example.path / "inbox" / "later.txt").write_text("2", encoding="utf-8")
    until((example.path / "archive" / "later.txt").exists)

    posted = example.command("post", "day_over")

    assert posted.returncode == 0, posted.stderr
    assert process.wait(60) == 0
    assert sorted(file.name for file in (example.path / "archive").glob("*.txt")) == ["later.txt", "письмо.txt"]
    for command in ("replay", "conformance"):
        done = example.command(command, "state/journal", "--machine", "watcher.yaml")
        assert done.returncode == 0, done.stdout + done.stderr


@of("watcher")
def test_drawing_on_the_page_of_the_watcher_is_the_one_of_its_machine(example: OwnRobot) -> None:
    """`fsm-robot diagram watcher.yaml` prints what the page shows."""
    (drawn,) = DRAWN.findall((example.path / "README.md").read_text(encoding="utf-8"))

    assert example.command("diagram", "watcher.yaml").stdout == drawn


@of("approval")
def test_approval_by_somebody_who_may_pays(example: OwnRobot) -> None:
    """The journal says that the event was posted, with its data."""
    process = example.start_and_wait_for("Asking")

    posted = example.command("post", "approved", "--data", '{"by": "Анна"}')

    assert (posted.returncode, posted.stdout) == (0, "approved: Asking -> Checking\n")
    assert process.wait(60) == 0
    assert (example.path / "state" / "paid.txt").read_text(encoding="utf-8") == "approved by Анна\n"
    (approved,) = (step for step in example.steps() if step["event"]["name"] == "approved")
    assert (approved["from"], approved["event"]["data"]) == ("post", {"by": "Анна"})


@of("approval")
def test_approval_by_somebody_who_may_not_asks_again(example: OwnRobot) -> None:
    """The name is checked by a callback: two events take the place of a condition."""
    process = example.start_and_wait_for("Asking")

    example.command("post", "approved", "--data", '{"by": "nobody"}')
    until(lambda: example.states()[-2:] == ["Checking", "Asking"])
    assert example.command("post", "rejected").returncode == 0

    assert process.wait(60) == 10


@of("approval")
def test_approval_that_nobody_gives_ends_in_time(example: OwnRobot) -> None:
    """A reminder, then the deadline, by the times of robot.toml."""
    with (example.path / "robot.toml").open("a", encoding="utf-8") as stream:
        stream.write("remind_after_s = 0.2\ngive_up_after_s = 0.2\n")

    done = example.command("run")

    assert done.returncode == 11
    assert "nobody has approved" in done.stderr
    assert example.states()[-3:] == ["Asking", "Reminding", "Unanswered"]
    assert example.steps()[-1]["event"]["data"] == {"after_s": 0.2, "setting": "my.give_up_after_s"}


def test_alarm_is_raised_by_a_robot_of_jobs_that_cannot_report(robot_folder: RobotFolder) -> None:
    """The added state acts in the real robot, with its own setting; the next start reports the job."""
    for name in ("alarm.yaml", "alarm.py"):
        text = (EXAMPLES / "own_state" / name).read_text(encoding="utf-8")
        (robot_folder.path / name).write_text(text.replace("{for_s: 600", "{for_s: 0.1"), encoding="utf-8")
    machine = {"file": "alarm.yaml", "callbacks": "alarm.py"}
    robot_folder.settings(machine=machine, my={"alarms": "тревоги.txt"})
    robot_folder.store.enqueue(robot_folder.script("greet", "print('hello')"))
    robot_folder.server.fault("report:status:503")

    done = robot_folder.run()

    assert done.exit_code == 4, done.err
    assert "ended as succeeded" in (robot_folder.path / "тревоги.txt").read_text(encoding="utf-8")
    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"greet": 4}


def test_machine_with_the_alarm_is_the_built_in_one_and_what_its_page_says() -> None:
    """Who changes states.yaml changes the example with it."""
    built, own = (
        path.read_text(encoding="utf-8").splitlines() for path in (built_in(), EXAMPLES / "own_state/alarm.yaml")
    )
    added, gone = [line for line in own if line not in built], [line for line in built if line not in own]

    assert [line for line in gone if not line.startswith("#")] == [
        "  - {trigger: report_undelivered, source: Reporting, dest: Faulted, exit_code: 4}"
    ]
    page = (EXAMPLES / "own_state" / "README.md").read_text(encoding="utf-8")
    assert len(added) == 5
    assert [line for line in added if line not in page.splitlines()] == []
