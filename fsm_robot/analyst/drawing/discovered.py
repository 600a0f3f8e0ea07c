"""The process that journals show beside the declared one, as two drawings with one set of figures. Pure."""

from __future__ import annotations

import re

import attrs

from fsm_robot.analyst.drawing.heat import heat
from fsm_robot.analyst.drawing.scene import Scene, scene
from fsm_robot.analyst.drawing.svg import FOOTER_HEIGHT, HEADER_HEIGHT, Marks, picture, style
from fsm_robot.analyst.eventlog.discovery import Discovered
from fsm_robot.analyst.markup import element, number
from fsm_robot.analyst.phrases import phrase
from fsm_robot.analyst.words import Words
from fsm_robot.engine.machine.definition import Definition

NEVER, UNDECLARED = "never", "undeclared"
GAP = 40.0
_ID = re.compile(r' (id|aria-labelledby)="([^"]*)"')


def pictures(declared: Words, found: Discovered) -> tuple[str, str]:
    """Return the declared machine and the discovered one, each as an `svg` element without a style sheet."""
    parts = []
    for name, definition in (("declared", declared.definition), ("happened", found.happened)):
        drawn, marks = _drawn(name, definition, declared, found)
        parts.append(_own_ids(picture(drawn, marks), name))
    return parts[0], parts[1]


def drawn_beside(declared: Words, found: Discovered) -> str:
    """Return both as one file: the declared machine on the left, what happened on the right."""
    x, tallest, parts = 0.0, 0.0, []
    for name, definition in (("declared", declared.definition), ("happened", found.happened)):
        drawn, marks = _drawn(name, definition, declared, found)
        parts.append(element("g", {"transform": f"translate({number(x)} 0)"}, _own_ids(picture(drawn, marks), name)))
        x += drawn.drawing.width + GAP
        tallest = max(tallest, drawn.drawing.height + HEADER_HEIGHT + FOOTER_HEIGHT)
    width = x - GAP
    box = {"viewBox": f"0 0 {number(width)} {number(tallest)}", "width": width, "height": tallest}
    ground = element("rect", {"class": "ground", "width": width, "height": tallest})
    sheet = f"<style>{style()}</style>"
    whole = element("svg", {"xmlns": "http://www.w3.org/2000/svg", **box, "role": "group"}, sheet, ground, *parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}\n'


def _drawn(name: str, definition: Definition, declared: Words, found: Discovered) -> tuple[Scene, Marks]:
    language = declared.language
    called = attrs.evolve(definition, name=f"{definition.name}: {phrase(language, name)}")
    kind, keys = (NEVER, found.never_edges) if name == "declared" else (UNDECLARED, found.undeclared)
    known = {state.name for state in declared.definition.states}
    states = found.never_states if name == "declared" else [s.name for s in definition.states if s.name not in known]
    edges = {number_: kind for number_, edge in enumerate(definition.transitions, start=1) if edge.key in keys}
    marks = Marks(dict.fromkeys(states, kind), edges)
    return scene(Words(called, language), heat(found.statistics, language)), marks


def _own_ids(drawing: str, prefix: str) -> str:
    """Return a drawing whose ids are its own beside another one; no text in it can look like an attribute."""
    return _ID.sub(lambda match: f' {match[1]}="{" ".join(f"{prefix}-{each}" for each in match[2].split())}"', drawing)
