"""What a robot runs scripts with: in real jobs, in `check`, `doctor`, `env` and `try`; and what is pinned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.cli import main
from tests.fakes.processes import alive
from tests.fakes.robot_folder import RobotFolder, until
from tests.fakes.wheels import BUILDS, lock_text, wheel

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

IMPORTS = "import pinned_one, fsm_robot.job, sys\nprint('the word is', pinned_one.WORD, sys.prefix)\n"
SLOW_PIP = """\
import os, pathlib, sys, time
pathlib.Path({started!r}).write_text(str(os.getpid()))
print('resolving', flush=True)
time.sleep(600)
"""


def made(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return system.environment_python(str(folder))


def locked(folder: RobotFolder) -> Path:
    """Give the scripts a lock that installs `pinned_one`; return the lock."""
    path = folder.path / "scripts" / "requirements.lock"
    path.write_text(lock_text(wheel(folder.path / "wheels", "pinned_one")), encoding="utf-8")
    return path


def config(folder: RobotFolder) -> str:
    return str(folder.path / "robot.toml")


def diagnoses(folder: RobotFolder, capsys: Any) -> dict[str, dict[str, str]]:
    capsys.readouterr()
    main(["doctor", "--config", config(folder), "--json"])
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def test_script_runs_with_the_environment_beside_it(robot_folder: RobotFolder, capsys: Any) -> None:
    """A real job; `check` and `doctor` name it, and `try` takes it, too."""
    made(robot_folder.path / "scripts" / "отчёты" / ".venv")
    robot_folder.store.enqueue(robot_folder.script("отчёты/own", "import sys; print('prefix', sys.prefix)"))
    robot_folder.script("plain", "import sys; print('prefix', sys.prefix)")

    assert robot_folder.run().exit_code == 0

    own = str(robot_folder.path / "scripts" / "отчёты" / ".venv")
    assert f"prefix {own}" in robot_folder.output()
    assert main(["check", "--config", config(robot_folder)]) == 0
    told = capsys.readouterr().out
    assert f"run by       {own}: отчёты/own" in told
    assert f"run by       {sys.executable}: plain" in told
    found = diagnoses(robot_folder, capsys)["environment"]
    assert (found["verdict"], own in found["said"]) == ("ok", True)
    script = str(robot_folder.path / "scripts" / "отчёты" / "own.py")
    assert main(["try", script, "--config", config(robot_folder)]) == 0
    assert f"prefix {own}" in capsys.readouterr().out


def test_broken_environment_fails_the_job_with_its_sentence(robot_folder: RobotFolder, capsys: Any) -> None:
    """Nothing is run with another Python; `check` and `doctor` say it before."""
    (robot_folder.path / "scripts" / ".venv").mkdir()
    robot_folder.store.enqueue(robot_folder.script("one", "open('ran', 'w')"))

    robot_folder.run()

    assert robot_folder.statuses() == {"one": 5}
    assert "is not a virtual environment" in robot_folder.log()
    assert not (robot_folder.path / "scripts" / "ran").exists()
    assert main(["check", "--config", config(robot_folder)]) == 2
    assert "one: " in (said := capsys.readouterr().err)
    assert "make it anew or delete it" in said
    assert diagnoses(robot_folder, capsys)["environment"]["verdict"] == "wrong"


@BUILDS
def test_job_builds_its_environment_first(robot_folder: RobotFolder, capsys: Any) -> None:
    """After the claim, with heartbeats; the script is the same process of the same job, and the next job is not slower."""
    locked(robot_folder)
    robot_folder.settings(scripts={"environments": "built"})
    for _ in range(2):
        robot_folder.store.enqueue(robot_folder.script("one", IMPORTS))
    assert main(["check", "--config", config(robot_folder)]) == 0
    assert "is not built; `fsm-robot env sync` builds it" in capsys.readouterr().out
    assert diagnoses(robot_folder, capsys)["environment"]["verdict"] == "warning"

    done = robot_folder.run()

    assert done.exit_code == 0, done.err
    assert [job.status for job in robot_folder.store.jobs()] == [4, 4], robot_folder.output()
    assert robot_folder.output().count("the word is here") == 2
    assert robot_folder.output().count("building the environment of") == 1
    assert ("/api/robot/heartbeat", "3") in robot_folder.calls()
    assert diagnoses(robot_folder, capsys)["environment"]["verdict"] == "ok"


@pytest.mark.long
@BUILDS
def test_environment_that_cannot_be_built_fails_the_job(robot_folder: RobotFolder) -> None:
    """The tool's last line is the reason; the outcome is that nothing was started."""
    lock = locked(robot_folder)
    wheel(robot_folder.path / "wheels", "pinned_one", text="WORD = 'exchanged'\n")
    robot_folder.settings(scripts={"environments": "built"})
    robot_folder.store.enqueue(robot_folder.script("one", "open('ran', 'w')"))

    assert robot_folder.run().exit_code == 0

    assert robot_folder.statuses() == {"one": 5}
    assert not (robot_folder.path / "scripts" / "ran").exists()
    assert f"the environment of {lock} was not built" in robot_folder.log()
    assert "not_started" in robot_folder.log()


