from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.orchestrator.faults import Fault
from fsm_robot.orchestrator.rows import CallRow
from fsm_robot.orchestrator.store import Store, StoreError
from fsm_robot.orchestrator.tables.tasks import TaskFilter
from tests.fakes.waiting import GUID
from tests.orchestrator.conftest import Place, kept_in


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    store = Store(place)
    yield store
    store.close()


def robot_id(store: Store, guid: str = GUID) -> int:
    robot = store.robot(guid)
    assert robot is not None
    return robot.row_id


def test_jobs_go_by_priority_then_by_age(store: Store) -> None:
    """High before normal before low; the older of two equals first."""
    for script, priority in (("low", 1), ("first", 2), ("second", 2), ("high", 3)):
        store.enqueue(script, priority=priority)

    taken = [store.take(robot_id(store)) for _ in range(5)]

    assert [job and job.script for job in taken] == ["high", "first", "second", "low", None]


def test_job_for_one_robot_is_given_to_no_other(store: Store) -> None:
    """Bound by label, which is known after the first contact."""
    mine, other = robot_id(store), robot_id(store, "99999999-0000-4000-8000-000000000000")
    store.enqueue("bound", robot=store.robots()[0].label)

    assert store.take(other) is None
    assert not store.waits_for(other)
    assert store.waits_for(mine)
    job = store.take(mine)
    assert job is not None
    assert job.script == "bound"


def test_no_job_is_given_twice_by_threads_and_processes(store: Store, tmp_path: Path) -> None:
    """Four threads here and two processes beside them take 120 jobs: each exactly once."""
    for number in range(120):
        store.enqueue(f"job {number}")
    taker = (
        "import sys\nfrom fsm_robot.orchestrator.store import Store\nstore = Store(sys.argv[1])\n"
        "robot = store.robot(sys.argv[2]).row_id\nwhile job := store.take(robot): print(job.guid)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", taker, str(store.place), f"0000000{n}-0000-4000-8000-000000000000"],
            stdout=subprocess.PIPE, text=True,
        )
        for n in range(2)
    ]  # fmt: skip

    def take_all(number: int) -> list[str]:
        mine = Store(store.place)
        robot, found = robot_id(mine, f"1000000{number}-0000-4000-8000-000000000000"), []
        while job := mine.take(robot):
            found.append(job.guid)
        mine.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [guid for found in pool.map(take_all, range(4)) for guid in found]
    for process in processes:
        taken += process.communicate(timeout=60)[0].split()
        assert process.returncode == 0

    assert Counter(taken) == Counter(job.guid for job in store.jobs())


def test_everything_is_there_after_a_restart(store: Store) -> None:
    """Jobs, orders, faults and robots survive the process."""
    guid = store.enqueue("x", {"месяц": "2026-10"}, name="сводка")
    store.take(robot_id(store))
    store.order_stop(guid)
    store.order_fault(Fault.parse("beat:html*3"))
    before = (store.jobs(), store.robots(), store.faults())
    store.close()

    again = Store(store.place)

    assert (again.jobs(), again.robots(), again.faults()) == before
    assert again.robot(GUID) == before[1][0]


def test_credential_is_in_no_file_of_the_store(store: Store) -> None:
    """A robot is known by a salted digest: not the GUID, not its base64, not its hex, not dashless."""
    store.robot(GUID)
    store.enqueue("x")

    store.close()
    data = kept_in(store.place)

    for needle in (
        GUID,
        GUID.replace("-", ""),
        GUID.upper(),
        base64.b64encode(GUID.encode()).decode(),
        GUID.encode().hex(),
    ):
        assert needle.encode() not in data
    assert b"robot-" in data


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("stop", "abort", ["Stopping", "Aborting"]), ("abort", "stop", ["Aborting", "Aborting"])],
)
def test_abort_overrides_stop_and_never_the_other_way(store: Store, first: str, second: str, words: list[str]) -> None:
    """Both may be ordered again and again."""
    guid = store.enqueue("x")
    store.take(robot_id(store))
    orders = {"stop": store.order_stop, "abort": store.order_abort}

    assert [orders[order](guid).status_word for order in (first, second)] == words


