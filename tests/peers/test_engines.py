"""SCXML and XState JSON in the engines of others: the same walks, the same states, the same calls."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.formats.xstate import xstate
from fsm_robot.engine.machine.definition import Definition
from tests.analyst.readers import OWN, SCXML, event_ids, held
from tests.peers import peers
from tests.peers.cases import TIMED, Case, cases, timeless, traces

CASES = cases()
ENGINES: Mapping[str, tuple[Callable[[Definition], str], Callable[[Any, Path], Any]]] = {
    "SCION": (scxml, lambda jobs, folder: peers.node("scion.js", jobs, folder)),
    # It waits for what was sent with a delay before it takes the next event.
    "python-statemachine": (
        lambda machine: scxml(timeless(machine)),
        lambda jobs, folder: peers.python("venv", "statemachine_walks.py", jobs, folder),
    ),
    "xstate": (xstate, lambda jobs, folder: peers.node("xstate.js", jobs, folder)),
}
PARAMS = [pytest.param(engine, name, marks=pytest.mark.peer(engine)) for engine in ENGINES for name in CASES]


def names_in(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return event -> its id in the file, and id in the file -> state."""
    if text.startswith("<"):
        nodes = [node for node in ET.fromstring(text.encode()) if node.tag in (f"{SCXML}state", f"{SCXML}final")]
        states = {node.attrib["id"]: held(node.get(f"{OWN}name", node.attrib["id"])) for node in nodes}
        return event_ids(text), states
    machine = json.loads(text)
    events = {
        edge["meta"]["event"]: ident
        for node in machine["states"].values()
        for ident, edges in node.get("on", {}).items()
        for edge in edges
    }
    return events, {ident: node["meta"]["name"] for ident, node in machine["states"].items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """What an engine did with every case, run once."""
    results: dict[str, Any] = {}

    def run(engine: str) -> Any:
        if engine not in results:
            write, execute = ENGINES[engine]
            jobs = {name: job(case, write(case.drawn)) for name, case in CASES.items()}
            results[engine] = execute(jobs, tmp_path_factory.mktemp("engines"))
        return results[engine]

    return run


def job(case: Case, text: str) -> dict[str, Any]:
    events, _ = names_in(text)
    walks = [[events.get(event, "not_there") for event in walk] for walk, _ in traces(case.machine)]
    return {"text": text, "walks": walks}


def differences(case: Case, text: str, result: Any) -> list[str]:
    """Return where an engine did something else than the machine."""
    if isinstance(result, str):
        return [result]
    _, states = names_in(text)
    wrong = []
    for (walk, expected), steps in zip(traces(case.machine), result, strict=True):
        seen = [["+".join(states[ident] for ident in idents), called] for idents, called in steps]
        for number, (step, other) in enumerate(zip(expected, seen, strict=True)):
            if step != other:
                wrong.append(f"{walk[:number]}: {step} is {other}")
                break
    return wrong


@pytest.mark.parametrize(("engine", "name"), PARAMS)
def test_engine_walks_as_the_machine_does(engine: str, name: str, found: Callable[[str], Any]) -> None:
    """States and calls agree on walks that take every transition; of a mutant they do not."""
    case = CASES[name]

    wrong = differences(case, ENGINES[engine][0](case.drawn), found(engine)[name])

    assert bool(wrong) == case.mutant, wrong[:3]


TIMERS: Mapping[str, tuple[Callable[[Definition], str], Callable[[Any, Path], Any]]] = {
    **ENGINES,
    "python-statemachine": (scxml, ENGINES["python-statemachine"][1]),
}


@pytest.mark.parametrize("engine", [pytest.param(engine, marks=pytest.mark.peer(engine)) for engine in TIMERS])
def test_time_runs_out_in_the_engine(engine: str, tmp_path: Path) -> None:
    """Real time, no event from outside: the machine reaches its end by its times alone; without them it stays."""
    write, execute = TIMERS[engine]
    jobs = {
        "timed": {"text": write(TIMED), "walks": [[]], "wait_ms": 3000},
        "timeless": {"text": write(timeless(TIMED)), "walks": [[]], "wait_ms": 500},
    }

    found = execute(jobs, tmp_path)

    assert found["timed"][0][-1][0] == ["Over"], found
    assert found["timeless"][0][-1][0] == ["Asking"], found
