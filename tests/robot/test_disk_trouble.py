"""A disk that is full, read-only, or that loses names."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from fsm_robot.engine import machine_file
from fsm_robot.engine.disk import AppendedFile, SystemDisk
from fsm_robot.engine.journal.file import JournalFile, journals, read_run
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import JournalError
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.look_back import find_unsettled
from fsm_robot.robot.machine import REPEATABLE
from fsm_robot.robot.ports import ConsumeAnswer, Ending
from tests.fakes.world import GONE, JOB, JOB_FOUND, NO_JOB, FakeClock, FakeGateway, FakeWorker, World

HEADER = {"format": 1, "machine": "robot"}


@attrs.define
class FullFile:
    """A file of the real disk, until the disk is full: then half of what is written still gets there."""

    disk: FillingDisk
    file: AppendedFile

    def write(self, data: bytes) -> None:
        if self.disk.trouble:
            self.file.write(data[: len(data) // 2])
            raise OSError(self.disk.trouble, os.strerror(self.disk.trouble))
        self.disk.writes += 1
        if self.disk.writes == self.disk.trouble_after:
            self.disk.trouble = errno.ENOSPC
        self.file.write(data)

    def cut(self, size_bytes: int) -> None:
        self.file.cut(size_bytes)

    def sync(self) -> None:
        self.disk.synced.append("file")
        self.file.sync()

    def close(self) -> None:
        self.file.close()


@attrs.define
class FillingDisk:
    """The system's disk, which can fill up after some writes."""

    trouble_after: int = -1
    trouble: int = 0
    writes: int = 0
    synced: list[str] = attrs.field(factory=list)
    real: SystemDisk = attrs.field(factory=SystemDisk)

    def names(self, directory: Path) -> list[str]:
        return self.real.names(directory)

    def read(self, path: Path) -> bytes:
        return self.real.read(path)

    def append(self, path: Path, *, new: bool = False) -> FullFile:
        if self.trouble == errno.EROFS:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return FullFile(self, self.real.append(path, new=new))

    def try_room(self, directory: Path) -> None:
        if self.trouble:
            raise OSError(self.trouble, os.strerror(self.trouble), str(directory))
        self.real.try_room(directory)

    def sync_names(self, directory: Path) -> None:
        self.synced.append(directory.name)
        self.real.sync_names(directory)


def journal(folder: Path, disk: FillingDisk, make_room: Callable[[], bool] = lambda: False) -> JournalFile:
    return JournalFile(folder / "journal", HEADER, FakeClock(), Redactor(), disk, make_room, repeatable=REPEATABLE)


def world(folder: Path, disk: FillingDisk, make_room: Callable[[], bool] = lambda: False) -> World:
    """A robot with a real journal and a real list of jobs, that finds one job whose script succeeds."""
    gateway = FakeGateway([JOB_FOUND, JOB_FOUND], [ConsumeAnswer(0, job=JOB), GONE])
    return World(
        gateway=gateway,
        worker=FakeWorker(on_start=Ending("succeeded", exit_code=0)),
        journal=journal(folder, disk, make_room),
        ledger=JobLedger(folder / "jobs" / "ledger.jsonl", disk),
    )


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_disk_that_cannot_be_written_lets_no_job_be_taken_and_says_why(tmp_path: Path, trouble: int) -> None:
    """The robot asks for nothing that it could not write down."""
    robot = world(tmp_path, FillingDisk(trouble=trouble))

    assert robot.run() == 1
    assert robot.gateway.calls == []
    assert any("storage failed" in line and os.strerror(trouble) in line for line in robot.log.lines)


def test_disk_that_is_full_when_a_job_is_announced_leaves_it_to_the_orchestrator(tmp_path: Path) -> None:
    """The step still went into its block of the journal, but what the job needs has no room: it is not asked for."""
    robot = world(tmp_path, FillingDisk(3))

    assert robot.run() == 1
    assert [call[0] for call in robot.gateway.calls] == ["announce"]


# Writes of a run: 1 started, 2 nothing_left, 3 job_found, 4 job_consumed, 5 the list of jobs, 6 job_claimed, …
@pytest.mark.parametrize(("trouble_after", "statuses"), [(4, [5]), (5, [8, 5]), (6, [8, 4]), (7, [8, 4])])
def test_job_in_hand_when_the_disk_fills_up_is_still_reported(
    tmp_path: Path, trouble_after: int, statuses: list[int]
) -> None:
    """A script that runs is reported as it ends, one that has not been started is not started; no other job is taken."""
    robot = world(tmp_path, FillingDisk(trouble_after))

    assert robot.run() == 1
    assert robot.gateway.statuses() == statuses
    assert [call[0] for call in robot.gateway.calls].count("consume") == 1


