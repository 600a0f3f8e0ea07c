"""`fsm-robot try`: a script under the robot's supervision, without a robot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.sdk.places import Place

HEAD = "import sys, time\nfrom fsm_robot.sdk import *\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place("try", tmp_path / "data")
    made.queue("Q", [{"name": "1"}, {"name": "2"}])
    return made


def test_what_became_of_the_tasks_is_told_at_the_end(place: Place) -> None:
    """What the orchestrator's page would show."""
    said = place.run(
        f"{HEAD}for task in queue('Q').tasks(limit=1):\n    task.done('ok')\nlog.info('line')\njobs.create('Next')\n"
    )

    assert said.splitlines()[-5:] == [
        "Q:",
        "  1                        Success               ok",
        "a job of Next was created",
        f"1 line of log: {place.path / '.run' / 'logs.jsonl'}",
        "the script succeeded",
    ]


def test_a_script_needs_no_data(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With `--task` it has parameters; how it ended is told."""
    script = tmp_path / "один.py"
    script.write_text("from fsm_robot import job\nprint(job.parameters()['month'], sep='')\n")

    assert main(["try", str(script), "--task", '{"month": "май"}']) == 0

    assert capfd.readouterr().out.splitlines() == ["май", "the script succeeded"]


def test_a_failing_script_is_told_with_its_reason(place: Place) -> None:
    """Exit code 1, and the exception."""
    place.run("raise OSError('no such thing')", code=1)

    assert "OSError: no such thing" in place.said
    assert "the script failed" in place.said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing.py"], "there is no such script"),
        (["ok.py", "--data", "nothing"], "is not a folder"),
        (["ok.py", "--task", "{"], "--task: "),
        (["ok.py", "--task", "@nothing.json"], "--task: "),
        (["ok.py", "--keep"], "name it with --data"),
        (["ok.py", "--python", "no-such-python"], "no-such-python"),
        (["ok.py", "--debug", "--python", "no-such-python"], "no-such-python"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """No traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ok.py").write_text("pass")

    assert main(["try", *words]) != 0

    err = capfd.readouterr().err
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="a Ctrl-C is sent")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_asks_to_stop_and_a_second_one_kills(place: Place, times: int) -> None:
    """As the orchestrator does; the task in hand has its end either way."""
    script = place.path / "long.py"
    body = "    except KeyboardInterrupt:\n        time.sleep(60)\n" if times == 2 else "    finally:\n        pass\n"
    script.write_text(
        f"{HEAD}for task in queue('Q').tasks():\n    print('at work')\n    try:\n        time.sleep(60)\n{body}"
    )
    with subprocess.Popen(
        place.command(script),
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads here
    ) as tried:
        assert tried.stdout is not None
        assert tried.stdout.readline() == b"at work\n"
        for _ in range(times):
            os.kill(tried.pid, signal.SIGINT)
            time.sleep(1)
        said = tried.communicate(timeout=60)[0].decode()

    assert f"the script {'aborted' if times == 2 else 'stopped'}" in said
    assert place.tasks()["1"]["comment"] == "stopped while at work"
    assert place.tasks()["1"]["status_word"] == "Failed (Application)"


def test_debugging_reads_what_is_typed(place: Place) -> None:
    """`breakpoint()` and `input()` have this terminal; the data are the same."""
    script = place.path / "asks.py"
    script.write_text(f"{HEAD}task = queue('Q').take()\nbreakpoint()\nprint('name', input())\ntask.done(mark)\n")

    done = subprocess.run(
        place.command(script, ["--debug"]),
        env=place.environment(),
        input="mark = 'by hand'\ncontinue\nАнна\n",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "name Анна" in done.stdout
    assert place.tasks()["1"]["comment"] == "by hand"


def test_a_task_that_a_debugged_script_leaves_has_its_end(place: Place) -> None:
    """Quit in the debugger, or killed."""
    script = place.path / "asks.py"
    script.write_text(f"{HEAD}import os\nqueue('Q').take()\nos._exit(3)\n")

    done = subprocess.run(
        place.command(script, ["--debug"]), env=place.environment(), capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert place.statuses() == ["Failed (Application)", "New"]


def test_the_settings_of_a_robot_are_used_where_they_are(place: Place) -> None:
    """`scripts.python` of the robot.toml in the current folder."""
    (place.path / "robot.toml").write_text(f"[scripts]\npython = {json.dumps(sys.executable)}\n")
    script = place.path / "which.py"
    script.write_text("import sys\nprint(sys.executable)\n")
    command = [sys.executable, "-m", "fsm_robot", "try", str(script)]

    done = subprocess.run(
        command, env=place.environment(), cwd=place.path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.splitlines()[0] == sys.executable


def test_a_password_is_hidden_in_what_the_script_prints(place: Place) -> None:
    """As the robot hides it: who tries sees what the operator will see."""
    place.assets(ERP={"login": "robot", "password": "s3cret-word"})

    said = place.run(f"{HEAD}print('with', credential('ERP').password)")

    assert said.splitlines()[0] == "with ***"
