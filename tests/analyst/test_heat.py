from __future__ import annotations

from pathlib import Path

import pytest

from fsm_robot.analyst.drawing.heat import heat
from fsm_robot.analyst.drawing.svg import svg
from fsm_robot.analyst.eventlog.statistics import StateFigures, Statistics, TransitionFigures, run_statistics
from fsm_robot.analyst.phrases import PHRASES, duration, percent
from fsm_robot.analyst.words import Words
from fsm_robot.engine import machine_file
from fsm_robot.engine.journal.file import read_journal
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.robot.machine import built_in
from tests.fakes.night import write_nights


def robot() -> Definition:
    return machine_file.load_labelled(built_in(), None, ())


def test_figures_stand_on_states_and_transitions() -> None:
    """Counts, median, p95, failures on a state; count and share on a transition."""
    key = "Ready--no_job-->Finished"
    statistics = Statistics(
        runs=3,
        jobs=8,
        failed_share=0.25,
        states={"Ready": StateFigures(40, 0.25, 125.0, 0.125), "Finished": StateFigures(3)},
        transitions={key: TransitionFigures(3, 0.075)},
    )

    found = heat(statistics)
    text = svg(Words(robot()), found)

    assert found.states["Ready"] == ("40×, median 250 ms, 95 % within 2 min 5 s", "12 % of its jobs failed")
    assert found.states["Finished"] == ("3×",)
    assert found.warmth == {"Ready": 1.0, "Finished": 3 / 40}
    assert "exit 0 · 3×, 8 %" in text
    assert "3 runs, 8 jobs, 25 % failed" in text
    assert "40×, median 250 ms" in text


def test_lines_that_no_run_took_are_pale_and_busy_ones_thick(tmp_path: Path) -> None:
    """The picture shows where the work is."""
    runs = [read_journal(path)[0] for path in write_nights(tmp_path, robot())]

    text = svg(Words(robot()), heat(run_statistics(runs)))
    lines = {(s, d): c for c, s, d in _routes(text)}

    assert lines["Reporting", "Interrupted"] == "route cold"
    assert lines["Ready", "Consuming"] == "route"
    assert 'stroke-width="4.2"' in text
    assert "cold" not in {c for c in lines.values() if c == "route"}


def _routes(text: str) -> list[tuple[str, ...]]:
    import re

    return re.findall(r'<g class="(route[^"]*)" id="route-\d+" data-source="([^"]*)" data-dest="([^"]*)"', text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0482, "48 ms"), (1.26, "1.3 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3700, "1 h 1 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration("en", seconds) == text


@pytest.mark.parametrize(("share", "text"), [(0, "0"), (0.001, "<1"), (0.5, "50"), (0.999, ">99"), (1, "100")])
def test_only_nothing_is_nothing_and_only_all_is_all(share: float, text: str) -> None:
    """A rare failure does not round to none."""
    assert percent(share) == text


def test_phrases_are_there_in_every_language() -> None:
    """No language lacks a phrase, or a value in one."""
    first, *others = PHRASES.values()

    for table in others:
        assert set(table) == set(first)
        assert all(table[key].count("{") == first[key].count("{") for key in first)
