"""Whatever dies when: each task that was taken gets exactly one end, and none is taken twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fsm_robot.engine.disk import AppendedFile, SystemDisk
from fsm_robot.errors import JournalError
from fsm_robot.jobapi.ledger import Entry, TaskLedger
from fsm_robot.orchestrator.faults import Fault
from tests.fakes.robot_folder import RobotFolder
from tests.fakes.waiting import until
from tests.sdk.places import RobotPlace

HEAD = """
import os, signal, sys, time
from fsm_robot.sdk import *
from fsm_robot.sdk import log
"""
NEW, BUSY, DONE, FAILED = 0, 1, 2, 3
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


def moves(place: RobotPlace, name: str) -> list[tuple[int | None, int]]:
    found: list[tuple[int | None, int]] = place.tasks()[name]["moves"]
    return found


def ledger_of(place: RobotPlace) -> list[Entry]:
    return TaskLedger(place.robot.path / "state" / "jobs" / "tasks.jsonl").open()


@needs_signals
def test_a_killed_script_leaves_no_task_behind(robot_place: RobotPlace) -> None:
    """The robot sets its end before the job's own."""
    robot_place.queue("Q", [{"name": "1"}, {"name": "2"}])

    robot_place.run(f"{HEAD}\nqueue('Q').take()\nos.kill(os.getpid(), signal.SIGKILL)", code=1)

    assert moves(robot_place, "1") == [(None, NEW), (NEW, BUSY), (BUSY, FAILED)]
    assert robot_place.tasks()["1"]["comment"] == "left without a result"
    assert robot_place.statuses()[1] == "New"
    assert ledger_of(robot_place) == []


@needs_signals
def test_a_killed_robot_ends_its_tasks_at_the_next_start(robot_place: RobotPlace) -> None:
    """What was in hand fails once, what was settled stays."""
    place = robot_place
    place.queue("Q", [{"name": str(number)} for number in range(4)])
    place.robot.script(
        "script", f"{HEAD}\nqueue('Q').take().done('fine')\nqueue('Q').take()\nprint('at work')\ntime.sleep(60)"
    )
    place.robot.settings()
    place.store.enqueue("script")
    robot = place.robot.start()
    until(lambda: "at work" in place.robot.output())
    robot.kill()
    robot.communicate()
    assert place.statuses() == ["Success", "In progress", "New", "New"]

    place.robot.run()

    assert moves(place, "0") == [(None, NEW), (NEW, BUSY), (BUSY, DONE)]
    assert moves(place, "1") == [(None, NEW), (NEW, BUSY), (BUSY, FAILED)]
    assert place.tasks()["1"]["comment"] == "the robot ended while it worked on it"
    assert place.store.jobs()[0].status == 5
    assert ledger_of(place) == []


def test_an_end_that_cannot_be_delivered_is_kept_for_the_next_start(robot_place: RobotPlace) -> None:
    """The script goes on; nothing is lost."""
    place = robot_place
    place.queue("Q", [{"name": "1"}])
    place.sdk = {"patience_s": 0, "settle_s": 0.5}
    gate = place.robot.path / "gate"
    place.robot.script(
        "script",
        f"{HEAD}\ntask = queue('Q').take()\nprint('taken')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
        "task.done('booked')\nprint('went on')",
    )
    place.robot.settings(sdk=place.sdk)
    place.store.enqueue("script")
    robot = place.robot.start()
    until(lambda: "taken" in place.robot.output())
    place.store.order_fault(Fault.parse("task:status:503*1000"))
    gate.touch()
    place.robot.finish(robot)
    assert "went on" in place.robot.output()
    assert place.store.jobs()[0].status == 4
    assert place.statuses() == ["In progress"]
    assert [entry.stage for entry in ledger_of(place)] == ["ending"]
    place.store.clear_faults()

    place.robot.run()

    assert moves(place, "1") == [(None, NEW), (NEW, BUSY), (BUSY, DONE)]
    assert place.tasks()["1"]["comment"] == "booked"


