"""The recorded demo in README is one of the demo as it is now, and its drawing tells each line once."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from fsm_robot.cli.demo import acts
from fsm_robot.engine.machine.checks import JOB_STATUSES
from tests.docs import demo_picture

TEXT = "{http://www.w3.org/2000/svg}text"


def lines(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(TEXT)]


def test_every_job_of_the_demo_is_in_it_with_its_end() -> None:
    """Who changes the demo records it anew: `make gallery`."""
    shown = lines(demo_picture.PICTURE.read_text(encoding="utf-8"))

    assert shown[0] == "$ make demo"
    for act in acts(Path()):
        (told,) = (line for line in shown if f" {act.script} " in line and act.shows in line)
        assert f"{act.status} {JOB_STATUSES[act.status]}" in told
    assert any("every job ended as it should" in line for line in shown)


def test_a_line_is_drawn_at_its_moment_and_cut_where_the_picture_ends() -> None:
    svg = demo_picture.drawn([(1.0, "  Success      a<b"), (2.0, "x" * 200)])

    assert lines(svg) == ["$ make demo", "  Success      a<b", "x" * (demo_picture.COLUMNS - 1) + "…"]
    assert "k1{0%,10.00%{opacity:0}" in svg
    assert 'fill="#7ee787"' in svg
