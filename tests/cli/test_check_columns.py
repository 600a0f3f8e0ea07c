"""What `check` prints of a machine stands in columns, whatever the names are."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.analyst.generated_machines import MACHINES


def places(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    kinds = [(unicodedata.east_asian_width(char), unicodedata.category(char)) for char in text]
    return sum(2 if wide in "WF" else 0 if kind in ("Mn", "Me", "Cf") else 1 for wide, kind in kinds)


@pytest.mark.parametrize("name", list(MACHINES)[:12])
def test_states_stand_in_columns(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CJK, marks and control characters shift nothing: the callbacks of all states begin at one place."""
    import yaml

    path = tmp_path / "machine.yaml"
    states = [{"name": state.name} for state in MACHINES[name].states if not state.final][:8]
    names = [state["name"] for state in states]
    edges: list[dict[str, object]] = [
        {"trigger": f"e{n}", "source": a, "dest": b} for n, (a, b) in enumerate(itertools.pairwise(names))
    ]
    edges.append({"trigger": "over", "source": names[-1], "dest": "Over and over", "exit_code": 0})
    machine: dict[str, object] = {
        "machine": "m",
        "initial": names[0],
        "states": [*states, {"name": "Over and over", "final": True}],
    }
    machine |= {"transitions": edges, "posted": [edge["trigger"] for edge in edges], "callbacks": {}}
    path.write_text(yaml.safe_dump(machine, allow_unicode=True), encoding="utf-8")

    assert main(["check", str(path)]) == 0

    lines = capsys.readouterr().out.split("\nstates\n")[1].split("\n\n")[0].split("\n")
    assert len(lines) == len(names) + 1
    assert len({places(line[: line.rindex("  -")]) for line in lines}) == 1
