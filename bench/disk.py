"""Which file system a folder is on, and how long a sync takes there: a figure of syncs says nothing without both."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import attrs

IN_MEMORY = ("tmpfs", "ramfs")
LEAST_SYNC_MS = 0.5
"""A disk that answers sooner has a cache that a power loss empties, or none of its answers is true."""
ROUNDS = 60


@attrs.frozen
class Syncing:
    """How a disk syncs: the type of its file system, and milliseconds of a sync of one appended line (median)."""

    file_system: str
    sync_ms: float

    @property
    def is_measured(self) -> bool:
        """Whether this disk really syncs, so that waiting for it means something."""
        return self.file_system not in IN_MEMORY and self.sync_ms >= LEAST_SYNC_MS

    def __str__(self) -> str:
        """Return it as a row of the bench says it."""
        return f"{self.file_system}, {self.sync_ms:.2f} ms a sync"


def syncing_of(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> Syncing:
    """Measure the disk of a folder."""
    path, waits = folder / "synced", []
    sync = getattr(os, "fdatasync", os.fsync)
    with path.open("wb", buffering=0) as stream:
        for _ in range(ROUNDS):
            stream.write(b"x" * 400)
            started_s = time.perf_counter()
            sync(stream.fileno())
            waits.append(time.perf_counter() - started_s)
    path.unlink()
    return Syncing(file_system_of(folder, mounts), statistics.median(waits) * 1000)


def file_system_of(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the type of the file system that a folder is on; `unknown` where the system does not tell."""
    place = folder.resolve()
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "unknown"
    points = [(line.split()[1].encode().decode("unicode_escape"), line.split()[2]) for line in lines]
    below = [(len(point), number, kind) for number, (point, kind) in enumerate(points) if place.is_relative_to(point)]
    return max(below)[2] if below else "unknown"  # the longest, and of those the last: it lies over the others