@pytest.mark.long
@pytest.mark.parametrize(
    "fault", ["drop-before", "drop-after", "status:500", "status:429/1", "html", "garbage", "empty"]
)
@pytest.mark.parametrize("endpoint", ["task", "take"])
def test_any_failure_of_a_call_leaves_one_end(robot_place: RobotPlace, endpoint: str, fault: str) -> None:
    """Repeated where that changes nothing, and the task is neither lost nor taken twice."""
    place = robot_place
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    for _ in range(2):
        place.store.order_fault(Fault.parse(f"{endpoint}:{fault}*1"))

    place.run(f"{HEAD}\nfor task in queue('Q').tasks():\n    with task:\n        pass", code=None)

    for name in ("1", "2"):
        ends = [after for _, after in moves(place, name) if after not in (NEW, BUSY)]
        taken = [after for _, after in moves(place, name) if after == BUSY]
        assert len(ends) <= 1
        assert len(taken) == len(ends), place.said
    assert ledger_of(place) == []


def test_after_an_abort_the_status_goes_first(robot_place: RobotPlace) -> None:
    """Nothing is waited for; the tasks have their end all the same, before the robot leaves: it may not come back soon."""
    place = robot_place
    place.queue("Q", [{"name": "1"}, {"name": "2"}, {"name": "3"}])
    place.robot.script(
        "script", f"{HEAD}\nheld = [queue('Q').take() for _ in range(3)]\nprint('at work')\ntime.sleep(60)"
    )
    place.robot.settings()
    guid = place.store.enqueue("script")
    robot = place.robot.start()
    until(lambda: "at work" in place.robot.output())
    place.store.order_fault(Fault.parse("task:delay:0.2*1000"))
    place.store.order_abort(guid)
    place.robot.finish(robot)

    assert place.store.job(guid).status == 3
    assert place.statuses() == ["Failed (Application)"] * 3
    assert {row["comment"] for row in place.tasks().values()} == {"stopped while at work"}
    assert ledger_of(place) == []
    calls = [call.path for call in place.store.calls()]
    ended = max(index for index, path in enumerate(calls) if path == "/api/task/update")
    reported = [index for index, path in enumerate(calls) if path == "/api/job/update"][1]
    assert reported < ended


def test_two_robots_at_one_queue_take_each_task_once(robot_place: RobotPlace, tmp_path: Path) -> None:
    """By announcement: each task is taken once and ended once, and all are done."""
    place = robot_place
    place.queue("Q", [{"name": str(number)} for number in range(12)])
    script = f"{HEAD}\nfor task in queue('Q').tasks():\n    with task:\n        time.sleep(0.02)\n        task.done(sys.argv[0])"
    robots = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        robot = RobotFolder(tmp_path / name, place.store, place.robot.server)
        robot.script("script", script)
        robot.settings()
        place.store.enqueue("script")
        robots.append(robot)
    started = [robot.start() for robot in robots]
    for robot, process in zip(robots, started, strict=True):
        robot.finish(process)

    assert set(place.statuses()) == {"Success"}
    for name in place.tasks():
        assert [after for _, after in moves(place, name)] == [NEW, BUSY, DONE]
    assert [row["tags"] for row in place.tasks().values()] == [[]] * 12


def test_what_scripts_may_ask_for_is_a_setting(robot_place: RobotPlace) -> None:
    """`sdk.allow` names it; the sentence says so."""
    robot_place.sdk = {"allow": ["queue:In*", "asset:ERP"]}
    robot_place.queue("Invoices", [{"name": "1"}])
    robot_place.queue("Q", [{"name": "1"}])

    said = robot_place.run(
        f"{HEAD}\nprint(queue('Invoices').take().name)\n"
        "for wrong in (lambda: queue('Q').take(), lambda: jobs.create('x'), lambda: credential('Bank')):\n"
        "    try:\n        wrong()\n    except RefusedError as error:\n        print(error)"
    ).splitlines()

    assert said[0] == "1"
    assert "does not name queue:Q" in said[1]
    assert "does not name job:x" in said[2]
    assert "does not name asset:Bank" in said[3]
    assert robot_place.statuses() == ["New"]


