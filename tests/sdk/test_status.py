"""What sets the status of a task: the table of docs/sdk.md, row by row, in every place."""

from __future__ import annotations

import pytest

from tests.sdk.places import Place

HEAD = """
import os, signal, sys
from datetime import datetime, timedelta, timezone
from fsm_robot.sdk import *
"""
LOOP = f"""{HEAD}
for task in queue("Q").tasks():
    with task:
        if task.name == "1":
            %s
print("went on")
"""
PLAIN = f"""{HEAD}
for task in queue("Q").tasks():
    if task.name == "1":
        %s
print("went on")
"""
# Per row: what the body does with the first of two tasks; status and comment of it, of the second, and whether the loop goes on.
WITH = {
    "end": ("pass", "Success", "", "Success", True),
    "done": ('task.done("booked", tags="a;b")', "Success", "booked", "Success", True),
    "fail": ('task.fail("no answer")', "Failed (Application)", "no answer", "Success", True),
    "fail for business": ('task.fail("too much", business=True)', "Failed (Business)", "too much", "Success", True),
    "fail with a code": (
        'task.fail("слишком", code="LIMIT")',
        "Failed (Application)",
        "LIMIT: слишком",
        "Success",
        True,
    ),
    "postpone": ('task.postpone(hours=4, comment="later")', "Postponed", "later", "Success", True),
    "business": (
        'raise BusinessError("too much", code="LIMIT")',
        "Failed (Business)",
        "LIMIT: too much",
        "Success",
        True,
    ),
    "application": (
        'raise ApplicationError("down")',
        "Failed (Application)",
        "ApplicationError: down",
        "Success",
        True,
    ),
    "other": ("1 / 0", "Failed (Application)", "ZeroDivisionError: division by zero", "Success", True),
    "later": ('raise Postpone(days=1, comment="no supplier")', "Postponed", "no supplier", "Success", True),
    "done, then failed": ('task.done("booked"); 1 / 0', "Success", "booked", "Success", True),
    "left": ("sys.exit(3)", "Failed (Application)", "stopped while at work", "New", False),
    "interrupted": ("raise KeyboardInterrupt", "Failed (Application)", "stopped while at work", "New", False),
    "break": ("break", "Failed (Application)", "left without a result", "New", True),
}
WITHOUT = {
    "next": ("pass", "Success", "", "Success", True),
    "done": ('task.done("booked")', "Success", "booked", "Success", True),
    "business": ('raise BusinessError("too much", code="LIMIT")', "Failed (Business)", "LIMIT: too much", "New", False),
    "other": ("1 / 0", "Failed (Application)", "ZeroDivisionError: division by zero", "New", False),
    "later": ("raise Postpone(hours=1)", "Postponed", "", "New", False),
    "interrupted": ("raise KeyboardInterrupt", "Failed (Application)", "stopped while at work", "New", False),
    "break": ("break", "Failed (Application)", "left without a result", "New", True),
    "left": ("sys.exit(3)", "Failed (Application)", "left without a result", "New", False),
}


def two(place: Place) -> None:
    place.queue("Q", [{"name": "1"}, {"name": "2"}])


@pytest.mark.long
@pytest.mark.parametrize("row", WITH.values(), ids=WITH.keys())
def test_what_ends_a_task_in_a_with_block(place: Place, row: tuple[str, str, str, str, bool]) -> None:
    """Inside `with task:` each way out of the block gives the task the end that it means, and most go on."""
    body, status, comment, second, goes_on = row
    two(place)

    said = place.run(LOOP % body, code=0 if goes_on else 1)

    tasks = place.tasks()
    assert (tasks["1"]["status_word"], tasks["1"]["comment"]) == (status, comment)
    assert tasks["2"]["status_word"] == second
    assert ("went on" in said) == goes_on


@pytest.mark.parametrize("row", WITHOUT.values(), ids=WITHOUT.keys())
def test_what_ends_a_task_in_a_plain_loop(place: Place, row: tuple[str, str, str, str, bool]) -> None:
    """Without `with` what ends the script ends its task, too."""
    body, status, comment, second, goes_on = row
    two(place)

    place.run(PLAIN % body, code=0 if goes_on else 1)

    tasks = place.tasks()
    assert (tasks["1"]["status_word"], tasks["1"]["comment"]) == (status, comment)
    assert tasks["2"]["status_word"] == second


@pytest.mark.parametrize("body", ['raise GiveBack("not mine")', 'task.give_back("not mine")'])
def test_a_task_that_is_given_back_is_new_again(place: Place, body: str) -> None:
    """It is taken by whoever asks next; so this loop has a limit."""
    two(place)

    place.run(f'{HEAD}\nfor task in queue("Q").tasks(limit=2):\n    with task:\n        {body}\n')

    first = place.tasks()["1"]
    assert (first["status_word"], first["comment"]) == ("New", "not mine")


