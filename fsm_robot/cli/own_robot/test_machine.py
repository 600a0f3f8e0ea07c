"""The real machine, journal and loop, in a folder of pytest: run `pytest` in this folder."""

from pathlib import Path

from callbacks import Callbacks

from fsm_robot.engine import Robot

pytest_plugins = ["fsm_robot.testing.plugin"]
MACHINE = Path(__file__).with_name("machine.yaml")


def robot_in(folder: Path) -> Robot:
    my = Callbacks.Settings()
    my.greetings, my.rest_s = 3, 0.01
    times = {"my.rest_s": my.rest_s}
    return Robot.from_file(MACHINE, Callbacks, storage=folder, settings=my, times=times, console=False)


def test_robot_greets_as_often_as_it_is_told(tmp_path):
    robot = robot_in(tmp_path)

    assert robot.run() == 0
    assert robot.callbacks.greeted == 3


def test_robot_ends_when_somebody_posts_that_it_is_enough(tmp_path):
    robot = robot_in(tmp_path)
    robot.post("enough")  # it waits in the robot's inbox until a state waits

    assert robot.run() == 0
    assert robot.callbacks.greeted == 1


def test_what_it_did_is_decided_alike_again(tmp_path, replay_journal):
    robot_in(tmp_path).run()
    (journal,) = (tmp_path / "journal").glob("*.jsonl")

    assert replay_journal(journal, MACHINE).judgement == "identical"
