"""A machine as a draw.io file: boxes and lines that can be moved, texts that can be changed.

Each state and each transition is an object with its real names as data. A line is shared by the transitions between two
states; each of them is a label on it. The lines are bound to their boxes, with way points where ours go round corners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from fsm_robot.analyst.drawing.scene import (
    PADDING,
    RULE_HEIGHT,
    SMALL_HEIGHT,
    SMALL_SIZE,
    START,
    TEXT_SIZE,
    TITLE_HEIGHT,
    TITLE_SIZE,
    Figure,
    Route,
    Row,
    Scene,
    scene,
)
from fsm_robot.analyst.drawing.shapes import Box, Line, Point
from fsm_robot.analyst.drawing.svg import state_ids
from fsm_robot.analyst.markup import element, number
from fsm_robot.analyst.words import Words

COLOURS: Mapping[str, tuple[str, str]] = {
    "": ("#f3f6fc", "#5a70a8"),
    "good": ("#effaf2", "#2f8a50"),
    "bad": ("#fdf3f1", "#b5493b"),
}
# `html=0` throughout: with 1 draw.io reads labels as markup, and names of a machine file may look like some.
LINE = "edgeStyle=orthogonalEdgeStyle;rounded=1;html=0;endArrow=block;endFill=1;endSize=6;strokeColor=#5b6678;"
PLAIN_TEXT = "text;html=0;align=left;verticalAlign=middle;resizable=0;points=[];"


def drawio(words: Words, columns: int = 1) -> str:
    """Return the drawing of a machine as a draw.io file."""
    drawn = scene(words, columns=columns)
    page = {"dx": 0, "dy": 0, "grid": 1, "gridSize": 10, "guides": 1, "tooltips": 1, "connect": 1, "arrows": 1}
    size = {"page": 1, "pageWidth": drawn.drawing.width, "pageHeight": drawn.drawing.height, "math": 0, "shadow": 0}
    # draw.io wants these two before all others: the root, and the layer on which everything lies.
    cells = [element("mxCell", {"id": "0"}), element("mxCell", {"id": "1", "parent": "0"}), *_cells(drawn)]
    root = element("root", {}, *(f"\n{cell}" for cell in cells), "\n")
    diagram = element(
        "diagram", {"id": "machine", "name": words.machine}, element("mxGraphModel", {**page, **size}, root)
    )
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + element("mxfile", {"host": "fsm_robot"}, diagram) + "\n"


def _cells(drawn: Scene) -> Iterator[str]:
    ids = state_ids(drawn.definition)
    start = drawn.drawing.boxes[START]
    yield element(
        "mxCell",
        {"id": "start", "style": "ellipse;html=0;fillColor=#1f2a3d;strokeColor=none;", "vertex": 1, "parent": "1"},
        _geometry(start),
    )
    for figure in drawn.figures:
        yield from _state(drawn, figure, ids[figure.state.name])
    initial = ids[drawn.definition.initial]
    yield _line(
        "start-line",
        "start",
        initial,
        drawn.drawing.lines[START],
        (start, drawn.drawing.boxes[drawn.definition.initial]),
    )
    for route in drawn.routes:
        yield from _route(drawn, route, ids)


def _state(drawn: Scene, figure: Figure, identity: str) -> Iterator[str]:
    state, box = figure.state, drawn.box(figure)
    fill, stroke = COLOURS[figure.outcome]
    style = f"rounded=1;arcSize=12;html=0;whiteSpace=wrap;align=left;verticalAlign=top;spacing={number(PADDING - 4)};"
    style += f"fontSize={number(TITLE_SIZE)};fontStyle=1;fillColor={fill};strokeColor={stroke};"
    style += f"strokeWidth={3 if state.final else 1};"
    data = {
        "label": "\n".join(figure.titles),
        "state": state.name,
        "callback": state.on_enter or None,
        "final": "1" if state.final else None,
        "initial": "1" if state.name == drawn.definition.initial else None,
        "tooltip": drawn.words.about_state(state.name) or None,
        "id": identity,
    }
    yield element("UserObject", data, element("mxCell", {"style": style, "vertex": 1, "parent": "1"}, _geometry(box)))
    y = PADDING + TITLE_HEIGHT * len(figure.titles)
    if figure.about:
        height = SMALL_HEIGHT * len(figure.about)
        style = f"{PLAIN_TEXT}fontSize={number(SMALL_SIZE)};fontColor=#667085;spacing=0;"
        yield element(
            "mxCell",
            {
                "id": f"{identity}-about",
                "value": "\n".join(figure.about),
                "style": style,
                "vertex": 1,
                "parent": identity,
            },
            _geometry(Box(PADDING, y, box.width - 2 * PADDING, height)),
        )
        y += height
    y += RULE_HEIGHT if figure.internal else 0
    for row in figure.internal:
        style = f"{PLAIN_TEXT}fontSize={number(TEXT_SIZE)};spacing=0;"
        cell = {"style": style, "vertex": 1, "parent": identity}
        geometry = _geometry(Box(PADDING, y, box.width - 2 * PADDING, row.height))
        yield element("UserObject", _data(drawn, row, f"↻ {_text(row)}"), element("mxCell", cell, geometry))
        y += row.height


def _route(drawn: Scene, route: Route, ids: Mapping[str, str]) -> Iterator[str]:
    line = drawn.line(route)
    ends = drawn.drawing.boxes[route.source], drawn.drawing.boxes[route.dest]
    yield _line(route.id, ids[route.source], ids[route.dest], line, ends)
    if line.label is None:
        return
    share, point = _nearest(line)
    y = line.label.y
    for row in route.rows:
        style = f"edgeLabel;{PLAIN_TEXT}fontSize={number(TEXT_SIZE)};spacing=0;"
        offset = element(
            "mxPoint",
            {
                "x": line.label.x - point[0],
                "y": y + row.height / 2 - point[1],
                "as": "offset",
            },
        )
        y += row.height
        geometry = element("mxGeometry", {"x": share, "y": 0, "relative": 1, "as": "geometry"}, offset)
        cell = {"style": style, "vertex": 1, "connectable": 0, "parent": route.id}
        yield element("UserObject", _data(drawn, row, _text(row)), element("mxCell", cell, geometry))


def _data(drawn: Scene, row: Row, label: str) -> dict[str, object]:
    edge = row.edge
    return {
        "label": label,
        "source_state": edge.source,
        "event": edge.trigger,
        "dest_state": edge.dest,
        "kind": edge.kind,
        "exit_code": edge.exit_code,
        "at_most": edge.at_most,
        "spent": "1" if edge.spent else None,
        "tooltip": drawn.words.about_event(edge.trigger) or None,
        "id": f"edge-{row.number}",
    }


def _text(row: Row) -> str:
    text = "\n".join(row.lines)
    return f"{text} ({row.note})" if row.note else text


def _line(identity: str, source: str, target: str, line: Line, ends: tuple[Box, Box]) -> str:
    style = LINE + _port("exit", line.points[0], ends[0]) + _port("entry", line.points[-1], ends[1])
    way = element("Array", {"as": "points"}, *(_point(x, y) for x, y in line.points[1:-1])) if line.points[1:-1] else ""
    attributes = {"id": identity, "style": style, "edge": 1, "parent": "1", "source": source, "target": target}
    return element("mxCell", attributes, element("mxGeometry", {"relative": 1, "as": "geometry"}, way))


def _port(end: str, point: Point, box: Box) -> str:
    """Return where a line meets its box, as shares of the width and the height of the box."""
    x, y = (point[0] - box.x) / box.width, (point[1] - box.y) / box.height
    # With a perimeter draw.io would move the end along the outline, and the way points would not fit it any more.
    return f"{end}X={round(x, 4):g};{end}Y={round(y, 4):g};{end}Dx=0;{end}Dy=0;{end}Perimeter=0;"


def _nearest(line: Line) -> tuple[float, Point]:
    """Return the point of a line beside its label, and where that is along the line: -1 at its start, 1 at its end."""
    assert line.label is not None
    lengths = [abs(x1 - x2) + abs(y1 - y2) for (x1, y1), (x2, y2) in pairwise(line.points)]
    middle_x, middle_y = line.label.x, line.label.y + line.label.height / 2
    best: tuple[float, float, Point] | None = None
    gone = 0.0
    for length, ((x1, y1), (x2, y2)) in zip(lengths, pairwise(line.points), strict=True):
        point = min(max(middle_x, min(x1, x2)), max(x1, x2)), min(max(middle_y, min(y1, y2)), max(y1, y2))
        away = abs(point[0] - middle_x) + abs(point[1] - middle_y)
        if best is None or away < best[0]:
            best = (away, gone + abs(point[0] - x1) + abs(point[1] - y1), point)
        gone += length
    assert best is not None
    return round(2 * best[1] / sum(lengths) - 1, 4), best[2]


def _geometry(box: Box) -> str:
    attributes = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "as": "geometry"}
    return element("mxGeometry", attributes)


def _point(x: float, y: float) -> str:
    return element("mxPoint", {"x": x, "y": y})