@pytest.mark.parametrize("on_stop", [("fail", "Failed (Application)"), ("give_back", "New")])
def test_a_stop_in_the_middle_ends_the_task_as_ordered(place: Place, on_stop: tuple[str, str]) -> None:
    """`on_stop` says whether work that was stopped is tried again."""
    two(place)

    place.run(
        f"{HEAD}\nfor task in queue('Q').tasks(on_stop={on_stop[0]!r}):\n    with task:\n        raise KeyboardInterrupt",
        code=1,
    )

    assert place.statuses() == [on_stop[1], "New"]


def test_a_killed_script_leaves_no_task_behind(tmp_path: object) -> None:
    """Nothing of the script runs any more, so the robot gives each of its tasks the end."""
    place = Place("try", tmp_path / "data")  # type: ignore[operator]
    place.queue("Q", [{"name": str(number)} for number in range(3)])

    place.run(f'{HEAD}\nkept = [queue("Q").take(), queue("Q").take()]\nos.kill(os.getpid(), signal.SIGKILL)', code=1)

    assert place.statuses() == ["Failed (Application)", "Failed (Application)", "New"]
    assert place.tasks()["0"]["comment"] == "left without a result"


def test_a_task_in_progress_from_before_is_nobodys_to_settle(place: Place) -> None:
    """Only what this script has taken gets an end from it."""
    place.queue("Q", [{"name": "old", "status": "In progress"}, {"name": "new"}])

    place.run(f'{HEAD}\nqueue("Q").take()')

    assert place.statuses() == ["In progress", "Failed (Application)"]


def test_too_many_failures_in_a_row_end_the_script_with_the_last_one(place: Place) -> None:
    """A system that is down must not fail a whole queue; a success in between begins the count anew."""
    place.queue("Q", [{"name": str(number)} for number in range(8)])

    place.run(
        f"""{HEAD}
for task in queue("Q").tasks(max_failures=3):
    with task:
        if task.name not in ("2",):
            raise OSError("the ERP is down")
""",
        code=1,
    )

    failed = "Failed (Application)"
    assert place.statuses() == [failed, failed, "Success", failed, failed, failed, "New", "New"]
    assert "the ERP is down" in place.said


def test_tasks_that_are_failed_by_their_method_count_too(place: Place) -> None:
    """Who calls `task.fail` means the same as who raises."""
    place.queue("Q", [{"name": str(number)} for number in range(4)])

    place.run(f'{HEAD}\nfor task in queue("Q").tasks(max_failures=2):\n    task.fail("no answer")', code=1)

    assert place.statuses().count("Failed (Application)") == 2
    assert "2 tasks failed one after the other, the last with: no answer" in place.said


def test_a_second_end_is_refused(place: Place) -> None:
    """Each taken task has one end."""
    two(place)

    said = place.run(
        f"""{HEAD}
task = queue("Q").take()
task.done()
for again in (task.done, task.give_back, lambda: task.fail("x"), lambda: task.postpone(hours=1), lambda: task.tag("x")):
    try:
        again()
    except ConflictError as error:
        print(error)
"""
    )

    assert said.count("task 1 is Success already") == 5
    assert place.statuses() == ["Success", "New"]


def test_take_lets_several_be_open_at_a_time(place: Place) -> None:
    """A batch is taken first and settled one by one."""
    two(place)

    place.run(
        f"""{HEAD}
first, second = queue("Q").take(), queue("Q").take()
assert queue("Q").take() is None
second.done("both")
with first:
    pass
"""
    )

    assert place.statuses() == ["Success", "Success"]


def test_the_jobs_own_task_fails_with_the_job(place: Place) -> None:
    """An exception in it is the outcome of the job, so it goes on up."""
    place.own_task({"month": "2026-10"})

    place.run(f'{HEAD}\nwith job_task() as task:\n    raise OSError(task["month"])', code=1)

    task = place.own_task_now()
    assert task is not None
    assert (task["status_word"], task["comment"]) == ("Failed (Application)", "OSError: 2026-10")


def test_the_jobs_own_task_that_is_only_read_stays_as_it_is(place: Place) -> None:
    """Most scripts read their parameters and nothing else."""
    place.own_task({"month": "2026-10"})

    assert "2026-10" in place.run(f'{HEAD}\nprint(job_task()["month"])')

    assert place.own_task_now() is None


def test_a_job_without_a_task_has_none(place: Place) -> None:
    """None, and no error: a script may run with and without."""
    assert place.run(f"{HEAD}\nprint(job_task())").split()[0] == "None"


def test_a_failed_task_is_one_line_in_the_log_with_its_traceback(place: Place) -> None:
    """The operator reads there why, and reads it once."""
    two(place)

    place.run(LOOP % "1 / 0")

    (line,) = place.log()
    assert line["level"] == "ERROR"
    assert line["message"].startswith("task 1 failed: ZeroDivisionError: division by zero\nTraceback")
    assert "in <module>\n    1 / 0" in line["message"] or "1 / 0" in line["message"]


def test_a_comment_is_cut_where_the_server_has_no_room(place: Place) -> None:
    """The column has 2,000 characters."""
    two(place)

    place.run(f'{HEAD}\nqueue("Q").take().done("б" * 5000)')

    assert place.tasks()["1"]["comment"] == "б" * 1999 + "…"
