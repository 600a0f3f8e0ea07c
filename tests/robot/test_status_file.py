"""`status.json` is what happened, at every step that matters, and survives what robots survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from fsm_robot.robot.status_file import FITS, LARGEST_BYTES, NAME, StatusFile, document_in, read_document
from tests.fakes.journals import JournalMaker, Told, done, job


@attrs.define
class Clock:
    """A minute passes with every look."""

    minutes: int = 0

    def monotonic(self) -> float:
        return self.minutes * 60.0

    def utc_now(self) -> str:
        self.minutes += 1
        return f"2026-11-23T{10 + self.minutes // 60:02d}:{self.minutes % 60:02d}:00.000000Z"


def play(folder: Path, events: list[Told], clock: Clock, exit_code: int | None = 0) -> list[dict[str, Any]]:
    """Let a robot take these events; return what stood in the file behind each step, once it waits there."""
    file = StatusFile(folder, clock)
    seen = []
    guid = script = outcome = ""
    for step in JournalMaker().steps(events):
        data = step.event.data
        if step.event.name in ("job_consumed", "job_repeated", "result_left"):
            guid, script, outcome = str(data.get("job", "")), str(data.get("script", "")), ""
        outcome = str(data.get("outcome", outcome))
        file.note(step, guid, script, outcome)
        file.lasts()
        seen.append(read_document(folder))
    if exit_code is not None:
        file.over(exit_code)
        seen.append(read_document(folder))
    return seen


def test_wake_up_without_a_job_writes_one_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else it says, it costs no more than that."""
    written = []
    monkeypatch.setattr(StatusFile, "_write", lambda self: written.append(dict(self._read())))

    play(tmp_path, ["nothing_left", "no_job"], Clock())

    assert [(told["state"], told["exit_code"]) for told in written] == [("idle", 0)]


