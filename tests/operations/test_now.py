from __future__ import annotations

import pytest

from fsm_robot.operations.now import Seen, for_how_long, last_trouble_in, now_from
from fsm_robot.robot.ports import Unsettled
from tests.fakes.journals import JournalMaker, done, job

TAKEN = ["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"]
LEFT = Unsettled(job()["job"], "сводка", "t", "failed")


def seen(*events, pid=None, exit_code=0, **more) -> Seen:
    return Seen(pid, JournalMaker().records(events, exit_code) if events else (), **more)


def test_working_robot_tells_its_state_its_job_and_since_when() -> None:
    """What an operator asks first."""
    now = now_from(seen(*TAKEN, pid=12, exit_code=None))

    assert (now.doing, now.pid, now.script, now.job) == ("Working", 12, "сводка", job()["job"])
    assert now.since == now.last_answer_at == "2026-11-23T10:00:04.000000Z"
    assert now.look == ()
    assert now.exit_code is None


def test_idle_robot_wants_no_look() -> None:
    """Drained and gone is how it should be."""
    now = now_from(seen("nothing_left", *done(), "no_job"))

    assert (now.doing, now.exit_code, now.job, now.look) == ("idle", 0, "", ())


def test_what_a_robot_says_itself_comes_before_its_journal() -> None:
    """The journal is read at one moment and the robot answers at another; its own word is the younger one."""
    said = {"state": "Stopping", "job": "other", "script": "сверка"}
    now = now_from(seen(*TAKEN, pid=12, exit_code=None, said=said))

    assert (now.doing, now.job, now.script, now.answers) == ("Stopping", "other", "сверка", True)


def test_what_a_robot_said_before_it_ended_does_not_count() -> None:
    """The lock is free: whatever it said, it does not run."""
    now = now_from(seen("nothing_left", "no_job", said={"state": "Working"}))

    assert (now.doing, now.answers) == ("idle", False)


LOOKS = {
    "never ran": (seen(), "it never ran", "never ran"),
    "died": (seen(*TAKEN, exit_code=None, unsettled=LEFT), "its last run died", "died"),
    "unreachable": (seen("nothing_left", ("orchestrator_unreachable", {"error": "no route"}), exit_code=4), "exit code 4", "idle"),
    "undelivered": (seen("nothing_left", "no_job", unsettled=LEFT), "waits for its final status", "idle"),
    "damaged": (seen("nothing_left", "no_job", damage="line 2 was changed, or a line before it is missing"), "is damaged", "idle"),
    "silent": (seen(*TAKEN, pid=3, exit_code=None, silent="not within 2 s"), "may hang: not within 2 s", "Working"),
    "forgotten": (seen(*TAKEN, "robot_forgotten", pid=3, exit_code=None), "does not know this robot", "Working"),
}  # fmt: skip


@pytest.mark.parametrize(("found", "reason", "doing"), LOOKS.values(), ids=LOOKS.keys())
def test_what_wants_a_look_says_why(found: Seen, reason: str, doing: str) -> None:
    """One robot among forty stands out with its reason."""
    now = now_from(found)

    assert now.doing == doing
    assert any(reason in text for text in now.look)


def test_undelivered_result_and_last_error_are_told() -> None:
    """What waits to be sent, and why it was not."""
    now = now_from(
        seen("nothing_left", ("orchestrator_unreachable", {"error": "no route"}), exit_code=4, unsettled=LEFT)
    )

    assert now.undelivered == "failed"
    assert now.last_error == "orchestrator_unreachable: no route"
    assert (now.job, now.script) == (LEFT.job_guid, "сводка")


def test_robot_that_has_the_lock_and_no_step_yet_is_starting() -> None:
    """The newest journal is that of the run before."""
    assert now_from(seen("nothing_left", "no_job", pid=5)).doing == "starting"
    assert now_from(seen(pid=5)).doing == "starting"


@pytest.mark.parametrize(
    ("since", "expected"),
    [("2026-11-23T10:00:00Z", "0 s"), ("2026-11-23T09:59:00Z", "60 s"), ("2026-11-23T09:50:00Z", "10 min"),
     ("2026-11-23T05:00:00Z", "5 h"), ("2026-11-20T10:00:00Z", "3 d"), ("2026-11-24T00:00:00Z", "0 s"), ("", "")],
)  # fmt: skip
def test_time_since_is_told_in_a_unit_that_tells_something(since: str, expected: str) -> None:
    """Seconds at first, days in the end."""
    assert for_how_long(since, "2026-11-23T10:00:00Z") == expected


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+05:30", "+0000"])
def test_last_trouble_is_the_last_warning_or_error_of_the_log(zone: str) -> None:
    """As the log writes it, and a message that speaks of an ERROR is none."""
    line = f"2026-11-23T10:00:0{{}}.000{zone} {{: <7}} 12 {{}}"
    log = [
        line.format(1, "ERROR", "first"),
        line.format(2, "WARNING", "second"),
        line.format(3, "INFO", "an ERROR in words"),
    ]

    assert last_trouble_in("\n".join(log)) == log[1]
    assert last_trouble_in("") == ""
