"""What `doctor` finds out about the interpreter of the scripts, on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.worker.environment import HOST_FOLDER
from fsm_robot.worker.interpreter import look_at
from tests.fakes.pythons import OTHERS, python


@pytest.mark.parametrize("version", [f"{sys.version_info.major}.{sys.version_info.minor}", *OTHERS])
def test_python_that_runs_scripts_is_found_good(version: str) -> None:
    """Old ones and new ones, with the script host in them."""
    found = look_at(python(version))

    assert found.version.startswith(f"{version}.")
    assert (found.problem, found.remedy) == ("", "")


def test_virtual_environment_without_the_package_is_found_good(tmp_path: Path) -> None:
    """Nothing of the robot has to be installed there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    folder = "bin/python" if os.name == "posix" else "Scripts/python.exe"

    assert look_at(str(tmp_path / folder)).problem == ""


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_python_that_is_too_old_is_named(version: str) -> None:
    """With its version, and the oldest that will do."""
    found = look_at(python(version))

    assert f"is Python {version}." in found.problem
    assert "3.8 or newer" in found.problem


@pytest.mark.skipif(os.name != "posix", reason="the wrapper is a shell script")
@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_python_that_ignores_what_it_is_given_is_named_with_what_to_do(tmp_path: Path, option: str) -> None:
    """Scripts would run there, but could not be stopped politely: better known before."""
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" {option} "$@"\n')
    wrapper.chmod(0o755)

    found = look_at(str(wrapper))

    assert "cannot be asked to stop" in found.problem
    assert str(HOST_FOLDER) in found.remedy


@pytest.mark.skipif(os.name != "posix", reason="the programs are those of POSIX systems")
@pytest.mark.parametrize(
    ("program", "said"), [("/bin/true", "not Python"), ("/bin/false", "exit code 1"), ("nowhere", "cannot be started")]
)
def test_what_is_no_python_is_named(tmp_path: Path, program: str, said: str) -> None:
    """One sentence, and where to fix it."""
    found = look_at(program if program.startswith("/") else str(tmp_path / program))

    assert said in found.problem
    assert "scripts.python" in found.remedy
