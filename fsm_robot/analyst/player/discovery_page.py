"""One HTML file: the process that journals show beside the declared one, and tables of what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fsm_robot.analyst.drawing.discovered import NEVER, UNDECLARED, pictures
from fsm_robot.analyst.eventlog.discovery import Discovered
from fsm_robot.analyst.markup import element, escaped
from fsm_robot.analyst.phrases import duration, percent, phrase
from fsm_robot.analyst.player.assets import Assets
from fsm_robot.analyst.player.page import document
from fsm_robot.analyst.words import Words


def discovery_page(declared: Words, found: Discovered, assets: Assets) -> str:
    """Return the page: two drawings, then what never happened, what came before failures, how often and how long."""
    left, right = pictures(declared, found)
    name = declared.definition.name
    body = [
        "<main>",
        element("h1", {}, escaped(f"{name}: {phrase(declared.language, 'discovered')}")),
        element("div", {"class": "beside"}, element("div", {}, left), element("div", {}, right)),
        *_tables(declared, found),
        "</main>",
    ]
    return document(name, declared.language, body, assets, "page", script=False)


def _tables(declared: Words, found: Discovered) -> Iterator[str]:
    language = declared.language

    def said(key: str, *values: object) -> str:
        return phrase(language, key, *values)

    failed = said("before_failure", said(f"cases_{found.case}", found.failed), found.cases)
    signs = [
        (sign.what, f"{percent(sign.failed_share)} %", f"{percent(sign.others_share)} %", str(sign.failed))
        for sign in found.signs
    ]
    head = (said("transition"), said("of_failed"), said("of_others"), said("count"))
    yield from _table(failed, head, signs)
    undeclared = [(key, str(found.statistics.transitions[key].taken)) for key in found.undeclared]
    yield from _table(said("legend_undeclared"), (said("transition"), said("count")), undeclared, UNDECLARED)
    never = [(said("state"), declared.state(name)) for name in found.never_states]
    never += [(said("transition"), key) for key in found.never_edges]
    yield from _table(said("legend_never"), (said("what"), said("name")), never, NEVER)
    states = [
        (
            declared.state(name),
            str(figures.entered),
            _lasted(language, figures.median_s),
            _lasted(language, figures.p95_s),
        )
        for name, figures in sorted(found.statistics.states.items(), key=lambda each: -each[1].entered)
    ]
    yield from _table(said("how_long"), (said("state"), said("count"), said("median"), said("p95")), states)
    edges = [
        (key, str(figures.taken), f"{percent(figures.share)} %")
        for key, figures in sorted(found.statistics.transitions.items(), key=lambda each: -each[1].taken)
    ]
    yield from _table(said("how_often"), (said("transition"), said("count"), said("of_state")), edges)


def _lasted(language: str, seconds: float | None) -> str:
    return "" if seconds is None else duration(language, seconds)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> Iterator[str]:
    lines = [_row("td", row, kind) for row in rows]
    if lines:
        yield element("h2", {}, escaped(title))
        yield element("table", {}, _row("th", head), *lines)


def _row(cell: str, texts: Sequence[str], kind: str = "") -> str:
    return element("tr", {}, *(element(cell, {"class": kind or None}, escaped(text)) for text in texts))
