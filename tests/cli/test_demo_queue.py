"""The second demo: two robots at one queue, one of them killed; its exit code says whether it adds up."""

from __future__ import annotations

import locale
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.cli import demo_queue, main
from fsm_robot.cli.demo_folder import MARK, new_folder
from fsm_robot.orchestrator.objects import BUSY, DONE, FAILED_APPLICATION, NEW
from fsm_robot.orchestrator.store import Store
from fsm_robot.orchestrator.tables.storage import Plain
from fsm_robot.orchestrator.tables.tasks import Author, TaskFilter

LONGEST_S = 200
PASSWORD = "not-a-secret"


def test_two_robots_one_killed_and_it_adds_up(tmp_path: Path) -> None:
    """As a person starts it, in a folder that is not there; the next one finds only what is its own."""
    command = [sys.executable, "-I", "-m", "fsm_robot", "demo", "--queue", "--folder", "here"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, encoding=locale.getencoding(), timeout=LONGEST_S, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "is killed while it works on this one" in said
    assert "30 = 21 Success + 5 Failed (Business) + 3 Failed (Application) + 1 Postponed" in said
    store = Store(tmp_path / "here" / "orchestrator.sqlite")
    tasks = store.tasks.fitting(TaskFilter(store.queues.find("Invoices").row_id, limit=100))
    (killed,) = (task for task in tasks if task.name == demo_queue.CRASH)
    assert (killed.status, killed.comment) == (FAILED_APPLICATION, "the robot ended while it worked on it")
    assert len({task.robot for task in tasks}) == 2
    assert len([file for file in store.storage.files() if file.folder == "Booked"]) == 21
    assert any("booked on" in line.message for line in store.logs.newest(500, levels=("Info",)))
    store.close()
    new_folder(tmp_path / "here", [])
    assert [file.name for file in (tmp_path / "here").iterdir()] == [MARK]


@pytest.fixture
def finished(tmp_path: Path) -> Store:
    """An orchestrator as the demo leaves it."""
    store = Store(tmp_path / "orchestrator.sqlite")
    demo_queue._fill(store, PASSWORD)
    robot_id = store.credentials.row_id("0f8fad5b-d9cb-469f-a165-70867728950e")
    ends = [status for status, count in demo_queue.SHOULD_BE.items() for _ in range(count)]
    for task, status in zip(demo_queue._tasks(store), ends, strict=True):
        for each in (BUSY, status):
            store.tasks.change(store.tasks.find(task.guid), {"status": each}, Author(robot_id))
        if status == DONE:
            store.storage.add_file(f"{task.name}.txt", Plain(b"x"), store.storage.folder("Booked"))
    for status in (5, 4, 4):
        guid = store.enqueue("book_invoices", robot="0f8fad5b-d9cb-469f-a165-70867728950e")
        store.take(robot_id)
        for each in (8, status):
            store.set_status(guid, robot_id, each)
    store.log("booked", "Info")
    return store


def robots(folder: Path, *codes: int) -> list[demo_queue._Robot]:
    made = [
        demo_queue._Robot(f"robot-{number}", folder / f"robot-{number}", exit_code=c) for number, c in enumerate(codes)
    ]
    for robot in made:
        robot.folder.mkdir()
    return made


def problems(store: Store, folder: Path, *codes: int) -> list[str]:
    names = {robot.label: "robot-1" for robot in store.robots()}
    return [*demo_queue._table(store, names), *demo_queue._wrong(store, robots(folder, *codes), PASSWORD)]


def test_nothing_is_wrong_where_nothing_is(finished: Store, tmp_path: Path) -> None:
    assert problems(finished, tmp_path, 0, 0) == []
    finished.close()


def test_whatever_does_not_add_up_is_told(finished: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A task that is taken twice, one that is left, a receipt too many, a robot that failed."""
    first, last = demo_queue._tasks(finished)[0], demo_queue._tasks(finished)[-1]
    for status in (BUSY, DONE):
        finished.tasks.change(first, {"status": status})
        first = finished.tasks.find(first.guid)
    finished.tasks.change(last, {"status": NEW, "tags": "claim-0000-1"})
    finished.storage.add_file("one too many.txt", Plain(b"x"), finished.storage.folder("Booked"))
    finished.enqueue("book_invoices")

    found = "\n".join(problems(finished, tmp_path, 0, 3))

    for sentence in (
        "0 tasks instead of 1 became Postponed",
        "1 task instead of 0 became New",
        f"task {first.name} went New > In progress > Success > In progress > Success",
        f"task {last.name} is still announced",
        "one too many.txt",
        "the jobs have the statuses",
        "robot-1 ended with exit code 3",
    ):
        assert sentence in found
    finished.close()


def test_a_password_in_a_file_of_a_robot_is_told(finished: Store, tmp_path: Path) -> None:
    made = robots(tmp_path, 0, 0)
    (made[0].folder / "output.log").write_text(f"logging in with {PASSWORD}")
    assert [each for each in demo_queue._wrong(finished, made, PASSWORD) if "password" in each]
    finished.close()


def test_it_leaves_alone_what_no_demo_has_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "robot-1").mkdir()
    assert main(["demo", "--queue", "--folder", str(tmp_path)]) == 2
    assert "they are kept" in capsys.readouterr().err
