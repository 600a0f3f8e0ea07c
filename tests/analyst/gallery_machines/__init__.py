"""Five machines that are not the robot's, of the gallery and of tests: a file watcher, an approval, a till, a lift, an order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fsm_robot.engine import machine_file
from fsm_robot.engine.machine.definition import Definition

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent.parent / "examples"
FILES: Mapping[str, Path] = {
    "watcher": EXAMPLES / "watcher" / "watcher.yaml",
    "approval": EXAMPLES / "approval" / "approval.yaml",
    "till": HERE / "till.yaml",
    "lift": HERE / "lift.yaml",
    "order": HERE / "order.yaml",
}
GALLERY: Mapping[str, Definition] = {name: machine_file.load_labelled(path, None, ()) for name, path in FILES.items()}