@pytest.mark.parametrize(("order", "word"), [("order_stop", "Stopped"), ("order_abort", "Aborted")])
def test_order_for_a_job_that_nobody_has_ends_it_at_once(store: Store, order: str, word: str) -> None:
    """And no robot gets it afterwards; a second order is told that it has ended."""
    guid = store.enqueue("x")

    assert getattr(store, order)(guid).status_word == word
    assert store.take(robot_id(store)) is None
    with pytest.raises(StoreError, match=f"already ended as {word}"):
        getattr(store, order)(guid)


MOVES = [
    # taken?, said before, says now, refused because, word afterwards
    (False, [], 8, "not given", "Pending"),
    (True, [], 8, "", "In progress"),
    (True, [], 4, "never claimed", "Pending"),
    (True, [], 5, "", "Failed"),
    (True, [8], 8, "", "In progress"),
    (True, [8], 4, "", "Success"),
    (True, [8], 5, "", "Failed"),
    (True, [8], 7, "", "Stopped"),
    (True, [8], 3, "", "Aborted"),
    (True, [8], 0, "does not set", "In progress"),
    (True, [8], 2, "does not set", "In progress"),
    (True, [8], 6, "does not set", "In progress"),
    (True, [8, 4], 4, "", "Success"),
    (True, [8, 4], 5, "already ended", "Success"),
    (True, [8, 7], 8, "already ended", "Stopped"),
]


@pytest.mark.parametrize(("taken", "before", "status", "because", "word"), MOVES)
def test_robot_makes_legal_moves_only(
    store: Store, taken: bool, before: list[int], status: int, because: str, word: str
) -> None:
    """The same value may be said again; an ended job stays what it is."""
    guid, robot = store.enqueue("x"), robot_id(store)
    if taken:
        store.take(robot)
    for earlier in before:
        assert store.set_status(guid, robot, earlier) == ""

    said = store.set_status(guid, robot, status)

    assert said is not None
    assert because in said
    assert bool(said) == bool(because)
    assert store.job(guid).status_word == word


def test_claim_keeps_an_order_that_was_given_before_it(store: Store) -> None:
    """Stop ordered between consume and claim: the job is Stopping, and the next beat hears it."""
    guid, robot = store.enqueue("x"), robot_id(store)
    store.take(robot)
    store.order_stop(guid)

    store.set_status(guid, robot, 8)

    assert store.job(guid).status_word == "Stopping"


def test_unknown_job_robot_and_file_are_told_in_a_sentence(store: Store, tmp_path: Path) -> None:
    """What, where and what to do."""
    with pytest.raises(StoreError, match="orchestrator jobs"):
        store.job("5c1e0000-0000-4000-8000-00000000000a")
    with pytest.raises(StoreError, match="first heartbeat"):
        store.enqueue("x", robot="robot-none")
    (tmp_path / "text").write_text("this is no database, and it is long enough to be seen as one" * 20)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "text").jobs()


def test_fault_strikes_as_often_as_ordered(store: Store) -> None:
    """Three times for its own endpoint, by the names that a call goes by."""
    store.order_fault(Fault.parse("beat:html*2"))
    beat, claim = ("all", "heartbeat", "beat"), ("all", "update", "claim")

    struck = [store.next_fault(names, 0.5) is not None for names in (claim, beat, claim, beat, beat)]

    assert struck == [False, True, False, True, False]
    assert store.faults() == []


def test_fault_with_a_probability_strikes_by_chance(store: Store) -> None:
    """Without end, below the probability."""
    store.order_fault(Fault.parse("all:html@0.3"))

    assert [store.next_fault(("all",), chance) is not None for chance in (0.1, 0.29, 0.3, 0.9, 0.0)] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_final_status_that_is_repeated_changes_nothing(store: Store) -> None:
    """Its answer was lost; the job ended when it ended."""
    guid, robot = store.enqueue("x"), robot_id(store)
    store.take(robot)
    for status in (8, 4):
        store.set_status(guid, robot, status)
    before = store.job(guid)

    store.set_status(guid, robot, 4)

    assert store.job(guid) == before


