"""Writes the pictures of docs/gallery.md: each format as a program that is not ours shows it. Part of `make gallery`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fsm_robot.analyst.bpmn.exact import exact_process
from fsm_robot.analyst.bpmn.kept_places import drawn
from fsm_robot.analyst.bpmn.overview import analysts_process
from fsm_robot.analyst.formats.dot import dot
from fsm_robot.analyst.formats.mermaid import mermaid
from fsm_robot.analyst.formats.plantuml import plantuml
from fsm_robot.analyst.words import words
from tests.peers import peers
from tests.peers.cases import robot

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
LARGEST_BYTES = 200 * 1024


def write_all() -> None:
    PICTURES.mkdir(exist_ok=True)
    machine = robot()
    texts = {
        "peer.bpmn-js.png": ("bpmn", drawn(analysts_process(words(machine, "en")))),
        "peer.bpmn-js.ru.png": ("bpmn", drawn(analysts_process(words(machine, "ru")))),
        "peer.bpmn-js.exact.png": ("bpmn", drawn(exact_process(words(machine)))),
        "peer.mermaid.png": ("mermaid", mermaid(words(machine))),
    }
    job = {name: {"kind": kind, "text": text, "shot": str(PICTURES / name)} for name, (kind, text) in texts.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers.node("browser.js", {"browser": peers.program("chromium"), "texts": job}, folder)
        graph = PICTURES / "peer.graphviz.svg"
        graph.write_bytes(_made([peers.program("dot"), "-Tsvg"], dot(words(machine))))
        picture = _made(
            [peers.program("plantuml"), "-headless", "-charset", "UTF-8", "-tsvg", "-pipe"], plantuml(words(machine))
        )
        (PICTURES / "peer.plantuml.svg").write_bytes(picture)
        mined(folder)
    for path in PICTURES.glob("peer.*"):
        if path.stat().st_size > LARGEST_BYTES:
            raise SystemExit(f"{path} is larger than {LARGEST_BYTES >> 10} KiB")


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
