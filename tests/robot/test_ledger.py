"""The list of jobs and its index: no job is ever run twice, at any size, through every crash."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import attrs
import pytest

from fsm_robot.engine.disk import AppendedFile, SystemDisk
from fsm_robot.engine.machine.events import Event
from fsm_robot.errors import JournalError
from fsm_robot.robot.job_index import LOOK_UP, JobIndex, key_of
from fsm_robot.robot.ledger import FOLD_AT, FOLDED, INDEX_NAME, JobLedger
from fsm_robot.robot.look_back import jobs_in
from fsm_robot.simulator.disk import LifeDisk, LifeIndex, SimulatedDisk
from tests.robot.test_pruning import run, taken

LIST = Path("state") / "jobs" / "ledger.jsonl"


def guid(number: int) -> str:
    return f"5c1e0000-0000-4000-8000-{number:012x}"


def filled(folder: Path, jobs: int) -> JobLedger:
    """Return a list of jobs that are over, handed over to the index wherever that was due."""
    ledger = JobLedger(folder / "ledger.jsonl")
    for number in range(jobs):
        ledger.make_ready()
        ledger.add(guid(number))
        ledger.add(guid(number), "failed" if number % 2 else "succeeded")
    return ledger


def test_job_stays_known_when_its_lines_have_gone_to_the_index(tmp_path: Path) -> None:
    """The list is cut at every handing over and never long; each job keeps its outcome, for every later life."""
    filled(tmp_path, 3 * FOLD_AT)

    again = JobLedger(tmp_path / "ledger.jsonl")

    assert (tmp_path / "ledger.jsonl").read_bytes().startswith(FOLDED)
    assert (tmp_path / "ledger.jsonl").read_bytes().count(b"\n") <= FOLD_AT + 2
    assert [again.outcome(guid(number)) for number in range(4)] == ["succeeded", "failed"] * 2
    assert all(again.known(guid(number)) for number in range(3 * FOLD_AT))
    assert not again.known(guid(3 * FOLD_AT))
    assert again.known(guid(0xABC % 300).upper())


@pytest.mark.parametrize("job", [guid(7), guid(7).upper(), "работа-7", 'a "job"', "a\\\\b", "K-7", "", "x\ud800"])
@pytest.mark.parametrize("escaped", [True, False])
def test_job_is_known_however_its_line_spells_it(tmp_path: Path, job: str, *, escaped: bool) -> None:
    """A look that spares most jobs the reading of every line must spare none that is there; nor see what is not."""
    ledger = JobLedger(tmp_path / "ledger.jsonl")
    ledger.add(guid(1), "failed")
    line = json.dumps({"job": job, "outcome": "succeeded"}, ensure_ascii=escaped)
    line = line if not escaped or job != guid(7) else line.replace("5c1e", "\\u0035c1e")
    with ledger.path.open("ab") as file:
        file.write(line.encode("utf-8", "surrogatepass") + b"\n")

    is_text = escaped or not job.startswith("x")  # a half of a pair is no UTF-8, and no line of ours
    assert (ledger.known(job), ledger.outcome(job)) == (is_text, "succeeded" if is_text else "")
    assert ledger.known(job.upper().lower()) == ledger.known(job.upper()) == is_text
    assert not ledger.known(guid(2))


def test_open_job_keeps_the_lines_where_they_are(tmp_path: Path) -> None:
    """The next start asks the list which job was taken last and not closed: that is not handed over half."""
    ledger = JobLedger(tmp_path / "ledger.jsonl", fold_at=3)
    for number in range(4):
        ledger.add(guid(number), "failed")
    ledger.add(guid(4))

    ledger.make_ready()
    assert ledger.last_open() == guid(4)
    assert not (tmp_path / INDEX_NAME).exists()

    ledger.add(guid(4), "lost")
    ledger.make_ready()
    assert (tmp_path / INDEX_NAME).exists()
    assert (ledger.last_open(), ledger.outcome(guid(4))) == ("", "lost")


def test_what_another_version_wrote_into_the_list_is_taken_over(tmp_path: Path) -> None:
    """A list as long as it ever got, then a version that knows no index, then this one again: every job is known."""
    path = tmp_path / "ledger.jsonl"
    path.write_text(
        "".join(f'{{"job": "{guid(n)}"}}\n{{"job": "{guid(n)}", "outcome": "failed"}}\n' for n in range(15_000))
    )
    ledger = JobLedger(path)
    assert ledger.known(guid(0))  # the version before had forgotten it behind 20,000 lines
    ledger.make_ready()
    with path.open("a") as stream:
        stream.write('{"job": "old-1"}\n{"job": "old-1", "outcome": "stopped"}\n{"job": "old-2"}\n')

    again = JobLedger(path, fold_at=2)

    assert (again.outcome("old-1"), again.known("old-2"), again.last_open()) == ("stopped", True, "old-2")
    again.add("old-2", "failed")
    again.make_ready()
    assert path.read_bytes() == FOLDED
    assert all(again.outcome(job) for job in ("old-1", "old-2", guid(0), guid(14_999)))


@attrs.define
class CountingDisk:
    """The real disk; counts what is read."""

    read_bytes: int = 0
    real: SystemDisk = attrs.field(factory=SystemDisk)

    def names(self, directory: Path) -> list[str]:
        return self.real.names(directory)

    def read(self, path: Path) -> bytes:
        data = self.real.read(path)
        self.read_bytes += len(data)
        return data

    def append(self, path: Path, *, new: bool = False) -> AppendedFile:
        return self.real.append(path, new=new)

    def try_room(self, directory: Path) -> None:
        self.real.try_room(directory)

    def sync_names(self, directory: Path) -> None:
        self.real.sync_names(directory)


def test_a_look_up_reads_as_much_at_every_size_and_a_job_takes_under_100_bytes(tmp_path: Path) -> None:
    """Of the list at most what one handing over leaves; of the index one path down a tree, by its key."""
    read = []
    for jobs in (1_000, 50_000):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        JobIndex(folder / INDEX_NAME).take_over((guid(number), "succeeded") for number in range(jobs))
        disk = CountingDisk()
        ledger = JobLedger(folder / "ledger.jsonl", disk)
        ledger.add("new", "failed")
        disk.read_bytes = 0
        assert ledger.known(guid(jobs // 2))
        read.append(disk.read_bytes)
        if jobs == 50_000:
            assert (folder / INDEX_NAME).stat().st_size / jobs < 100

    assert read[0] == read[1] < 16 * 1024
    with sqlite3.connect(tmp_path / "50000" / INDEX_NAME) as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {LOOK_UP}", (key_of("x"),)).fetchall()
    db.close()
    assert [row[3] for row in plan] == ["SEARCH jobs USING PRIMARY KEY (job=?)"]


class CrashError(BaseException):
    """The robot's process ends here."""