def test_steps_that_could_not_be_written_are_written_when_there_is_room_again(tmp_path: Path) -> None:
    """The journal of a run that outlived a full disk is whole: half a line does not stay, and no step is missing."""
    disk = FillingDisk()
    written = journal(tmp_path, disk)
    written.append(step(0))
    disk.trouble = errno.ENOSPC
    for seq in (1, 2):
        with pytest.raises(JournalError, match="cannot be written"):
            written.append(step(seq))
    disk.trouble = 0

    written.append(step(3))
    written.end(0)

    (path,) = journals(tmp_path / "journal")
    reading = read_run(path)
    assert reading.wrong == ""
    assert [r.values["seq"] for r in reading.records if r.kind == "step"] == [0, 1, 2, 3]
    assert reading.records[-1].kind == "end"


def test_first_step_that_could_not_be_written_still_gets_a_header_later(tmp_path: Path) -> None:
    """A disk that was full at the start costs no record."""
    disk = FillingDisk(trouble=errno.ENOSPC)
    written = journal(tmp_path, disk)
    with pytest.raises(JournalError):
        written.append(step(0))
    disk.trouble = 0

    written.append(step(1))
    written.close()

    (path,) = journals(tmp_path / "journal")
    assert [record.kind for record in read_run(path).records] == ["header", "step", "step"]


def step(seq: int, name: str = "x", **data: str) -> Step:
    return Step(seq, Event(name, data), "taken", "A", "B")


def reserve(folder: Path, disk: FillingDisk) -> Callable[[], bool]:
    """Return what gives up the compiled machine, and with it makes room on the disk."""
    (folder / machine_file.CACHE_NAME).write_text("{}")

    def give_up() -> bool:
        given = machine_file.give_up_cache(folder)
        disk.trouble = 0 if given else disk.trouble
        return given

    return give_up


def test_outcome_that_was_reported_on_a_full_disk_is_not_reported_otherwise_by_the_next_start(tmp_path: Path) -> None:
    """The reserved space holds what must be known: a success that was told is not told as a failure after it."""
    disk = FillingDisk(6)
    robot = world(tmp_path, disk, reserve(tmp_path, disk))

    assert robot.run() == 1  # no further job is taken
    assert robot.gateway.statuses() == [8, 4]
    assert find_unsettled(tmp_path / "journal", ledger=JobLedger(tmp_path / "jobs" / "ledger.jsonl")) is None
    assert not (tmp_path / machine_file.CACHE_NAME).exists()


def test_use_of_the_reserve_is_said_and_the_step_is_on_disk(tmp_path: Path) -> None:
    """Written is not the same as well: the robot hears that it must take no job."""
    disk = FillingDisk()
    written = journal(tmp_path, disk, reserve(tmp_path, disk))
    written.append(step(0))
    disk.trouble = errno.ENOSPC

    with pytest.raises(JournalError, match="space that the robot had reserved"):
        written.append(step(1))

    (path,) = journals(tmp_path / "journal")
    assert [record.values.get("seq") for record in read_run(path).records] == [None, 0, 1]


def test_idle_run_waits_for_no_disk(tmp_path: Path) -> None:
    """A wake-up that finds no job does nothing that could not be done once more; each step is written all the same."""
    disk = FillingDisk()
    robot = world(tmp_path, disk)
    robot.gateway.announces = [NO_JOB]

    assert robot.run() == 0
    assert disk.synced == []
    (path,) = journals(tmp_path / "journal")
    assert [record.kind for record in read_run(path).records] == ["header", "step", "step", "step", "end"]


def test_folder_is_synced_once_before_a_job_is_claimed(tmp_path: Path) -> None:
    """A power loss must not take the name of the file away that tells of the job; the first run has new folders too."""
    disk = FillingDisk()
    first = world(tmp_path, disk)
    first.run()

    folders = [name for name in disk.synced if name != "file"]
    assert folders == ["journal", tmp_path.name, tmp_path.parent.name]
    assert disk.synced.index("journal") == 1  # right behind the step that asks for a job

    disk.synced.clear()
    again = world(tmp_path, disk)
    again.gateway.consumes = [ConsumeAnswer(0, job=attrs.evolve(JOB, guid="another"))]
    again.gateway.announces = [JOB_FOUND, NO_JOB]
    again.run()

    assert [name for name in disk.synced if name != "file"] == ["journal"]


def test_list_of_jobs_that_cannot_be_read_lets_no_job_be_asked_for(tmp_path: Path) -> None:
    """Whether a job was had before would not be known: that shows itself while the job is still the orchestrator's."""
    robot = world(tmp_path, FillingDisk())
    (tmp_path / "jobs" / "ledger.jsonl").mkdir(parents=True)

    assert robot.run() == 1
    assert [call[0] for call in robot.gateway.calls] == ["announce"]
    assert robot.worker.done == []


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs an account that permissions bind")
def test_real_read_only_folder_is_said_in_one_sentence(read_only_folder: Path) -> None:
    """The operating system's own refusal comes out as ours."""
    with pytest.raises(JournalError, match="cannot be written"):
        JournalFile(read_only_folder / "journal", HEADER, FakeClock(), Redactor()).append(step(0))
