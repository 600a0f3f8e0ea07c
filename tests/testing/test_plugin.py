from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.robot.machine import built_in

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "journals"
STORIES = ("night", "stopped", "stop-ran-out", "aborted", "interrupted", "left-by-a-dead-robot")


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder: a machine file and some recorded runs."""
    (tmp_path / "conftest.py").write_text(blocks()[0], encoding="utf-8")
    shutil.copyfile(built_in(), tmp_path / "my_states.yaml")
    (tmp_path / "runs").mkdir()
    for story in STORIES:
        shutil.copyfile(RECORDED / f"{story}.jsonl", tmp_path / "runs" / f"{story}.jsonl")
    return tmp_path


def example() -> str:
    return blocks()[1]


def blocks() -> list[str]:
    """The Python of docs/testing.md: the conftest.py, the worked example."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    conftest, test = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return [str(conftest), str(test)]


def test_worked_example_of_the_documentation_passes_as_it_stands(project: Path) -> None:
    """What docs/testing.md shows is what a user gets."""
    (project / "test_my_states.py").write_text(example(), encoding="utf-8")

    done = run_pytest(project, "test_my_states.py")

    assert done.returncode == 0, done.stdout
    assert f"{len(STORIES) + 4} passed" in done.stdout


def test_worked_example_fails_on_a_broken_machine_and_says_where(project: Path) -> None:
    """A changed destination shows in the replay and in the run among fakes."""
    (project / "test_my_states.py").write_text(example(), encoding="utf-8")
    machine = project / "my_states.yaml"
    text = machine.read_text(encoding="utf-8")
    old = "{trigger: grace_ended, source: Stopping, dest: Aborting}"
    assert old in text
    machine.write_text(text.replace(old, old.replace("Aborting", "Reporting")), encoding="utf-8")

    done = run_pytest(project, "test_my_states.py")

    assert done.returncode == 1
    assert "write `dest: Aborting` in line" in done.stdout
    assert "runs/stop-ran-out.jsonl:8" in done.stdout.replace("\\", "/")
    assert "FAILED test_my_states.py::test_script_that_ignores_a_stop" in done.stdout


def test_folder_without_a_journal_is_an_error_and_no_silent_skip(project: Path) -> None:
    """A misspelt folder must not turn a test into nothing."""
    (project / "test_it.py").write_text(
        "import pytest\n@pytest.mark.journals('rnus')\ndef test_x(journal): pass\n", encoding="utf-8"
    )

    done = run_pytest(project, "test_it.py")

    assert done.returncode != 0
    assert "there is no journal (*.jsonl) in" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text", ["@pytest.mark.journals\ndef test_x(journal): pass", "@pytest.mark.journals('runs')\ndef test_x(): pass"]
)
def test_marker_that_is_used_wrongly_says_how(project: Path, text: str) -> None:
    """A missing folder and a missing argument are told with the right way to write it."""
    (project / "test_it.py").write_text(f"import pytest\n{text}\n", encoding="utf-8")

    done = run_pytest(project, "test_it.py")

    assert done.returncode != 0
    assert '@pytest.mark.journals("folder")' in done.stdout + done.stderr


def test_tests_that_do_not_ask_for_the_plugin_see_nothing_of_the_robot(tmp_path: Path) -> None:
    """An installed fsm_robot puts no fixture and no module into other people's tests."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_x():\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('fsm_robot'))\n"
        "    assert not ours, ours\n",
        encoding="utf-8",
    )

    done = run_pytest(tmp_path, "-p", "no:hypothesispytest", "test_other.py")

    assert done.returncode == 0, done.stdout
    assert "robot_world" not in run_pytest(tmp_path, "--fixtures").stdout


def test_plugin_that_is_asked_for_imports_little_until_a_test_uses_it(tmp_path: Path) -> None:
    """Named on the command line it is there, at the cost of two small modules."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_x():\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('fsm_robot'))\n"
        "    assert ours == ['fsm_robot', 'fsm_robot.testing', 'fsm_robot.testing.plugin'], ours\n"
        "    heavy = {'requests', 'transitions', 'yaml', 'loguru'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n",
        encoding="utf-8",
    )

    done = run_pytest(tmp_path, "-p", "no:hypothesispytest", "-p", "fsm_robot.testing.plugin", "test_other.py")

    assert done.returncode == 0, done.stdout
    assert "robot_world" in run_pytest(tmp_path, "-p", "fsm_robot.testing.plugin", "--fixtures").stdout


def test_marker_is_known_to_strict_projects(project: Path) -> None:
    """`--strict-markers` accepts it."""
    (project / "test_it.py").write_text(
        "import pytest\n@pytest.mark.journals('runs')\ndef test_x(journal): assert journal.exists()\n", encoding="utf-8"
    )

    assert run_pytest(project, "--strict-markers", "test_it.py").returncode == 0


def test_journals_that_git_turned_to_crlf_are_judged_as_before(project: Path) -> None:
    """A checkout on Windows fails no test of a user."""
    (project / "test_my_states.py").write_text(example(), encoding="utf-8")
    for journal in (project / "runs").iterdir():
        journal.write_bytes(journal.read_bytes().replace(b"\n", b"\r\n"))

    done = run_pytest(project, "test_my_states.py", "-k", "recorded_runs")

    assert done.returncode == 0, done.stdout
    assert f"{len(STORIES)} passed" in done.stdout