def crashing_at(number: int) -> Callable[[str], None]:
    effects: list[str] = []

    def effect(what: str) -> None:
        effects.append(what)
        if len(effects) == number:
            raise CrashError

    return effect


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_crash_and_power_loss_at_any_effect_forget_no_job_that_was_over(torn: bool) -> None:
    """Nine jobs with a handing over after every second one: whatever `add` had returned from is known afterwards."""
    number = 0
    ended_whole = False
    while not ended_whole:
        number += 1
        disk, over, asked = SimulatedDisk(), list[str](), 0
        ours = LifeDisk(disk, crashing_at(number))
        ledger = JobLedger(LIST, ours, LifeIndex(ours), fold_at=4)
        try:
            for job in map(guid, range(9)):
                ledger.make_ready()
                ledger.add(job)
                ledger.add(job, "failed")
                over.append(job)
                asked += 1
            ended_whole = True
        except CrashError:
            disk.lose_power(Random(number), torn=torn)

        later = LifeDisk(disk, lambda _: None)
        again = JobLedger(LIST, later, LifeIndex(later), fold_at=4)
        assert [again.outcome(job) for job in over] == ["failed"] * len(over), number
        assert again.last_open() in ("", guid(asked))
        again.make_ready()
        assert [again.outcome(job) for job in over] == ["failed"] * len(over), number
    assert number > 60


