"""Writes the pictures of docs/gallery.md: each format as a program that is not ours shows it. Part of `make gallery`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.drawing.svg import svg
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.words import words
from fsm_robot.engine.machine.definition import Definition
from tests.analyst.gallery_machines import GALLERY
from tests.peers import peers
from tests.peers.cases import robot

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
LARGEST_BYTES = 400 * 1024
COLUMNS = {"order": 3}
"""Our own picture of a long machine is folded."""


def write_all() -> None:
    PICTURES.mkdir(exist_ok=True)
    machine = robot()
    texts = {
        "peer.bpmn-js.png": ("bpmn", drawn(analysts_process(words(machine, "en")))),
        "peer.bpmn-js.ru.png": ("bpmn", drawn(analysts_process(words(machine, "ru")))),
        "peer.bpmn-js.exact.png": ("bpmn", drawn(exact_process(words(machine)))),
        "peer.mermaid.png": ("mermaid", mermaid(words(machine))),
    }
    for name, foreign in GALLERY.items():
        texts[f"gallery.{name}.bpmn.png"] = ("bpmn", drawn(analysts_process(words(foreign))))
        texts[f"gallery.{name}.mermaid.png"] = ("mermaid", mermaid(words(foreign)))
        (PICTURES / f"gallery.{name}.svg").write_text(
            svg(words(foreign), columns=COLUMNS.get(name, 1)), encoding="utf-8"
        )
        graph = _made([peers.program("dot"), "-Tsvg"], dot(words(foreign)))
        (PICTURES / f"gallery.{name}.graphviz.svg").write_bytes(graph)
        (PICTURES / f"gallery.{name}.plantuml.svg").write_bytes(_by_plantuml(foreign))
    job = {name: {"kind": kind, "text": text, "shot": str(PICTURES / name)} for name, (kind, text) in texts.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers.node("browser.js", {"browser": peers.program("chromium"), "texts": job}, folder)
        (PICTURES / "peer.graphviz.svg").write_bytes(_made([peers.program("dot"), "-Tsvg"], dot(words(machine))))
        (PICTURES / "peer.plantuml.svg").write_bytes(_by_plantuml(machine))
        mined(folder)
    for path in [*PICTURES.glob("peer.*"), *PICTURES.glob("gallery.*")]:
        if path.stat().st_size > LARGEST_BYTES:
            raise SystemExit(f"{path} is larger than {LARGEST_BYTES >> 10} KiB")


def _by_plantuml(machine: Definition) -> bytes:
    command = [peers.program("plantuml"), "-headless", "-charset", "UTF-8", "-tsvg", "-pipe"]
    return _made(command, plantuml(words(machine)))


def mined(folder: Path) -> None:
    """Write the map that pm4py mines from what a robot did in its demonstration: from zero to a map, as the page says."""
    robots = [sys.executable, "-m", "fsm_robot"]
    _made([*robots, "demo", "--folder", str(folder / "demo")], "")
    log = folder / "robot.xes"
    _made([*robots, "export", str(folder / "demo" / "state"), "--format", "xes", "-o", str(log)], "")
    peers.python("pm4py", "map.py", {"log": str(log), "picture": str(PICTURES / "peer.pm4py.png")}, folder)


def _made(command: list[str], text: str) -> bytes:
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True, timeout=300).stdout


if __name__ == "__main__":
    write_all()
