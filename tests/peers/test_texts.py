"""Mermaid in Chromium, PlantUML and Graphviz: what they read is what the machine says."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.words import words
from fsm_robot.engine.wording import symbols
from tests.analyst.readers import expected_labels
from tests.peers import peers
from tests.peers.cases import Case, cases

CASES = cases()
Edges = Counter[tuple[str, str, str]]


def plain(text: str) -> str:
    """Return a text as a drawing shows it: with one kind of blank, and none at its ends."""
    return re.sub(r"\s+", " ", text).strip()


def shown(edges: Edges) -> Edges:
    found: Edges = Counter()
    for (source, label, target), count in edges.items():
        found[plain(source), plain(label), plain(target)] += count
    return found


def wrong(case: Case, seen: Edges, *, calls: bool = False) -> list[Any]:
    """Return the edges that only one of the two has."""
    expected = shown(expected_labels(case.machine, calls=calls))
    return [*((expected - shown(seen)).items()), *((shown(seen) - expected).items())]


# ---- Mermaid


@pytest.fixture(scope="module")
def in_browser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    peers.SHOTS.mkdir(parents=True, exist_ok=True)
    texts: dict[str, Any] = {
        name: {"kind": "mermaid", "text": mermaid(words(case.drawn))} for name, case in CASES.items()
    }
    texts["robot"]["shot"] = str(peers.SHOTS / "mermaid.png")
    texts["broken"] = {"kind": "mermaid", "text": "stateDiagram-v2\n    a --> : x --> b\n    }"}
    job = {"browser": peers.program("chromium"), "texts": texts}
    return peers.node("browser.js", job, tmp_path_factory.mktemp("mermaid"))


@pytest.mark.peer("mermaid")
@pytest.mark.parametrize("name", CASES)
def test_mermaid_reads_the_edges_of_the_machine(name: str, in_browser: Any) -> None:
    """Its own parser, in a page without network; of a mutant other edges."""
    found = in_browser[name]
    assert found["warnings"] == []
    assert found["asked"] == []
    # A state has its title, and a line for each internal transition.
    names = {ident: texts[0] for ident, texts in found["states"].items() if texts}
    seen = Counter(
        (names[a], line, names[b])
        for a, label, b in found["edges"]
        if a in names and b in names
        for line in label.split("<br/>")
    )
    seen.update((texts[0], line, texts[0]) for texts in found["states"].values() for line in texts[1:])

    assert bool(wrong(CASES[name], seen)) == CASES[name].mutant, wrong(CASES[name], seen)[:4]


@pytest.mark.peer("mermaid")
@pytest.mark.parametrize("name", ["robot", "hostile"])
def test_mermaid_shows_every_name_as_it_is(name: str, in_browser: Any) -> None:
    """What a reader sees on the rendered drawing are the real names."""
    texts = {plain(text) for text in in_browser[name]["shown"]}

    missing = {plain(symbols(state.name)) for state in CASES[name].machine.states} - texts
    missing |= {plain(label) for _, label, _ in expected_labels(CASES[name].machine)} - texts
    assert missing == set()


@pytest.mark.peer("mermaid")
def test_mermaid_refuses_what_is_no_diagram(in_browser: Any) -> None:
    """The parser is on."""
    assert in_browser["broken"]["warnings"]


# ---- PlantUML


@pytest.fixture(scope="module")
def by_plantuml(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What `plantuml -tscxml` makes of each case; one start of Java for all."""
    folder = tmp_path_factory.mktemp("plantuml")
    for name, case in CASES.items():
        (folder / f"{name}.puml").write_text(plantuml(words(case.drawn)), encoding="utf-8")
    sources = sorted(str(path) for path in folder.glob("*.puml"))
    command = [peers.program("plantuml"), "-headless", "-charset", "UTF-8"]
    subprocess.run([*command, "-tscxml", *sources], check=True, capture_output=True, timeout=300)
    subprocess.run([*command, "-tsvg", str(folder / "hostile.puml")], check=True, capture_output=True, timeout=300)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix != ".puml"}


