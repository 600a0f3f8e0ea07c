from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fsm_robot import __version__
from fsm_robot.operations.versions import Choice, Place
from tests.fakes import one_file, pythons
from tests.fakes.one_file import DATA, run, unpacked
from tests.fakes.robot_folder import RobotFolder, until

pytestmark = pytest.mark.long  # a first start compiles three hundred modules

WAIT = "import pathlib, time\npathlib.Path('started').touch()\nwhile True: time.sleep(0.05)\n"
SDK = "import fsm_robot.job, fsm_robot.sdk\nprint('из одного файла', fsm_robot.job.parameters())\n"


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return one_file.built(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def whole(pyz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("whole")
    assert run(pyz, "--version", data=data, cwd=data).returncode == 0
    return data


def test_robots_that_start_at_one_moment_unpack_once(pyz: Path, tmp_path: Path) -> None:
    """Three first starts side by side all run, one folder stays, and what an unpacking before a crash has left goes."""
    data = tmp_path / "данные"
    torn, young = (data / "fsm_robot" / f"0.0.1-{name}.new" for name in ("torn", "young"))
    for folder in (torn, young):
        (folder / "lib").mkdir(parents=True)
    (data / "fsm_robot").chmod(0o700)
    os.utime(torn, (time.time() - 2 * 24 * 3600,) * 2)

    starts = [
        subprocess.Popen(
            [sys.executable, "-I", str(pyz), "--version"],
            env={**os.environ, DATA: str(data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [(start.communicate(timeout=120)[0], start.returncode) for start in starts]

    assert said == [(said[0][0], 0)] * 3
    assert said[0][0].startswith("fsm-robot ")
    (whole,) = [path for path in unpacked(data) if path != young]
    assert {path.name for path in whole.iterdir()} >= {"begin.py", "lib"}
    assert not [path for path in whole.iterdir() if path.suffix == ".new"]
    if os.name == "posix":
        assert whole.stat().st_mode & 0o077 == 0, "other accounts may not even look"


def cut(home: Path, modules: Path, size: int) -> None:
    os.truncate(modules, size)


def zeros(home: Path, modules: Path) -> None:
    modules.write_bytes(bytes(modules.stat().st_size))


def turned(home: Path, modules: Path) -> None:
    """All but the head, which a start reads first."""
    content = modules.read_bytes()
    at = 24 + int.from_bytes(content[:8], "little")
    modules.write_bytes(content[:at] + content[at:].translate(bytes(range(255, -1, -1))))


def half(home: Path, modules: Path, folder: str) -> None:
    """As it is while it is unpacked in place, or copied or restored in part."""
    shutil.rmtree(home / folder)
    modules.unlink(missing_ok=True)


def emptied(home: Path, modules: Path) -> None:
    (home / "lib" / "fsm_robot" / "cli" / "__init__.py").write_text("")
    modules.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        *(pytest.param(partial(cut, size=size), id=f"cut to {size}") for size in (0, 5, 23, 5000, 3_000_000)),
        *(pytest.param(each, id=each.__name__) for each in (zeros, turned, emptied)),
        *(
            pytest.param(partial(half, folder=folder), id=f"without {folder}")
            for folder in (".", "lib", "lib/fsm_robot")
        ),
    ],
)
def test_what_is_damaged_in_the_folder_is_set_right(
    pyz: Path, whole: Path, tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    """The first start after it runs, the folder is as it was unpacked, and nothing else is left there."""
    data = tmp_path / "data"
    shutil.copytree(whole, data)
    (home,) = unpacked(data)
    (modules,) = home.glob("modules-*")
    before = sorted(path.relative_to(home) for path in home.rglob("*"))

    damage(home, modules)
    home.mkdir(mode=0o700, exist_ok=True)
    for arguments in (["--version"], ["diagram", "--format", "mermaid"]):
        done = run(pyz, *arguments, data=data, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), arguments

    after = {path.relative_to(home) for path in home.rglob("*") if "__pycache__" not in path.parts}
    assert sorted(after) == before
    assert (home / "lib" / "fsm_robot" / "cli" / "__init__.py").stat().st_size > 0


@pytest.mark.skipif(os.name == "nt", reason="below the profile of a Windows account nobody else may write")
def test_a_folder_that_others_may_write_to_is_refused(pyz: Path, tmp_path: Path) -> None:
    """What another account could have put there is not run: one sentence, whether it is unpacked already or not yet."""
    data = tmp_path / "data"
    assert run(pyz, "--version", data=data, cwd=tmp_path).returncode == 0
    (whole,) = unpacked(data)

    for folder in (whole, whole.parent):
        whole.chmod(0o700)
        folder.chmod(0o777)
        if folder == whole.parent:
            shutil.rmtree(whole)
        done = run(pyz, "--version", data=data, cwd=tmp_path)

        assert done.returncode == 1
        assert done.stderr == (
            f"fsm-robot.pyz: others may write to {folder}; chmod go-w it, or name a folder that this account may write to"
            " in XDG_DATA_HOME\n"
        )

    (whole.parent).chmod(0o700)
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    done = run(pyz, "--version", data=nowhere, cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot be unpacked into" in done.stderr
    assert done.stderr.count("\n") == 1
    if sys.platform != "win32" and os.geteuid() == 0:
        whole.mkdir()
        os.chown(whole, 12345, 12345)
        done = run(pyz, "--version", data=data, cwd=tmp_path)
        assert (done.returncode, "belongs to another account" in done.stderr) == (1, True)


def test_a_python_that_is_too_old_is_told_so(pyz: Path, tmp_path: Path) -> None:
    """Whoever has an old Python in the path reads which it is, not a traceback."""
    old = pythons.python("3.8")

    done = subprocess.run([old, str(pyz), "run"], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert done.stderr.startswith("fsm-robot.pyz: needs Python 3.11 or newer, this is 3.8: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.timeout(400)  # two versions are unpacked and a robot works, on a machine that has much to do
def test_an_upgrade_while_a_robot_works_touches_nothing_that_it_needs(
    pyz: Path, robot_folder: RobotFolder, tmp_path: Path
) -> None:
    """A robot that works under one version is aborted under the next, with its own installation gone."""
    data, place = tmp_path / "data", Place(tmp_path / "Место" / "robot")
    newer = one_file.of_version("99.0", pyz, tmp_path / "newer.pyz")
    first = run(pyz, "versions", "upgrade", str(pyz), "--place", str(place.folder), data=data, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (old,) = unpacked(data)
    launcher = place.folder / "fsm-robot.py"
    robot_folder.program = (str(launcher),)
    robot_folder.store.enqueue(robot_folder.script("sdk", SDK), {"месяц": "2026-10"})
    job = robot_folder.store.enqueue(robot_folder.script("long", WAIT))

    process = robot_folder.start(how=None, **{DATA: str(data)})
    until((robot_folder.path / "scripts" / "started").exists)
    upgrade = run(launcher, "versions", "upgrade", str(newer), data=data, cwd=tmp_path)
    assert upgrade.returncode == 0, upgrade.stderr
    shutil.rmtree(place.file(__version__).parent)
    if os.name == "posix":  # Windows keeps what a program has open
        old.rename(old.with_name("moved"))
    robot_folder.store.order_abort(job)
    done = robot_folder.finish(process)

    assert done.exit_code == 0, done.err
    assert "Traceback" not in done.err
    assert robot_folder.statuses() == {"sdk": 4, "long": 3}
    assert "из одного файла {'месяц': '2026-10'}" in robot_folder.output()
    assert "ERROR" not in robot_folder.log()
    assert place.choice() == Choice("99.0", __version__)
    assert run(launcher, "--version", data=data, cwd=tmp_path).stdout == "fsm-robot 99.0\n"
    # What a scheduler gets is right for each form; that of a virtual environment is in test_schedule.py.
    for started in (launcher, newer):
        scheduled = run(started, "schedule", "show", data=data, cwd=robot_folder.path)
        assert scheduled.returncode == 0, scheduled.stderr
        told = re.sub("[\"']|&quot;|\\0", "", scheduled.stdout)
        assert f"-I {started} run --scheduled --quiet --config" in told
