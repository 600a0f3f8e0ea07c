"""Event ids of log lines: each line has one, it stays, and every sentence has its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsm_robot.engine.event_ids import NUMBERS, number_of
from fsm_robot.engine.log_file import LINES_LOST, LogFile
from fsm_robot.engine.logs import Log
from fsm_robot.engine.redact import Redactor
from fsm_robot.operations.now import last_trouble_in
from tests.log_calls import ID, PAGE, calls, page

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_every_line_has_an_event_id_and_a_constant_sentence() -> None:
    """People filter by the id, and a catalogue finds the sentence."""
    without = [call.place for call in calls() if not call.event]
    assert without == []


def test_an_event_id_has_one_sentence_and_a_sentence_one_event_id() -> None:
    """Two different things never share an id by accident."""
    pairs = {(call.event, call.sentence) for call in calls()}
    assert len(pairs) > 100
    assert len({event for event, _ in pairs}) == len(pairs), sorted(pairs)
    assert len({sentence for _, sentence in pairs}) == len(pairs), sorted(pairs, key=lambda pair: pair[1])


def test_event_ids_are_well_formed() -> None:
    """An area, a dot, what happened: lower case."""
    assert [call for call in calls() if not ID.fullmatch(call.event)] == []
    assert ID.fullmatch(LINES_LOST)
    assert not any(map(ID.fullmatch, ["job", "Job.taken", "job.taken.", "job taken", "job.2", "job._taken"]))


def test_page_of_events_is_up_to_date() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_numbers_of_the_systems_log_belong_to_events_that_exist() -> None:
    """A renamed event would lose its number, and a monitor its alarm."""
    assert set(NUMBERS) <= {call.event for call in calls()}
    assert len({*NUMBERS.values()}) == len(NUMBERS)
    assert all(1 <= number <= 1000 for number in NUMBERS.values())  # what the source's own message file knows
    assert number_of("job.not_delivered", "error") == 310
    assert [number_of("something.else", level) for level in ("error", "warning", "info")] == [300, 200, 100]


def written(path: Path, *, as_json: bool) -> Log:
    return Log(path, "INFO", Redactor.for_guid(GUID).text, console=False, as_json=as_json)


def tell_all(log: Log) -> None:
    log.info("job.taken", "job taken", job="j-1", script="отчёты/сводка", nothing="")
    log.info("letter filed", customer="Ромашка", event="mine", level="his")
    log.warning("heartbeat.failed", "heartbeat failed", failures=2, wait_s=1.5, error=f"401 for {GUID}\n\x1b[31m")
    log.error("script.processes_survive", "these processes could not be ended", processes=("a", f"b {GUID}"))
    try:
        raise OSError(f"no {GUID}")
    except OSError as error:
        log.crash(error, "run.failed", "the run failed", rest="x")
    log.close()


def test_text_line_has_its_event_id_between_process_and_sentence(tmp_path: Path) -> None:
    """`-` stands where a user's own line has none, and before each line of a traceback."""
    tell_all(written(path := tmp_path / "robot.log", as_json=False))

    lines = [line.split(maxsplit=4) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(line[0].endswith("Z") and line[2].isdecimal() for line in lines)
    assert [line[3] for line in lines[:4]] == ["job.taken", "-", "heartbeat.failed", "script.processes_survive"]
    assert {line[3] for line in lines[4:-1]} == {"-"}
    assert lines[-1][3:] == ["run.failed", "the run failed: rest=x"]
    assert lines[0][4] == "job taken: job=j-1 script=отчёты/сводка"
    assert lines[1][4] == "letter filed: customer=Ромашка event=mine level=his"


def test_json_line_has_time_level_event_sentence_and_values(tmp_path: Path) -> None:
    """Numbers stay numbers, nothing secret is in it, and a crash is one line."""
    tell_all(written(path := tmp_path / "robot.log", as_json=True))

    text = path.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert GUID not in text
    assert [line["event"] for line in lines] == [
        "job.taken", None, "heartbeat.failed", "script.processes_survive", "run.failed",
    ]  # fmt: skip
    assert [line["level"] for line in lines] == ["info", "info", "warning", "error", "error"]
    assert lines[0]["sentence"] == "job taken"
    assert lines[0]["values"] == {"job": "j-1", "script": "отчёты/сводка"}
    assert lines[1]["sentence"] == "letter filed"
    assert lines[1]["values"] == {"customer": "Ромашка", "event": "mine", "level": "his"}
    assert (lines[2]["values"]["failures"], lines[2]["values"]["wait_s"]) == (2, 1.5)
    assert "\n\x1b[31m" in lines[2]["values"]["error"]
    assert lines[3]["values"]["processes"][0] == "a"
    assert lines[4]["traceback"][0] == "Traceback (most recent call last):"
    assert all(len(line["time"]) == 24 and line["time"].endswith("Z") for line in lines)
    assert last_trouble_in(text).endswith(f" {lines[4]['process']} run.failed the run failed: rest=x")
    assert last_trouble_in(text.splitlines()[2][:80]) == ""


def test_lines_that_were_lost_are_told_in_the_form_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of JSON lines finds nothing else among them."""
    log = LogFile(tmp_path / "robot.log", as_json=True)

    def full(*_: object) -> int:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr("fsm_robot.engine.log_file.os.write", full)
        log.write('{"event": "a.b"}\n')
    log.write('{"event": "c.d"}\n')
    log.close()

    found = [json.loads(line) for line in (tmp_path / "robot.log").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in found] == [LINES_LOST, "c.d"]
