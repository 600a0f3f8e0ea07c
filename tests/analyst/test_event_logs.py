from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.eventlog.activities import Activity, CaseKind, Run, View, activities_of, cases, robot_name
from fsm_robot.analyst.eventlog.event_table import COLUMNS, event_table
from fsm_robot.analyst.eventlog.ocel import ocel
from fsm_robot.analyst.eventlog.xes import xes
from fsm_robot.engine.journal.record import Record
from tests.fakes.journals import JournalMaker, Told, done, job

XES = "{http://www.xes-standard.org/}"
TAKEN: list[Told] = ["nothing_left", "job_found", ("job_consumed", job()), "job_claimed"]
STOPPED: list[Told] = [
    *TAKEN,
    "robot_forgotten",
    ("late:script_ended", {"outcome": "failed"}),
    "grace_ended",
    "stop_ordered",
    ("script_ended", {"outcome": "stopped"}),
    ("job_reported", {"outcome": "stopped", "status": 7}),
    "robot_unknown",
]
PLAIN, EVENTS = View(), View(events=True)
HOSTILE_NAMES = st.text(max_size=20) | st.sampled_from(
    ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "  =1", "＝1", 'a"b', "a,b", "<&>'", "\0", "\ud800", "\x1b[31m", "]]>", "\ufffe"]
)  # fmt: skip


def run_of(events: Iterable[Told], name: str = "000001", exit_code: int | None = 0, **maker: Any) -> Run:
    records = JournalMaker(**maker).records(events, exit_code)
    return Run(name, robot_name(records[0].values), records)


def read_xes(pieces: Iterable[str]) -> list[tuple[str, list[dict[str, str]]]]:
    """An independent reader: (name of the trace, its events as key -> value)."""
    root = ET.fromstring("".join(pieces).encode())
    return [
        (
            _values(trace)["concept:name"],
            [_values(event) for event in trace.findall(f"{XES}event")],
        )
        for trace in root.findall(f"{XES}trace")
    ]


def _values(element: ET.Element) -> dict[str, str]:
    return {child.attrib["key"]: child.attrib["value"] for child in element if "key" in child.attrib}


def read_csv(pieces: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(pieces).removeprefix("\ufeff"), newline=""), strict=True))


def names(activities: Iterable[Activity]) -> list[str]:
    return [activity.name for activity in activities]


def test_state_log_has_a_line_per_visit_and_nothing_else() -> None:
    """Internal, ignored and late events are no visits: with them the log would not fit the model."""
    lines = list(activities_of(run_of(STOPPED), PLAIN))

    assert names(lines) == [
        "Recovering", "Ready", "Consuming", "Claiming", "Working", "Stopping", "Reporting", "Ready", "Faulted",
    ]  # fmt: skip
    assert {line.kind for line in lines} == {"visit"}
    working = lines[4]
    assert (working.event, working.seconds, working.job) == ("stop_ordered", 4.0, job()["job"])
    assert working.started == "2026-11-23T10:00:04.000+00:00"
    assert working.at == "2026-11-23T10:00:08.000+00:00"


def test_event_log_has_internal_transitions_and_no_event_that_led_nowhere() -> None:
    """Every edge that was taken, and no other."""
    lines = list(activities_of(run_of(STOPPED), EVENTS))

    assert names(lines) == [
        "nothing_left", "job_found", "job_consumed", "job_claimed", "robot_forgotten", "stop_ordered", "script_ended",
        "job_reported", "robot_unknown",
    ]  # fmt: skip
    assert all(line.transition for line in lines)


@pytest.mark.parametrize("events", [False, True])
def test_everything_tells_apart_what_changed_nothing(events: bool) -> None:
    """Who wants all of it gets it, each marked with its kind; a late event is about no job in hand."""
    lines = list(activities_of(run_of(STOPPED), View(events=events, everything=True)))

    kinds = {line.name: line.kind for line in lines if line.kind not in ("visit", "taken")}
    assert kinds == {"robot_forgotten": "stayed", "script_ended": "late", "grace_ended": "ignored"}
    assert [line.job for line in lines if line.kind == "late"] == [""]


