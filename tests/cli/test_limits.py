from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.fakes.robot_folder import RobotFolder

LIMIT = re.compile(r'"limit": ?"([^"]+)"')
LIMITS = """
[[limits]]
script = "отчёты/*"
time_limit_s = 0.5

[[limits]]
script = "жадный"
memory_mib = 100

[[limits]]
script = "нет такого"
time_limit_s = 5
"""


@pytest.mark.skipif(os.name == "nt", reason="Wine counts no memory of a job; docs/windows-checklist.md")
def test_jobs_over_their_limits_are_reported_failed_and_the_robot_goes_on(
    robot_folder: RobotFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log and the journal say which limit; what has no limit is done as ever; `check` and `doctor` know of them."""
    robot_folder.settings(scripts={"stop_grace_s": 0.2})
    config = robot_folder.path / "robot.toml"
    config.write_text(config.read_text("utf-8") + LIMITS, encoding="utf-8")
    robot_folder.store.enqueue(robot_folder.script("отчёты/сводка", "import time\nwhile True: time.sleep(0.02)"))
    robot_folder.store.enqueue(
        robot_folder.script("жадный", "import time\ndata = bytearray(200 << 20)\nwhile True: time.sleep(0.02)")
    )
    robot_folder.store.enqueue(robot_folder.script("свободный", "import time; time.sleep(0.8)"))

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    assert robot_folder.statuses() == {"отчёты/сводка": 5, "жадный": 5, "свободный": 4}
    ends = [line for line in robot_folder.log().splitlines() if "script ended" in line]
    assert ["time limit of 0.5 s" in ends[0], "memory limit of 100 MiB" in ends[1], "limit of" in ends[2]] == [
        True,
        True,
        False,
    ]
    assert limits_in(robot_folder.path / "state" / "journal") == ["time limit of 0.5 s", "memory limit of 100 MiB"]

    assert main(["check", str(robot_folder.path)]) == 0
    assert "warning: limits.script: no script fits нет такого" in capfd.readouterr().out
    main(["doctor", str(robot_folder.path), "--json"])
    (found,) = [each for each in json.loads(capfd.readouterr().out) if each["name"] == "limits"]
    assert found["verdict"] == "warning"
    assert "3 in robot.toml; kept here: time by the robot" in found["said"]


def limits_in(journals: Path) -> list[str]:
    return [found for path in sorted(journals.glob("*.jsonl")) for found in LIMIT.findall(path.read_text("utf-8"))]
