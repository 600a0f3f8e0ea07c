"""What a good drawing is, checked without regard to how it was made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from fsm_robot.analyst.drawing.shapes import Box, Drawing, Edge, Node, Point

Segment = tuple[Point, Point]


def faults(drawing: Drawing, nodes: Sequence[Node], edges: Sequence[Edge]) -> list[str]:
    """Return everything that is wrong with a drawing, in words."""
    return [
        *_missing(drawing, nodes, edges),
        *_covered(drawing),
        *_lines(drawing, edges),
        *_outside(drawing),
    ]


def _missing(drawing: Drawing, nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[str]:
    if {node.id: (node.width, node.height) for node in nodes} != {
        name: (box.width, box.height) for name, box in drawing.boxes.items()
    }:
        yield "the boxes are not the nodes"
    if [edge.id for edge in edges] != list(drawing.lines):
        yield "the lines are not the edges"
    for edge in edges:
        label = drawing.lines[edge.id].label
        size = (label.width, label.height) if label else (0, 0)
        if size != (edge.label_width, edge.label_height):
            yield f"the label of {edge.id} has the wrong size"


def _covered(drawing: Drawing) -> Iterator[str]:
    shapes = dict(drawing.boxes)
    shapes.update({f"label of {name}": line.label for name, line in drawing.lines.items() if line.label})
    for (a, first), (b, second) in itertools.combinations(shapes.items(), 2):
        if overlap(first, second):
            yield f"{a} and {b} cover each other"


def _lines(drawing: Drawing, edges: Sequence[Edge]) -> Iterator[str]:
    labels = {name: line.label for name, line in drawing.lines.items() if line.label}
    for edge in edges:
        line = drawing.lines[edge.id]
        if not on_border(line.points[0], drawing.boxes[edge.source]):
            yield f"{edge.id} does not start on the border of {edge.source}"
        if not on_border(line.points[-1], drawing.boxes[edge.target]):
            yield f"{edge.id} does not end on the border of {edge.target}"
        for segment in itertools.pairwise(line.points):
            (x1, y1), (x2, y2) = segment
            if (x1 == x2) == (y1 == y2):
                yield f"{edge.id} has a piece that is not parallel to an axis, or has no length: {segment}"
            for name, box in drawing.boxes.items():
                if runs_through(segment, box):
                    yield f"{edge.id} runs through {name}"
            for name, label in labels.items():
                if runs_through(segment, label):
                    yield f"{edge.id} runs through the label of {name}"


def _outside(drawing: Drawing) -> Iterator[str]:
    shapes = [*drawing.boxes.values(), *(line.label for line in drawing.lines.values() if line.label)]
    corners = [(box.x, box.y) for box in shapes] + [(box.right, box.bottom) for box in shapes]
    for x, y in [*corners, *(point for line in drawing.lines.values() for point in line.points)]:
        if not (0 <= x <= drawing.width and 0 <= y <= drawing.height):
            yield f"{(x, y)} is outside"


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def runs_through(segment: Segment, box: Box) -> bool:
    """Whether a segment has a point inside the box; its border does not count."""
    (x1, y1), (x2, y2) = segment
    return (
        min(x1, x2) < box.x + box.width - 0.01
        and max(x1, x2) > box.x + 0.01
        and min(y1, y2) < box.y + box.height - 0.01
        and max(y1, y2) > box.y + 0.01
    )


def on_border(point: Point, box: Box) -> bool:
    x, y = point
    inside = box.x - 0.01 <= x <= box.x + box.width + 0.01 and box.y - 0.01 <= y <= box.y + box.height + 0.01
    sides = (abs(x - box.x), abs(x - box.x - box.width), abs(y - box.y), abs(y - box.y - box.height))
    return inside and min(sides) < 0.01


def shared_pieces(drawing: Drawing) -> list[str]:
    """Return pairs of lines that run upon each other for more than a few units: nobody could tell them apart."""
    found = []
    pieces = [(name, segment) for name, line in drawing.lines.items() for segment in itertools.pairwise(line.points)]
    for (a, ((ax1, ay1), (ax2, ay2))), (b, ((bx1, by1), (bx2, by2))) in itertools.combinations(pieces, 2):
        upright = ax1 == ax2 and bx1 == bx2 and abs(ax1 - bx1) < 1
        level = ay1 == ay2 and by1 == by2 and abs(ay1 - by1) < 1
        if a != b and upright and min(max(ay1, ay2), max(by1, by2)) - max(min(ay1, ay2), min(by1, by2)) > 3:
            found.append(f"{a} and {b} share a column")
        if a != b and level and min(max(ax1, ax2), max(bx1, bx2)) - max(min(ax1, ax2), min(bx1, bx2)) > 3:
            found.append(f"{a} and {b} share a track")
    return found
