"""The one file at work: a demo, a job whose script uses the SDK, what a scheduler is given; on Windows as well."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot import __version__
from tests.fakes import one_file
from tests.fakes.one_file import DATA, run, unpacked
from tests.fakes.robot_folder import RobotFolder

# A first start compiles three hundred modules, and a demo is six jobs. Under Windows nothing else shows that it works.
pytestmark = pytest.mark.long if sys.platform != "win32" else pytest.mark.timeout(600)

SDK = "import fsm_robot.job\nfrom fsm_robot.sdk import log\nlog.info('из одного файла')\nprint(fsm_robot.job.parameters())\n"


def test_one_file_is_the_whole_program(robot_folder: RobotFolder, tmp_path: Path) -> None:
    """`--version`, `demo`, `run` and `schedule show`, in a folder with a name that needs quotes and another alphabet."""
    place, data = tmp_path / "Наш робот", tmp_path / "данные"
    place.mkdir()
    pyz = one_file.built(place)

    version = run(pyz, "--version", data=data, cwd=place)
    assert (version.stdout, version.returncode) == (f"fsm-robot {__version__}\n", 0), version.stderr
    demo = run(pyz, "demo", data=data, cwd=place)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Traceback" not in demo.stderr

    robot_folder.program = (str(pyz),)
    robot_folder.store.enqueue(robot_folder.script("sdk", SDK), {"month": "2026-10"})
    done = robot_folder.finish(robot_folder.start(how=None, **{DATA: str(data)}))

    assert (done.exit_code, robot_folder.statuses()) == (0, {"sdk": 4}), done.err
    assert "{'month': '2026-10'}" in robot_folder.output()
    assert [line.message for line in robot_folder.store.logs.newest()] == ["из одного файла"]
    command = [sys.executable, "-I", str(pyz), "schedule", "show"]
    scheduled = subprocess.run(
        command,
        cwd=robot_folder.path,
        env={**os.environ, DATA: str(data)},
        capture_output=True,
        check=True,
        timeout=300,
    )
    # The Task Scheduler reads UTF-16, and what is shown there is the file that it is given.
    text = scheduled.stdout.decode("utf-16" if sys.platform == "win32" else "utf-8")
    told = re.sub("[\"']|&quot;", "", text)
    assert f"-I {pyz} run --scheduled --quiet --config" in told
    assert len(unpacked(data)) == 1