def test_pairs_have_a_start_and_a_complete_for_every_visit() -> None:
    """Both moments of a visit, each on a line of its own, in order."""
    lines = list(activities_of(run_of(STOPPED), View(pairs=True)))

    assert [line.lifecycle for line in lines] == ["start", "complete"] * 9
    assert [a.name for a in lines[::2]] == [b.name for b in lines[1::2]]
    assert [line.at for line in lines] == sorted(line.at for line in lines)


@pytest.mark.parametrize("pairs", [False, True])
def test_visit_that_a_killed_robot_was_in_has_a_start_only(pairs: bool) -> None:
    """What was not completed is not said to be."""
    last = list(activities_of(run_of(TAKEN, exit_code=None), View(pairs=pairs)))[-1]

    assert (last.name, last.lifecycle) == ("Working", "start")


def test_run_whose_end_record_was_cut_off_still_ended() -> None:
    """A final state is one, whether the last line reached the disk or not."""
    last = list(activities_of(run_of(["nothing_left", "no_job"], exit_code=None), PLAIN))[-1]

    assert (last.name, last.lifecycle) == ("Finished", "complete")


def at(record: Record, moment: str) -> Record:
    return attrs.evolve(record, values={**record.values, "at": moment})


def without_monotonic(record: Record) -> Record:
    return attrs.evolve(record, values={name: value for name, value in record.values.items() if name != "mono"})


def test_moments_never_go_back_when_the_clock_was_set() -> None:
    """A tool sorts by them, and would tell another story."""
    records = JournalMaker().records(STOPPED)
    earlier = [at(record, "2020-01-01T00:00:00.000000Z") if "at" in record.values else record for record in records[5:]]

    moments = [line.at for line in activities_of(Run("1", "robot-1", [*records[:5], *earlier]), EVENTS)]

    assert moments == sorted(moments)
    assert moments[-1].startswith("2026")


def test_steps_without_moments_still_give_a_log() -> None:
    """A moment that is absent or no stamp costs the moment and not the log."""
    records = [without_monotonic(at(record, "yesterday")) for record in JournalMaker().records(STOPPED)]

    lines = list(activities_of(Run("1", "robot-1", records), PLAIN))

    assert {line.at for line in lines} == {"1970-01-01T00:00:00.000+00:00"}


def test_jobs_are_cases_from_consuming_to_reporting_even_over_two_runs() -> None:
    """The life of a job that the next run had to settle is one case."""
    left = ("result_left", job(outcome="lost"))
    reported = ("job_reported", {"outcome": "lost"})
    runs = [
        run_of(["nothing_left", *done(1), *TAKEN[1:]], "000001", None),
        run_of([left, reported, *done(2), "no_job"], "000002"),
    ]

    found = {case.name: names(case.activities) for case in cases(runs, "job", PLAIN)}

    assert found == {
        job(1)["job"]: ["Consuming", "Claiming", "Working", "Reporting"],
        job(10)["job"]: ["Consuming", "Claiming", "Working", "Recovering", "Reporting"],
        job(2)["job"]: ["Consuming", "Claiming", "Working", "Reporting"],
    }


def test_robots_are_cases_with_all_their_runs() -> None:
    """Two robots, three runs: two cases."""
    idle = ["nothing_left", "no_job"]
    runs = [run_of(idle, "1"), run_of(idle, "2"), run_of(idle, "1", robot="cd" * 32)]

    found = [(case.name, len(names(case.activities))) for case in cases(runs, "robot", PLAIN)]

    assert found == [("robot-" + "ab" * 6, 6), ("robot-" + "cd" * 6, 3)]


@pytest.mark.parametrize("by", ["run", "job", "robot"])
def test_one_run_is_held_at_a_time(by: CaseKind) -> None:
    """The next journal is read only when the cases of the one before it are out of the hand."""
    read = []

    def runs() -> Iterable[Run]:
        for number in range(3):
            read.append(number)
            yield run_of(["nothing_left", *done(number), "no_job"], f"{number}")

    first = next(iter(cases(runs(), by, PLAIN)))
    next(iter(first.activities))

    assert read == [0]


