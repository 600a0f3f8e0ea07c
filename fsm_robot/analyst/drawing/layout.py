"""A drawing of boxes and orthogonal lines: boxes in rows, lines in channels between them, labels in rows of their own.

Every label is an item of its row like a box, with its line running down its left side. So nothing can cover anything:
rows keep their items apart, and whatever runs sideways runs in a channel, where there are only lines. The steps are

1. `layout_ranks.rankings`: a row for each box, lines as short as can be; what would go up is a back edge. A few ways
   to turn lines round are drawn, and the drawing that is easiest to read is taken (`burden`);
2. `layout_rows.grid`: each line becomes a chain of points, one per row that it passes, one of them with its label;
3. `layout_rows.untangle`: an order within each row that leaves few crossings, long back edges in lanes on the left;
4. `layout_columns.columns`: where each item stands in its row; long lines are straight, the main way before all others;
5. `layout_routes.routed`: where lines leave their boxes, and a track in the channel for each that must go sideways.

Pure and deterministic: equal input gives an equal drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.drawing.layout_columns import columns
from fsm_robot.analyst.drawing.layout_ranks import longest_ways, rankings
from fsm_robot.analyst.drawing.layout_routes import routed
from fsm_robot.analyst.drawing.layout_rows import Grid, grid, hubs, untangle
from fsm_robot.analyst.drawing.shapes import Direction, Drawing, Edge, Node

SMALL = 150
"""Grids with fewer items are untangled from many beginnings."""


def layout(nodes: Sequence[Node], edges: Sequence[Edge], *, start: str, direction: Direction = "down") -> Drawing:
    """Return a drawing of `nodes` and `edges`.

    Args:
        nodes: The boxes; their order decides where nothing else does.
        edges: The lines. Several between the same two boxes, and from a box to itself, are each drawn.
        start: The node that the flow begins with.
        direction: Where the flow goes. `right`, for processes, draws once, with the axes exchanged: the labels
            are then below their lines instead of beside them.
    """
    if direction == "right":
        turned_nodes = [attrs.evolve(node, width=node.height, height=node.width) for node in nodes]
        turned_edges = [
            attrs.evolve(edge, label_width=edge.label_height, label_height=edge.label_width) for edge in edges
        ]
        return _plain(turned_nodes, turned_edges, start).transposed()
    loosely = bool(hubs(edges))
    grids = [
        grid(nodes, edges, start, ranks, lanes=lanes, loosely=loosely)
        for ranks in rankings(nodes, edges, start)
        for lanes in (True, False)
    ]
    found = [_easiest(rows, 1) for rows in grids]
    first = min(range(len(grids)), key=lambda number: (found[number][0], number))
    for number, rows in enumerate(grids):
        # What is drawn in no time is worth more looks; lanes leave little to choose.
        small = len(rows.items) < SMALL
        if small or number == first:
            found.append(_easiest(rows, 16 if small and number % 2 else 4))
    return min(found, key=lambda one: one[0])[1]


def _plain(nodes: Sequence[Node], edges: Sequence[Edge], start: str) -> Drawing:
    """Draw once: the search for an easy drawing knows nothing of events on the borders of tasks."""
    rows = grid(nodes, edges, start, longest_ways(nodes, edges, start))
    untangle(rows, 1)
    return routed(rows, columns(rows)[0])


def _easiest(rows: Grid, beginnings: int) -> tuple[float, Drawing]:
    crossed = untangle(rows, beginnings)
    drawings = [routed(rows, x) for x in columns(rows)]
    return min(((burden(drawing, crossed), drawing) for drawing in drawings), key=lambda one: one[0])


def burden(drawing: Drawing, crossed: int) -> float:
    """Return how hard a drawing is to read: its area, its lines, how often they cross and how often they turn."""
    lines = drawing.lines.values()
    long = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for line in lines for a, b in pairwise(line.points))
    bends = sum(len(line.points) - 2 for line in lines)
    # Each by its share, so that a few more crossings weigh much in a clear drawing and little in a thicket.
    return float(drawing.width * drawing.height * (long + 100) * (crossed + 4) ** 2 * (bends + 10) ** 0.5)
