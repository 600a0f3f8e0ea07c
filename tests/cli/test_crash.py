from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from fsm_robot.engine.journal.file import read_journal
from tests.fakes.processes import alive
from tests.fakes.robot_folder import RobotFolder

OWN = """\
from fsm_robot.robot import callbacks
from fsm_robot.engine.machine.events import Event


class Callbacks(callbacks.Callbacks):
    def {callback}(self, step):
        {body}
"""
TREE = (
    "import os, pathlib, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "pathlib.Path('pids').write_text(f'{os.getpid()} {child.pid}')\nwhile True: time.sleep(1)\n"
)


def own(folder: RobotFolder, callback: str, body: str) -> None:
    (folder.path / "own.py").write_text(OWN.format(callback=callback, body=body), encoding="utf-8")
    folder.settings(machine={"callbacks": "own.py"})


def told(folder: RobotFolder, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "fsm_robot", *command],
        cwd=folder.path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_crash_stands_wherever_somebody_looks(robot_folder: RobotFolder) -> None:
    """One sentence on the console; the traceback in robot.log; `status`, `replay` and the next start know of it."""
    own(robot_folder, "claim_job", f"open('prices-{robot_folder.guid}.csv')")
    robot_folder.store.enqueue(robot_folder.script("echo", "print(1)"))

    done = robot_folder.run()

    sentence = (
        "callback claim_job in state Claiming: FileNotFoundError: [Errno 2] No such file or directory: 'prices-***.csv'"
    )
    assert done.exit_code == 1
    assert [line for line in done.err.splitlines() if "crash" in line or "callback" in line] == [sentence]
    assert "Traceback" not in done.err
    assert "lock" not in done.err
    log = robot_folder.log().splitlines()
    assert "the run crashed" in log[-1]
    assert "prices-***.csv" in log[-1]
    assert any("Traceback (most recent call last)" in line for line in log)
    assert any("own.py" in line and "line 7" in line for line in log)
    assert robot_folder.guid not in robot_folder.log()

    journal = next((robot_folder.path / "state" / "journal").iterdir())
    records, wrong = read_journal(journal)
    assert wrong == ""
    assert records[-1].values["exit_code"] == 1
    assert records[-1].values["crash"]["callback"] == "claim_job"
    assert robot_folder.guid not in journal.read_text(encoding="utf-8")

    status = told(robot_folder, "status")
    assert status.returncode == 1
    assert "crashed, callback claim_job in state Claiming: FileNotFoundError" in status.stdout
    assert "power went" not in status.stdout
    assert json.loads(told(robot_folder, "status", "--json").stdout)[0]["doing"] == "crashed"
    replayed = told(robot_folder, "replay", str(journal), "--steps")
    assert replayed.returncode == 0, replayed.stdout
    assert "crashed with exit code 1: callback claim_job" in replayed.stdout
    fits = told(robot_folder, "conformance", "state")
    assert fits.returncode == 1
    assert "the run crashed, callback claim_job" in fits.stdout
    assert told(robot_folder, "history").returncode == 0

    robot_folder.settings()
    (robot_folder.path / "robot.toml").write_text(
        (robot_folder.path / "robot.toml").read_text(encoding="utf-8").replace('callbacks = "own.py"', "")
    )
    assert robot_folder.run().exit_code == 0
    assert robot_folder.statuses() == {"echo": 5}
    assert "the last run left a job open" in robot_folder.log()


def test_crash_while_a_script_runs_leaves_no_process(robot_folder: RobotFolder) -> None:
    """The tree is dead when the robot is; its job is reported by the next start."""
    own(
        robot_folder,
        "run_script",
        "import pathlib, time\n"
        "        super().run_script(step)\n"
        "        while not pathlib.Path('scripts/pids').exists() or not pathlib.Path('scripts/pids').read_text():\n"
        "            time.sleep(0.05)\n"
        "        raise ZeroDivisionError",
    )
    robot_folder.store.enqueue(robot_folder.script("tree", TREE))

    done = robot_folder.run()

    assert done.exit_code == 1
    assert "callback run_script in state Working: ZeroDivisionError" in done.err
    pids = (robot_folder.path / "scripts" / "pids").read_text().split()
    assert [pid for pid in pids if alive(int(pid))] == []


