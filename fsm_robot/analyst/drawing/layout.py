"""A drawing of boxes and orthogonal lines: boxes in rows, lines in channels between them, labels in rows of their own.

Every label is an item of its row like a box, with its line running down its left side. So nothing can cover anything:
rows keep their items apart, and whatever runs sideways runs in a channel, where there are only lines. The steps are

1. `layout_rows.ranked`: a row for each box, the longest way from the start deciding; what would go up is a back edge;
2. `layout_rows.grid`: each line becomes a chain of points, one per row that it passes, one of them with its label;
3. `layout_rows.untangle`: an order within each row that leaves few crossings, long back edges in lanes on the left;
4. `layout_columns.columns`: where each item stands in its row; long lines are straight, the main way before all others;
5. `layout_routes.routed`: where lines leave their boxes, and a track in the channel for each that must go sideways.

Pure and deterministic: equal input gives an equal drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

Point = tuple[float, float]
Direction = Literal["down", "right"]


@attrs.frozen
class Node:
    """A box to be placed; `id` is unique among the nodes; lines keep `port_gap` apart if its side is long enough."""

    id: str
    width: float
    height: float
    port_gap: float = 14.0


@attrs.frozen
class Edge:
    """A line to be drawn from box to box, which may be the same one; `id` is unique among the edges."""

    id: str
    source: str
    target: str
    label_width: float = 0
    label_height: float = 0


@attrs.frozen
class Box:
    """A rectangle; `x` and `y` are its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right border."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower border."""
        return self.y + self.height

    def transposed(self) -> Box:
        """Return the rectangle with the two axes exchanged."""
        return Box(self.y, self.x, self.height, self.width)


@attrs.frozen
class Line:
    """The way of an edge: axis-parallel from the border of its source to the border of its target."""

    points: tuple[Point, ...]
    label: Box | None = None

    def transposed(self) -> Line:
        """Return the line with the two axes exchanged."""
        return Line(tuple((y, x) for x, y in self.points), self.label.transposed() if self.label else None)


@attrs.frozen
class Drawing:
    """Where everything goes; all of it lies between (0, 0) and (width, height)."""

    width: float
    height: float
    boxes: Mapping[str, Box]
    lines: Mapping[str, Line]

    def transposed(self) -> Drawing:
        """Return the drawing with the two axes exchanged."""
        boxes = {name: box.transposed() for name, box in self.boxes.items()}
        return Drawing(self.height, self.width, boxes, {name: line.transposed() for name, line in self.lines.items()})


def layout(nodes: Sequence[Node], edges: Sequence[Edge], *, start: str, direction: Direction = "down") -> Drawing:
    """Return a drawing of `nodes` and `edges`.

    Args:
        nodes: The boxes; their order decides where nothing else does.
        edges: The lines. Several between the same two boxes, and from a box to itself, are each drawn.
        start: The node that the flow begins with.
        direction: Where the flow goes. `right` draws `down` with the axes exchanged: the labels are then below their
            lines instead of beside them.
    """
    # Imported here, because the steps are made of the values above.
    from fsm_robot.analyst.drawing.layout_columns import columns
    from fsm_robot.analyst.drawing.layout_routes import routed
    from fsm_robot.analyst.drawing.layout_rows import grid, untangle

    if direction == "right":
        turned_nodes = [attrs.evolve(node, width=node.height, height=node.width) for node in nodes]
        turned_edges = [
            attrs.evolve(edge, label_width=edge.label_height, label_height=edge.label_width) for edge in edges
        ]
        return layout(turned_nodes, turned_edges, start=start).transposed()
    rows = grid(nodes, edges, start)
    untangle(rows)
    return routed(rows, columns(rows))
