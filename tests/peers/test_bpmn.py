"""BPMN: read by bpmn-moddle, judged by bpmnlint, executed by SpiffWorkflow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.bpmn.read_back import from_bpmn
from fsm_robot.analyst.idents import idents
from fsm_robot.analyst.words import words
from fsm_robot.analyst.xml_in import parse
from fsm_robot.engine.machine.definition import Definition
from tests.analyst.test_bpmn_drawing import figures
from tests.engine.machine.walks import Table
from tests.peers import peers
from tests.peers.cases import TIMED, Case, cases, robot, timeless, traces

CASES = cases()


def exact(machine: Definition) -> str:
    return drawn(exact_process(words(machine)))


def analysts(machine: Definition, language: str = "") -> str:
    return drawn(analysts_process(words(machine, language)))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What bpmn-moddle and bpmnlint say of every case, in both profiles, and of files that are broken on purpose."""
    good = analysts(robot())
    jobs = {f"{name} exact": exact(case.drawn) for name, case in CASES.items()}
    jobs |= {f"{name} analysts": analysts(case.drawn) for name, case in CASES.items()}
    jobs["robot figures"] = drawn(analysts_process(words(robot(), "en"), figures(robot())))
    jobs |= {f"robot {language}": analysts(robot(), language) for language in ("en", "ru")}
    jobs["dangling"] = good.replace('targetRef="Split_Ready"', 'targetRef="Nowhere"')
    jobs["duplicate"] = exact_with_twins()
    jobs["unnamed"] = good.replace('name="Result?"', "", 1)
    jobs["without drawing"] = good[: good.index("<bpmndi:BPMNDiagram")] + "</definitions>"
    jobs["covered"] = re.sub(r'<dc:Bounds x="[^"]*"', '<dc:Bounds x="500"', good)
    found: dict[str, Any] = peers.node("bpmn.js", jobs, tmp_path_factory.mktemp("bpmn"))
    return found


def exact_with_twins() -> str:
    """Two flows between the same two nodes, each with no condition: what a naive export would do."""
    text = analysts(robot())
    flow = '<sequenceFlow id="Twin" sourceRef="Split_Ready" targetRef="State_Consuming"/>'
    return text.replace("</process>", f"{flow}</process>")


def differences(case: Case, found: Any) -> list[str]:
    """Return how the sequence flows that moddle sees differ from those that the machine should have."""
    process = exact_process(words(case.machine))
    expected = {(flow.id, flow.source, flow.name, flow.target) for flow in process.flows}
    seen = {tuple(flow) for flow in found["flows"]}
    return [*found["warnings"], *(str(flow) for flow in expected ^ seen)]


@pytest.mark.peer("bpmn-moddle")
@pytest.mark.parametrize("name", CASES)
def test_moddle_sees_the_flows_of_the_machine(name: str, read: dict[str, Any]) -> None:
    """No warning, the same flows; of a mutant others."""
    wrong = differences(CASES[name], read[f"{name} exact"])

    assert bool(wrong) == CASES[name].mutant, wrong[:3]


@pytest.mark.peer("bpmn-moddle")
def test_moddle_writes_a_file_that_we_read_back(read: dict[str, Any]) -> None:
    """The library of all modellers of bpmn.io keeps what is ours: the machine comes back after it has saved the file."""
    for name in ("robot", "hostile"):
        found = from_bpmn(parse(read[f"{name} exact"]["again"].encode(), "again.bpmn"))

        assert found.digest() == CASES[name].machine.digest()


@pytest.mark.peer("bpmn-moddle")
def test_moddle_warns_of_a_dangling_flow(read: dict[str, Any]) -> None:
    """The check above would see a reference to nothing."""
    assert any("unresolved reference" in warning for warning in read["dangling"]["warnings"])