def test_digest_of_a_credential_is_salted(store: Store, tmp_path: Path) -> None:
    """The same GUID in two files has two digests, so a list of digests helps nobody."""
    other = Store(tmp_path / "other.sqlite")
    robot_id(store)
    robot_id(other)

    assert store.robots()[0].label != other.robots()[0].label


def test_file_is_made_once_by_processes_that_start_together(tmp_path: Path) -> None:
    """`serve` and `enqueue` in two terminals at the same moment; nobody is turned away and no job is lost."""
    path, go = tmp_path / "o.sqlite", tmp_path / "go"
    code = (
        "import sys, time, pathlib\nfrom fsm_robot.orchestrator.store import Store\nprint(flush=True)\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.001)\nStore(sys.argv[1]).enqueue('x')\n"
    )
    command = [sys.executable, "-c", code, str(path), str(go)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    go.touch()

    assert [process.communicate(timeout=60)[1] for process in processes] == [b""] * 4
    assert len(Store(path).jobs()) == 4


def test_file_of_another_program_or_version_is_left_alone(tmp_path: Path) -> None:
    """A sentence that names the way out, and the file is what it was."""
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE jobs (something TEXT)")
    theirs.close()

    with pytest.raises(StoreError, match="--db"):
        Store(path).enqueue("x")
    theirs = sqlite3.connect(path)
    assert [row[0] for row in theirs.execute("SELECT name FROM sqlite_master")] == ["jobs"]
    theirs.close()


@pytest.mark.parametrize(
    ("script", "task"),
    [("\udcff", None), ("x", {"a": float("nan")}), ("x", {"a": {1, 2}})],
    ids=["name", "number", "set"],
)
def test_job_that_no_robot_could_be_sent_is_refused(store: Store, script: str, task: Any) -> None:
    """Before it is in the file."""
    with pytest.raises(StoreError, match="cannot be written"):
        store.enqueue(script, task)
    assert store.jobs() == []


def test_lone_surrogate_in_a_task_travels_as_an_escape(store: Store) -> None:
    """JSON can carry it, so a tester may want to see what becomes of it."""
    guid = store.enqueue("x", {"a": "\udcff"})

    assert store.job(guid).task_text == '{"a": "\\udcff"}'


def test_calls_are_kept_up_to_their_number_and_in_the_order_of_arrival(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that runs for months does not fill the disk; after a restart of the machine its clock begins anew."""
    monkeypatch.setattr("fsm_robot.orchestrator.tables.calls.KEPT_CALLS", 500)
    for number in range(2000):
        at = f"2026-10-01T00:00:{number // 100:02}.{number % 100:02}0000Z"
        store.add_call(CallRow(0, at, 3000.0 - number, "", "POST", "/", {"n": str(number)}, 200))

    kept = [int(call.fields["n"]) for call in store.calls()]
    assert kept == list(range(1500, 2000))
    assert [call.fields["n"] for call in store.calls(after=store.calls()[-2].seq)] == ["1999"]


@pytest.mark.parametrize("name", ["a[1]", "100%", "a_b", "back\\slash", "nul\x00here", "строка"])
def test_a_name_is_found_by_itself_and_by_a_part_of_it(store: Store, name: str) -> None:
    """`*` and `?` stand for others, and nothing else does, whatever the database thinks of it."""
    queue = store.queues.add("q")
    for each in (name, "other", name.replace("_", "x").replace("[1]", "1")):
        store.tasks.add(queue, each)

    found = {
        wanted: {task.name for task in store.tasks.fitting(TaskFilter(name=wanted))}
        for wanted in (name, f"{name[:2]}*")
    }

    kept = store.tasks.find("1").name
    assert found[name] == {kept}
    assert kept in found[f"{name[:2]}*"]
    assert "other" not in found[f"{name[:2]}*"]


def test_newest_jobs_are_the_newest(store: Store) -> None:
    """The page shows a part of many."""
    for number in range(5):
        store.enqueue(f"job {number}")

    assert [job.script for job in store.newest_jobs(2)] == ["job 4", "job 3"]
    assert store.job_count() == 5
