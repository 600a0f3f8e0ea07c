"""What makes reading and judging a year of journals quick changes nothing of what is read and judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_file
from fsm_robot.engine.journal.parsing import quickest
from fsm_robot.engine.journal.record import Record, line_of, parsed, read, step_values
from fsm_robot.engine.journal.replay import Decisions, replay
from fsm_robot.engine.machine.core import RobotMachine, Step, engine_for
from fsm_robot.engine.machine.events import Event
from fsm_robot.robot.machine import built_in

DEFINITION = machine_file.load(built_in(), None, ())
JOURNALS = sorted((Path(__file__).parents[2] / "journals").glob("*.jsonl"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_both_parsers_read_the_same(data: dict[str, object]) -> None:
    """Half characters, control characters, numbers at their limits: whatever a script or a server may send."""
    pytest.importorskip("orjson")
    header, chain = line_of("header", {"format": 1}, "", str)
    step = Step(0, Event("started", data), "started", "", "Ready")
    line, _ = line_of("step", step_values(step, "2026-11-27T00:00:00.000000Z", 0.5), chain, str)
    lines = [each.encode() for each in (header, line)]

    assert quickest().parse is not parsed
    quick, usual = read(lines, quickest()), read(lines)
    assert attrs.asdict(quick, recurse=False) == attrs.asdict(usual, recurse=False)
    assert read(lines).wrong == ""


def test_one_set_of_decisions_serves_all_journals_and_judges_each_as_its_own_would() -> None:
    """The verdicts of all recorded runs are those of a replay that remembers nothing, in any order, twice."""
    readings = [read_file(path) for path in JOURNALS]
    decisions = Decisions(DEFINITION)
    alone = [replay(reading, DEFINITION) for reading in readings]

    assert [replay(reading, DEFINITION, decisions) for reading in readings] == alone
    assert [replay(reading, DEFINITION, decisions) for reading in reversed(readings)] == alone[::-1]


KEYS = ("seq", "kind", "source", "dest", "transition", "callback", "exit_code")


@pytest.mark.parametrize("path", JOURNALS[::5], ids=lambda path: path.stem)
def test_each_changed_value_diverges_where_it_did_before_it_was_remembered(path: Path) -> None:
    """A journal whose honest version is known by heart, changed in one value of one step: told as if nothing was known."""
    reading = read_file(path)
    decisions = Decisions(DEFINITION)
    replay(reading, DEFINITION, decisions)
    for number, record in enumerate(reading.records):
        for key in KEYS if record.kind == "step" else ():
            other = 99 if key in ("seq", "exit_code") else "stayed" if key == "kind" else "Elsewhere"
            if record.values.get(key) == other:
                continue
            changed = list(reading.records)
            changed[number] = Record("step", {**record.values, key: other}, record.chain)
            forged = attrs.evolve(reading, records=changed)

            found = replay(forged, DEFINITION, decisions)

            assert found == replay(forged, DEFINITION)
            assert found.divergence is not None, (number, key)


def test_machine_put_at_a_position_decides_as_the_one_that_went_there() -> None:
    """State and counts are all there is: a budget that is nearly spent comes along."""
    engine = engine_for(DEFINITION)
    for path in JOURNALS:
        machine = RobotMachine(DEFINITION, engine)
        machine.start()
        for record in read_file(path).records[2:]:
            if record.kind != "step" or record.step.kind == "late":
                continue
            moved = RobotMachine(DEFINITION, engine)
            moved.position = machine.position
            event = Event(record.event_name)
            there, here = moved.handle(event), machine.handle(event)
            assert attrs.evolve(there, seq=0) == attrs.evolve(here, seq=0)
            assert moved.position == machine.position


def test_robot_never_imports_what_is_quick_for_others() -> None:
    """What `run` imports for a wake-up and for a job has no orjson in it."""
    program = "import sys, fsm_robot.cli.run, fsm_robot.robot.wiring, fsm_robot.robot.look_back, fsm_robot.worker.supervisor; print('orjson' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
