"""A disk in memory that forgets what was not synced."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import attrs


@attrs.define(eq=False)
class Content:
    """The bytes of a file, and how many of them survive a power loss."""

    data: bytearray = attrs.field(factory=bytearray)
    synced_bytes: int = 0
    ever_synced: bool = False


@attrs.define
class SimulatedDisk:
    """The storage folder; it outlives the robot.

    A file that was never synced is gone after a power loss, or an empty one where it was torn; the first sync of a file
    keeps its name as well, as the journalling file systems do it.

    Attributes:
        full_at: Numbers of the writes that fail half way.
        struck: Kind of fault -> how often it struck.
        writes: Writes so far.
        index: What `ports.JobIndex` holds; None before it is made. A commit survives every power loss.
    """

    full_at: frozenset[int] = frozenset()
    struck: Counter[str] = attrs.field(factory=Counter)
    writes: int = 0
    index: dict[str, str] | None = None
    _folders: dict[str, dict[str, Content]] = attrs.field(factory=dict)

    def names(self, directory: Path) -> list[str]:
        """See `ports.Disk.names`."""
        return list(self._folders.get(str(directory), ()))

    def read(self, path: Path) -> bytes:
        """See `ports.Disk.read`."""
        directory, _, name = str(path).rpartition(os.sep)  # ten times as fast as what pathlib makes of it
        content = self._folders.get(directory, {}).get(name)
        if content is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return bytes(content.data)

    def opened(self, path: Path, *, new: bool) -> Content:
        """Return the file at `path`, made if it is not there."""
        directory, _, name = str(path).rpartition(os.sep)
        folder = self._folders.setdefault(directory, {})
        if new and name in folder:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        return folder.setdefault(name, Content())

    def write(self, content: Content, data: bytes) -> None:
        """Add to a file, or half of it where the disk is full."""
        self.writes += 1
        if self.writes in self.full_at:
            self.struck["disk_full"] += 1
            content.data += data[: len(data) // 2]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        content.data += data

    def lose_power(self, chance: Random, *, torn: bool) -> None:
        """Drop what was not synced; if `torn`, a part of it stays, or zeros in its place."""
        for folder in self._folders.values():
            for name, content in list(folder.items()):
                loose = bytes(content.data[content.synced_bytes :])
                del content.data[content.synced_bytes :]
                if torn and loose:
                    # A file system may have the new length on disk before the bytes: they are zeros then.
                    kept = loose[: chance.randrange(len(loose) + 1)]
                    content.data += kept if chance.random() < 0.7 else bytes(len(kept))
                if not content.ever_synced and not content.data and not (torn and chance.random() < 0.5):
                    del folder[name]  # else its name is there, and nothing in it
                content.synced_bytes = len(content.data)

    def files(self) -> dict[str, bytes]:
        """Return everything: path in POSIX form -> content."""
        return {
            f"{Path(folder).as_posix()}/{name}": bytes(content.data)
            for folder, names in sorted(self._folders.items())
            for name, content in sorted(names.items())
        }


@attrs.define
class LifeDisk:
    """`ports.Disk` for one life of the robot; `effect` is called before each operation that changes something."""

    disk: SimulatedDisk
    effect: Callable[[str], None]

    def names(self, directory: Path) -> list[str]:
        """See `ports.Disk.names`."""
        return self.disk.names(directory)

    def read(self, path: Path) -> bytes:
        """See `ports.Disk.read`."""
        return self.disk.read(path)

    def append(self, path: Path, *, new: bool = False) -> LifeFile:
        """See `ports.Disk.append`."""
        self.effect("open")
        return LifeFile(self, self.disk.opened(path, new=new))

    def try_room(self, directory: Path) -> None:
        """See `ports.Disk.try_room`: a disk fills up by the number of a write here, never before it."""

    def sync_names(self, directory: Path) -> None:
        """See `ports.Disk.sync_names`: the first sync of a file has kept its name already."""
        self.effect("sync_names")


@attrs.define
class LifeIndex:
    """`ports.JobIndex` for one life of the robot: all of it is committed, or nothing."""

    owner: LifeDisk

    def exists(self) -> bool:
        """See `ports.JobIndex.exists`."""
        return self.owner.disk.index is not None

    def outcome(self, job_guid: str) -> str | None:
        """See `ports.JobIndex.outcome`."""
        return (self.owner.disk.index or {}).get(job_guid)

    def take_over(self, entries: Iterable[tuple[str, str]]) -> None:
        """See `ports.JobIndex.take_over`."""
        self.owner.effect("index")
        # Nothing is written here, but it counts as a write: so a full disk may strike before the commit.
        self.owner.disk.write(Content(), b"")
        held = self.owner.disk.index = dict(self.owner.disk.index or {})
        for job_guid, outcome in entries:
            held[job_guid] = outcome or held.get(job_guid, "")


@attrs.define
class LifeFile:
    """`ports.AppendedFile` on a file of the simulated disk."""

    owner: LifeDisk
    content: Content

    def write(self, data: bytes) -> None:
        """See `ports.AppendedFile.write`."""
        self.owner.effect("write")
        self.owner.disk.write(self.content, data)

    def cut(self, size_bytes: int) -> None:
        """See `ports.AppendedFile.cut`."""
        self.owner.effect("cut")
        del self.content.data[size_bytes:]
        self.content.synced_bytes = min(self.content.synced_bytes, size_bytes)

    def sync(self) -> None:
        """See `ports.AppendedFile.sync`."""
        self.owner.effect("sync")
        self.content.synced_bytes, self.content.ever_synced = len(self.content.data), True

    def close(self) -> None:
        """See `ports.AppendedFile.close`."""
