from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.fakes import one_file
from tests.fakes.robot_folder import RobotFolder, until

BEGIN = "import sys; sys.path.insert(0, {!r}); from fsm_robot.cli import entry; entry()"
STUBBORN = """\
import pathlib, time
pathlib.Path('started').touch()
while True:
    try: time.sleep(0.05)
    except KeyboardInterrupt: pass
"""
FAILING = """\
import pathlib, time
pathlib.Path('started').touch()
while not pathlib.Path('fail').exists(): time.sleep(0.05)
raise KeyError('iban')
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package and the packages that it needs, and nothing else."""
    with zipfile.ZipFile(one_file.built(tmp_path_factory.mktemp("built"))) as archive:
        return zipfile.ZipFile(io.BytesIO(archive.read("payload.zip")))


@pytest.mark.parametrize(
    ("how", "status"), [("abort", 3), pytest.param("stop", 3, marks=pytest.mark.long), ("fail", 5)]
)
def test_a_job_comes_to_its_end_although_the_installation_is_gone(
    files: zipfile.ZipFile, robot_folder: RobotFolder, tmp_path: Path, how: str, status: int
) -> None:
    """An abort, a grace time that runs out, an end by itself: whatever is needed was imported before the script began."""
    installed = tmp_path / "installed"
    files.extractall(installed, [name for name in files.namelist() if name.startswith("lib/")])
    # Without `site`: what is missing is found nowhere else.
    robot_folder.program = ("-S", "-c", BEGIN.format(str(installed / "lib")))
    robot_folder.settings(scripts={"stop_grace_s": 1})
    job = robot_folder.store.enqueue(robot_folder.script("long", FAILING if how == "fail" else STUBBORN))
    robot = robot_folder.start()
    until((robot_folder.path / "scripts" / "started").exists)

    installed.rename(tmp_path / "moved")
    if how == "fail":
        (robot_folder.path / "scripts" / "fail").touch()
    else:
        (robot_folder.store.order_abort if how == "abort" else robot_folder.store.order_stop)(job)
    done = robot_folder.finish(robot)

    assert done.exit_code == 0, done.err
    assert robot_folder.statuses() == {"long": status}
    for told in (done.err, robot_folder.log()):
        assert "Traceback" not in told.replace(
            'Traceback (most recent call last):\n  File "' + str(robot_folder.path), ""
        )
        assert "No module named" not in told
    assert "ERROR" not in robot_folder.log() or how == "fail"