@pytest.mark.peer("bpmnlint")
@pytest.mark.parametrize(
    "name", ["robot analysts", "robot en", "robot ru", "robot figures", "hostile analysts", "dropped analysts"]
)
def test_analysts_profile_has_no_problem(name: str, read: dict[str, Any]) -> None:
    """Neither error nor warning under `bpmnlint:recommended`."""
    assert read[name]["warnings"] == []
    assert read[name]["problems"] == []


@pytest.mark.peer("bpmnlint")
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("duplicate", "no-duplicate-sequence-flows"),
        ("unnamed", "label-required"),
        ("without drawing", "no-bpmndi"),
        ("covered", "no-overlapping-elements"),
    ],
)
def test_bpmnlint_sees_what_is_wrong(name: str, rule: str, read: dict[str, Any]) -> None:
    """The rules are on."""
    assert any(problem.startswith(rule) for problem in read[name]["problems"])


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What SpiffWorkflow did with every case on walks of the machine; analysts' files are only validated."""
    jobs: dict[str, Any] = {f"{name} analysts": {"text": analysts(c.drawn), "walks": []} for name, c in CASES.items()}
    jobs["broken"] = {"text": analysts(robot()).replace("<sequenceFlow", "<sequenceFlaw", 1), "walks": []}
    for name, case in CASES.items():
        walks = [events_of(case.machine, walk) for walk, _ in traces(case.machine)]
        jobs[name] = {"text": exact(case.drawn), "walks": walks}
    return peers.python("venv", "spiff.py", jobs, tmp_path_factory.mktemp("spiff"))


@pytest.mark.peer("SpiffWorkflow")
def test_time_runs_out_in_spiffworkflow(tmp_path: Path) -> None:
    """Real time, nobody who says an event: the timers on the borders alone lead to the end; without them it stays."""
    jobs = {
        "timed": {"text": exact(TIMED), "walks": [[]], "wait_ms": 5000},
        "timeless": {"text": exact(timeless(TIMED)), "walks": [[]], "wait_ms": 500},
    }

    found = peers.python("venv", "spiff.py", jobs, tmp_path)

    assert found["timed"][0][-1][0] == ["State_Over"], found
    assert found["timeless"][0][-1][0] == ["State_Asking"], found


def events_of(machine: Definition, walk: list[str]) -> list[list[object]]:
    """Return each event with whether its budget is spent: counting is the caller's, the process only asks."""
    table, found = Table(machine), []
    for event in walk:
        edge = table.handle(event)
        assert edge is not None
        found.append([event, edge.spent])
    return found


@pytest.mark.peer("SpiffWorkflow")
@pytest.mark.parametrize("name", CASES)
def test_both_profiles_are_valid_by_the_schemas(name: str, executed: Any) -> None:
    """The XSDs of OMG, for mutants too: a mutant is a good file of another machine."""
    assert executed[f"{name} analysts"] == []
    if not CASES[name].mutant:
        assert not isinstance(executed[name], str)


@pytest.mark.peer("SpiffWorkflow")
def test_schemas_reject_an_unknown_element(executed: Any) -> None:
    """The validation is on."""
    assert "ValidationException" in executed["broken"]


@pytest.mark.peer("SpiffWorkflow")
@pytest.mark.parametrize("name", CASES)
def test_exact_profile_is_executed_as_the_machine(name: str, executed: Any) -> None:
    """The same states and calls on walks that take every transition; of a mutant others, or a stop."""
    case, found = CASES[name], executed[name]
    ids = idents(state.name for state in case.machine.states)
    states = {f"State_{ident}": state for state, ident in ids.items()}
    wrong: list[Any] = [found] if isinstance(found, str) else []
    for (_, expected), steps in zip(traces(case.machine), [] if wrong else found, strict=False):
        seen = [["+".join(states.get(ident, ident) for ident in where), called] for where, called in steps]
        wrong += [pair for pair in zip(expected, seen, strict=True) if pair[0] != pair[1]][:1]

    assert bool(wrong) == case.mutant, wrong[:3]


def test_walks_are_not_empty() -> None:
    """What the peers are asked to do is worth asking."""
    assert sum(len(walk) for walk, _ in traces(robot())) > 50
