"""Logs and lists of jobs, whichever way lines are read, are to the byte what they were before they were made quick."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from fsm_robot.analyst.eventlog.activities import CASES, Kept, Run, View, cases, robot_name
from fsm_robot.analyst.eventlog.event_table import event_table
from fsm_robot.analyst.eventlog.ocel import ocel
from fsm_robot.analyst.eventlog.xes import xes
from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.parsing import QuickReader, quickest
from fsm_robot.engine.journal.record import MakeRecord, Reading, read, record_of
from fsm_robot.operations.past_jobs import newest_jobs
from fsm_robot.system.long_table import LongTable

JOURNALS = sorted((Path(__file__).parents[1] / "journals").glob("*.jsonl"))
READERS: dict[str, Callable[[], MakeRecord]] = {"quickest": quickest, "standard library": QuickReader}
EVENTS = (
    "job_found", "job_consumed", "job_claimed", "script_ended", "job_reported", "report_refused", "result_left", "job_repeated",
    "stop_ordered", "grace_ended", "no_job",
)  # fmt: skip
STATES = (
    "Ready",
    "Consuming",
    "Claiming",
    "Working",
    "Stopping",
    "Reporting",
    "Пауза",
    "=1+1",
    'a"b,c',
    "<&>",
    "\ud800\x07",
)
STRANGE = ("", "no stamp", "2026-11-27T10:00:00Z", "2026-11-27T10:00:00.000Z", "2020-01-01T00:00:00.000000Z")
FORMS = (
    lambda step: step,
    lambda step: dict(reversed(step.items())),  # another order of the keys
    lambda step: {**step, "note": {"kind": "of another program"}},  # a key that is not known
    lambda step: {**step, "event": {**step["event"], "data": {}}, "source": ""},
    lambda step: {**step, "mono": 1e-06},
    lambda step: {**step, "mono": 7},
    lambda step: {key: value for key, value in step.items() if key not in ("mono", "at", "source")},
    lambda step: {**step, "event": {"data": {"deep": [[[{"kind": ',"kind":"'}]]], "n": 2**62}, "name": "stop_ordered"}},
)


def written(seed: int, robot: str) -> list[bytes]:
    """Return the lines of a run that only chance has made: nothing of a machine file is in it."""
    chance = Random(seed)
    number, chain, lines, job = 0, "", [], "job-0"
    contents = [{"record": "header", "format": 1, "machine": "m", "robot": {"salt": "0" * 16, "sha256": robot * 32}}]
    for seq in range(300):
        name = chance.choice(EVENTS)
        data: dict[str, object] = {}
        if name in ("job_consumed", "result_left", "job_repeated"):
            number += 1
            job = f"job-{number % 40}"
            data = {
                "job": job,
                "script": chance.choice(("сводка", "=cmd()", 'a"b', "x,y", "\ud83d")),
                "run_token": "0" * 32,
            }
        elif name in ("script_ended", "job_reported"):
            data = {
                "job": job,
                "outcome": chance.choice(("succeeded", "failed", "stopped")),
                "status": chance.choice((4, 5)),
            }
        elif chance.random() < 0.3:
            data = {"code": chance.randrange(3), "error": "Мосты\n"}
        step: dict[str, object] = {
            "record": "step",
            "seq": seq,
            "at": f"2026-11-27T10:{seq // 60:02}:{seq % 60:02}.{chance.randrange(10**6):06}Z",
            "mono": round(seq + chance.random(), 6),
            "from": chance.choice(("callback", "inbox", "post")),
            "event": {"name": name, **({"data": data} if data else {}), **({"job_run": number} if number % 2 else {})},
            "kind": chance.choice(("taken", "taken", "taken", "stayed", "ignored", "late")) if seq else "started",
            "source": chance.choice(STATES),
            "dest": chance.choice(STATES),
            "transition": chance.choice(("", f"x--{name}-->y")),
            "callback": "announce",
        }
        if chance.random() < 0.05:
            step["at"] = chance.choice(STRANGE)
        if chance.random() < 0.02:
            step["exit_code"] = chance.randrange(3)
        contents.append(chance.choice(FORMS)(step) if chance.random() < 0.2 else step)
    for content in contents:
        spaces = (", ", ": ") if chance.random() < 0.05 else (",", ":")
        body = json.dumps(content, ensure_ascii=chance.random() < 0.1, separators=spaces).encode(
            errors="backslashreplace"
        )
        chain = sha256(chain.encode() + b"\n" + body).hexdigest()[:32]
        lines.append(body[:-1] + f',"chain":"{chain}"}}\n'.encode())
    return lines


def runs_by(make: MakeRecord) -> list[Run]:
    readings = [read(written(seed, "ab" if seed < 4 else "cd"), make) for seed in range(6)]
    assert [reading.wrong for reading in readings] == [""] * 6
    return [Run(str(n), robot_name(each.records[0].header), each.records) for n, each in enumerate(readings)]


def logs(runs: list[Run], kept: Callable[[], Kept]) -> Iterator[tuple[str, str]]:
    """Yield every log that can be made of these runs, with its name."""
    for bits in range(8):
        view = View(events=bool(bits & 1), everything=bool(bits & 2), pairs=bool(bits & 4))
        yield f"ocel {bits}", "".join(ocel(runs, view, kept()))
        for by in CASES:
            yield f"csv {by} {bits}", "".join(event_table(cases(runs, by, view), byte_order_mark=bool(bits & 1)))
            yield f"xes {by} {bits}", "".join(xes(cases(runs, by, view), "log"))
    backwards = [(run.name, run.records) for run in reversed(runs)]
    for limit in (1, 20, 100_000):
        yield f"jobs {limit}", "\n".join(map(str, newest_jobs(backwards, limit)))
        yield f"failed {limit}", "\n".join(map(str, newest_jobs(backwards, limit, failed_only=kept())))


def sums(runs: list[Run], kept: Callable[[], Kept] = dict) -> dict[str, str]:
    """Return a sum over the logs of each kind."""
    found: dict[str, str] = {}
    for name, text in logs(runs, kept):
        kind = name.split()[0]
        found[kind] = sha256((found.get(kind, "") + text).encode(errors="surrogatepass")).hexdigest()
    return found


# Made by the code before. What `python -m` prints of this file changes with what a log says, and with nothing else.
BEFORE = {
    "ocel": "970674757c21c8c97eacadca8866b02873fa100a6ee4e225fe6d365a9b191ddb",
    "csv": "b4dfa41e925fb7a82f558f222dedec8673a681be1ac81c28998b7d1edf7c1ff5",
    "xes": "2c7f89d8bd4a0869d98ff92fc92847a67a4611d3aaba19fcfbb2e88cefe02485",
    "jobs": "b39a0b32ef99135c28b58fa99873a50d16a5d944876931622116c0ede90c0205",
    "failed": "44285da85ff69b4dfa043948dcb3d69107fd2dcf6638836d98c42d9fbfbd3e85",
}


@pytest.mark.parametrize("make", [lambda: record_of, *READERS.values()], ids=["record_of", *READERS])
def test_logs_of_generated_runs_are_as_before(make: Callable[[], MakeRecord]) -> None:
    """Lines in the robot's form and in others, hostile words, clocks that go back: whichever reader has read them."""
    assert sums(runs_by(make())) == BEFORE


