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

from collections.abc import Sequence

import attrs

from fsm_robot.analyst.drawing.layout_columns import columns
from fsm_robot.analyst.drawing.layout_routes import routed
from fsm_robot.analyst.drawing.layout_rows import grid, untangle
from fsm_robot.analyst.drawing.shapes import Direction, Drawing, Edge, Node


def layout(nodes: Sequence[Node], edges: Sequence[Edge], *, start: str, direction: Direction = "down") -> Drawing:
    """Return a drawing of `nodes` and `edges`.

    Args:
        nodes: The boxes; their order decides where nothing else does.
        edges: The lines. Several between the same two boxes, and from a box to itself, are each drawn.
        start: The node that the flow begins with.
        direction: Where the flow goes. `right` draws `down` with the axes exchanged: the labels are then below their
            lines instead of beside them.
    """
    if direction == "right":
        turned_nodes = [attrs.evolve(node, width=node.height, height=node.width) for node in nodes]
        turned_edges = [
            attrs.evolve(edge, label_width=edge.label_height, label_height=edge.label_width) for edge in edges
        ]
        return layout(turned_nodes, turned_edges, start=start).transposed()
    rows = grid(nodes, edges, start)
    untangle(rows)
    return routed(rows, columns(rows))
