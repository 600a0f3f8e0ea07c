"""Flows at gateways: what comes from above or below meets the upper or lower vertex, so the sides stay readable.

The layout lets every line leave through a side of its own box; ten lines at one side of a diamond are a smear.
Lines that share a vertex share the last piece of their way, as people draw joins and splits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.drawing.shapes import Box, Point

CLEAR = 6.0
"""Between a line and whatever it passes."""
Piece = tuple[Point, Point]


@attrs.frozen
class Vertices:
    """Moves the ends of lines to vertices where nothing is in the way.

    Attributes:
        joins: Where the gateways are at which several flows arrive; the one that leaves keeps its side.
        splits: Where those are that several flows leave; the one that arrives keeps its side.
        obstacles: Shapes and labels that no line may run through.
        lines: Every line before it is moved.
    """

    joins: Mapping[str, Box]
    splits: Mapping[str, Box]
    obstacles: Sequence[Box]
    lines: Mapping[str, Sequence[Point]]

    def moved(self, flow: str, source: str, target: str) -> tuple[Point, ...]:
        """Return the line of `flow`, which runs from `source` to `target`, with its ends at vertices where they can."""
        points = list(self.lines[flow])
        if target in self.joins:
            points = self._to_vertex(points, self.joins[target])
        if source in self.splits:
            points = self._to_vertex(points[::-1], self.splits[source])[::-1]
        return tuple(points)

    def _to_vertex(self, points: list[Point], gateway: Box) -> list[Point]:
        """Return a line whose last point is at the gateway, ending at a vertex instead of a side if that is free."""
        if len(points) < 4:
            return points
        before, y = points[-4], points[-3][1]
        middle = gateway.x + gateway.width / 2
        vertex = gateway.y if y < gateway.y else gateway.bottom if y > gateway.bottom else None
        if vertex is None or before[1] != y or abs(before[0] - middle) < CLEAR:
            return points
        corner = (middle, y)
        pieces = ((points[-3], corner), (corner, (middle, vertex)))
        if any(hits(piece, box) for piece in pieces for box in self.obstacles if box != gateway):
            return points
        if any(self._upon_another(piece, gateway) for piece in pieces):
            return points
        return [*points[:-3], corner, (middle, vertex)]

    def _upon_another(self, piece: Piece, gateway: Box) -> bool:
        others = (line for line in self.lines.values() if not _meets(line, gateway))
        return any(upon(piece, other) for line in others for other in pairwise(line))


def _meets(line: Sequence[Point], gateway: Box) -> bool:
    return any(
        gateway.x - 1 <= x <= gateway.right + 1 and gateway.y - 1 <= y <= gateway.bottom + 1
        for x, y in (line[0], line[-1])
    )


def hits(piece: Piece, box: Box) -> bool:
    """Return whether a piece of line runs through a box or too near by it."""
    (x1, y1), (x2, y2) = piece
    return (
        min(x1, x2) < box.right + CLEAR
        and max(x1, x2) > box.x - CLEAR
        and min(y1, y2) < box.bottom + CLEAR
        and max(y1, y2) > box.y - CLEAR
    )


def upon(piece: Piece, other: Piece) -> bool:
    """Return whether two pieces run upon each other, or so near that they look like one."""
    for axis in (0, 1):
        across = 1 - axis
        if piece[0][axis] == piece[1][axis] and other[0][axis] == other[1][axis]:
            low = max(min(piece[0][across], piece[1][across]), min(other[0][across], other[1][across]))
            high = min(max(piece[0][across], piece[1][across]), max(other[0][across], other[1][across]))
            return abs(piece[0][axis] - other[0][axis]) < CLEAR and high > low
    return False
