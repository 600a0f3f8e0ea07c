"""A machine as a standalone SVG: no script, no foreign font, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.drawing.scene import (
    PADDING,
    ROW_HEIGHT,
    RULE_HEIGHT,
    SMALL_HEIGHT,
    SMALL_SIZE,
    START,
    TEXT_SIZE,
    TITLE_HEIGHT,
    TITLE_SIZE,
    Figure,
    Heat,
    Route,
    Row,
    Scene,
    budget_of,
    scene,
)
from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.drawing.text_width import text_width
from fsm_robot.analyst.markup import element, escaped, number
from fsm_robot.analyst.words import Words
from fsm_robot.engine.machine.definition import Definition
from fsm_robot.engine.wording import symbols

CORNER = 7.0
THIN = 1.4
HEAD_LENGTH, HEAD_WIDTH = 9.0, 7.0
HEADER_HEIGHT, FOOTER_HEIGHT = 46.0, 34.0
SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
FONTS = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONOSPACE_FONTS = "ui-monospace, 'Cascadia Mono', Consolas, 'DejaVu Sans Mono', monospace"
# One table of colours, light and dark, so that no class is forgotten in one of them.
# The blank behind some selectors is for a second colour of the same one: keys of a table differ, CSS does not care.
COLOURS: Mapping[str, tuple[str, str, str]] = {
    ".ground": ("fill", "#ffffff", "#0f141b"),
    ".box": ("fill", "#f3f6fc", "#1a2330"),
    ".box ": ("stroke", "#5a70a8", "#7f95cf"),
    ".good .box": ("fill", "#effaf2", "#14291c"),
    ".good .box ": ("stroke", "#2f8a50", "#5cba7d"),
    ".bad .box": ("fill", "#fdf3f1", "#301a18"),
    ".bad .box ": ("stroke", "#b5493b", "#e08a7c"),
    ".rule": ("stroke", "#c3cce0", "#3a4a66"),
    ".start": ("fill", "#1f2a3d", "#dfe6f2"),
    ".line": ("stroke", "#5b6678", "#94a1b8"),
    ".head": ("fill", "#5b6678", "#94a1b8"),
    ".title": ("fill", "#121a2b", "#f1f4fa"),
    ".text": ("fill", "#1d2738", "#dbe2ee"),
    ".note": ("fill", "#667085", "#96a2b8"),
    ".heat": ("fill", "#9a4a00", "#f0b060"),
    ".warm": ("fill", "#f59e0b", "#8a5200"),
    **{
        selector: colours
        for kind, light, dark in (
            ("added", "#18803d", "#4ade80"),
            ("removed", "#c02a1d", "#ff8a7d"),
            ("changed", "#a15c00", "#fbbf24"),
            ("never", "#8a8f99", "#767d8a"),
            ("undeclared", "#c02a1d", "#ff8a7d"),
        )
        for selector, colours in (
            (f".{kind} > .box, .route.{kind} > .line", ("stroke", light, dark)),
            (f".{kind} > .title, .{kind} > .note, .route.{kind} > .head", ("fill", light, dark)),
            (f".edge.{kind} > .text, .edge.{kind} > .text > .note", ("fill", light, dark)),
        )
    },
}
SHAPES_STYLE = f"""
text {{ font-family: {FONTS}; }}
.title {{ font-size: {number(TITLE_SIZE)}px; font-weight: 600; }}
.text {{ font-size: {number(TEXT_SIZE)}px; }}
.note, .heat {{ font-size: {number(SMALL_SIZE)}px; }}
.code {{ font-family: {MONOSPACE_FONTS}; }}
.box {{ stroke-width: 1.5; }}
.inner {{ fill: none; stroke-width: 1; }}
.line {{ fill: none; stroke-linejoin: round; }}
.cold {{ opacity: 0.45; }}
.rule {{ stroke-width: 1; stroke-dasharray: 3 3; }}
.removed > .line, .removed > .box, .never > .line, .never > .box {{ stroke-dasharray: 6 4; }}
.removed > text {{ text-decoration: line-through; }}
"""


MARKS = ("added", "removed", "changed", "never", "undeclared")
"""What a comparison finds: of two machines, and of a machine with what happened."""


@attrs.frozen
class Marks:
    """What a comparison puts on a drawing: one of `MARKS`, by state and by number of transition."""

    states: Mapping[str, str] = attrs.field(factory=dict)
    edges: Mapping[int, str] = attrs.field(factory=dict)


def svg(words: Words, heat: Heat | None = None, marks: Marks | None = None, columns: int = 1) -> str:
    """Return the drawing of a machine as a file."""
    return standalone(scene(words, heat, columns), marks or Marks())


def standalone(drawn: Scene, marks: Marks) -> str:
    """Return a scene as a file, with its colours in it."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + picture(drawn, marks, f"<style>{style()}</style>\n") + "\n"


