"""A drawing of boxes and orthogonal lines: boxes in rows, lines in channels between them, labels in rows of their own.

Every label is an item of its row like a box, with its line running down its left side. So nothing can cover anything:
rows keep their items apart, and whatever runs sideways runs in a channel, where there are only lines. The steps are

1. `layout_ranks.rankings`: a row for each box, lines as short as can be; what would go up is a back edge. A few ways
   to turn lines round are drawn, and the drawing that is easiest to read is taken (`burden`);
2. `layout_rows.grid`: each line becomes a chain of points, one per row that it passes, one of them with its label;
3. `layout_rows.untangle`: an order within each row that leaves few crossings, long back edges in lanes on the left;
4. `layout_columns.columns`: where each item stands in its row; long lines are straight, the main way before all others;
5. `layout_straight.straightened`: what stands in the way of a straight line is pushed aside where there is room;
6. `layout_routes.routed`: where lines leave their boxes, and a track in the channel for each that must go sideways;
7. `layout_sides.with_sides`: what goes aside leaves at the side of its box where nothing stands there, and turns once.

Orders are looked for from many beginnings, in the grids that promise most, as long as that finds better ones; the lines
of the best drawings are straightened, and the easiest of these gets the last step.

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
from fsm_robot.analyst.drawing.layout_sides import with_sides
from fsm_robot.analyst.drawing.layout_straight import straightened
from fsm_robot.analyst.drawing.shapes import Direction, Drawing, Edge, Node

FIRST = (2, 16)
"""From so many beginnings each grid is untangled at least and at most, as their items allow."""
MORE, VAIN = 4, 8
"""From so many more beginnings at a time a hopeful one is untangled, until so many are vain."""
LANES = (True, False)
HOPEFUL = 2
"""So many grids at a time are looked at again."""
WORK = 8000
"""How many items are put into order in the first looks, and again in further ones, each beginning counted."""
REFINED = 2
"""So many drawings have their lines straightened."""
WIDER = (1.0, 1.1)
"""How many times as wide a drawing may become by that: both are tried."""
WIDE = 1.5
"""A drawing that is more than so many times as wide as high is hard to follow."""


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
    ranked = rankings(nodes, edges, start)
    grids = [grid(nodes, edges, start, ranks, lanes=lanes, loosely=loosely) for ranks in ranked for lanes in LANES]
    first = min(max(WORK // sum(len(rows.items) for rows in grids), FIRST[0]), FIRST[1])
    # Lanes leave little to choose.
    kinds = LANES * len(ranked)
    looked = [_Look.at(rows, FIRST[0] if lanes else first) for rows, lanes in zip(grids, kinds, strict=True)]
    rest = WORK
    while looked_on := [one for one in sorted(looked, key=lambda one: one.least)[:HOPEFUL] if one.vain < VAIN]:
        for one in looked_on:
            rest -= one.again()
        if rest < 0:
            break
    best = sorted((found for one in looked for found in one.found), key=lambda found: found.burden)[:REFINED]
    drawing = min((drawn for one in best for drawn in _straight(one)), key=lambda one: one[0])[1]
    return with_sides(drawing, {edge.id: (edge.source, edge.target) for edge in edges})


def _plain(nodes: Sequence[Node], edges: Sequence[Edge], start: str) -> Drawing:
    """Draw once: the search for an easy drawing knows nothing of events on the borders of tasks."""
    rows = grid(nodes, edges, start, longest_ways(nodes, edges, start))
    untangle(rows, 1)
    return routed(rows, columns(rows)[0])


@attrs.frozen
class _Found:
    """A drawing, and what it was made from."""

    rows: Grid
    x: Sequence[float]
    crossed: int
    burden: float


@attrs.define
class _Look:
    """What was found in one grid so far.

    Attributes:
        rows: The grid.
        crossed: How many lines cross at least.
        found: The best drawings.
        begun: From how many orders the search began.
        vain: How many of the last ones found nothing better.
    """

    rows: Grid
    crossed: int
    found: list[_Found]
    begun: int
    vain: int = 0

    @classmethod
    def at(cls, rows: Grid, beginnings: int) -> _Look:
        """Look for the first time."""
        crossed = untangle(rows, beginnings)
        return cls(rows, crossed, _drawn(rows, crossed), beginnings)

    @property
    def least(self) -> float:
        """The burden of the best drawing."""
        return min(found.burden for found in self.found)

    def again(self) -> int:
        """Look again; return how much work that was."""
        crossed = untangle(self.rows, MORE, self.begun)
        self.begun += MORE
        self.vain = 0 if crossed < self.crossed else self.vain + MORE
        if not crossed:
            self.vain = VAIN
        if crossed < self.crossed:
            self.crossed = crossed
            self.found += _drawn(self.rows, crossed)
        return MORE * len(self.rows.items)


def _drawn(rows: Grid, crossed: int) -> list[_Found]:
    kept = attrs.evolve(rows, rows=[list(row) for row in rows.rows])
    return [_Found(kept, x, crossed, burden(routed(rows, x), crossed)) for x in columns(rows)]


def _straight(one: _Found) -> list[tuple[float, Drawing]]:
    drawings = [routed(one.rows, straightened(one.rows, one.x, wider)) for wider in WIDER]
    return [(burden(drawing, one.crossed), drawing) for drawing in drawings]


def burden(drawing: Drawing, crossed: int) -> float:
    """Return how hard a drawing is to read: its area, its lines, how often they cross and how often they turn."""
    lines = drawing.lines.values()
    long = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for line in lines for a, b in pairwise(line.points))
    bends = sum(len(line.points) - 2 for line in lines)
    # People scroll down; what is much wider than high they have to follow aside.
    aside = max(1.0, drawing.width / (WIDE * drawing.height))
    # Each by its share, so that a few more crossings weigh much in a clear drawing and little in a thicket.
    return float(drawing.width * drawing.height * aside * (long + 100) * (crossed + 1.5) ** 2 * (bends + 10) ** 0.5)
