"""BPMN in bpmn-js, in Chromium: imported without a warning and drawn so that nothing covers anything."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from fsm_robot.analyst.drawing.shapes import Box
from tests.analyst.drawings import overlap, runs_through
from tests.analyst.test_bpmn_drawing import on_outline
from tests.peers import peers
from tests.peers.cases import cases, robot
from tests.peers.test_bpmn import analysts, exact

PEER = "bpmn-js"
CASES = cases("dropped", "swapped")
POOL, LANE_WIDTH = "bpmn:Participant", 30
ROUNDED = 0.08
"""The viewer puts shapes at whole numbers: up to half a unit, of the 18 that an event has for a radius."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    peers.SHOTS.mkdir(parents=True, exist_ok=True)
    good = analysts(robot())
    texts = {f"{name} bpmn": analysts(case.drawn) for name, case in CASES.items()}
    texts |= {f"{name} bpmn-exact": exact(case.drawn) for name, case in CASES.items()}
    texts["robot-ru bpmn"] = analysts(robot(), "ru")
    texts["moved bpmn"] = moved(good, "State_Claiming", 700)
    texts["torn bpmn"] = re.sub(r'(<di:waypoint x=")', r"\g<1>9", good, count=1)
    texts["dangling bpmn"] = good.replace('bpmnElement="State_Claiming"', 'bpmnElement="Nowhere"')
    job: dict[str, Any] = {name: {"kind": "bpmn", "text": text} for name, text in texts.items()}
    for name in ("robot bpmn", "robot bpmn-exact", "robot-ru bpmn"):
        job[name]["shot"] = str(peers.SHOTS / f"{name.replace(' ', '.')}.png")
    work = {"browser": peers.program("chromium"), "texts": job}
    return peers.node("browser.js", work, tmp_path_factory.mktemp("bpmn-js"))


def moved(text: str, ident: str, dx: float) -> str:
    """Return a drawing with one shape somewhere else."""
    found = re.search(rf'bpmnElement="{ident}"[^>]*><dc:Bounds x="([0-9.]+)"', text)
    assert found
    return text.replace(found[0], found[0].replace(f'x="{found[1]}"', f'x="{float(found[1]) + dx}"'))


def faults(found: Any) -> list[str]:
    """Return what is wrong with what bpmn-js has drawn, by its own element registry."""
    shapes = {name: shape for name, shape in found["shapes"].items() if shape["type"] != POOL}
    pools = {name: box_of(shape) for name, shape in found["shapes"].items() if shape["type"] == POOL}
    boxes = {name: box_of(shape) for name, shape in shapes.items()}
    boxes |= {f"label of {name}": box_of(label) for name, label in found["labels"].items()}
    wrong = list(found["warnings"])
    for (a, first), (b, second) in itertools.combinations(boxes.items(), 2):
        attached = shapes.get(a, {}).get("host") == b or shapes.get(b, {}).get("host") == a
        if overlap(first, second) and not attached:
            wrong.append(f"{a} and {b} cover each other")
    for name, line in found["lines"].items():
        for end, point in ((line["source"], line["points"][0]), (line["target"], line["points"][-1])):
            kind = found["shapes"][end]["type"].removeprefix("bpmn:")
            if not on_outline(kind[0].lower() + kind[1:], box_of(found["shapes"][end]), tuple(point), ROUNDED):
                wrong.append(f"{name} does not touch {end}")
        for piece in itertools.pairwise(tuple(map(tuple, line["points"]))):
            host = shapes.get(line["source"], {}).get("host")
            wrong += [
                f"{name} runs through {other}"
                for other, box in boxes.items()
                if other not in (line["source"], line["target"], host) and runs_through(piece, box)
            ]
    if pools:
        pool = next(iter(pools.values()))
        wrong += [
            f"{name} is outside of the pool"
            for name, box in boxes.items()
            if name in shapes and not (pool.x + LANE_WIDTH <= box.x and box.right <= pool.right)
        ]
    return wrong


def box_of(shape: Any) -> Box:
    return Box(shape["x"], shape["y"], shape["width"], shape["height"])


@pytest.mark.parametrize(
    "name", ["robot bpmn", "robot-ru bpmn", "hostile bpmn", "robot bpmn-exact", "hostile bpmn-exact"]
)
def test_bpmn_js_draws_it_without_a_fault(name: str, shown: Any) -> None:
    """No warning, no request to a network, nothing covers anything, lines touch what they join."""
    assert shown[name]["asked"] == []
    assert faults(shown[name]) == []


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("moved bpmn", "cover each other"), ("torn bpmn", "does not touch"), ("dangling bpmn", "unresolved")],
)
def test_bad_drawing_is_seen_to_be_bad(name: str, complaint: str, shown: Any) -> None:
    """A shape upon another, a way point in the air, a shape of nothing."""
    assert any(complaint in fault for fault in faults_or_warnings(shown[name])), faults_or_warnings(shown[name])


def faults_or_warnings(found: Any) -> list[str]:
    return faults(found) if "shapes" in found else list(found["warnings"])


@pytest.mark.parametrize("profile", ["bpmn", "bpmn-exact"])
@pytest.mark.parametrize("mutant", ["dropped", "swapped"])
def test_bpmn_js_shows_other_flows_for_a_mutant(profile: str, mutant: str, shown: Any) -> None:
    """What is imported are the flows of the machine, not just some."""
    good, other = (
        {(name, line["source"], line["target"]) for name, line in shown[f"{which} {profile}"]["lines"].items()}
        for which in ("robot", mutant)
    )

    assert good != other
