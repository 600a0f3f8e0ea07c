"""draw.io files in maxgraph, and XML of every format in libxml2."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.analyst.drawing.svg import svg
from fsm_robot.analyst.formats.drawio import drawio
from fsm_robot.analyst.formats.pnml import pnml
from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.words import words
from fsm_robot.engine.machine.definition import Definition
from tests.peers import peers
from tests.peers.cases import Case, cases
from tests.peers.test_bpmn import analysts, exact

PEER = "maxgraph"
CASES = cases()
XML: Mapping[str, Callable[[Definition], str]] = {
    "bpmn": analysts,
    "bpmn-exact": exact,
    "drawio": lambda machine: drawio(words(machine)),
    "pnml": pnml,
    "scxml": scxml,
    "svg": lambda machine: svg(words(machine)),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    jobs = {name: drawio(words(case.drawn)) for name, case in CASES.items()}
    jobs["dangling"] = jobs["robot"].replace('target="state-Claiming"', 'target="state-Nowhere"', 1)
    return peers.node("drawio.js", jobs, tmp_path_factory.mktemp("drawio"))


def transitions(found: Any) -> Counter[tuple[str, str, str, str]]:
    """Return source, event, kind and target by what the lines join and the boxes hold, not by what a label says."""
    states = {ident: data["state"] for ident, _, data, _ in found["vertices"] if "state" in data}
    lines = {ident: (source, target) for ident, source, target in found["edges"]}
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for _, _, data, parent in found["vertices"]:
        if "event" not in data:
            continue
        source, target = lines.get(parent, (parent, parent))
        kind = "external" if parent in lines else "internal"
        seen[states.get(source, ""), data["event"], kind, states.get(target, "")] += 1
    return seen


def expected(case: Case) -> Counter[tuple[str, str, str, str]]:
    return Counter((edge.source, edge.trigger, edge.kind, edge.dest) for edge in case.machine.transitions)


@pytest.mark.parametrize("name", CASES)
def test_maxgraph_reads_the_transitions_of_the_machine(name: str, read: Any) -> None:
    """Boxes, lines and labels hold the machine; of a mutant they do not."""
    assert not isinstance(read[name], str), read[name]

    assert (transitions(read[name]) != expected(CASES[name])) == CASES[name].mutant


@pytest.mark.parametrize("name", ["robot", "hostile"])
def test_every_line_joins_two_boxes(name: str, read: Any) -> None:
    """No line of the drawing hangs in the air: a box that is moved takes its lines along."""
    boxes = {ident for ident, *_ in read[name]["vertices"]}

    assert [ident for ident, source, target in read[name]["edges"] if not {source, target} <= boxes] == []


def test_line_that_hangs_in_the_air_is_seen(read: Any) -> None:
    """The check above can fail."""
    assert any(target == "" for _, _, target in read["dangling"]["edges"])


@pytest.mark.peer("xmllint")
@pytest.mark.parametrize("name", XML)
def test_xml_is_well_formed_whatever_the_names(name: str, tmp_path: Path) -> None:
    """libxml2 is not the parser that we test with elsewhere."""
    path = tmp_path / "file.xml"
    command = [peers.program("xmllint"), "--noout", "--nonet", str(path)]
    text = XML[name](CASES["hostile"].machine)

    path.write_text(text, encoding="utf-8")
    good = subprocess.run(command, capture_output=True, timeout=60, check=False)
    path.write_text(text.replace("&lt;", "<", 1), encoding="utf-8")
    broken = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert (good.returncode, good.stderr) == (0, b"")
    assert broken.returncode != 0
