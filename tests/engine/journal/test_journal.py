from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import JournalFile, journals, read_journal
from fsm_robot.engine.journal.record import RecordedStep, line_of, read_lines, step_values
from fsm_robot.engine.machine.core import CameFrom, Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.engine.redact import Redactor
from fsm_robot.errors import JournalError
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.look_back import find_outcome, find_unsettled
from fsm_robot.robot.machine import REPEATABLE, built_in
from tests.fakes.world import FakeClock

if sys.platform == "win32":
    from fsm_robot.system import _windows as system
else:
    from fsm_robot.system import _posix as system

CALLBACKS = [spec.name for spec in machine_file.load(built_in(), None, ()).callbacks]
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
HEADER = {"format": 1, "machine": "robot"}


def journal(folder: Path, now_s: float = 1000.0) -> JournalFile:
    return JournalFile(folder, HEADER, FakeClock(now_s), Redactor.for_guid(GUID))


def step(seq: int, event: str, dest: str = "Ready", **data: object) -> Step:
    return Step(seq, Event(event, data), "taken", "Before", dest, "edge", "call")


def recorded(step: Step, at: str, mono: float) -> RecordedStep:
    return RecordedStep(**{field.name: getattr(step, field.name) for field in attrs.fields(Step)}, at=at, mono=mono)


JOB = {"job": "j-1", "script": "сводка", "run_token": "t-1"}


def write(folder: Path, *steps: Step, end: int | None = None) -> Path:
    written = journal(folder)
    for one in steps:
        written.append(one)
    if end is not None:
        written.end(end)
    written.close()
    assert written.path is not None
    return written.path


def test_step_when_written_and_read_is_the_same_step(tmp_path: Path) -> None:
    """A journal gives back what was put in, in any script."""
    steps = [step(0, "started"), step(1, "job_consumed", "Claiming", **JOB), attrs.evolve(step(2, "x"), exit_code=3)]

    records, wrong = read_journal(write(tmp_path, *steps, end=3))

    assert wrong == ""
    assert [record.kind for record in records] == ["header", "step", "step", "step", "end"]
    assert [record.step for record in records[1:-1]] == [
        recorded(step, records[n].values["at"], records[n].values["mono"]) for n, step in enumerate(steps, start=1)
    ]
    assert records[0].values["machine"] == "robot"


def note_syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list that grows with every descriptor that is really synced from now on."""
    synced: list[int] = []
    real = system.sync_data

    def noting(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(system, "sync_data", noting)
    return synced


def test_every_step_is_synced_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fsync per step, no more: the record is on disk before its callback acts."""
    synced = note_syncs(monkeypatch)

    written = journal(tmp_path)
    for seq in range(3):
        written.append(step(seq, "started"))
        assert len(synced) == seq + 1


@pytest.mark.parametrize("callback", [*CALLBACKS, ""])
@pytest.mark.parametrize("came_from", ["", "callback", "inbox", "post"])
def test_step_is_synced_unless_its_callback_may_be_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, callback: str, came_from: CameFrom
) -> None:
    """Whatever cannot be taken back or asked again waits for the disk, and so does an event that was posted."""
    synced = note_syncs(monkeypatch)
    written = attrs.evolve(journal(tmp_path), repeatable=REPEATABLE)

    written.append(Step(0, Event("began"), "taken", "A", "B", callback=callback, came_from=came_from))

    assert len(synced) == (came_from == "post" or callback not in ("settle_last_run", "announce", "leave_session"))
    assert written.path is not None
    assert [record.kind for record in read_journal(written.path)[0]] == ["header", "step"]
    written.close()


@given(st.integers(0, 4000))
def test_journal_when_cut_anywhere_gives_the_whole_records_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """A power loss in the middle of a line loses that line and nothing else."""
    folder = tmp_path_factory.mktemp("journal")
    path = write(folder, *(step(seq, "event", note="слово" * seq) for seq in range(6)))
    whole = path.read_bytes()
    kept = whole[: cut % len(whole)]
    path.write_bytes(kept)

    records, wrong = read_journal(path)

    assert len(records) == kept.count(b"\n")
    assert (wrong == "") == (kept.endswith(b"\n") or not kept)


def test_changed_line_is_told_from_a_torn_tail(tmp_path: Path) -> None:
    """The chain shows a line that was edited, removed or swapped."""
    path = write(tmp_path, step(0, "started"), step(1, "no_job"), step(2, "x"))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)

    changed = [lines[0], lines[1], lines[2].replace("no_job", "job_found"), lines[3]]
    assert read_lines(changed)[1] == "line 3 was changed, or a line before it is missing"
    assert read_lines([lines[0], lines[2], lines[3]])[1] == "line 2 was changed, or a line before it is missing"
    assert read_lines([*lines[:3], lines[3][:-5]])[1] == "line 4 is torn"


