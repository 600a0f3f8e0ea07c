"""Each pattern of docs/not-in-the-machine.md is a robot that runs, and goes the way that the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.engine import Robot

PAGE = (Path(__file__).parents[2] / "docs" / "not-in-the-machine.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def block(section: str, kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(found)


def callbacks_of(section: str) -> Any:
    space: dict[str, Any] = {}
    exec(block(section, "python"), space)
    return space["Callbacks"]


def run(folder: Path, section: str, callbacks: Any) -> tuple[int, list[str]]:
    machine = folder / "pattern.yaml"
    machine.write_text(block(section, "yaml"), encoding="utf-8")
    exit_code = Robot.from_file(machine, callbacks, storage=folder / "state", console=False).run()
    journal = sorted((folder / "state" / "journal").glob("*.jsonl"))[-1]
    records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return exit_code, [record["dest"] for record in records if record["record"] == "step"]


@pytest.mark.parametrize("title", SECTIONS)
def test_pattern_goes_the_way_that_the_page_says(title: str, tmp_path: Path) -> None:
    section = SECTIONS[title]
    (told,) = re.findall(r"^Ends with (\d+): (.*)\.$", section, re.MULTILINE)

    exit_code, path = run(tmp_path, section, callbacks_of(section))

    assert (exit_code, path) == (int(told[0]), re.findall(r"`(\w+)`", told[1]))


def test_pattern_for_days_goes_on_when_the_day_has_come(tmp_path: Path) -> None:
    """The moment outlives the process: a later start finds it, and acts."""
    section = SECTIONS["Timers that outlive the process"]
    kind = callbacks_of(section)
    assert run(tmp_path, section, kind) == (75, ["Looking", "NotYet"])
    assert run(tmp_path, section, kind) == (75, ["Looking", "NotYet"])

    (tmp_path / "state" / "due.txt").write_text("2020-01-01T00:00:00.000000Z", encoding="utf-8")

    assert run(tmp_path, section, kind) == (0, ["Looking", "Sending", "Sent"])
