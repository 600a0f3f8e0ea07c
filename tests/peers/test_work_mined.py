"""The invoice demo mined with pm4py, as docs/analysts.md shows it: from `demo --queue` to figures of the map."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers import peers

PEER = "pm4py"
PAGE = Path(__file__).parent.parent.parent / "docs" / "analysts.md"
ROBOT = [sys.executable, "-m", "fsm_robot"]


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The commands and the program of the page, run as they stand there."""
    folder = tmp_path_factory.mktemp("work")
    section = PAGE.read_text(encoding="utf-8").partition("## The work, not only the robot")[2]
    demo = re.search(r"`fsm-robot (demo --queue [^`]*)`", section)
    export = re.search(r"^fsm-robot (export .* --case task .*)$", section, re.MULTILINE)
    program = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert demo
    assert export
    assert program
    for command in (demo[1], export[1]):
        subprocess.run([*ROBOT, *command.split()], cwd=folder, check=True, capture_output=True, timeout=280)
    found = peers.python("pm4py", "work.py", {"program": program[1], "folder": str(folder)}, folder)
    assert (folder / "work.png").stat().st_size > 5000
    return found


def test_every_invoice_is_a_case_with_an_end(mined: Any) -> None:
    """30 invoices; each was taken, and each ends as done or failed."""
    assert mined["cases"] >= 30
    assert set(mined["starts"]) == {"taken"}
    assert {"done", "failed (business)"} <= set(mined["ends"]) <= {"done", "failed (business)", "failed (application)"}
    assert sum(mined["ends"].values()) == mined["cases"]


def test_the_map_shows_the_steps_of_the_script_and_where_invoices_fail(mined: Any) -> None:
    """What the page says of the map: business failures behind the checks, the killed robot behind the booking."""
    follows = {(a, b): count for a, b, count in mined["follows"]}

    assert follows["taken", "check supplier"] >= 30
    assert {a for a, b in follows if b == "failed (business)"} <= {"check supplier", "check total"}
    assert follows["book at the ERP", "done"] > 0
    assert follows["book at the ERP", "failed (application)"] > 0
