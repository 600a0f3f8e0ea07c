"""What a real run of the real robot leaves in its storage folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fsm_robot
from fsm_robot.cli import main
from fsm_robot.engine.journal.file import journals, read_file
from fsm_robot.engine.journal.record import line_of
from tests.fakes.robot_folder import RobotFolder, until

SCHEMA = Path(fsm_robot.__file__).with_name("journal.schema.json")
WAIT = """\
import pathlib, time
pathlib.Path('started').touch()
while True: time.sleep(0.05)
"""


def directory(folder: RobotFolder) -> Path:
    return folder.path / "state" / "journal"


def test_journal_of_a_real_run_replays_to_itself(robot_folder: RobotFolder) -> None:
    """What is on disk after a stopped job and a finished one is what docs/journal.md says."""
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"), {"secret": "of the company"})
    stopped = robot_folder.store.enqueue(robot_folder.script("long", WAIT))
    process = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)
    robot_folder.store.order_stop(stopped)
    robot_folder.finish(process)
    (path,) = journals(directory(robot_folder))

    assert main(["replay", str(path)]) == 0
    reading = read_file(path)
    assert reading.records[-1].kind == "end"
    assert {record.values.get("from") for record in reading.records if record.kind == "step"} == {
        None,
        "callback",
        "inbox",
    }
    text = path.read_text(encoding="utf-8")
    assert "of the company" not in text


@pytest.mark.skipif(os.name == "nt", reason="the validator's compiled part does not load under Wine")
def test_journal_of_a_real_run_fits_the_schema(robot_folder: RobotFolder) -> None:
    """An independent validator takes every line of it."""
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"))
    robot_folder.run()
    (path,) = journals(directory(robot_folder))

    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        lines.append(robot_folder.path / f"line-{number}.json")
        lines[-1].write_text(line, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), *map(str, lines)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_kept_task_is_in_the_journal_without_the_credential(robot_folder: RobotFolder) -> None:
    """`storage.keep_task` writes the parameters, and still no GUID of the robot."""
    robot_folder.settings(storage={"keep_task": True})
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"), {"month": "октябрь"})

    robot_folder.run()

    (path,) = journals(directory(robot_folder))
    consumed = next(r.values for r in read_file(path).records if r.values.get("dest") == "Claiming")
    assert "октябрь" in json.dumps(consumed["event"]["data"]["task"], ensure_ascii=False)


def test_old_runs_are_deleted_at_the_end_of_a_run(robot_folder: RobotFolder) -> None:
    """Above the count the oldest go; the run itself stays, and its line in the log says how many went."""
    robot_folder.settings(storage={"keep_runs": 10, "keep_idle_runs": 10})
    directory(robot_folder).mkdir(parents=True)
    line, _ = line_of("header", {"format": 1}, "", str)
    for number in range(1, 21):
        (directory(robot_folder) / f"{number:06d}-20261101T000000Z.jsonl").write_bytes(line.encode())

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    left = journals(directory(robot_folder))
    assert len(left) == 10
    assert left[-1].name.startswith("000021-")
    assert left[-1].name.endswith(".idle.jsonl")
    assert "old runs were deleted: runs=11" in robot_folder.log()


@pytest.mark.long
def test_history_still_tells_of_yesterdays_job_after_many_wake_ups(
    robot_folder: RobotFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wake-ups that find no job do not push runs with jobs out, and are told from them by their names."""
    robot_folder.settings(storage={"keep_runs": 10, "keep_idle_runs": 10})
    robot_folder.store.enqueue(robot_folder.script("quick", "print('yesterday')"))
    robot_folder.run()
    for _ in range(13):
        robot_folder.run()

    names = [path.name for path in journals(directory(robot_folder))]
    assert main(["history", str(robot_folder.path)]) == 0
    assert "quick" in capsys.readouterr().out
    assert main(["logs", "--config", str(robot_folder.path / "robot.toml")]) == 0
    assert "yesterday" in capsys.readouterr().out
    assert [name.endswith(".idle.jsonl") for name in names] == [False, *[True] * (len(names) - 1)]
    assert len(names) <= 12


def test_robot_tells_loudly_of_a_changed_journal_and_goes_on(robot_folder: RobotFolder) -> None:
    """The job that the changed journal still speaks of is settled, and the next one is run."""
    robot_folder.store.enqueue(robot_folder.script("quick", "print(1)"))
    robot_folder.run()
    (path,) = journals(directory(robot_folder))
    path.write_bytes(path.read_bytes().replace(b'"job_reported"', b'"job_deported"'))
    robot_folder.store.enqueue(robot_folder.script("second", "print(2)"))

    done = robot_folder.run()

    assert done.exit_code == 0
    assert robot_folder.statuses() == {"quick": 4, "second": 4}
    assert "what follows the damage is ignored" in robot_folder.log()
    assert [status for _, status in robot_folder.calls() if status in ("4", "5")] == ["4", "4"]
