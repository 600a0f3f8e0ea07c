"""The bench says which disk it has measured on, and leaves the figure out where that says nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.disk import Syncing, file_system_of, syncing_of


@pytest.mark.parametrize(
    ("file_system", "sync_ms", "is_measured"),
    [("ext4", 1.9, True), ("ext4", 0.4, False), ("tmpfs", 3.0, False), ("unknown", 0.5, True)],
)
def test_disk_that_does_not_sync_measures_nothing(file_system: str, sync_ms: float, is_measured: bool) -> None:
    """A file system in memory, and a cache that answers at once."""
    assert Syncing(file_system, sync_ms).is_measured is is_measured


@pytest.mark.skipif(os.name == "nt", reason="/proc/mounts, of Linux")
def test_file_system_is_that_of_the_longest_and_last_mount(tmp_path: Path) -> None:
    """A folder may lie below several mounts, and one may cover another at the same place."""
    mounts, place = tmp_path / "mounts", tmp_path.resolve()
    written = str(place).replace(" ", r"\040")
    mounts.write_text(f"/dev/a {place.anchor} ext4 rw 0 0\nx {written} xfs rw 0 0\ny {written} tmpfs rw 0 0\n", "utf-8")

    assert file_system_of(tmp_path / "below", mounts) == "tmpfs"
    assert file_system_of(place.parent, mounts) == "ext4"
    assert file_system_of(tmp_path, tmp_path / "absent") == "unknown"


def test_sync_is_measured_where_the_folder_is(tmp_path: Path) -> None:
    """The file that was written for it is gone again."""
    assert syncing_of(tmp_path).sync_ms > 0
    assert list(tmp_path.iterdir()) == []