@pytest.mark.long
@BUILDS
def test_job_builds_nothing_where_it_may_not(robot_folder: RobotFolder, capsys: Any) -> None:
    """Nothing is downloaded in a job then; `env sync` does it before, and says what it did."""
    locked(robot_folder)
    robot_folder.settings(scripts={"environments": "built", "environments_build_s": 0.0})
    robot_folder.store.enqueue(robot_folder.script("one", IMPORTS))
    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"one": 5}
    assert "fsm-robot env sync" in robot_folder.log()
    assert diagnoses(robot_folder, capsys)["environment"]["verdict"] == "wrong"

    assert main(["env", "sync", "--config", config(robot_folder)]) == 0
    assert ": built" in capsys.readouterr().out
    assert main(["env", "sync", "--config", config(robot_folder)]) == 0
    assert ": there already" in capsys.readouterr().out
    assert main(["env", "list", "--config", config(robot_folder)]) == 0
    assert "requirements.lock: one" in capsys.readouterr().out

    robot_folder.store.enqueue("one")
    robot_folder.run()
    assert [job.status for job in robot_folder.store.jobs()] == [5, 4]


@BUILDS
@pytest.mark.parametrize(
    ("order", "status"), [pytest.param("order_stop", 7, marks=pytest.mark.long), ("order_abort", 3)]
)
def test_stop_and_abort_reach_a_build(robot_folder: RobotFolder, order: str, status: int) -> None:
    """As they reach a script; nothing of the tools is left, and nothing half-built is used."""
    locked(robot_folder)
    # The interpreter stands in the way like a network that does not answer.
    slow, began = robot_folder.path / "slow.py", robot_folder.path / "began"
    slow.write_text(SLOW_PIP.format(started=str(began)), encoding="utf-8")
    if sys.platform == "win32":
        python = robot_folder.path / "python.cmd"
        python.write_text(
            f'@if "%1"=="-m" ("{sys.executable}" "{slow}") else ("{sys.executable}" %*)\n', encoding="utf-8"
        )
    else:
        python = robot_folder.path / "python"
        python.write_text(
            # Not replaced by what it starts, which holds its output.
            f'#!/bin/sh\nif [ "$1" = -m ]; then "{sys.executable}" "{slow}"; exit; fi\nexec "{sys.executable}" "$@"\n',
            encoding="utf-8",
        )
        python.chmod(0o755)
    robot_folder.settings(scripts={"environments": "built", "python": str(python)})
    job = robot_folder.store.enqueue(robot_folder.script("one", "open('ran', 'w')"))
    robot = robot_folder.start()
    until(lambda: began.exists() and began.read_text() != "", "the build")

    getattr(robot_folder.store, order)(job)

    done = robot_folder.finish(robot)
    assert done.exit_code == 0, done.err
    assert robot_folder.statuses() == {"one": status}
    assert not alive(int(began.read_text()))
    assert not (robot_folder.path / "scripts" / "ran").exists()
    built = robot_folder.path / "state" / "envs"
    assert [each.name for each in built.glob("*.json")] == []


@BUILDS
def test_sync_tells_what_it_cannot_do(robot_folder: RobotFolder, capsys: Any) -> None:
    """Nothing to build, nothing that may be built, a wrong lock, no folder: one sentence each."""
    robot_folder.script("one", "")
    assert main(["env", "sync", "--config", config(robot_folder)]) == 0
    assert 'scripts.environments is "found"' in capsys.readouterr().out
    robot_folder.settings(scripts={"environments": "built"})
    assert main(["env", "sync", "--config", config(robot_folder)]) == 0
    assert "no script has a lock file" in capsys.readouterr().out
    (robot_folder.path / "scripts" / "requirements.txt").write_text("x==1\n", encoding="utf-8")
    assert main(["env", "sync", "--config", config(robot_folder)]) == 2
    assert "without --hash" in capsys.readouterr().err
    robot_folder.settings(scripts={"environments": "built", "environments_unpinned": True, "python": "no-such-python"})
    assert main(["env", "sync", "--config", config(robot_folder)]) == 2
    assert "fix scripts.python" in capsys.readouterr().err
    robot_folder.settings(scripts={"directory": "nowhere"})
    assert main(["env", "sync", "--config", config(robot_folder)]) == 2
    assert "there is no folder" in capsys.readouterr().err


# ---- pinned


