from pathlib import Path

import pytest
from approval import Callbacks

from fsm_robot.engine import Robot

HERE = Path(__file__).parent


@pytest.fixture
def robot(tmp_path):
    my = Callbacks.Settings()
    my.payments, my.may_approve = HERE / "payments.json", ["Анна"]
    my.remind_after_s = my.give_up_after_s = 0.05
    return Robot.from_file(HERE / "approval.yaml", Callbacks, storage=tmp_path, settings=my, console=False)


def test_payments_are_paid_once_somebody_who_may_has_approved(robot):
    robot.post("approved", {"by": "nobody"})
    robot.post("approved", {"by": "Анна"})

    assert robot.run() == 0

    assert (robot.folder / "paid.txt").read_text(encoding="utf-8") == "approved by Анна\n"


def test_nothing_is_paid_that_nobody_approved(robot):
    assert robot.run() == 11
    assert not (robot.folder / "paid.txt").exists()


def test_three_wrong_names_are_a_refusal(robot):
    for _ in range(4):
        robot.post("approved", {"by": "nobody"})

    assert robot.run() == 10
