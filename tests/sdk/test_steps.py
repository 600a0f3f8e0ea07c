"""`sdk.step`, and the log of the work that `fsm-robot export --case task` makes of it."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from fsm_robot.sdk import step
from tests.sdk.places import Place, RobotPlace

SCRIPT = """
import os, threading
from fsm_robot.sdk import BusinessError, Postpone, hide, queue, step

hide("s3cret-word")
with step("open ERP"):
    pass
for task in queue("Q").tasks():
    with task:
        with step("check supplier"):
            if task.name == "bad":
                raise BusinessError("unknown supplier")
            with step("look it up with s3cret-word"):
                pass
        if task.name == "later":
            raise Postpone(days=1)
        if task.name == "broken":
            raise RuntimeError("no")
        if task.name == "killed":
            with step("wait for ERP"):
                os._exit(9)
"""
TASKS: list[dict[str, Any]] = [{"name": name, "parameters": {}} for name in ("good", "bad", "later", "broken")]


def test_steps_are_kept_in_each_place(place: Place) -> None:
    """In a folder and by `try` as lines of the run, at a robot in the folder of the job; a secret is in none."""
    place.queue("Q", TASKS)
    place.run(SCRIPT)

    assert place.statuses() == ["Success", "Failed (Business)", "Postponed", "Failed (Application)"]
    steps = kept_steps(place)
    assert [(each["name"], each.get("failed", "")) for each in steps] == [
        ("open ERP", ""),
        ("look it up with ***", ""),
        ("check supplier", ""),
        ("check supplier", "BusinessError"),
        *[("look it up with ***", ""), ("check supplier", "")] * 2,
    ]
    assert not steps[0].get("task")
    assert steps[1]["task"] == steps[2]["task"]
    assert len({each.get("task") for each in steps}) == 5


def kept_steps(place: Place) -> list[dict[str, Any]]:
    if isinstance(place, RobotPlace):
        lines = work_lines(place)
        return [{**line, "name": line["step"]} for line in lines if line["what"] == "step ended"]
    file = place.path / ".run" / "steps.jsonl"
    found: list[dict[str, Any]] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return found


def work_lines(place: RobotPlace) -> list[dict[str, Any]]:
    (file,) = (place.robot.path / "state" / "jobs").glob("*/work.jsonl")
    found: list[dict[str, Any]] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return found


@pytest.mark.parametrize("name", ["", "  ", 7])
def test_step_without_a_name_is_refused(name: Any) -> None:
    """Before anything is told; without a robot a step is a block and no more."""
    with pytest.raises(ValueError, match="a step needs a name"):
        step(name)
    with pytest.raises(KeyError), step("alone"):
        raise KeyError


def test_fixture_shows_the_steps(tmp_path: Path) -> None:
    """What a test of a script asks for."""
    from fsm_robot.sdk import queue
    from fsm_robot.testing.scripts import Sdk

    with Sdk.of(tmp_path) as sdk:
        sdk.queue("Q", TASKS[:1])
        for task in queue("Q").tasks():
            with task, step("check supplier"):
                guid = task.guid
        (found,) = sdk.steps

    assert (found["name"], found["task"], found["failed"]) == ("check supplier", guid, "")


def exported(place: RobotPlace, *options: str) -> str:
    out = place.robot.path / "log"
    assert main(["export", str(place.robot.path), "--case", "task", *options, "-o", str(out)]) == 0
    text: str = out.read_text(encoding="utf-8")
    return text


def test_export_tells_the_work_task_by_task(robot_place: RobotPlace, capsys: pytest.CaptureFixture[str]) -> None:
    """A case is a task over two jobs, with what the script did, what it called it, and what the robot had to end."""
    place = robot_place
    place.queue("Q", [*TASKS, {"name": "killed", "parameters": {}}], retries=1)
    for _ in range(2):
        place.run(SCRIPT, code=None)
    lines = list(csv.DictReader(io.StringIO(exported(place, "--format", "csv"))))
    ways: dict[str, list[str]] = {}
    for line in lines:
        ways.setdefault(line["case"].partition(" ")[0], []).append(line["activity"])
    steps = ["look it up with ***", "check supplier"]

    assert ways["good"] == ["taken", *steps, "done"]
    assert ways["bad"] == ["taken", "check supplier", "failed (business)"]
    assert ways["later"] == ["taken", *steps, "postponed"]
    # The orchestrator has put both in again, as tasks that name these as their parents.
    assert ways["broken"] == ["taken", *steps, "failed (application)"] * 2
    assert ways["killed"] == ["taken", *steps, "wait for ERP", "failed (application)"] * 2
    assert len({line["job"] for line in lines if line["case"].startswith("killed")}) == 2
    assert {line["kind"] for line in lines} == {"task", "step"}
    (waiting, *_) = (line for line in lines if line["activity"] == "wait for ERP")
    assert (waiting["lifecycle"], waiting["script"]) == ("start", "script")
    assert all(line["timestamp"] >= line["started"] for line in lines)
    root = ET.fromstring(exported(place, "--format", "xes"))
    assert len(root.findall("{*}trace")) == 5

    text = exported(place, "--format", "ocel", "--private")
    log = json.loads(text)
    kinds = {each["id"]: each["type"] for each in log["objects"]}
    assert set(kinds.values()) == {"task", "queue", "job", "robot"}
    related = [each for thing in (*log["events"], *log["objects"]) for each in thing["relationships"]]
    assert {each["objectId"] for each in related} <= set(kinds)
    assert {each["qualifier"] for each in related} >= {"on", "from", "in", "by", "ran on", "repeats"}
    for private in (text, exported(place, "--format", "csv", "--private")):
        assert not any(name in private for name in ("good", "killed", '"script"},', '"Q"'))
        assert "check supplier" in private
    assert "task-1" in exported(place, "--format", "csv", "--private")
    assert capsys.readouterr().err == ""


def test_log_of_the_work_is_empty_with_a_word(robot_place: RobotPlace, capsys: pytest.CaptureFixture[str]) -> None:
    """A script without tasks leaves none."""
    robot_place.run("print('nothing')")

    assert exported(robot_place, "--format", "csv").count("\n") == 1
    assert "no script of these jobs has taken a task" in capsys.readouterr().err