def test_secret_in_an_event_does_not_reach_the_file(tmp_path: Path) -> None:
    """The GUID is taken out of every record, and the chain still holds."""
    path = write(tmp_path, step(0, "failed", error=f"401 for {GUID.upper()}"))

    assert GUID.lower() not in path.read_text(encoding="utf-8").lower()
    assert read_journal(path)[1] == ""


def test_runs_are_ordered_by_number_even_when_the_clock_goes_back(tmp_path: Path) -> None:
    """The order of journals is the order of the runs, whatever the clock said."""
    first = journal(tmp_path, now_s=50.0)
    first.append(step(0, "started"))
    second = journal(tmp_path, now_s=1.0)
    second.append(step(0, "started"))

    assert journals(tmp_path) == [first.path, second.path]


def test_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    """The error names the place and the reason."""
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(JournalError, match="cannot be written"):
        journal(tmp_path / "file").append(step(0, "started"))


LEFT_OPEN = {
    "consumed": ([step(0, "job_consumed", "Claiming", **JOB)], ""),
    "claimed": ([step(0, "job_consumed", "Claiming", **JOB), step(1, "job_claimed", "Working")], ""),
    "ended": (
        [step(0, "job_consumed", "Claiming", **JOB), step(1, "script_ended", "Reporting", outcome="stopped")],
        "stopped",
    ),
    "not started": (
        [step(0, "job_consumed", "Claiming", **JOB), step(1, "script_not_started", "Reporting", outcome="refused")],
        "refused",
    ),
    "undelivered": (
        [
            step(0, "job_consumed", "Claiming", **JOB),
            step(1, "script_ended", "Reporting", outcome="failed"),
            step(2, "report_undelivered", "Faulted", job="j-1", outcome="failed", status=5),
        ],
        "failed",
    ),
    "given again": ([step(0, "job_repeated", "Reporting", **JOB, outcome="failed")], "failed"),
    "taken over": ([step(0, "result_left", "Reporting", **JOB, outcome="lost")], "lost"),
}


@pytest.mark.parametrize(("steps", "outcome"), LEFT_OPEN.values(), ids=LEFT_OPEN.keys())
def test_run_that_ended_with_a_job_open_is_found(tmp_path: Path, steps: list[Step], outcome: str) -> None:
    """Wherever the robot died, the next start finds the job, its token and what is known of its end."""
    write(tmp_path, step(0, "started"), step(1, "nothing_left"), *steps)

    left = find_unsettled(tmp_path)

    assert left is not None
    assert (left.job_guid, left.script_name, left.run_token, left.outcome) == ("j-1", "сводка", "t-1", outcome)
    assert left.last_state == steps[-1].dest


@pytest.mark.parametrize("closing", ["job_reported", "report_refused"])
def test_job_that_was_closed_is_not_found_again(tmp_path: Path, closing: str) -> None:
    """A delivered or finally refused result is settled."""
    write(tmp_path, step(0, "nothing_left"), step(1, "job_consumed", **JOB), step(2, closing, job="j-1"))

    assert find_unsettled(tmp_path) is None


def test_late_ending_of_another_job_does_not_settle_the_outcome(tmp_path: Path) -> None:
    """Only a transition that was taken tells how the job in hand ended."""
    late = attrs.evolve(step(2, "script_ended", outcome="succeeded"), kind="late")
    write(tmp_path, step(0, "nothing_left"), step(1, "job_consumed", **JOB), late)

    left = find_unsettled(tmp_path)

    assert left is not None
    assert left.outcome == ""


def test_run_that_died_before_it_looked_back_hides_nothing(tmp_path: Path) -> None:
    """A crash during recovery recovers too: the run before it is still looked at."""
    write(tmp_path, step(0, "nothing_left"), step(1, "job_consumed", **JOB))
    write(tmp_path, attrs.evolve(step(0, "started", "Recovering"), kind="started"))

    left = find_unsettled(tmp_path)

    assert left is not None
    assert left.job_guid == "j-1"


def test_run_that_looked_back_answers_for_all_before_it(tmp_path: Path) -> None:
    """An old open job that a later run settled is not brought up again."""
    write(tmp_path, step(0, "nothing_left"), step(1, "job_consumed", **JOB))
    write(tmp_path, step(0, "result_left", "Reporting", **JOB, outcome="lost"), step(1, "job_reported", job="j-1"))

    assert find_unsettled(tmp_path) is None


def test_absent_folder_holds_nothing(tmp_path: Path) -> None:
    """The first start finds no past."""
    assert find_unsettled(tmp_path / "journal") is None


def test_ledger_knows_a_job_for_ever_and_its_last_outcome(tmp_path: Path) -> None:
    """A job that was taken once is known to every later life, with how it ended."""
    ledger = JobLedger(tmp_path / "jobs" / "ledger.jsonl")
    assert not ledger.known("a")
    ledger.add("a")
    ledger.add("ab", "failed")
    ledger.add("a", "succeeded")

    again = JobLedger(tmp_path / "jobs" / "ledger.jsonl")

    assert again.known("a")
    assert again.outcome("a") == "succeeded"
    assert again.outcome("ab") == "failed"
    assert not again.known("b")


