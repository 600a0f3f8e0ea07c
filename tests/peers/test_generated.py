"""Fifty generated machines with hostile names through every peer that draws: what is rendered are the names."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.analyst.drawing.svg import svg
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.drawio import drawio
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.formats.pnml import pnml
from fsm_robot.analyst.formats.scxml import scxml
from fsm_robot.analyst.words import words
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import symbols
from tests.analyst.generated_machines import MACHINES, NAMED
from tests.analyst.readers import expected_labels
from tests.peers import peers
from tests.peers.test_bpmn import analysts, exact
from tests.peers.test_bpmn_js import faults
from tests.peers.test_drawio import transitions
from tests.peers.test_texts import plain

TEXTS = {**MACHINES, **NAMED}
"""What the formats of text are tried with, which are drawn in no time."""
SVG_TEXT = "{http://www.w3.org/2000/svg}text"


def rendered(machine: Definition) -> Counter[str]:
    """Return every state and every event as a drawing shows it, so often as there are transitions."""
    found = Counter(plain(label) for _, label, _ in expected_labels(machine).elements())
    found.update(plain(symbols(state.name)) for state in machine.states)
    return found


@pytest.fixture(scope="module")
def in_browser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    texts = {f"{name} mermaid": {"kind": "mermaid", "text": mermaid(words(m))} for name, m in TEXTS.items()}
    texts |= {f"{name} bpmn": {"kind": "bpmn", "text": analysts(m)} for name, m in MACHINES.items()}
    texts |= {f"{name} bpmn-exact": {"kind": "bpmn", "text": exact(m)} for name, m in MACHINES.items()}
    job = {"browser": peers.program("chromium"), "texts": texts}
    return peers.node("browser.js", job, tmp_path_factory.mktemp("generated"), timeout_s=570)


@pytest.mark.peer("mermaid")
@pytest.mark.parametrize("name", TEXTS)
def test_mermaid_renders_every_event_as_it_is_called(name: str, in_browser: Any) -> None:
    """On the drawing itself: no sign is lost, no loop is left out, nothing is there that is not the machine's."""
    found = in_browser[f"{name} mermaid"]

    assert found["warnings"] == []
    assert Counter(plain(text) for text in found["shown"]) == rendered(TEXTS[name])


@pytest.mark.peer("bpmn-js")
@pytest.mark.parametrize("profile", ["bpmn", "bpmn-exact"])
@pytest.mark.parametrize("name", MACHINES)
def test_bpmn_js_draws_it_without_a_fault(name: str, profile: str, in_browser: Any) -> None:
    """No warning; nothing covers anything; all of it is in the pool."""
    assert faults(in_browser[f"{name} {profile}"]) == []


@pytest.mark.peer("graphviz")
@pytest.mark.parametrize("name", TEXTS)
def test_graphviz_draws_every_name_in_xml_that_can_be_read(name: str) -> None:
    """Control characters among them."""
    command = [peers.program("dot"), "-Tsvg"]

    done = subprocess.run(command, input=dot(words(TEXTS[name])).encode(), capture_output=True, timeout=120, check=True)

    texts = Counter(plain("".join(node.itertext())) for node in ET.fromstring(done.stdout).iter(SVG_TEXT))
    assert rendered(TEXTS[name]) - texts == Counter()


@pytest.fixture(scope="module")
def by_plantuml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plantuml")
    for name, machine in TEXTS.items():
        (folder / f"{name}.puml").write_text(plantuml(words(machine)), encoding="utf-8")
    sources = sorted(str(path) for path in folder.glob("*.puml"))
    command = [peers.program("plantuml"), "-headless", "-charset", "UTF-8", "-tsvg", *sources]
    subprocess.run(command, check=True, capture_output=True, timeout=570)
    return folder


@pytest.mark.peer("plantuml")
@pytest.mark.parametrize("name", TEXTS)
def test_plantuml_draws_every_name(name: str, by_plantuml: Path) -> None:
    """Its own picture."""
    root = ET.fromstring((by_plantuml / f"{name}.svg").read_bytes())
    texts = Counter(plain("".join(node.itertext())) for node in root.iter(SVG_TEXT))

    assert rendered(TEXTS[name]) - texts == Counter()


@pytest.mark.peer("maxgraph")
def test_maxgraph_reads_the_transitions(tmp_path: Path) -> None:
    """All fifty in one page."""
    found = peers.node("drawio.js", {name: drawio(words(m)) for name, m in MACHINES.items()}, tmp_path)

    for name, machine in MACHINES.items():
        assert not isinstance(found[name], str), found[name]
        kinds = Counter((e.kind, symbols(e.trigger)) for e in machine.transitions)
        assert Counter((kind, symbols(event)) for _, event, kind, _ in transitions(found[name]).elements()) == kinds


@pytest.mark.peer("xmllint")
def test_all_xml_is_well_formed(tmp_path: Path) -> None:
    """Six formats of fifty machines, by a parser that is not ours."""
    for name, machine in MACHINES.items():
        texts = {"bpmn": analysts(machine), "exact": exact(machine), "pnml": pnml(machine), "scxml": scxml(machine)}
        texts |= {"svg": svg(words(machine)), "drawio": drawio(words(machine))}
        for kind, text in texts.items():
            (tmp_path / f"{name}.{kind}.xml").write_text(text, encoding="utf-8")
    files = sorted(str(path) for path in tmp_path.iterdir())

    done = subprocess.run(
        [peers.program("xmllint"), "--noout", "--nonet", *files], capture_output=True, timeout=300, check=False
    )

    assert len(files) == 6 * len(MACHINES)
    assert (done.returncode, done.stderr) == (0, b"")