def style() -> str:
    """Return the style sheet: shapes, colours for light, and colours for dark."""
    # `screen`, so that paper stays light; `browser` looks for this very condition, to make light pixels.
    light = "\n".join(f"{name} {{ {what}: {colour}; }}" for name, (what, colour, _) in COLOURS.items())
    dark = "\n".join(f"{name} {{ {what}: {colour}; }}" for name, (what, _, colour) in COLOURS.items())
    return f"{SHAPES_STYLE}{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def picture(drawn: Scene, marks: Marks, style_element: str = "") -> str:
    """Return the `svg` element of a scene; without `style_element` the page around it brings the colours."""
    definition, drawing = drawn.definition, drawn.drawing
    beside = 30 + text_width(drawn.words.machine, TITLE_SIZE, bold=True)
    legend, legend_width = _legend(drawn, marks, drawing.height + HEADER_HEIGHT + FOOTER_HEIGHT / 2)
    # A narrow machine may have a wide heading or legend.
    width = max(drawing.width, beside + text_width(drawn.headline, SMALL_SIZE) + 20, legend_width)
    height = drawing.height + HEADER_HEIGHT + FOOTER_HEIGHT
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "width": width,
        "height": height,
        "role": "img",
        "aria-labelledby": "diagram-title diagram-description",
        "data-machine": definition.name,
        "data-initial": definition.initial,
    }
    ids = state_ids(definition)
    return element(
        "svg",
        attributes,
        "\n",
        element("title", {"id": "diagram-title"}, escaped(drawn.words.machine)),
        element("desc", {"id": "diagram-description"}, escaped(f"{drawn.headline}. {_in_words(drawn)}")),
        f"\n{style_element}",
        element("rect", {"class": "ground", "width": width, "height": height}),
        element("text", {"class": "title", "x": 20, "y": 30}, escaped(drawn.words.machine)),
        element(
            "text",
            {"class": "note", "x": beside, "y": 30},
            escaped(drawn.headline),
        ),
        "\n",
        element(
            "g",
            {"transform": f"translate({number(round((width - drawing.width) / 2))} {number(HEADER_HEIGHT)})"},
            "\n",
            *_shapes(drawn, marks, ids),
        ),
        "\n",
        legend,
        "\n",
    )


def state_ids(definition: Definition) -> dict[str, str]:
    """Return state -> id: its name where that is a plain word, else its number."""
    return {
        state.name: f"state-{state.name if SAFE.fullmatch(state.name) else place}"
        for place, state in enumerate(definition.states, start=1)
    }


def _in_words(drawn: Scene) -> str:
    words = drawn.words
    return " ".join(
        f"{words.state(edge.source)}: {words.event(edge.trigger)} → {words.state(edge.dest)}."
        for edge in drawn.definition.transitions
    )


def _shapes(drawn: Scene, marks: Marks, ids: Mapping[str, str]) -> Iterator[str]:
    start = drawn.drawing.boxes[START]
    yield element("circle", {"class": "start", "cx": start.x + 9, "cy": start.y + 9, "r": 9.0})
    points = drawn.drawing.lines[START].points
    yield element("path", {"class": "line", "d": way(points), "stroke-width": 1.4}) + element(
        "path", {"class": "head", "d": head(points)}
    )
    for route in drawn.routes:
        yield "\n" + _route(drawn, marks, route)
    for figure in drawn.figures:
        yield "\n" + _figure(drawn, marks, figure, ids[figure.state.name])
    yield "\n"


def _route(drawn: Scene, marks: Marks, route: Route) -> str:
    line = drawn.line(route)
    kinds = {marks.edges.get(row.number, "") for row in route.rows}
    mark = kinds.pop() if len(kinds) == 1 else ""
    # With runs a line is as thick as it is busy.
    width = round(THIN + 2.8 * (route.traffic or 0), 2)
    cold = "" if route.traffic is None or route.traffic else "cold"
    parts = [element("path", {"class": "line", "d": way(line.points), "stroke-width": width})]
    parts.append(element("path", {"class": "head", "d": head(line.points)}))
    if line.label:
        y = line.label.y + 13
        for row in route.rows:
            parts.append(_row(drawn, marks, row, line.label.x, y))
            y += row.height
    attributes = {
        "class": " ".join(kind for kind in ("route", mark, cold) if kind),
        "id": route.id,
        "data-source": route.source,
        "data-dest": route.dest,
    }
    return element("g", attributes, *parts)


