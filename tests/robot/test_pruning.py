from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.engine.journal.file import JournalFile, journal_names, journals, run_name
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.pruning import ALWAYS_KEPT, Kept, due, mark_idle, prune_runs

NOW = "2026-11-23T00:00:00.000000Z"
OLD, NEW = "20260101T000000Z", "20261122T000000Z"


def names(*stamps: str) -> list[str]:
    return [f"{number:06d}-{stamp}.jsonl" for number, stamp in enumerate(stamps, start=1)]


def test_nothing_is_due_while_the_count_is_only_a_little_over() -> None:
    """Deleting is gathered: a tenth over the limit starts it, and then it goes down to the limit."""
    assert due(names(*[NEW] * 110), Kept(100, 30), NOW) == []
    assert len(due(names(*[NEW] * 111), Kept(100, 30), NOW)) == 11


def test_runs_are_due_by_age_and_the_newest_stay_whatever_their_age() -> None:
    """Ninety old runs and twenty new ones: the old ones go. A clock that was set wrong leaves ten runs."""
    assert due(names(*[OLD] * 90, *[NEW] * 20), Kept(1000, 30), NOW) == names(*[OLD] * 90)
    assert len(due(names(*[OLD] * 90), Kept(1000, 30), NOW)) == 90 - ALWAYS_KEPT


def test_age_starts_the_deleting_once_a_day() -> None:
    """A run that is over its age by less than a day waits, so that not every wake-up deletes one."""
    assert due(names("20261023T120000Z", *[NEW] * 20), Kept(1000, 30), NOW) == []
    two = ["20261022T235959Z", "20261023T230000Z"]
    assert due(names(*two, *[NEW] * 20), Kept(1000, 30), NOW) == names(*two)


def test_name_without_a_stamp_is_never_due_by_age() -> None:
    """What the name does not tell is no reason to delete."""
    assert due(["000001-note.jsonl", *names(*[NEW] * 20)[1:]], Kept(1000, 30), NOW) == []


def test_runs_without_a_job_have_a_count_of_their_own_and_no_age() -> None:
    """A year of wake-ups takes no run with a job along, and the other way round."""
    idle = [f"{number:06d}-{OLD}.idle.jsonl" for number in range(1, 112)]
    jobs = [f"{number:06d}-{NEW}.jsonl" for number in range(200, 300)]

    assert due([*idle[:-1], *jobs], Kept(100, 30, 100), NOW) == []
    assert due([*idle, *jobs], Kept(100, 30, 100), NOW) == idle[:11]
    assert due([*jobs, *idle], Kept(50, 30, 1000), NOW) == jobs[:50]


@attrs.frozen
class Stamp:
    """A clock that stands still."""

    stamp: str

    def monotonic(self) -> float:
        return 0.0

    def utc_now(self) -> str:
        return self.stamp


def run(folder: Path, *events: Event) -> Path:
    written = JournalFile(folder / "journal", {"format": 1}, Stamp("2026-01-01T00:00:00.000000Z"), Redactor())
    for seq, event in enumerate(events):
        written.append(Step(seq, event, "taken", "A", "B"))
    written.close()
    assert written.path is not None
    return written.path


def taken(job: str) -> Event:
    return Event("job_consumed", {"job": job, "script": "s", "run_token": "t"})


def test_wake_ups_push_no_job_out_also_those_of_a_version_that_marked_none(tmp_path: Path) -> None:
    """A job, then three weeks of wake-ups by the minute in small: the job and its output are still there."""
    job = run(tmp_path, taken("a"), Event("job_reported", {"job": "a"}))
    (tmp_path / "jobs" / "a").mkdir(parents=True)
    for number in range(40):
        idle = run(tmp_path, Event("nothing_left"), Event("no_job"))
        if number % 2:
            mark_idle(idle)

    prune(tmp_path, days=36500)

    assert job.exists()
    assert (tmp_path / "jobs" / "a").is_dir()
    left = journals(tmp_path / "journal")
    assert len(left) <= 1 + 2 * ALWAYS_KEPT
    assert {run_name(path) for path in left if path != job} >= {
        f"{number:06d}-20260101T000000Z" for number in range(32, 42)
    }


def prune(folder: Path, days: float = 30) -> int:
    ledger, warnings = JobLedger(folder / "jobs" / "ledger.jsonl"), list[str]()
    deleted = prune_runs(
        folder / "journal",
        journal_names(folder / "journal"),
        Kept(10, days, 10),
        NOW,
        ledger=ledger,
        folder_of=lambda job: folder / "jobs" / job,
        warn=lambda _event, sentence, **values: warnings.append(f"{sentence} {values}"),
    )
    assert warnings == []
    return deleted


def test_old_run_goes_with_the_folder_of_its_job(tmp_path: Path) -> None:
    """What the script printed is kept as long as the run that it belongs to, and no longer."""
    old = run(tmp_path, taken("a"), Event("job_reported", {"job": "a"}))
    for _ in range(ALWAYS_KEPT):
        run(tmp_path, Event("nothing_left"))
    for job in ("a", "b"):
        (tmp_path / "jobs" / job).mkdir(parents=True)
        (tmp_path / "jobs" / job / "output.log").write_text("x")

    assert prune(tmp_path) == 1
    assert not old.exists()
    assert len(journals(tmp_path / "journal")) == ALWAYS_KEPT
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["b"]


def test_run_with_an_undelivered_result_stays(tmp_path: Path) -> None:
    """Neither its age nor the count takes it, until the list of jobs says that its end was delivered."""
    kept = run(tmp_path, taken("a"), Event("script_ended", {"outcome": "failed"}))
    for _ in range(ALWAYS_KEPT):
        run(tmp_path, Event("nothing_left"))
    assert prune(tmp_path) == 0
    assert kept.exists()

    JobLedger(tmp_path / "jobs" / "ledger.jsonl").add("a", "failed")

    assert prune(tmp_path) == 1
    assert not kept.exists()


def test_changed_run_stays_for_a_person_to_look_at(tmp_path: Path) -> None:
    """What cannot be trusted is no ground to delete it."""
    changed = run(tmp_path, taken("a"), Event("job_reported", {"job": "a"}))
    changed.write_bytes(changed.read_bytes().replace(b"job_reported", b"job_misplaced"))
    for _ in range(ALWAYS_KEPT):
        run(tmp_path, Event("nothing_left"))
    JobLedger(tmp_path / "jobs" / "ledger.jsonl").add("a", "failed")

    assert prune(tmp_path) == 0
    assert changed.exists()


def test_folder_that_cannot_be_deleted_is_said_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run that resists does not keep the others."""
    first, second = (run(tmp_path, taken(job), Event("job_reported", {"job": job})) for job in ("a", "b"))
    for _ in range(ALWAYS_KEPT):
        run(tmp_path, Event("nothing_left"))
    real = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == first:
            raise PermissionError(13, "in use", str(path))
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    warnings: list[str] = []
    ledger = JobLedger(tmp_path / "ledger.jsonl")

    kept: dict[str, Any] = {
        "ledger": ledger,
        "folder_of": lambda job: tmp_path / job,
        "warn": lambda _event, sentence, **values: warnings.append(f"{sentence} {values}"),
    }
    assert prune_runs(tmp_path / "journal", journal_names(tmp_path / "journal"), Kept(10, 30), NOW, **kept) == 1
    assert first.exists()
    assert not second.exists()
    assert "in use" in warnings[0]
