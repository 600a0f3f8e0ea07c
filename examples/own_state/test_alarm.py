from pathlib import Path

import pytest
from alarm import Callbacks

from fsm_robot.robot.ports import Ending
from fsm_robot.testing.world import JOB_FOUND, NO_JOB, TAKEN, FakeGateway, FakeWorker, lost

MACHINE = Path(__file__).with_name("alarm.yaml")


@pytest.mark.journals("runs")
def test_runs_that_delivered_their_results_are_decided_as_before(journal, replay_journal):
    replay_journal(journal, MACHINE)


def world_of(robot_world, alarms):
    my = Callbacks.Settings()
    my.alarms = alarms
    return robot_world(
        machine=MACHINE,
        callbacks_class=Callbacks,
        my=my,
        gateway=FakeGateway(announces=[JOB_FOUND, NO_JOB], consumes=[TAKEN], updates=[None, lost("no_answer")]),
        worker=FakeWorker(on_start=Ending("succeeded", exit_code=0), takes_s=1),
    )


def test_result_that_cannot_be_delivered_raises_the_alarm(robot_world, tmp_path):
    world = world_of(robot_world, tmp_path / "alarms.txt")

    assert world.run() == 4

    assert world.path()[-3:] == ["Reporting", "Alarming", "Faulted"]
    assert "ended as succeeded" in (tmp_path / "alarms.txt").read_text(encoding="utf-8")


def test_alarm_that_cannot_be_written_does_not_hide_the_end_of_the_run(robot_world, tmp_path):
    world = world_of(robot_world, tmp_path / "no such folder" / "alarms.txt")

    assert world.run() == 4
    assert world.events()[-1] == "alarm_failed"
