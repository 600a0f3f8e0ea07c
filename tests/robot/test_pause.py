from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fsm_robot.robot import pause as pauses
from fsm_robot.robot.pause import Pause
from fsm_robot.robot.ports import Ending, Unsettled
from fsm_robot.robot.settings import PAUSED_NAME
from tests.fakes.world import JOB_FOUND, NO_JOB, TAKEN, FakeGateway, FakePast, FakeWorker, World

NOW = "2026-11-27T12:00:00.000000Z"
LATER = "2026-11-27T12:00:01Z"


def from_call(number: int) -> Iterator[str]:
    """Nothing, and from the call with this number on a pause."""
    yield from [""] * number
    while True:
        yield "paused"


def told(answers: Iterator[str]) -> World:
    gateway = FakeGateway([JOB_FOUND, JOB_FOUND, NO_JOB], [TAKEN, TAKEN])
    return World(
        gateway=gateway, worker=FakeWorker(on_start=Ending("succeeded", exit_code=0)), paused=lambda: next(answers)
    )


def test_paused_robot_makes_no_call_and_stays_logged_on() -> None:
    """It ends with 0: nothing is wrong."""
    world = told(from_call(0))

    assert world.run() == 0
    assert world.gateway.calls == []
    assert world.left_session == []
    assert world.steps[-1].event.data == {"paused": "paused"}


@pytest.mark.parametrize(("number", "statuses"), [(1, []), (2, [8, 4]), (3, [8, 4])])
def test_robot_that_is_paused_meanwhile_ends_its_job_and_takes_no_other(number: int, statuses: list[int]) -> None:
    """Wherever the pause comes: before the job is consumed, while it works, before the next one is consumed."""
    world = told(from_call(number))

    assert world.run() == 0
    assert world.gateway.statuses() == statuses
    assert world.left_session == []


def test_pause_that_comes_when_the_robot_is_about_to_leave_keeps_it_logged_on() -> None:
    """Whoever pauses it wants to work in its session."""
    answers = from_call(1)
    world = World(gateway=FakeGateway([NO_JOB]), paused=lambda: next(answers))

    assert world.run() == 0
    assert world.left_session == []


def test_paused_robot_settles_what_its_last_life_left_open() -> None:
    """A final status is never lost, and no maintenance holds it back."""
    world = World(
        gateway=FakeGateway([NO_JOB]), past=FakePast(Unsettled("5c1e", "сводка", "", "failed")), paused=lambda: "paused"
    )

    assert world.run() == 0
    assert world.gateway.statuses() == [5]
    assert world.left_session == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "until `fsm-robot resume`"),
        ('{"since": "2026-11-27T11:00:00Z"}', "since 2026-11-27T11:00:00Z"),
        ('{"until": "2026-11-27T12:00:01Z"}', "until 2026-11-27T12:00:01Z"),
        ('{"until": "2026-11-27T14:59:59+03:00"}', None),
        ('{"until": "2026-11-27T12:00:00Z"}', None),
        ('{"until": "2026-11-28T12:00:00"}', "without its zone"),
        ('{"until": "tomorrow"}', "not of the form"),
        ('{"until": 5}', "not of the form"),
        ("[]", "not of the form"),
        ("{", "not of the form"),
        ("[" * 100_000, "not of the form"),
        ("\udcff", "not of the form"),
    ],
)
def test_file_that_cannot_be_believed_is_a_pause(tmp_path: Path, text: str, says: str | None) -> None:
    """Somebody has put it there; a robot that works through a maintenance does more harm than one that waits."""
    (tmp_path / PAUSED_NAME).write_bytes(text.encode("utf-8", "surrogateescape"))

    found = pauses.in_force(tmp_path, NOW)

    assert (found is None) == (says is None)
    assert says is None or says in str(found)


def test_pause_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A second one takes the place of the first, and nothing else stays in the folder."""
    pauses.begin(tmp_path, Pause("2026-11-27T10:00:00Z"))
    pauses.begin(tmp_path, Pause("2026-11-27T11:00:00Z", LATER))

    assert pauses.in_force(tmp_path, NOW) == Pause("2026-11-27T11:00:00Z", LATER)
    assert [each.name for each in tmp_path.iterdir()] == [PAUSED_NAME]
    assert pauses.end(tmp_path)
    assert not pauses.end(tmp_path)
    assert pauses.in_force(tmp_path, NOW) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("18:30", "2026-10-24T16:30:00+00:00"),
        ("13:00", "2026-10-25T12:00:00+00:00"),  # the clock is put back in the night between
        ("2026-10-25", "2026-10-24T22:00:00+00:00"),
        ("2026-10-25T06:00", "2026-10-25T05:00:00+00:00"),
        ("2026-10-25T06:00:00Z", "2026-10-25T06:00:00+00:00"),
        ("2026-10-24T11:00:00Z", "is over"),
        ("2026-10-23", "is over"),
        ("tomorrow", "is not a moment"),
        ("25:00", "is not a moment"),
        ("9999-12-31T23:59", ""),
        ("", "is not a moment"),
    ],
)
def test_moment_is_of_this_machine(monkeypatch: pytest.MonkeyPatch, word: str, meant: str) -> None:
    """A time alone is the next one; a date may carry its zone."""
    if sys.platform == "win32":
        pytest.skip("only POSIX lets a process change its zone")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    try:
        try:
            found = pauses.moment_meant(word, now).isoformat()
        except ValueError as error:
            found = str(error)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert meant in found


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead")
def test_pause_of_an_administrator_can_be_read_by_the_robot(tmp_path: Path) -> None:
    """The folder keeps others out; the file must let its owner in, whoever has written it, and whatever the umask."""
    before = os.umask(0o077)
    try:
        pauses.begin(tmp_path, Pause(NOW))
    finally:
        os.umask(before)

    assert (tmp_path / PAUSED_NAME).stat().st_mode & 0o777 == 0o644
