"""Figures of runs as texts of a drawing: how often, how long, how much of it failed."""

from __future__ import annotations

from fsm_robot.analyst.drawing.scene import Heat
from fsm_robot.analyst.eventlog.statistics import StateFigures, Statistics
from fsm_robot.analyst.phrases import duration, percent, phrase


def heat(statistics: Statistics, language: str = "") -> Heat:
    """Return what the runs put on a drawing."""
    hottest = max((figures.entered for figures in statistics.states.values()), default=0)
    busiest = max((figures.taken for figures in statistics.transitions.values()), default=0)
    failed = percent(statistics.failed_share or 0.0) + " %"
    return Heat(
        phrase(language, "runs", statistics.runs, statistics.jobs, failed),
        {name: _lines(figures, language) for name, figures in statistics.states.items()},
        {
            key: phrase(language, "share", figures.taken, percent(figures.share))
            for key, figures in statistics.transitions.items()
        },
        {name: figures.entered / hottest for name, figures in statistics.states.items()},
        {key: figures.taken / busiest for key, figures in statistics.transitions.items()},
    )


def _lines(figures: StateFigures, language: str) -> tuple[str, ...]:
    lines = [phrase(language, "entered", figures.entered)]
    if figures.median_s is not None and figures.p95_s is not None:
        times = duration(language, figures.median_s), duration(language, figures.p95_s)
        lines[0] += f", {phrase(language, 'times', *times)}"
    if figures.failed_share:
        lines.append(phrase(language, "failed", percent(figures.failed_share)))
    return tuple(lines)