def test_a_robot_that_offers_nothing_says_so(robot_place: RobotPlace) -> None:
    """`sdk.enabled = false`."""
    robot_place.sdk = {"enabled": False}

    robot_place.run(f"{HEAD}\nlog.info('x')\nprogress(1)\nqueue('Q').take()", code=1)

    assert "see `[sdk] enabled`" in robot_place.said


def test_a_secret_is_in_no_file_and_no_call(robot_place: RobotPlace) -> None:
    """One password through every path, then a search through everything that was written."""
    place = robot_place
    secret = "пароль-Zq7_s3cret"
    place.queue("Q", [{"name": "1"}, {"name": "2"}])
    place.assets(ERP={"login": "robot", "password": secret})

    place.run(
        f"""{HEAD}
import base64, json, subprocess, urllib.parse
_, password = credential("ERP")
print(password, repr(password), json.dumps(password), base64.b64encode(password.encode()), urllib.parse.quote(password))
sys.stdout.buffer.write(b"in the middle " + password.encode()[:9]); sys.stdout.flush(); time.sleep(0.3)
sys.stdout.buffer.write(password.encode()[9:] + b"\\n"); sys.stdout.flush()
subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", password])
log.error("with %s", password, field=password)
progress(1, 2, password)
queue("Q").take().done(password)
with queue("Q").take():
    raise OSError("login with " + password)
credential("ERP").set(password=password + "-new")
raise OSError(password + "-new is wrong")
""",
        code=1,
    )

    forms = [secret.encode(), json.dumps(secret)[1:-1].encode(), b"s3cret"]
    assert place.store.assets.find("ERP").password == f"{secret}-new"
    for path in (place.robot.path / "state").rglob("*"):
        if path.is_file():
            assert not [form for form in forms if form in path.read_bytes()], path
    assert "s3cret" not in place.said
    assert [call for call in place.store.calls() if "s3cret" in str(call.fields)] == []
    assert [line for line in place.log() if "s3cret" in line["message"]] == []
    assert [row["comment"] for row in place.tasks().values()] == ["***", "OSError: login with ***"]


# ---- the ledger


def test_the_ledger_knows_what_is_open_after_any_cut(tmp_path: Path) -> None:
    """However much of the last line a power loss leaves, what was synced before stands, and the next line is whole."""
    path = tmp_path / "tasks.jsonl"
    whole = TaskLedger(path)
    for number in range(3):
        whole.write(Entry(f"t{number}", "trying", job="j", mark="m"))
        whole.write(Entry(f"t{number}", "taken", job="j"))
    whole.write(Entry("t0", "ended"))
    content = path.read_bytes()
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        known: dict[str, str] = {}
        for line in content[:cut].splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue
            known[values["task"]] = values["stage"]
        again = TaskLedger(path)
        before = {entry.task for entry in again.open()}
        again.write(Entry("new", "taken"))
        assert before == {task for task, stage in known.items() if stage != "ended"}
        assert {entry.task for entry in TaskLedger(path).open()} == before | {"new"}


def test_the_ledger_is_emptied_when_nothing_is_open(tmp_path: Path) -> None:
    """It does not grow for years."""
    ledger = TaskLedger(tmp_path / "tasks.jsonl")
    for number in range(300):
        ledger.write(Entry(f"task-{number:036}", "taken", job="j" * 36))
        ledger.write(Entry(f"task-{number:036}", "ended"))

    assert (tmp_path / "tasks.jsonl").stat().st_size < 70_000
    assert TaskLedger(tmp_path / "tasks.jsonl").open() == []


def test_a_full_disk_takes_no_task(tmp_path: Path) -> None:
    """What cannot be written down is not touched."""

    class Full(SystemDisk):
        def append(self, path: Path, *, new: bool = False) -> AppendedFile:
            raise OSError(28, "No space left on device")

    with pytest.raises(JournalError, match="No space left"):
        TaskLedger(tmp_path / "tasks.jsonl", Full()).write(Entry("t", "trying"))
