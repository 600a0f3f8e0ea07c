"""PNML in pm4py: a sound workflow net with the edges of the machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import pytest

from fsm_robot.analyst.formats.pnml import END, START, pnml
from tests.peers import peers
from tests.peers.cases import cases, robot

PEER = "pm4py"
# A net has no callbacks, so internal and external are the same to it.
CASES = cases("dropped", "swapped", "renamed")


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    jobs = {name: pnml(case.drawn) for name, case in CASES.items()}
    dead_end = [edge for edge in robot().transitions if edge.source != "Reporting"]
    jobs["unsound"] = pnml(attrs.evolve(robot(), transitions=tuple(dead_end)))
    return peers.python("pm4py", "pnml.py", jobs, tmp_path_factory.mktemp("pm4py"))


@pytest.mark.parametrize("name", CASES)
def test_pm4py_reads_the_edges_of_the_machine(name: str, read: Any) -> None:
    """Every edge as a transition between the places of its states, three kinds of silent ones; of a mutant others."""
    case, found = CASES[name], read[name]
    expected = Counter((edge.source, edge.trigger, edge.dest) for edge in case.machine.transitions)
    seen = Counter((source, label, target) for source, label, target in found["edges"] if label is not None)

    assert (seen != expected) == case.mutant


@pytest.mark.parametrize("name", ["robot", "hostile"])
def test_net_is_sound_and_reaches_every_state(name: str, read: Any) -> None:
    """A token is always in one place: the states, the place before them and the one behind them."""
    machine, found = CASES[name].machine, read[name]

    assert found["sound"]
    assert (found["start"], found["end"]) == ([START], [END])
    assert found["states"] == len(machine.states) + 2
    assert found["steps"] == len(machine.transitions) + 1 + sum(state.final for state in machine.states)


def test_pm4py_sees_a_net_that_is_not_sound(read: Any) -> None:
    """A state that nothing leads out of."""
    assert not read["unsound"]["sound"]
