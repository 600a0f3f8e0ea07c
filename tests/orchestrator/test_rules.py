"""The vendor's rules for tasks, jobs and assets, evaluated when somebody asks; time is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from fsm_robot.orchestrator.objects import BUSY, DONE, FAILED_APPLICATION, FAILED_BUSINESS, POSTPONED, QueueRow
from fsm_robot.orchestrator.store import DuplicateError, NoSuchError, Store
from fsm_robot.orchestrator.tables.tasks import Author, TaskFilter
from tests.orchestrator.conftest import Place

OTHER = "99999999-0000-4000-8000-000000000000"
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@attrs.define
class Time:
    now: datetime = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(place: Place, time: Time) -> Iterator[Store]:
    store = Store(place, time)
    yield store
    store.close()


def words(store: Store, queue: QueueRow) -> list[str]:
    return [task.status_word for task in sorted(store.tasks.fitting(TaskFilter(queue.row_id)), key=lambda t: t.row_id)]


def test_order_is_past_deadline_then_priority_then_age(store: Store, time: Time) -> None:
    """A deadline that has not passed counts for nothing."""
    queue = store.queues.add("q")
    soon = time.now + timedelta(minutes=5)
    for name, priority, deadline in (
        ("old", 1, None), ("low late", 0, soon), ("high", 2, None), ("young", 1, None), ("future", 1, soon + timedelta(days=1)),
    ):  # fmt: skip
        store.tasks.add(queue, name, priority=priority, deadline=deadline)

    def order() -> list[str]:
        names = [task.name for task in store.tasks.fitting(TaskFilter(queue.row_id))]
        first = store.tasks.next(queue)
        assert first is not None
        assert first.name == names[0]
        return names

    assert order() == ["high", "old", "young", "future", "low late"]
    time.passes(6)
    assert order() == ["low late", "high", "old", "young", "future"]


def test_postponed_task_is_new_again_at_its_time(store: Store, time: Time) -> None:
    """Not before; without a time never by itself."""
    queue = store.queues.add("q")
    task = store.tasks.add(queue, "t")
    store.tasks.change(task, {"status": POSTPONED, "postponed": time.now + timedelta(hours=4)})
    for_ever = store.tasks.change(store.tasks.add(queue, "u"), {"status": POSTPONED})

    time.passes(239)
    assert words(store, queue) == ["Postponed", "Postponed"]
    time.passes(1)
    assert words(store, queue) == ["New", "Postponed"]
    assert store.tasks.find(task.guid).postponed is None
    assert [move.reason for move in store.tasks.moves(task)] == ["", "", "its time has come"]
    time.passes(60 * 24 * 365)
    assert store.tasks.find(for_ever.guid).status == POSTPONED


@pytest.mark.parametrize(("status", "setting"), [(0, "abandon_new_min"), (1, "abandon_busy_min")])
def test_task_is_abandoned_after_the_minutes_of_its_queue(store: Store, time: Time, status: int, setting: str) -> None:
    """Counted since it got its status; 0 is never."""
    busy, never = store.queues.add("q", **{setting: 30}), store.queues.add("never", abandon_busy_min=0)
    for queue in (busy, never):
        task = store.tasks.add(queue, "t")
        time.passes(20)
        store.tasks.change(task, {"status": status})

    time.passes(9)
    assert words(store, busy) == words(store, never) == [task_word(status)]
    time.passes(22)
    assert words(store, busy) == ["Abandoned"]
    assert words(store, never) == [task_word(status)]


def test_task_in_progress_is_abandoned_after_a_day_by_default(store: Store, time: Time) -> None:
    """`cron_task_abandoned_interval`, 24 hours."""
    queue = store.queues.add("q")
    store.tasks.change(store.tasks.add(queue, "t"), {"status": BUSY})
    time.passes(24 * 60 - 1)
    assert words(store, queue) == ["In progress"]
    time.passes(1)
    assert words(store, queue) == ["Abandoned"]


def task_word(status: int) -> str:
    return ("New", "In progress")[status]


@pytest.mark.parametrize(
    ("status", "again"), [(FAILED_APPLICATION, True), (FAILED_BUSINESS, False), (DONE, False), (6, False)]
)
def test_failed_task_is_put_in_again_while_its_retries_last(store: Store, status: int, again: bool) -> None:
    """As a new task of the same name that names its parent; a business failure is no accident."""
    queue = store.queues.add("q", retries=2, unique_tasks=1)
    task = store.tasks.add(queue, "t", '{"a": 1}', tags="x")
    family = [task]
    for _ in range(4):
        waiting = store.tasks.next(queue)
        if waiting is None:
            break
        store.tasks.change(waiting, {"status": BUSY})
        store.tasks.change(waiting, {"status": status})
        family.append(waiting)

    everything = sorted(store.tasks.fitting(TaskFilter(queue.row_id)), key=lambda task: task.row_id)
    assert len(everything) == (3 if again else 1)
    assert [each.parent_task for each in everything] == [None, *(each.guid for each in everything[:-1])]
    assert {(each.name, each.parameters, each.tags) for each in everything} == {("t", '{"a": 1}', "x")}
    assert [each.retries for each in everything] == ([2, 1, 0] if again else [2])


def test_status_that_is_said_twice_puts_nothing_in_twice(store: Store) -> None:
    """An answer that was lost is asked for again."""
    queue = store.queues.add("q", retries=5)
    task = store.tasks.add(queue, "t")
    for _ in range(3):
        store.tasks.change(store.tasks.find(task.guid), {"status": FAILED_APPLICATION})

    assert len(store.tasks.fitting(TaskFilter(queue.row_id))) == 2


@pytest.mark.parametrize("end", [3, 4, 5, 7])
@pytest.mark.parametrize("auto", [0, 1])
def test_tasks_in_progress_end_with_their_job_where_the_queue_says_so(store: Store, end: int, auto: int) -> None:
    """Failed, Stopped and Aborted; not with Success, not what has ended or belongs to another job; then the retry."""
    queue = store.queues.add("q", auto_change_status=auto, retries=1)
    robot = store.robot(GUID)
    assert robot is not None
    jobs = [store.job(store.enqueue("x")) for _ in range(2)]
    for job in jobs:
        store.take(robot.row_id)
        store.set_status(job.guid, robot.row_id, 8)
    tasks = [store.tasks.add(queue, name) for name in ("mine", "done", "other's")]
    for task, job in zip(tasks, (jobs[0], jobs[0], jobs[1]), strict=True):
        store.tasks.change(task, {"status": BUSY}, Author(robot.row_id, job.row_id))
    store.tasks.change(store.tasks.find("done"), {"status": DONE})

    store.set_status(jobs[0].guid, robot.row_id, end)

    fails = auto and end != 4
    expected = (
        ["Failed (Application)", "Success", "In progress", "New"]
        if fails
        else ["In progress", "Success", "In progress"]
    )
    assert words(store, queue) == expected
    assert store.tasks.find("other's").job_guid == jobs[1].guid


def test_name_is_unique_in_a_queue_that_says_so_and_there_only(store: Store) -> None:
    """Whatever became of the first one, until it is deleted."""
    unique, free = store.queues.add("unique", unique_tasks=1), store.queues.add("free")
    task = store.tasks.add(unique, "t")
    store.tasks.change(task, {"status": DONE})
    for _ in range(2):
        store.tasks.add(free, "t")

    with pytest.raises(DuplicateError) as raised:
        store.tasks.add(unique, "t")
    assert raised.value.guid == task.guid
    store.tasks.delete(task)
    assert store.tasks.add(unique, "t").guid != task.guid


def test_asset_is_for_a_robot_a_group_or_all(store: Store) -> None:
    """The nearest of the same name is meant; one of another robot is not there."""
    one, two = store.robot(GUID), store.robot(OTHER)
    assert one is not None
    assert two is not None
    store.set_group(two.label, 7)
    store.assets.add("a", text="all", robot_type=3)
    store.assets.add("a", text="group", robot_type=2, robot_group_id=7)
    store.assets.add("a", text="one", robot_type=1, robot_id=one.row_id)
    store.assets.add("b", text="group", robot_type=2, robot_group_id=7)

    assert store.assets.find_for("a", one.row_id, None).text == "one"
    assert store.assets.find_for("a", two.row_id, 7).text == "group"
    assert store.assets.find_for("a", 99, None).text == "all"
    assert store.assets.find_for("b", two.row_id, 7).text == "group"
    with pytest.raises(NoSuchError):
        store.assets.find_for("b", one.row_id, None)
    with pytest.raises(NoSuchError):
        store.assets.find_for(store.assets.find("b").guid, one.row_id, None)


def test_job_is_stopped_and_aborted_at_its_times(store: Store, time: Time) -> None:
    """The stop first, the abort later; one that nobody has has ended with it."""
    robot = store.robot(GUID)
    assert robot is not None
    limits: dict[str, Any] = {
        "stop_after": time.now + timedelta(minutes=5),
        "abort_after": time.now + timedelta(minutes=9),
    }
    taken, waiting = (store.enqueue("x", **limits) for _ in range(2))
    store.take(robot.row_id)
    for minutes, words_now in ((4, ["Pending", "Pending"]), (1, ["Stopping", "Stopped"]), (4, ["Aborting", "Stopped"])):
        time.passes(minutes)
        store.order_overdue()
        assert [store.job(guid).status_word for guid in (taken, waiting)] == words_now


def test_job_for_a_group_is_for_whoever_of_it_comes_first(store: Store) -> None:
    """And for nobody else."""
    one, two = store.robot(GUID), store.robot(OTHER)
    assert one is not None
    assert two is not None
    store.set_group(two.label, 7)
    store.enqueue("x", group_id=7)

    assert (store.waits_for(one.row_id), store.take(one.row_id)) == (False, None)
    assert store.waits_for(two.row_id)
    job = store.take(two.row_id)
    assert job is not None
    assert job.robot == two.label


def test_task_of_a_job_is_in_progress_with_it(store: Store) -> None:
    """It stands in the queue `jobs`, under the name of the job, New until a robot has the job."""
    robot = store.robot(GUID)
    assert robot is not None
    guid = store.enqueue("x", {"a": 1}, name="за октябрь")
    task = store.task_of(store.job(guid))
    assert task is not None
    assert (task.queue, task.name, task.status_word) == ("jobs", "за октябрь", "New")

    job = store.take(robot.row_id)
    assert job is not None
    store.set_status(guid, robot.row_id, 5)

    (end,) = store.tasks.fitting(TaskFilter(job_id=job.row_id))
    assert (end.guid, end.status_word, end.job_guid, end.robot) == (
        task.guid, "Failed (Application)", guid, robot.label
    )  # fmt: skip