def test_ledger_with_a_torn_last_line_still_knows_the_rest(tmp_path: Path) -> None:
    """What a power loss cuts off costs one entry."""
    path = tmp_path / "ledger.jsonl"
    JobLedger(path).add("a", "failed")
    path.write_bytes(path.read_bytes() + b'{"job": "b", "outc')

    assert JobLedger(path).outcome("a") == "failed"
    assert not JobLedger(path).known("b")


@given(st.text(max_size=40), st.integers(0, 10**9), st.sampled_from([None, 0, 6]))
def test_any_step_survives_the_line(text: str, seq: int, exit_code: int | None) -> None:
    """Whatever a server sends as text, the line holds it and stays one line."""
    one = Step(seq, Event("happened", {"text": text}, job_run=2), "taken", "A", "B", "A--happened-->B", "", exit_code)

    line, _ = line_of("step", step_values(one, "2026-11-23T00:00:00.000000Z", 1.5), "", lambda content: content)

    assert line.count("\n") == 1
    records, wrong = read_lines([line])
    assert wrong == ""
    assert records[0].step == recorded(one, "2026-11-23T00:00:00.000000Z", 1.5)
    assert json.loads(line)["at"].endswith("Z")


def test_ledger_when_its_last_line_is_torn_keeps_the_next_entry_whole(tmp_path: Path) -> None:
    """What is added behind a torn line is not swallowed by it: a job that was taken stays known."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"job": "a"}\n{"job": "b", "outc')

    JobLedger(path).add("c", "failed")

    assert JobLedger(path).outcome("c") == "failed"
    assert JobLedger(path).known("a")


def test_journal_when_a_write_failed_half_way_drops_the_torn_line_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records behind a full disk stay readable: the half line does not hide what follows once there is room."""
    written = journal(tmp_path)
    written.append(step(0, "started"))
    real, left = os.write, [5]

    def full(descriptor: int, data: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[: left.pop()])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(JournalError, match="No space left"):
            written.append(step(1, "job_found"))

    written.append(step(2, "no_job"))

    assert written.path is not None
    records, wrong = read_journal(written.path)
    assert wrong == ""
    assert [record.values["seq"] for record in records[1:]] == [0, 1, 2]


def test_every_end_of_a_job_is_synced_before_add_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power loss right after a job was reported does not make that unknown; that it was taken, the journal has."""
    synced = note_syncs(monkeypatch)

    ledger = JobLedger(tmp_path / "ledger.jsonl")
    for number in range(3):
        ledger.add(f"job-{number}")
        ledger.add(f"job-{number}", "failed")
        assert len(synced) == number + 1


def test_repeated_job_stays_open_over_several_lives_until_its_result_is_delivered(tmp_path: Path) -> None:
    """Its first end is in the list of jobs, its second one is still owed, two lives later as well."""
    ledger = JobLedger(tmp_path / "ledger.jsonl")
    ledger.add("j-1", "failed")
    write(tmp_path, step(0, "nothing_left"), step(1, "job_repeated", "Reporting", **JOB, outcome="failed"))
    write(tmp_path, step(0, "result_left", "Reporting", **JOB, outcome="failed", repeated=True))

    left = find_unsettled(tmp_path, ledger=ledger)

    assert left is not None
    assert (left.job_guid, left.repeated) == ("j-1", True)
    write(
        tmp_path,
        step(0, "result_left", "Reporting", **JOB, outcome="failed", repeated=True),
        step(1, "job_reported", **JOB),
    )
    assert find_unsettled(tmp_path, ledger=ledger) is None


def test_end_of_a_job_that_the_list_does_not_know_is_in_the_journals(tmp_path: Path) -> None:
    """The last journal that tells counts; what another job, or an event that was not taken, says of ends does not."""
    other = {**JOB, "job": "j-2"}
    write(
        tmp_path,
        step(0, "job_consumed", "Claiming", **JOB),
        step(1, "script_ended", "Reporting", outcome="stopped"),
        step(2, "job_consumed", "Claiming", **other),
        step(3, "script_ended", "Reporting", outcome="failed"),
    )
    write(tmp_path, step(0, "nothing_left"))

    assert find_outcome(tmp_path, "j-1") == "stopped"
    assert find_outcome(tmp_path, "j-2") == "failed"
    assert find_outcome(tmp_path, "j-3") == ""
    assert find_outcome(tmp_path / "nowhere", "j-1") == ""
    write(tmp_path, step(0, "job_repeated", "Reporting", **JOB, outcome="lost"))
    assert find_outcome(tmp_path, "j-1") == "lost"
