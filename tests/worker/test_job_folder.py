"""What only the running script needed goes when it has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.worker.job_folder import BUILDING_NAME, EXCEPTION_NAME, JOB_NAME, NO_STOP_NAME, STOP_NAME, JobFolder

NAMES = (JOB_NAME, STOP_NAME, NO_STOP_NAME, EXCEPTION_NAME, BUILDING_NAME)


@pytest.mark.parametrize("held", NAMES)
@pytest.mark.parametrize("keeps", [True, False])
def test_file_that_cannot_be_removed_spares_no_other(tmp_path: Path, held: str, keeps: bool) -> None:
    """A folder of that name cannot be unlinked; all the others are gone, and the caller is told."""
    for name in NAMES:
        (tmp_path / name).mkdir() if name == held else (tmp_path / name).touch()

    if keeps and held == JOB_NAME:
        JobFolder(tmp_path).clear(keep_job_file=True)
    else:
        with pytest.raises(OSError, match=held):
            JobFolder(tmp_path).clear(keep_job_file=keeps)

    assert {path.name for path in tmp_path.iterdir()} == {held, *([JOB_NAME] if keeps else [])}
