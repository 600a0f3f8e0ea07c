from __future__ import annotations

import json
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.record import CHAIN_HEX_DIGITS, LONGEST_LINE_BYTES, line_of, read, step_values
from fsm_robot.engine.journal.replay import replay
from fsm_robot.engine.machine.core import Step
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.unsettled import died_asking, has_looked_back, unsettled_in
from tests.fakes.world import definition_of_the_robot

DEFINITION = definition_of_the_robot()
STEP = {"seq": 0, "kind": "taken", "dest": "Ready", "event": {"name": "x"}}


def chained(*contents: str) -> list[bytes]:
    """Return lines with a chain that is right: who writes a hostile file can make one."""
    chain, lines = "", []
    for content in contents:
        chain = sha256(f"{chain}\n{content}".encode(errors="surrogatepass")).hexdigest()[:CHAIN_HEX_DIGITS]
        lines.append(f'{content[:-1]},"chain":"{chain}"}}\n'.encode(errors="surrogatepass"))
    return lines


def record(**values: Any) -> str:
    return json.dumps(values)


HOSTILE = {
    "deep lists": '{"record":"step","x":' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep objects": '{"record":"step","x":' + '{"a":' * 5_000 + "1" + "}" * 5_001,
    "no object": "[1}",
    "a list": '["step"]]',
    "no kind": record(seq=1),
    "unknown kind": record(record="stop"),
    "kind is a list": record(record=["step"]),
    "step without event": record(record="step", seq=0, kind="taken", dest="x"),
    "event is a text": record(record="step", **{**STEP, "event": "x"}),
    "event without name": record(record="step", **{**STEP, "event": {}}),
    "data is a list": record(record="step", **{**STEP, "event": {"name": "x", "data": []}}),
    "seq is true": record(record="step", **{**STEP, "seq": True}),
    "seq is a text": record(record="step", **{**STEP, "seq": "0"}),
    "unknown step kind": record(record="step", **{**STEP, "kind": ["taken"]}),
    "dest is missing": record(record="step", seq=0, kind="taken", event={"name": "x"}),
    "from nowhere": record(record="step", **STEP, **{"from": "mars"}),
    "huge number": '{"record":"end","exit_code":' + "1" * 10_000 + "}",
    "not a number": '{"record":"end","exit_code":NaN}',
    "time is not a number": '{"record":"step","seq":0,"kind":"taken","dest":"x","event":{"name":"x"},"mono":NaN}',
    "end without code": record(record="end"),
    "header without format": record(record="header"),
    "newer format": record(record="header", format=99),
    "format is a text": record(record="header", format="1"),
    "machine is a number": record(record="header", format=1, machine=5),
    "invalid UTF-8": '{"record":"end","exit_code":0,"x":"\udcff"}',
    "too long": '{"record":"end","exit_code":0,"x":"' + "y" * LONGEST_LINE_BYTES + '"}',
}


def recorded() -> list[bytes]:
    return (Path(__file__).parents[2] / "journals" / "night.jsonl").read_bytes().splitlines(keepends=True)


@given(st.data())
def test_cr_before_line_ends_changes_nothing_that_is_judged(data: st.DataObject) -> None:
    """Git or an editor may have turned some lines or all; a change of content is told as ever, at the same line."""
    lines = recorded()
    turned = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    edited = data.draw(st.none() | st.integers(1, len(lines) - 1))
    if edited is not None:
        lines[edited] = lines[edited].replace(b'"at":"2', b'"at":"3')
    crlf = [line[:-1] + b"\r\n" if cr else line for line, cr in zip(lines, turned, strict=True)]
    as_it_was, reading = read(lines), read(crlf)

    assert (reading.records, reading.damage, reading.wrong) == (as_it_was.records, as_it_was.damage, as_it_was.wrong)
    assert reading.damage == ("" if edited is None else "changed")
    assert reading.cr_lf == any(turned[: len(reading.records)])
    said = [remark for remark in replay(reading, DEFINITION).remarks if "CR LF" in remark]
    assert bool(said) == reading.cr_lf


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_line_is_one_sentence_even_where_its_chain_is_right(content: str) -> None:
    """Nothing that stands in a line makes the reader fail; the lines before it are kept."""
    good = record(record="header", format=1)

    reading = read(chained(good, content, record(record="end", exit_code=0)))

    assert len(reading.records) == 1
    assert reading.damage == "changed"
    assert reading.wrong.startswith("line 2 ")
    assert len(reading.wrong) < 200


def test_newer_format_says_so() -> None:
    """Who reads with an old program is told to take a newer one."""
    assert "a newer fsm_robot wrote it" in read(chained(HOSTILE["newer format"])).wrong


def test_endless_line_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    """A file without a line break costs a megabyte of memory, not its size."""
    path = tmp_path / "x.jsonl"
    with path.open("wb") as stream:
        stream.truncate(1 << 33)  # a sparse file of 8 GiB

    tracemalloc.start()
    wrong = read_file(path).wrong
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "longer than 1 MiB" in wrong
    assert most_bytes < 16 * LONGEST_LINE_BYTES


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes_can_be_read_judged_and_looked_back_on(chunks: list[bytes]) -> None:
    """Reading, replay and recovery survive whatever a file holds."""
    reading = read(line + b"\n" for line in chunks)

    assert replay(reading, DEFINITION).judgement == "damaged"
    assert unsettled_in(reading.records + reading.doubtful) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["job_consumed", "result_left", "script_ended", "job_reported"]), VALUES, VALUES, VALUES)
def test_any_data_of_an_event_can_be_looked_back_on(event: str, job: Any, script: Any, outcome: Any) -> None:
    """A whole record whose data is not what the robot writes is passed over, and never a traceback."""
    data = {"job": job, "script": script, "outcome": outcome}
    reading = read(chained(record(record="step", **{**STEP, "event": {"name": event, "data": data}})))

    left = unsettled_in(reading.records)
    assert left is None or (isinstance(job, str) and isinstance(script, str))
    assert not died_asking(reading.records)
    assert isinstance(has_looked_back(reading.records), bool)


@given(VALUES)
def test_any_data_survives_the_line_within_its_bounds(value: Any) -> None:
    """What a callback of a user puts into an event can be written and read."""
    step = Step(0, Event("x", {"value": value}), "taken", "A", "B")

    line, _ = line_of("step", step_values(step, "", 0.0), "", lambda text: text)

    assert read([line.encode()]).records[0].step.event.data == {"value": value}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["слово" * 2_000_000, ["x" * 5000] * 2000, deep(5000), {f"k{n}": "y" * 900 for n in range(3000)}, float("inf")],
    ids=["long text", "long list", "deep", "wide", "infinite"],
)
def test_data_of_any_size_is_cut_to_a_line_that_can_be_read(value: Any) -> None:
    """What a server or a script sends cannot make a journal that its own reader refuses; the job stays known."""
    step = Step(0, Event("job_consumed", {"job": "j", "script": "s", "value": value}), "taken", "A", "B")

    line, _ = line_of("step", step_values(step, "", 0.0), "", lambda text: text)
    reading = read([line.encode()])

    assert reading.wrong == ""
    assert len(line) < LONGEST_LINE_BYTES
    left = unsettled_in(reading.records)
    assert left is not None
    assert left.job_guid == "j"