def test_job_of_moments_pays_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is there at once; states that nobody waits in are not written, and those that last are, once."""
    written = []
    monkeypatch.setattr(StatusFile, "_write", lambda self: written.append(self._read()["state"]))
    file = StatusFile(tmp_path, Clock())
    for step in JournalMaker().steps(["nothing_left", *done(1)]):
        file.note(step, "guid", "script", "succeeded")

    assert written == ["Ready"]


def test_each_state_of_a_job_that_lasts_is_there(tmp_path: Path) -> None:
    """Who looks sees the job from its claim on, then the last one, with its end."""
    seen = play(tmp_path, ["nothing_left", *done(1), "no_job"], Clock())

    states = [told.get("state") for told in seen]
    assert states == [None, None, None, "Claiming", "Working", "Reporting", "Ready", "Ready", "idle"]
    assert [told.get("script") for told in seen[3:7]] == ["сводка", "сводка", "сводка", ""]
    assert seen[-1]["last_job"]["outcome"] == "succeeded"
    assert seen[-1]["heard_at"] == seen[-1]["at"] > seen[-1]["last_job"]["ended_at"]


def test_script_that_fails_again_and_again_is_counted_over_runs_until_it_does_not(tmp_path: Path) -> None:
    """An order of an operator is no failure; another script has a count of its own."""
    clock = Clock()
    for number in range(3):
        play(tmp_path, ["nothing_left", *done(number, "счета", "failed", 5), "no_job"], clock)
    play(tmp_path, ["nothing_left", *done(7, "другое", "failed", 5), "no_job"], clock)
    failing = read_document(tmp_path)["failing"]
    assert {script: told["times"] for script, told in failing.items()} == {"счета": 3, "другое": 1}

    play(tmp_path, ["nothing_left", *done(8, "счета", "stopped", 7), "no_job"], clock)

    assert list(read_document(tmp_path)["failing"]) == ["другое"]


def test_result_that_waits_keeps_the_moment_since_when_it_does(tmp_path: Path) -> None:
    """Over every run that tries in vain; delivered, it is told no more."""
    clock = Clock()
    vain: list[Told] = ["nothing_left", *done(1)[:-1], ("report_undelivered", {"error": "no route"})]
    (*_, first) = play(tmp_path, vain, clock, 4)
    left: list[Told] = [("result_left", {**job(1), "outcome": "succeeded"})]
    (*_, second) = play(tmp_path, [*left, ("report_undelivered", {"error": "no route"})], clock, 4)
    assert first["undelivered"]["since"] == second["undelivered"]["since"] < second["since"]
    assert second["undelivered"]["outcome"] == "succeeded"

    (*_, third) = play(tmp_path, [*left, done(1)[-1], "no_job"], clock)

    assert third["undelivered"] is None


def test_refused_credential_keeps_its_moment_until_it_is_taken_again(tmp_path: Path) -> None:
    """Two runs in vain are one trouble."""
    clock = Clock()
    refused: list[Told] = ["nothing_left", ("credential_refused", {"failure": "refused"})]
    (*_, first) = play(tmp_path, refused, clock, 3)
    (*_, second) = play(tmp_path, refused, clock, 3)
    assert first["refused_at"] == second["refused_at"] != ""

    (*_, third) = play(tmp_path, ["nothing_left", "no_job"], clock)

    assert third["refused_at"] == ""


FOREIGN = ("", "{", "[]", "7", "null", "\x00" * 9, "\ud800", "[" * 100_000, '{"schema": 99}', '{"schema": true}', "{}")
VALUES = ("null", "[]", "[1]", "{}", '{"a": []}', '{"a": {"times": "b"}}', "1e400", "true", '"x"', "-7", '{"a": null}')


def foreign() -> list[str]:
    """Return what may stand in the file: no JSON, another version, and each key with each kind of value."""
    kinds = [f'{{"schema": 1, "{key}": {value}}}' for key in FITS for value in VALUES]
    return [*FOREIGN, '{"schema": 1, "x": "' + "y" * LARGEST_BYTES + '"}', *kinds]


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long), 7])
def test_file_that_nobody_understands_is_written_anew(tmp_path: Path, every: int) -> None:
    """It is a copy of what others know: nothing hangs on it, and it keeps no robot from its jobs."""
    for content in foreign()[::every]:
        (tmp_path / NAME).write_text(content, encoding="utf-8", errors="surrogatepass")

        (*_, last) = play(tmp_path, ["nothing_left", *done(1, "счета", "failed", 5), "no_job"], Clock())

        assert last["failing"]["счета"]["times"] == 1, content[:80]
        assert document_in(tmp_path)[1] == ""


def test_file_of_a_foreign_shape_is_one_sentence(tmp_path: Path) -> None:
    """It tells which key it is, or which version; one that is not there is none."""
    assert document_in(tmp_path) == ({}, "")
    for content, says in (
        ("[]", "is not in the robot's format"),
        ('{"schema": 2}', "is of version 2, and 1 is understood here"),
        ('{"schema": 1, "failing": {"a": []}}', "failing has the wrong type"),
        ('{"schema": 1, "pid": true}', "pid has the wrong type"),
    ):
        (tmp_path / NAME).write_text(content, encoding="utf-8")
        told, wrong = document_in(tmp_path)
        assert (told, says in wrong, wrong.count("\n")) == ({}, True, 0), wrong


def test_folder_that_takes_nothing_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """The robot has a log for that, and jobs to do."""
    told: list[str] = []
    file = StatusFile(tmp_path / "gone", Clock(), failed=lambda _, text, **__: told.append(text))

    file.over(0)

    assert len(told) == 1


def test_file_is_plain_ascii_whatever_a_script_is_called(tmp_path: Path) -> None:
    """Another machine's tools read it, in whatever code page."""
    play(tmp_path, ["nothing_left", *done(1, "отчёт\u2028\ud800"), "no_job"], Clock())

    json.loads((tmp_path / NAME).read_bytes().decode("ascii"))
