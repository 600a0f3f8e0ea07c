from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm_robot.engine.journal.file import JournalFile, journals, read_file, read_run
from fsm_robot.engine.journal.record import read
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.errors import CallbackError, GatewayRejectedError
from fsm_robot.robot.ledger import JobLedger
from fsm_robot.robot.unsettled import unsettled_in
from tests.fakes.world import definition_of_the_robot, lost
from tests.journals.director import LEFT, Director, Stage
from tests.journals.possible import covering_walks
from tests.journals.record import header

RECORDED = sorted((Path(__file__).parent.parent / "journals").glob("*.jsonl"))
DEFINITION = definition_of_the_robot()
WALKS = list(covering_walks(DEFINITION))
ALL_OR_SOME = pytest.mark.parametrize(
    "is_all", [pytest.param(True, id="all", marks=pytest.mark.long), pytest.param(False, id="some")]
)
ONE_JOB = ["nothing_left", "job_found", "job_consumed", "job_claimed", "script_ended", "job_reported", "no_job"]


def stage(folder: Path, definition: Definition = DEFINITION) -> Stage:
    return Stage(folder, definition, header(definition))


def crashes(walk: list[str], *, is_all: bool = True) -> Iterator[Director]:
    """Yield the walk with a crash at the writing of each record: just before it, and just behind it."""
    # An inbox event that is ignored makes a record more than the walk has events.
    for record in range(len(walk) + 2):
        for written in (False, True) if is_all else (record % 2 == 0,):
            yield Director(list(walk), crash_at=record, written=written)


def written_jobs(played: Stage) -> set[str]:
    """Return the jobs that a journal of the stage speaks of."""
    steps = [r.values for path in journals(played.journals) for r in read_run(path).records if r.kind == "step"]
    return {step["event"]["data"]["job"] for step in steps if "job" in step["event"].get("data", {})}


@pytest.mark.parametrize("number", range(len(WALKS)), ids=lambda number: f"{number + 1:02d}-{WALKS[number][-1]}")
@ALL_OR_SOME
def test_restart_after_a_crash_at_any_record_delivers_exactly_one_final_status(
    tmp_path: Path, number: int, is_all: bool
) -> None:
    """Whatever the robot was doing: each job that was written down gets one final value, and no script runs twice.

    Some: at each record, before and after it is written in turn.
    """
    for turn, director in enumerate(crashes(WALKS[number], is_all=is_all)):
        played = stage(tmp_path / str(turn))
        played.play(director)
        again = played.start_again()

        jobs = written_jobs(played)
        assert jobs - set(played.finals) <= played.refused, turn
        assert all(len(set(values)) == 1 for values in played.finals.values()), (turn, played.finals)
        assert len(set(played.starts)) == len(played.starts)
        # The old result goes out before anything is asked for.
        calls = [call[0] for call in again.gateway.calls]
        assert "update" not in calls or calls[0] == "update"
        assert played.start_again().gateway.statuses() == []


@pytest.mark.parametrize("journal", RECORDED, ids=lambda path: path.stem)
@ALL_OR_SOME
def test_journal_cut_at_any_byte_of_any_line_is_read_as_the_lines_before(journal: Path, is_all: bool) -> None:
    """A power loss costs the line that it hits; the reader says that it is torn, and never that it was changed."""
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    records = read(lines).records
    last = len(lines) - 1
    for size in range(1, len(lines[last]), 1 if is_all else 7):
        reading = read([*lines[:last], lines[last][:size]])
        assert (reading.records, reading.damage, reading.line) == (records[:last], "torn", last + 1)
    for number in range(last):
        half = lines[number][: len(lines[number]) // 2]
        assert read([*lines[:number], half]).damage == "torn"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(RECORDED), st.floats(0, 1))
def test_restart_on_a_recorded_journal_cut_anywhere_settles_what_it_leaves_open(
    tmp_path_factory: pytest.TempPathFactory, journal: Path, share: float
) -> None:
    """One final status for the job that the whole lines leave open, with the outcome that they tell; else none."""
    played = stage(tmp_path_factory.mktemp("cut"))
    data = journal.read_bytes()
    played.journals.mkdir()
    (played.journals / "000001-20261123T000000Z.jsonl").write_bytes(data[: int(len(data) * share)])
    left = unsettled_in(read_file(played.journals / "000001-20261123T000000Z.jsonl").records)

    played.start_again()

    expected = {left.job_guid: [DEFINITION.outcomes[left.outcome or "lost"]]} if left else {}
    assert played.finals == expected
    assert played.starts == []
    assert played.start_again().gateway.statuses() == []


