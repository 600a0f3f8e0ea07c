"""Each kind of trouble, on real robots: it is named, and nobody else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsm_robot.cli import main
from fsm_robot.fleet.health import KINDS
from tests.fleet.forty import fleet, seen

NOT_SEEN_HERE = {"disk"}
"""A disk of one robot's own would have to be mounted; the rule itself is in test_health.py."""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="a robot that hangs is one that SIGSTOP stops")
def test_every_sick_robot_of_a_fleet_is_named_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over five seconds, for what robots do wrong is shown by robots that do it; fewer of them than by `forty.py`."""
    with fleet(tmp_path, 17, wait_s=20) as (path, expected):
        assert {kind for kinds in expected.values() for kind in kinds} == {*KINDS} - NOT_SEEN_HERE
        assert seen(path) == expected

        assert main(["status", "--fleet", str(path)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == len(expected) + 1
