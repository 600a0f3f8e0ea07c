from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm_robot.analyst.drawing.discovered import drawn_beside
from fsm_robot.analyst.eventlog.activities import Run, View, activities_of, robot_name
from fsm_robot.analyst.eventlog.discovery import Discovered, discover
from fsm_robot.analyst.player.assets import assets
from fsm_robot.analyst.player.discovery_page import discovery_page
from fsm_robot.analyst.words import Words
from fsm_robot.cli import main
from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.machine.definition import Definition, Transition
from fsm_robot.engine.machine.events import Event
from tests.analyst.random_machines import machines
from tests.fakes.journals import JournalMaker, Told, done
from tests.fakes.world import definition_of_the_robot

SVG = "{http://www.w3.org/2000/svg}"
FAILING: list[Told] = [
    "job_found", ("job_consumed", {"job": "f", "script": "s"}), ("claim_failed", {"outcome": "not_started"}), "job_reported",
]  # fmt: skip


def run_of(definition: Definition, events: Sequence[Told], number: int = 1) -> Run:
    records = JournalMaker(definition=definition).records(events)
    return Run(f"{number:06d}", robot_name(records[0].values), records)


def walk(machine: Definition, choices: Sequence[int]) -> list[Told]:
    """Events that the machine takes, chosen by numbers."""
    robot = RobotMachine(machine)
    robot.start()
    taken: list[Told] = []
    for choice in choices:
        allowed = robot.allowed()
        if robot.finished or not allowed:
            break
        event = allowed[choice % len(allowed)]
        robot.handle(Event(event))
        taken.append(event)
    return taken


@settings(max_examples=15, deadline=None)
@given(machines(), st.lists(st.lists(st.integers(0, 50), max_size=8), min_size=1, max_size=4))
def test_discovery_of_any_machine_is_its_log(machine: Definition, walks: list[list[int]]) -> None:
    """What follows what is counted as in the state log, whatever names there are; both drawings are XML without a twin id."""
    runs = [run_of(machine, walk(machine, choices), number) for number, choices in enumerate(walks)]
    found = discover(runs, machine)

    ways = [[line.name for line in activities_of(run, View())] for run in runs]
    assert found.follows == Counter(pair for way in ways for pair in pairwise(way))
    assert found.starts == Counter(way[0] for way in ways)
    assert found.ends == Counter(way[-1] for way in ways)
    assert found.undeclared == ()
    assert {*found.never_states} == {state.name for state in machine.states} - {name for way in ways for name in way}
    happened = {edge.key for edge in found.happened.transitions}
    assert happened | {*found.never_edges} == {edge.key for edge in machine.transitions}
    root = ET.fromstring(drawn_beside(Words(machine), found))
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert discovery_page(Words(machine), found, assets()).count("<svg") == 2


def found_of_night() -> tuple[Definition, Discovered]:
    """Twenty good jobs and two failed ones, recorded with a machine that knows one more way."""
    declared = definition_of_the_robot()
    more = attrs.evolve(
        declared, transitions=(*declared.transitions, Transition("given_up", "Claiming", "Faulted", exit_code=1))
    )
    events: list[Told] = ["nothing_left"]
    for number in range(20):
        events += done(number)
    runs = [run_of(more, [*events, *FAILING, "job_found", ("job_consumed", {"job": "g"}), "given_up"])]
    return declared, discover(runs, declared)


def test_drawing_marks_what_never_happened_and_what_nobody_declared() -> None:
    """On the left the first, on the right the second, each told in the legend."""
    declared, found = found_of_night()
    left, right = list(ET.fromstring(drawn_beside(Words(declared), found)).iter(f"{SVG}svg"))[1:]

    def marked(drawing: ET.Element, kind: str) -> set[str]:
        return {
            each.attrib.get("data-state") or each.attrib["data-key"]
            for each in drawing.iter(f"{SVG}g")
            if kind in each.attrib.get("class", "").split()
            and ("data-state" in each.attrib or "data-key" in each.attrib)
        }

    assert found.undeclared == ("Claiming--given_up-->Faulted",)
    assert marked(right, "undeclared") == {*found.undeclared}
    assert marked(left, "never") == {*found.never_states, *found.never_edges}
    assert {"Stopping", "Aborting", "Interrupted"} <= {*found.never_states}
    assert "never happened" in "".join(left.itertext())
    assert "not declared" in "".join(right.itertext())
    assert "median" in "".join(right.itertext())


def test_what_comes_before_a_failure_is_told_first() -> None:
    """The way that only failed jobs went, with its share among them and among the others."""
    _, found = found_of_night()
    first = found.signs[0]

    assert (found.case, found.cases, found.failed) == ("job", 21, 1)
    assert (first.what, first.failed, first.others) == ("Claiming--claim_failed-->Reporting", 1, 0)
    assert (first.failed_share, first.others_share) == (1.0, 0.0)
    assert all(sign.failed_share > sign.others_share for sign in found.signs)


def test_command_writes_html_and_svg_and_tells_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command for each; without runs there is one sentence."""
    for number in (1, 2):
        JournalMaker(salt=str(number)).write(
            tmp_path / "journal" / f"00000{number}.jsonl", ["nothing_left", *done(number), "no_job"]
        )
    for kind, beginning in (("html", "<!DOCTYPE html>"), ("svg", "<?xml")):
        out = tmp_path / f"found.{kind}"
        command = ["conformance", str(tmp_path), "--discover", "--format", kind, "--lang", "ru", "-o", str(out)]
        assert main(command) == 0
        assert out.read_text(encoding="utf-8").startswith(beginning)
    assert main(["conformance", str(tmp_path), "--discover", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["starts"] == {"Recovering": 2}
    assert told["directly_follows"][0] == {"from": "Recovering", "to": "Ready", "count": 2}
    assert sum(told["ends"].values()) == told["runs"] == 2
    assert main(["conformance", str(tmp_path), "-o", str(tmp_path / "x")]) == 2
    assert "--discover" in capsys.readouterr().err
