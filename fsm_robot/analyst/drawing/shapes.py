"""What a layout is given and what it gives: boxes, lines, and where they are on paper. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

Point = tuple[float, float]
Direction = Literal["down", "right"]


@attrs.frozen
class Node:
    """A box to be placed; `id` is unique among the nodes.

    Lines keep `port_gap` apart if the side is long enough; with 0 all of them meet the middle of the side.
    """

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


def simplified(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return a way without points that lie upon each other or in the middle of a straight piece."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(kept[-2][axis] == kept[-1][axis] == point[axis] for axis in (0, 1)):
            kept[-1] = point
            continue
        kept.append(point)
    return tuple(kept)
