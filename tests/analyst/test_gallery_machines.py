"""Five machines that are not the robot's: sound, drawn in each format, and told without a word of an orchestrator."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.cli import main
from tests.analyst.gallery_machines import FILES, GALLERY

FORMATS = (
    "svg",
    "drawio",
    "html",
    "markdown",
    "bpmn",
    "bpmn-exact",
    "scxml",
    "xstate",
    "pnml",
    "mermaid",
    "plantuml",
    "dot",
)


@pytest.mark.parametrize("name", FILES)
def test_each_is_checked_drawn_in_every_format_and_comes_back(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every state is in every format; what `bpmn-exact` and `scxml` hold is the machine again."""
    assert main(["check", str(FILES[name])]) == 0
    for kind in FORMATS:
        assert main(["diagram", str(FILES[name]), "--format", kind, "-o", str(tmp_path / f"{name}.{kind}")]) == 0
        text = (tmp_path / f"{name}.{kind}").read_text(encoding="utf-8")
        assert [state.name for state in GALLERY[name].states if state.name.split()[0] not in text] == []
    for kind, ending in (("bpmn-exact", "bpmn"), ("scxml", "scxml")):
        back = tmp_path / f"{kind}.{ending}"
        (tmp_path / f"{name}.{kind}").rename(back)
        assert main(["diagram", "--from", str(back), "-o", str(tmp_path / "back.yaml")]) == 0
        capsys.readouterr()
        assert main(["diagram", "--diff", str(FILES[name]), str(tmp_path / "back.yaml")]) == 0
        assert "do the same" in capsys.readouterr().out


def test_a_long_one_is_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--columns` makes it less high, in each format that has it, and is refused where it means nothing."""
    order = str(FILES["order"])
    heights = []
    for columns in ("1", "3"):
        assert main(["diagram", order, "--format", "svg", "--columns", columns, "-o", str(tmp_path / "order.svg")]) == 0
        heights.append(float((tmp_path / "order.svg").read_text(encoding="utf-8").split('height="')[1].split('"')[0]))
    assert heights[1] < heights[0] * 0.5
    assert main(["diagram", order, "--format", "drawio", "--columns", "3", "-o", str(tmp_path / "order.drawio")]) == 0
    for refused in (["--format", "mermaid", "--columns", "2"], ["--format", "svg", "--columns", "0"]):
        assert main(["diagram", order, *refused]) == 2
        assert "--columns is" in capsys.readouterr().err