def _row(drawn: Scene, marks: Marks, row: Row, x: float, y: float) -> str:
    edge, mark = row.edge, marks.edges.get(row.number, "")
    attributes = {
        "class": f"edge {mark}".strip(),
        "id": f"edge-{row.number}",
        "data-source": edge.source,
        "data-event": edge.trigger,
        "data-dest": edge.dest,
        "data-kind": edge.kind,
        "data-key": edge.key,
        "data-exit": edge.exit_code,
        "data-at-most": edge.at_most,
        "data-spent": "true" if edge.spent else None,
    }
    note = element("tspan", {"class": "note", "dx": SMALL_SIZE / 2}, escaped(row.note)) if row.note else ""
    *before, last = row.lines
    texts = [
        element("text", {"class": "text", "x": x, "y": y + ROW_HEIGHT * place}, escaped(line))
        for place, line in enumerate(before)
    ]
    texts.append(element("text", {"class": "text", "x": x, "y": y + ROW_HEIGHT * len(before)}, escaped(last), note))
    return element("g", attributes, element("title", {}, escaped(_about(drawn, row))), *texts)


def _about(drawn: Scene, row: Row) -> str:
    """Return what the pointer shows over a transition."""
    edge, words = row.edge, drawn.words
    lines = [f"{words.state(edge.source)} → {words.state(edge.dest)}: {words.event(edge.trigger)}"]
    lines.append(words.about_event(edge.trigger))
    if edge.at_most is not None:
        lines.append(drawn.phrase("budget", edge.at_most))
    if edge.spent:
        lines.append(drawn.phrase("spent", budget_of(drawn.definition, edge)))
    if edge.progress:
        lines.append(drawn.phrase("anew"))
    if edge.exit_code is not None:
        lines.append(drawn.phrase("exits_with", edge.exit_code))
    return "\n".join(line for line in lines if line)


def _figure(drawn: Scene, marks: Marks, figure: Figure, identity: str) -> str:
    box, state = drawn.box(figure), figure.state
    kinds = ("state", figure.outcome, "initial" if state.name == drawn.definition.initial else "")
    classes = " ".join(kind for kind in (*kinds, marks.states.get(state.name, "")) if kind)
    attributes = {
        "class": classes,
        "id": identity,
        "data-state": state.name,
        "data-callback": state.on_enter or None,
        "data-final": "true" if state.final else None,
    }
    parts = [element("title", {}, escaped(_about_state(drawn, figure))), _rectangle(box, "box", 0, 10)]
    if figure.warmth:
        shade = {"class": "warm", "opacity": round(0.08 + 0.5 * figure.warmth, 3), "rx": 10}
        parts.append(element("rect", {**shade, "x": box.x, "y": box.y, "width": box.width, "height": box.height}))
    if state.final:
        parts.append(_rectangle(box, "box inner", 4, 7))
    parts += _texts(drawn, marks, figure, box)
    return element("g", attributes, *parts)


def _texts(drawn: Scene, marks: Marks, figure: Figure, box: Box) -> Iterator[str]:
    x, y = box.x + PADDING, box.y + PADDING + 14
    for line in figure.titles:
        yield element("text", {"class": "title", "x": x, "y": y}, escaped(line))
        y += TITLE_HEIGHT
    y -= 2
    for line in figure.about:
        yield element("text", {"class": "note code" if figure.code else "note", "x": x, "y": y}, escaped(line))
        y += SMALL_HEIGHT
    for line in figure.heat:
        yield element("text", {"class": "heat", "x": x, "y": y}, escaped(line))
        y += SMALL_HEIGHT
    if figure.internal:
        rule = y - 5
        yield element("path", {"class": "rule", "d": f"M{number(box.x)} {number(rule)}H{number(box.right)}"})
        y += RULE_HEIGHT + 1
    for row in figure.internal:
        yield _stays_sign(x + 5, y - 4)
        yield _row(drawn, marks, row, x + 18, y)
        y += row.height