def test_logs_are_the_same_when_what_is_kept_until_their_end_lies_on_disk() -> None:
    """Jobs that come again in later runs are found there, in their place, with what was told of them."""
    with ExitStack() as tables:
        kept = sums(runs_by(record_of), lambda: tables.enter_context(LongTable(most_in_memory=2)))

    assert kept == BEFORE


@pytest.mark.parametrize("make", READERS.values(), ids=READERS)
def test_recorded_runs_read_alike(make: Callable[[], MakeRecord]) -> None:
    """Kind, values, step and chain of every record, and what is wrong, of all recorded journals and of damaged ones."""
    reader = make()  # one for all, so that it remembers
    for path in JOURNALS:
        lines = path.read_bytes().splitlines(keepends=True)
        for changed in (
            lines,
            [*lines[:3], lines[3].replace(b'"kind"', b'"Kind"'), *lines[4:]],
            [*lines[:-1], lines[-1][:20]],
        ):
            assert told(read(changed, reader)) == told(read(changed))
        assert told(read_file(path, reader))[0]


@pytest.mark.parametrize("make", READERS.values(), ids=READERS)
def test_generated_runs_read_alike(make: Callable[[], MakeRecord]) -> None:
    """The same of lines in other forms, which the robot does not write."""
    for seed in range(6):
        lines = written(seed, "ab")

        assert told(read(lines, make())) == told(read(lines))


def told(reading: Reading) -> tuple[object, ...]:
    records = [
        (
            each.kind,
            each.values,
            each.chain,
            each.at,
            each.exit_code,
            *((each.step, each.event_name) if each.kind == "step" else ()),
        )
        for each in reading.records
    ]
    return (records, reading.damage, reading.wrong, reading.line, len(reading.doubtful))


if __name__ == "__main__":
    print(json.dumps(sums(runs_by(record_of)), indent=4))