def test_xes_declares_what_readers_ask_for() -> None:
    """Extensions, globals and classifiers are there, and every event has what the globals promise."""
    text = "".join(xes(cases([run_of(STOPPED)], "run", View(pairs=True)), "robot"))
    root = ET.fromstring(text.encode())

    assert {e.attrib["prefix"] for e in root.findall(f"{XES}extension")} == {"concept", "lifecycle", "time", "org"}
    assert [c.attrib["keys"] for c in root.findall(f"{XES}classifier")] == [
        "concept:name", "concept:name lifecycle:transition",
    ]  # fmt: skip
    promised = {g.attrib["scope"]: {c.attrib["key"] for c in g} for g in root.findall(f"{XES}global")}
    for trace in root.findall(f"{XES}trace"):
        assert promised["trace"] <= set(_values(trace))
        for event in trace.findall(f"{XES}event"):
            assert promised["event"] <= set(_values(event))
            moment = datetime.fromisoformat(_values(event)["time:timestamp"])
            assert moment.utcoffset() == timedelta(0)


@settings(deadline=None)
@given(HOSTILE_NAMES.filter(bool), HOSTILE_NAMES.filter(bool))
def test_any_name_survives_every_format(script: str, guid: str) -> None:
    """Whatever a server calls a script or a job: the file can be read, and a table holds no formula."""
    runs = [
        run_of(["nothing_left", "job_found", ("job_consumed", {**job(), "job": guid, "script": script})], "1", None)
    ]
    expected = names(activities_of(runs[0], PLAIN))

    ((_, events),) = read_xes(xes(cases(runs, "run", PLAIN), "x"))
    rows = read_csv(event_table(cases(runs, "run", PLAIN)))
    log = json.loads("".join(ocel(runs, PLAIN, {})).encode())

    assert [event["concept:name"] for event in events] == [row["activity"] for row in rows] == expected
    assert [event["type"] for event in log["events"]] == expected
    ids = {entry["id"] for entry in log["objects"]}
    assert all(r["objectId"] in ids for e in [*log["events"], *log["objects"]] for r in e["relationships"])
    assert not any(row["script"].lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠")) for row in rows)
    if all(character.isprintable() for character in script):
        assert events[-1]["script"] == script
        assert rows[-1]["script"].removeprefix("'") == script.removeprefix("'")
        assert f"script:{script}" in ids


def test_table_is_rfc_4180_and_begins_with_what_mining_tools_ask_for() -> None:
    """CRLF after each line, quotes where needed, the same number of cells everywhere."""
    runs = [run_of(["nothing_left", "job_found", ("job_consumed", job(script='a"b,\r\nc')), "job_claimed"])]
    text = "".join(event_table(cases(runs, "run", PLAIN), byte_order_mark=True))

    assert text.startswith("\ufeffcase,activity,timestamp,seq,")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[-1][COLUMNS.index("script")] == 'a"b,\r\nc'
    assert [row[3] for row in rows[1:]] == ["1", "2", "3", "4", "5"]


def test_ocel_holds_robot_runs_jobs_and_scripts_and_how_they_belong_together() -> None:
    """Every relation has a qualifier, every type is declared, every id is there once."""
    left = ("result_left", job(outcome="lost"))
    runs = [
        run_of(TAKEN, "1", None),
        run_of([left, ("job_reported", {"outcome": "lost"}), *done(2), "no_job"], "2"),
    ]
    log = json.loads("".join(ocel(runs, PLAIN, {})))

    assert {t["name"] for t in log["objectTypes"]} == {"robot", "run", "job", "script"}
    assert {e["type"] for e in log["events"]} == {t["name"] for t in log["eventTypes"]}
    for key in ("events", "objects"):
        assert len({entry["id"] for entry in log[key]}) == len(log[key])
    objects = {entry["id"]: entry for entry in log["objects"]}
    lost = objects[f"job:{job()['job']}"]
    run_ids = [f"run:{run.id}" for run in runs]
    assert [(r["objectId"], r["qualifier"]) for r in lost["relationships"]] == [
        ("script:сводка", "runs"), (run_ids[0], "taken in"), (run_ids[1], "settled in"),
    ]  # fmt: skip
    assert lost["attributes"][0]["value"] == "lost"
    assert {r["qualifier"] for e in log["events"] for r in e["relationships"]} == {"in", "by", "on", "with"}


def test_empty_log_is_a_log() -> None:
    """A robot whose runs had no job gives a file that opens."""
    idle = [run_of(["nothing_left", "no_job"])]

    assert read_xes(xes(cases(idle, "job", PLAIN), "x")) == []
    assert read_csv(event_table(cases(idle, "job", PLAIN))) == []
    assert json.loads("".join(ocel([], PLAIN, {})))["events"] == []
