from __future__ import annotations

from collections.abc import Iterator

from fsm_robot.engine.journal.record import Record
from fsm_robot.operations.past_jobs import jobs_of, newest_jobs
from tests.fakes.journals import JournalMaker, done, job

TAKEN = ["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"]


def records(*events, exit_code=0) -> list[Record]:
    return JournalMaker().records(events, exit_code)


def test_jobs_of_a_run_have_their_times_outcomes_and_statuses() -> None:
    """One row per job: when, what, how it ended, how long, what was reported."""
    first, second = jobs_of(records("nothing_left", *done(1), *done(2, "счета", "failed", 5), "no_job"), "run")

    assert (first.script, first.outcome, first.status_name, first.delivery) == (
        "сводка",
        "succeeded",
        "Success",
        "delivered",
    )
    assert (first.taken_at, first.seconds, first.exit_code) == ("2026-11-23T10:00:03.000000Z", 1.0, 0)
    assert not first.failed
    assert (second.script, second.status, second.failed) == ("счета", 5, True)


def test_job_whose_result_was_refused_wants_a_look() -> None:
    """The script did its work, and the orchestrator does not know."""
    refused = [
        *TAKEN,
        ("script_ended", {"outcome": "succeeded", "exit_code": 0}),
        ("report_refused", {"status": 4}),
        "no_job",
    ]
    (found,) = jobs_of(records(*refused), "run")

    assert (found.delivery, found.failed) == ("refused", True)


def test_job_that_is_not_over_has_neither_outcome_nor_status() -> None:
    """What is not known is not guessed."""
    (found,) = jobs_of(records(*TAKEN, exit_code=None), "run")

    assert (found.outcome, found.status, found.seconds, found.delivery) == ("", None, None, "")


def test_job_that_the_next_run_settled_is_one_row() -> None:
    """Taken in one run, reported in another."""
    newer = records(("result_left", job(outcome="lost")), ("job_reported", {"outcome": "lost", "status": 5}), "no_job")

    (found,) = newest_jobs([("2", newer), ("1", records(*TAKEN, exit_code=None))], 20)

    assert (found.outcome, found.status, found.run) == ("lost", 5, "2")
    assert found.taken_at == "2026-11-23T10:00:03.000000Z"


def test_newest_jobs_come_first_and_old_runs_are_not_read_for_nothing() -> None:
    """A limit is a limit on the work too."""
    read = []

    def runs() -> Iterator[tuple[str, list[Record]]]:
        for number in (9, 8, 7):
            read.append(number)
            yield str(number), records("nothing_left", *done(number * 10), *done(number * 10 + 1), "no_job")

    found = newest_jobs(runs(), 2)

    assert [one.job[-2:] for one in found] == [f"{number:02x}" for number in (91, 90)]
    assert read == [9]


def test_failed_only_goes_back_until_there_are_enough() -> None:
    """Successes do not use up the limit."""
    runs = [
        ("2", records("nothing_left", *done(1), "no_job")),
        ("1", records("nothing_left", *done(2, outcome="failed", status=5), "no_job")),
    ]

    assert [one.outcome for one in newest_jobs(runs, 1, failed_only={})] == ["failed"]
