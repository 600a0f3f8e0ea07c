"""Writes the JSON Schema of what `status --fleet --json` prints: `python -m fsm_robot.fleet.schema FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fsm_robot.fleet.documents import schema


def text() -> str:
    """Return the file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8", newline="\n")