@pytest.mark.peer("plantuml")
@pytest.mark.parametrize("name", ["robot", "hostile"])
def test_plantuml_takes_it_for_a_state_diagram(name: str) -> None:
    """It guesses the kind of a diagram; ours leaves no doubt."""
    text = plantuml(words(CASES[name].machine))
    command = [peers.program("plantuml"), "-headless", "-charset", "UTF-8", "-syntax"]

    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=300, check=True)

    lines = done.stdout.decode().splitlines()
    assert lines[0] == "STATE"
    # The states, the start and the common end.
    assert lines[1].startswith(f"({len(CASES[name].machine.states) + 2} entities)")


@pytest.mark.peer("plantuml")
@pytest.mark.parametrize("name", CASES)
def test_plantuml_reads_the_edges_of_the_machine(name: str, by_plantuml: Mapping[str, str]) -> None:
    """Its own export to SCXML; of a mutant other edges."""
    case = CASES[name]
    root = ET.fromstring(by_plantuml[f"{name}.scxml"].encode())
    ids = {ident: decoded(ident) for ident in (node.get("id", "") for node in root) if ident not in ("start", "end")}
    # One of our states is called `end`, as the end of the diagram is: ours is the one that something leaves.
    if any(state.name == "end" for state in case.drawn.states):
        ids["end"] = "end"
    seen: Edges = Counter()
    for state in root.iter("{http://www.w3.org/2005/07/scxml}state"):
        for edge in state.findall("{http://www.w3.org/2005/07/scxml}transition"):
            if edge.get("event") and state.attrib["id"] in ids and edge.attrib["target"] in ids:
                seen[ids[state.attrib["id"]], decoded(edge.get("event", "")), ids[edge.attrib["target"]]] += 1

    assert bool(wrong(case, seen)) == case.mutant, wrong(case, seen)[:4]


def decoded(text: str) -> str:
    """Return what a drawing of PlantUML shows for a text."""
    return re.sub(r"<U\+([0-9A-F]{4})>", lambda match: chr(int(match[1], 16)), text)


@pytest.mark.peer("plantuml")
def test_plantuml_shows_every_name_as_it_is(by_plantuml: Mapping[str, str]) -> None:
    """No escape of ours is left on the drawing."""
    root = ET.fromstring(by_plantuml["hostile.svg"].encode())
    texts = {plain("".join(node.itertext())) for node in root.iter("{http://www.w3.org/2000/svg}text")}

    assert {plain(symbols(state.name)) for state in CASES["hostile"].machine.states} - texts == set()


# ---- Graphviz


@pytest.mark.peer("graphviz")
@pytest.mark.parametrize("name", CASES)
def test_graphviz_reads_the_edges_of_the_machine(name: str) -> None:
    """Its own JSON; of a mutant other edges."""
    case = CASES[name]
    command = [peers.program("dot"), "-Tjson"]

    done = subprocess.run(command, input=dot(words(case.drawn)).encode(), capture_output=True, timeout=120, check=True)

    assert done.stderr == b""
    graph = json.loads(done.stdout)
    labels = {node["_gvid"]: html_free(node["label"]) for node in graph["objects"]}
    seen = Counter(
        (labels[edge["tail"]], html_free(edge["label"]), labels[edge["head"]])
        for edge in graph["edges"]
        if edge.get("label")
    )
    styles = [edge.get("style") for edge in graph["edges"]]
    assert styles.count("dashed") == sum(edge.kind == "internal" for edge in case.drawn.transitions)
    assert bool(wrong(case, seen, calls=True)) == case.mutant, wrong(case, seen, calls=True)[:4]


def html_free(label: str) -> str:
    """Undo the escapes that Graphviz keeps in its JSON."""
    text = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], label)
    return text.replace("&amp;", "&")


@pytest.mark.peer("graphviz")
def test_graphviz_draws_hostile_names_as_they_are(tmp_path: Path) -> None:
    """On the drawing, too: no entity, no escape is left."""
    command = [peers.program("dot"), "-Tsvg"]
    text = dot(words(CASES["hostile"].machine)).encode()

    done = subprocess.run(command, input=text, capture_output=True, timeout=120, check=True)

    root = ET.fromstring(done.stdout)
    texts = {plain("".join(node.itertext())) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {plain(symbols(state.name)) for state in CASES["hostile"].machine.states} - texts == set()
