from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fsm_robot.schedule.plan import Plan
from fsm_robot.schedule.units import crontab_line, service, timer


def plan_in(folder: Path) -> Plan:
    return Plan("fsm_robot-1", sys.executable, str(folder / "robot.toml"), str(folder), every_min=7, stop_grace_s=60)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_units_are_accepted_by_systemd_itself(tmp_path: Path) -> None:
    """Whatever characters the folder has; a word that systemd does not know would be reported."""
    folder = tmp_path / 'папка с "100%" $HOME'
    folder.mkdir()
    plan = plan_in(folder)
    units = {f"{plan.name}.service": service(plan), f"{plan.name}.timer": timer(plan)}
    for name, text in units.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )

    said = [line for line in done.stderr.splitlines() if plan.name in line]
    assert (done.returncode, said) == (0, [])


def test_service_does_not_start_again_what_a_person_has_to_mend() -> None:
    """Only an orchestrator that could not be reached is asked again by systemd."""
    text = service(plan_in(Path("/srv/robot")))

    assert "RestartPreventExitStatus=1 2 3" in text
    assert "SuccessExitStatus=5 6" in text
    assert "TimeoutStopSec=90" in text
    assert "OnUnitInactiveSec=7min" in timer(plan_in(Path("/srv/robot")))


def test_crontab_line_survives_the_shell_and_the_percent_sign() -> None:
    """cron ends a command at a bare percent sign; the shell splits at blanks."""
    line = crontab_line(plan_in(Path("/srv/a robot/100%")))

    command = line.split(" ", 5)[5].replace("\\%", "%")
    assert line.startswith("*/7 * * * * ")
    assert "%" not in line.replace("\\%", "")
    assert shlex.split(command)[1] == "/srv/a robot/100%"
    assert shlex.split(command)[-1] == "/srv/a robot/100%/robot.toml"