def test_script_that_was_changed_is_not_run(robot_folder: RobotFolder, capsys: Any) -> None:
    """The job fails with the name of the file that changed, and `check` and `doctor` say it before."""
    robot_folder.script("helper", "WORD = 'as locked'\n")
    robot_folder.settings(scripts={"locked": True})
    robot_folder.store.enqueue(robot_folder.script("one", "import helper; print(helper.WORD)"))
    assert main(["scripts", "lock", "--config", config(robot_folder)]) == 0
    assert main(["check", "--config", config(robot_folder)]) == 0
    robot_folder.run()
    assert robot_folder.statuses() == {"one": 4}
    assert not (robot_folder.path / "scripts" / "__pycache__").exists()

    robot_folder.script("helper", "open('ran', 'w')\n")
    robot_folder.store.enqueue("one")
    capsys.readouterr()
    assert main(["check", "--config", config(robot_folder)]) == 2
    assert "helper.py was changed" in capsys.readouterr().err
    assert diagnoses(robot_folder, capsys)["scripts.lock"]["verdict"] == "wrong"
    assert main(["scripts", "diff", "--config", config(robot_folder)]) == 1
    assert "helper.py was changed" in capsys.readouterr().out
    robot_folder.run()

    assert [job.status for job in robot_folder.store.jobs()] == [4, 5]
    assert "helper.py was changed" in robot_folder.log()
    assert not (robot_folder.path / "scripts" / "ran").exists()


def test_compiled_file_does_not_run_in_the_place_of_a_locked_one(robot_folder: RobotFolder) -> None:
    """Python would take it without a look at the source."""
    import py_compile

    helper = robot_folder.path / "scripts" / "helper.py"
    robot_folder.script("helper", "WORD = 'other'\n")
    py_compile.compile(str(helper))
    about = helper.stat()
    robot_folder.script("helper", "WORD = 'right'\n")
    os.utime(helper, ns=(about.st_atime_ns, about.st_mtime_ns))
    robot_folder.store.enqueue(robot_folder.script("one", "import helper; print('it is', helper.WORD)"))
    robot_folder.run()
    assert "it is other" in robot_folder.output()  # so the danger is real

    assert main(["scripts", "lock", "--config", config(robot_folder)]) == 0
    robot_folder.settings(scripts={"locked": True})
    robot_folder.store.enqueue("one")
    robot_folder.run()

    assert [job.status for job in robot_folder.store.jobs()] == [4, 4]
    assert "it is right" in robot_folder.output()


def test_lock_that_is_missing_or_bad_refuses_every_job(robot_folder: RobotFolder) -> None:
    """What is asked for and not there is no leave to run anything."""
    robot_folder.settings(scripts={"locked": True})
    robot_folder.store.enqueue(robot_folder.script("one", "open('ran', 'w')"))

    robot_folder.run()

    assert robot_folder.statuses() == {"one": 5}
    assert "`fsm-robot scripts lock` writes one" in robot_folder.log()
    assert not (robot_folder.path / "scripts" / "ran").exists()


def test_what_is_left_out_stays_left_out(robot_folder: RobotFolder, capsys: Any) -> None:
    """A pattern is given once."""
    robot_folder.script("one", "")
    log = robot_folder.path / "scripts" / "one.log"
    log.write_text("1", encoding="utf-8")
    assert main(["scripts", "lock", "--except", "*.log", "--config", config(robot_folder)]) == 0
    assert main(["scripts", "lock", "--config", config(robot_folder)]) == 0
    assert "nothing is refused yet" in capsys.readouterr().out
    log.write_text("2", encoding="utf-8")
    assert main(["scripts", "diff", "--config", config(robot_folder)]) == 0

    assert main(["scripts", "lock", "--except", "a\nb", "--config", config(robot_folder)]) == 2


# ---- the sample


def test_sample_runs_as_a_new_user_would_run_it(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """By F5, which is plain Python with the variable, and by `try`."""
    monkeypatch.chdir(tmp_path)
    assert main(["sdk", "sample", "проба"]) == 0
    assert "fsm-robot try" in capsys.readouterr().out

    environment = {**os.environ, "FSM_ROBOT_DATA": "проба", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "invoices.py"], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode().split()) == (0, ["booking", "4711", "as", "robot"]), done.stderr
    rows = json.loads((tmp_path / "проба" / ".run" / "tasks" / "Invoices.json").read_text(encoding="utf-8"))
    assert [row["status_word"] for row in rows] == ["Success", "Failed (Business)", "Postponed"]

    assert main(["try", "invoices.py", "--data", "проба"]) == 0
    told = capsys.readouterr().out
    assert [word in told for word in ("Success", "LIMIT: 9000 is above 1000", "Postponed")] == [True] * 3

    assert main(["sdk", "sample", "проба"]) == 2
    assert "is there already" in capsys.readouterr().err