WITHOUT_A_READER = {
    "closed pipe": "| true",
    "closed": ">&-",
    "all closed": ">&- 2>&- <&-",
    "full": "> /dev/full",
    "both full": "> /dev/full 2>&1",
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell and /dev/full")
@pytest.mark.parametrize("where", WITHOUT_A_READER.values(), ids=WITHOUT_A_READER.keys())
def test_drained_run_exits_with_0_whatever_its_output_does(robot_folder: RobotFolder, where: str) -> None:
    """Nobody has to read what a robot prints: its jobs are done, its log is whole, its journal untouched by prints."""
    text = dedent("""\
        import sys
        print('said')
        print('complained', file=sys.stderr)
    """)
    robot_folder.store.enqueue(robot_folder.script("echo", text))
    command = f'"{sys.executable}" -I -u -m fsm_robot run'
    done = subprocess.run(
        ["/bin/bash", "-c", f"(exec {command} {where}); echo ${{PIPESTATUS[0]}} > code" if "|" not in where else f"{command} {where}; echo ${{PIPESTATUS[0]}} > code"],
        cwd=robot_folder.path,
        env={k: v for k, v in os.environ.items() if not k.startswith("FSM_ROBOT")},
        capture_output=True,
        check=False,
        timeout=60,
    )  # fmt: skip

    assert (robot_folder.path / "code").read_text().strip() == "0", done.stderr
    assert robot_folder.statuses() == {"echo": 4}
    assert b"Traceback" not in done.stderr
    assert "job reported" in robot_folder.log()
    assert robot_folder.output().split() == ["said", "complained"]
    for journal in (robot_folder.path / "state" / "journal").iterdir():
        assert read_journal(journal)[1] == ""


def test_answer_that_is_none_does_not_hang_the_real_robot(robot_folder: RobotFolder) -> None:
    """A callback that forgot its `return` ended with the lock held for ever; now it is a sentence."""
    own(robot_folder, "announce", "super().announce(step)")

    done = robot_folder.run()

    assert done.exit_code == 1
    assert "callback announce in state Ready: it answers nothing; the machine file lets it answer an event" in done.err


def test_module_of_callbacks_that_cannot_be_imported_stands_in_the_log(robot_folder: RobotFolder) -> None:
    """Under pythonw the log is all there is."""
    own(robot_folder, "announce", "pass")
    (robot_folder.path / "own.py").write_text("import nothing_of_that_name", encoding="utf-8")

    done = robot_folder.run("--quiet")

    assert done.exit_code == 2
    assert "nothing_of_that_name" in robot_folder.log()
    assert "machine.callbacks" in done.err


def test_log_of_a_crash_cannot_be_faked_by_its_text(robot_folder: RobotFolder) -> None:
    """Line breaks and escapes of an error's text stay within its line, on every place."""
    own(robot_folder, "announce", r"raise ValueError('a\n2026-11-23 ERROR faked\x1b[2J\u202e')")

    done = robot_folder.run()

    everything = done.err + done.out + robot_folder.log() + told(robot_folder, "status").stdout
    assert "\x1b" not in everything
    assert "\u202e" not in everything
    assert not any(line.startswith("2026-11-23 ERROR faked") for line in everything.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full")
def test_command_whose_output_is_lost_does_not_claim_success(robot_folder: RobotFolder) -> None:
    """Data that a full disk took nothing of is exit 1 with a sentence; a reader who left is no fault."""
    for command in (["check"], ["diagram"], ["diagram", "--format", "svg"], ["--help"], ["check", "--json"], ["run", "--help"]):  # fmt: skip
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-I", "-m", "fsm_robot", *command],
                cwd=robot_folder.path,
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), (command, done.stderr)
        assert "the output cannot be written: No space left on device" in done.stderr