# ---- a row of the table in docs/journal.md each

ROWS = {
    "consumed, not claimed": (3, False, [5]),
    "consumed, on disk, not claimed": (3, True, [5]),
    "claimed, not started": (4, False, [5]),
    "running": (4, True, [5]),
    "ended, not written down": (5, False, [5]),
    "ended, unreported": (5, True, [4]),
    "reported, not written down": (6, False, [4]),
    "reported": (6, True, [4]),
}


@pytest.mark.parametrize(("record", "written", "finals"), ROWS.values(), ids=ROWS.keys())
def test_job_of_a_dead_robot_is_settled(tmp_path: Path, record: int, written: bool, finals: list[int]) -> None:
    """Every row of the table in docs/journal.md, with a script that succeeds."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), first_job=11, crash_at=record, written=written))

    again = played.start_again()

    assert list(played.finals.values()) == ([] if record == 3 and not written else [finals])
    started = len(played.starts)
    assert started == (1 if (record, written) >= (5, False) else 0)
    remains = [entry[1] for entry in again.worker.done if entry[0] == "end_remains"]
    settled = (record, written) >= (6, False) or (record, written) == (3, False)
    assert remains == ([] if settled else ["token-1"])


def test_death_while_asking_for_a_job_is_said_loudly(tmp_path: Path) -> None:
    """The orchestrator may have given a job that nobody wrote down: a person is told to look, once."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), crash_at=2, written=True))

    played.start_again()
    played.start_again()

    assert len(played.warnings) == 1
    assert played.warnings[0].startswith("the last run died while it asked for a job")


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_crash_during_recovery_recovers_too(tmp_path: Path, deaths: int) -> None:
    """However often the robot dies while it looks back, the result goes out once in the end."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), first_job=11, crash_at=5, written=True))
    for death in range(deaths):
        again = Director(["result_left", "job_reported", "no_job"], crash_at=death % 2, written=True)
        left = played.past_of_the_folder()
        played.play(again, left)

    played.start_again()

    assert list(played.finals.values()) == [[4]]
    assert len(played.starts) == 1


@pytest.mark.parametrize("status", [404, 409])
def test_result_that_is_refused_for_good_is_closed_and_not_sent_for_ever(tmp_path: Path, status: int) -> None:
    """The robot says so and goes on; the next start has nothing to deliver."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), crash_at=4, written=True))
    refusal = GatewayRejectedError("/api/job/update", "rejected", f"HTTP {status}", status)

    again = played.start_again(updates=[refusal])

    assert again.events()[1:3] == ["result_left", "report_refused"]
    assert any(line.startswith("error the orchestrator refuses the result for good") for line in again.log.lines)
    assert played.start_again().gateway.statuses() == []