def _stays_sign(x: float, y: float) -> str:
    """Return a little circle that goes round: the sign of a transition that stays in its state."""
    circle = f"M{number(x + 4)} {number(y - 2)}A4.5 4.5 0 1 0 {number(x + 4.5)} {number(y + 1.5)}"
    point = f"M{number(x + 6)} {number(y - 5)}v4.5h-4.5z"
    return element("path", {"class": "line", "d": circle, "stroke-width": 1.4}) + element(
        "path", {"class": "head", "d": point}
    )


def _about_state(drawn: Scene, figure: Figure) -> str:
    state, words = figure.state, drawn.words
    title, name = words.state(state.name), symbols(state.name)
    lines = [name if title == name else f"{title} ({name})"]
    lines.append(words.about_state(state.name))
    if state.on_enter:
        call, does = words.call(state.on_enter), drawn.definition.callback(state.on_enter).does
        lines.append(drawn.phrase("calls", f"{call}: {does}" if does else call))
    if state.ignores:
        lines.append(drawn.phrase("ignores", ", ".join(words.event(event) for event in state.ignores)))
    if state.final:
        lines.append(drawn.phrase("final"))
    return "\n".join(line for line in lines if line)


def _rectangle(box: Box, kind: str, inset: float, radius: float) -> str:
    attributes: dict[str, object] = {"class": kind, "x": box.x + inset, "y": box.y + inset}
    return element(
        "rect", {**attributes, "width": box.width - 2 * inset, "height": box.height - 2 * inset, "rx": radius}
    )


def _legend(drawn: Scene, marks: Marks, y: float) -> tuple[str, float]:
    """Return what the signs mean, those that are on this drawing, and how wide that is."""
    outcomes = {figure.outcome for figure in drawn.figures}
    marked = {*marks.states.values(), *marks.edges.values()}
    kinds = ["initial", *(kind for kind in ("good", "bad") if kind in outcomes)]
    kinds += ["internal"] if any(figure.internal for figure in drawn.figures) else []
    parts, x = [], 20.0
    for kind in [*kinds, *(mark for mark in MARKS if mark in marked)]:
        text = drawn.phrase(f"legend_{kind}")
        parts.append(_legend_sign(kind, x, y) + element("text", {"class": "note", "x": x + 26, "y": y}, escaped(text)))
        x += 26 + text_width(text, SMALL_SIZE) + 24
    return element("g", {"class": "legend"}, *parts), x


def _legend_sign(kind: str, x: float, y: float) -> str:
    if kind == "initial":
        return element("circle", {"class": "start", "cx": x + 6, "cy": y - 4, "r": 6.0})
    if kind == "internal":
        return _stays_sign(x + 8, y - 4)
    frame = Box(x, y - 12, 20, 15)
    inner = [_rectangle(frame, "box inner", 3, 2)] if kind in ("good", "bad") else []
    return element("g", {"class": kind}, _rectangle(frame, "box", 0, 4), *inner)


# ---- ways


def way(points: Sequence[Point]) -> str:
    """Return the path through `points` with round corners, a little short of its end, where the arrow head begins."""
    *before, last = points
    corners = [*before, _moved_back(before[-1], last, HEAD_LENGTH - 1)]
    parts = [f"M{_point(corners[0])}"]
    for here, (corner, after) in zip(corners, pairwise(corners[1:]), strict=False):
        radius = min(CORNER, _length(here, corner) / 2, _length(corner, after) / 2)
        parts.append(f"L{_point(_moved_back(here, corner, radius))}")
        parts.append(f"Q{_point(corner)} {_point(_moved_back(after, corner, radius))}")
    return "".join([*parts, f"L{_point(corners[-1])}"])


def head(points: Sequence[Point]) -> str:
    """Return the arrow head at the end of a line."""
    before, tip = points[-2], points[-1]
    x, y = _moved_back(before, tip, HEAD_LENGTH)
    half = HEAD_WIDTH / 2
    across = (half, 0.0) if before[0] == tip[0] else (0.0, half)
    left, right = (x - across[0], y - across[1]), (x + across[0], y + across[1])
    return f"M{_point(tip)}L{_point(left)}L{_point(right)}Z"


def _moved_back(start: Point, end: Point, by: float) -> Point:
    """Return the point on the way from `start` to `end` that is `by` short of `end`."""
    length = _length(start, end)
    share = (length - by) / length if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _length(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _point(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"