def test_index_that_is_no_index_lets_no_job_be_asked_for_and_says_what_to_do(tmp_path: Path) -> None:
    """Which jobs were had is not known then: running one twice is worse than running none."""
    filled(tmp_path, FOLD_AT)
    (tmp_path / INDEX_NAME).write_bytes(b"\0" * 8192)

    with pytest.raises(JournalError, match="put a whole one in its place, or delete it"):
        JobLedger(tmp_path / "ledger.jsonl").make_ready()
    with pytest.raises(JournalError, match=INDEX_NAME):
        JobLedger(tmp_path / "ledger.jsonl").known("a job that the list does not tell of")


def test_first_handing_over_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    """A crash leaves an empty file, or one whose table was never committed: the list still has everything."""
    ledger = JobLedger(tmp_path / "ledger.jsonl", fold_at=1)
    ledger.add("a", "failed")
    for size in (0, 4096):
        (tmp_path / INDEX_NAME).unlink(missing_ok=True)
        (tmp_path / INDEX_NAME).touch()
        if size:
            with sqlite3.connect(tmp_path / INDEX_NAME) as db:
                db.execute("VACUUM")
            db.close()
            assert (tmp_path / INDEX_NAME).stat().st_size == size
        assert not JobLedger(tmp_path / "ledger.jsonl").known("b")
    ledger.make_ready()

    assert (tmp_path / "ledger.jsonl").read_bytes() == FOLDED
    assert ledger.outcome("a") == "failed"


def test_index_that_was_deleted_is_said_once_and_made_again_from_the_journals(tmp_path: Path) -> None:
    """What a journal tells of stays known; what none tells of, a person is told."""
    path, said = tmp_path / "jobs" / "ledger.jsonl", list[str]()
    run(tmp_path, taken("told"), Event("job_reported", {"job": "told", "outcome": "stopped"}))
    ledger = JobLedger(
        path,
        fold_at=1,
        from_journals=lambda: jobs_in(tmp_path / "journal"),
        warn=lambda _event, sentence, **values: said.append(f"{sentence} {values}"),
    )
    ledger.add("told", "stopped")
    ledger.add("forgotten", "failed")
    ledger.make_ready()
    (path.parent / INDEX_NAME).unlink()

    ledger.make_ready()
    ledger.make_ready()

    assert ledger.known("told")
    assert not ledger.known("forgotten")
    assert len(said) == 1
    assert "is missing and is rebuilt from the journals" in said[0]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_index_is_for_the_account_only_whatever_the_umask_is(tmp_path: Path) -> None:
    """What SQLite makes beside it takes the same permissions."""
    before = os.umask(0)
    try:
        filled(tmp_path, FOLD_AT)
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_place_where_no_job_could_be_kept_is_found_before_one_is_asked_for(tmp_path: Path) -> None:
    """A file where the folders of jobs should be: one sentence that names it."""
    (tmp_path / "jobs").write_text("no folder")

    with pytest.raises(JournalError, match="no job could be kept here"):
        JobLedger(tmp_path / "jobs" / "ledger.jsonl").make_ready()


def test_trial_leaves_nothing_and_takes_away_what_a_crash_left(tmp_path: Path) -> None:
    """A folder with a file in it was made and is gone, also where the last life died in between."""
    (tmp_path / "jobs" / "trial").mkdir(parents=True)
    (tmp_path / "jobs" / "trial" / "file").write_bytes(b"left")

    JobLedger(tmp_path / "jobs" / "ledger.jsonl").make_ready()

    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["ledger.jsonl"]
