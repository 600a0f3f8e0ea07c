from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import torture

pytestmark = pytest.mark.long


@pytest.mark.parametrize("seed", [1, 2])
def test_robot_keeps_its_promises_when_it_is_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    """One final status a job, none run twice, no process left, no credential on the disk; `make torture` does it longer."""
    report = torture(tmp_path / "robot", kills=6, seed=seed)

    assert report.broken == []
    assert report.lives >= 6