def test_result_that_stays_undelivered_over_many_starts_is_never_forgotten(tmp_path: Path) -> None:
    """Each start tries again and asks for no job; the first one that gets through settles it."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), first_job=11, crash_at=5, written=True))
    for _ in range(3):
        again = played.start_again(updates=[lost("no_connection")])
        assert {call[0] for call in again.gateway.calls} == {"update"}

    played.start_again()

    assert list(played.finals.values()) == [[4]]


# ---- a journal that somebody changed

LONG = max(WALKS, key=len)


@pytest.mark.parametrize("how", ["changed", "deleted", "doubled"])
def test_changed_line_neither_loses_nor_repeats_a_job(tmp_path: Path, how: str) -> None:
    """Whichever line was tampered with and wherever the robot died: no second value, no second start, one final status."""
    for walk, every in ((ONE_JOB, 1), (LONG, 5)):
        for crash_at in range(3, len(walk) + 1, every):
            original = stage(tmp_path / "original")
            original.play(Director(list(walk), crash_at=crash_at, written=True))
            (path,) = journals(original.journals)
            lines = path.read_bytes().splitlines(keepends=True)
            taken = JobLedger(original.folder / "jobs" / "ledger.jsonl")
            for number in range(1, len(lines)):
                spoiled = _spoiled(lines, number, how)
                played = attrs.evolve(
                    original, folder=tmp_path / "spoiled", finals={}, starts=[], warnings=[], refused=set()
                )
                played.finals.update({job: list(values) for job, values in original.finals.items()})
                shutil.copytree(original.folder, played.folder)
                (played.journals / path.name).write_bytes(b"".join(spoiled))

                again = played.start_again()

                where = (len(walk), crash_at, number)
                known = {job for job in written_jobs(original) if taken.known(job)}
                assert known - original.refused <= set(played.finals), where
                assert all(len(set(values)) == 1 for values in played.finals.values()), (where, played.finals)
                assert played.starts == []
                if how == "changed":
                    assert any("what follows the damage is ignored" in line for line in played.warnings), where
                assert isinstance(again.journal, JournalFile)
                assert again.journal.path is not None
                shutil.rmtree(played.folder)
            shutil.rmtree(original.folder)


def _spoiled(lines: list[bytes], number: int, how: str) -> list[bytes]:
    if how == "deleted":
        return [*lines[:number], *lines[number + 1 :]]
    if how == "doubled":
        return [*lines[: number + 1], *lines[number:]]
    return [*lines[:number], lines[number].replace(b'"seq":', b'"sqe":', 1), *lines[number + 1 :]]


def test_job_behind_a_changed_line_is_known_by_its_own_record(tmp_path: Path) -> None:
    """Also before the list of jobs has it, and with the token by which its processes are found."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), crash_at=4, written=True))
    (played.folder / "jobs" / "ledger.jsonl").unlink()
    (path,) = journals(played.journals)
    path.write_bytes(path.read_bytes().replace(b'"name":"nothing_left"', b'"name":"nothing_less"'))

    again = played.start_again()

    assert list(played.finals.values()) == [[5]]
    assert ("end_remains", "token-1") in again.worker.done


def test_outcome_behind_a_changed_line_is_not_believed(tmp_path: Path) -> None:
    """Who edits a failure into a success does not get it reported: the job is Failed."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), crash_at=5, written=True))  # job 10: its script fails
    (path,) = journals(played.journals)
    path.write_bytes(path.read_bytes().replace(b'"outcome":"failed"', b'"outcome":"succeeded"'))

    played.start_again()

    assert list(played.finals.values()) == [[5]]


@pytest.mark.parametrize(("first_journal_stays", "final"), [(True, 4), (False, 5)])
def test_job_that_a_changed_recovery_took_over_ends_as_the_whole_journal_before_it_says(
    tmp_path: Path, first_journal_stays: bool, final: int
) -> None:
    """The recovery's own line is doubtful; the run before it is not. Without that, the outcome is not believed."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), first_job=11, crash_at=5, written=True))
    played.play(
        Director(["result_left", "job_reported", "no_job"], crash_at=1, written=True), played.past_of_the_folder()
    )
    first, second = journals(played.journals)
    second.write_bytes(second.read_bytes().replace(b'"dest":"Recovering"', b'"dest":"Recovered!"'))
    if not first_journal_stays:
        first.unlink()

    played.start_again()

    assert list(played.finals.values()) == [[final]]


def test_deleted_journals_take_no_job_with_them(tmp_path: Path) -> None:
    """The list of jobs alone is enough to report a job that was claimed."""
    played = stage(tmp_path)
    played.play(Director(list(ONE_JOB), crash_at=4, written=True))
    shutil.rmtree(played.journals)

    played.start_again()

    assert list(played.finals.values()) == [[5]]
    assert "no journal mentions it" in played.warnings[0]


def test_journal_that_cannot_be_read_lets_no_job_be_taken(tmp_path: Path) -> None:
    """What was left open is not known, so nothing is asked for, and the reason is one sentence."""
    played = stage(tmp_path)
    (played.journals / "000001-20261123T000000Z.jsonl").mkdir(parents=True)

    with pytest.raises(CallbackError, match=r"settle_last_run in state Recovering: .* cannot be read"):
        played.start_again()


def test_fakes_of_the_first_life_speak_of_no_real_job() -> None:
    """The job that a walk begins with is made up too."""
    assert LEFT.job_guid.startswith("5c1e0000-")
