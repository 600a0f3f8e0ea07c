"""A long drawing folded into columns that stand beside each other, as a text in a newspaper.

It is cut where nothing but upright lines is. A line that is cut leads on below its column to the right, up between the
two, and from above into the next one. The nearest to the gap is the first to turn, so no two of them cross there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import attrs

from fsm_robot.analyst.drawing.layout import WIDE
from fsm_robot.analyst.drawing.shapes import Box, Drawing, Line, Point, simplified

TRACK = 10.0
"""Between two lines that lead from a column to the next one."""
ROOM = 14.0
"""Between such lines and what stands beside them: there is room for the head of an arrow."""
MARGIN = 20.0
AROUND = 0.35
"""How far a cut may be from where it would make columns of one height, as a share of that height."""
OF_A_LINE = 0.03
"""A line that is cut is as bad as a cut that is so far away."""


@attrs.frozen
class _Cut:
    """A place to cut.

    Attributes:
        y: Where.
        lines: What is cut: id of a line and number of its piece, from left to right.
    """

    y: float
    lines: Sequence[tuple[str, int]]

    @property
    def room(self) -> float:
        """How much the lines need, below the column, above the next one and between the two."""
        return 2 * ROOM + TRACK * max(0, len(self.lines) - 1)


def in_columns(drawing: Drawing, columns: int) -> Drawing:
    """Return the drawing in as many columns, up to `columns`, as show it largest on a screen.

    One that is wide already stays as it is: its columns would be a strip that nobody can follow.
    """
    return min([drawing, *(fold(drawing, count) for count in range(2, columns + 1))], key=_side)


def _side(drawing: Drawing) -> float:
    """Return how high a page has to be for the drawing, wide or high."""
    return max(drawing.width / WIDE, drawing.height)


def fold(drawing: Drawing, columns: int) -> Drawing:
    """Return the drawing in `columns` columns; fewer where it cannot be cut so often."""
    cuts = _cuts(drawing, columns)
    if not cuts:
        return drawing
    tops = [MARGIN, *(cut.y for cut in cuts)]
    left, shift = MARGIN, []
    spans = [_span(drawing, top, bottom) for top, bottom in zip(tops, [*tops[1:], drawing.height], strict=True)]
    # All columns begin at one height, below the lines that come in from above.
    head = max(cut.room for cut in cuts)
    for number, (low, high) in enumerate(spans):
        shift.append((left - low, head + MARGIN - tops[number]))
        left += high - low + (cuts[number].room if number < len(cuts) else 0)
    place = _Places(cuts, shift, spans)
    lines = {name: Line(place.line(name, line), place.label(line)) for name, line in drawing.lines.items()}
    return _trimmed({name: place.box(box) for name, box in drawing.boxes.items()}, lines)


@attrs.frozen
class _Places:
    """Where things of the long drawing are in the folded one."""

    cuts: Sequence[_Cut]
    shift: Sequence[Point]
    spans: Sequence[tuple[float, float]]

    def column(self, y: float) -> int:
        """Return the column in which a height is."""
        return bisect_left([cut.y for cut in self.cuts], y)

    def point(self, x: float, y: float) -> Point:
        """Return where a point is."""
        dx, dy = self.shift[self.column(y)]
        return round(x + dx, 2), round(y + dy, 2)

    def box(self, box: Box) -> Box:
        """Return where a box is."""
        x, y = self.point(box.x, box.y)
        return attrs.evolve(box, x=x, y=y)

    def label(self, line: Line) -> Box | None:
        """Return where a label is."""
        return self.box(line.label) if line.label else None

    def line(self, name: str, line: Line) -> tuple[Point, ...]:
        """Return the way of a line."""
        found: list[Point] = []
        for number, (x, y) in enumerate(line.points):
            found.append(self.point(x, y))
            if number + 1 < len(line.points):
                here, there = self.column(y), self.column(line.points[number + 1][1])
                downwards = range(here, there) if there > here else range(here - 1, there - 1, -1)
                for cut in downwards:
                    over = self._over(cut, self.cuts[cut].lines.index((name, number)), x)
                    found += over if there > here else over[::-1]
        return tuple(found)

    def _over(self, number: int, place: int, x: float) -> list[Point]:
        """Return the four corners of a line from a column to the next one."""
        cut = self.cuts[number]
        from_right = TRACK * (len(cut.lines) - 1 - place)
        (left, down), (right, up) = self.shift[number], self.shift[number + 1]
        below = cut.y + down + ROOM + from_right
        above = cut.y + up - ROOM - TRACK * place
        between = self.spans[number][1] + left + ROOM + from_right
        corners = [(x + left, below), (between, below), (between, above), (x + right, above)]
        return [(round(a, 2), round(b, 2)) for a, b in corners]


def _cuts(drawing: Drawing, columns: int) -> list[_Cut]:
    """Return the best places to cut, from above, each in its own part of the drawing."""
    possible = [_cut(drawing, y) for y in _gaps(drawing)]
    found: list[_Cut] = []
    for number in range(1, columns):
        height = drawing.height / columns
        last = found[-1].y if found else 0.0
        near = [cut for cut in possible if cut.y > last and abs(cut.y - number * height) <= AROUND * height]
        if near:
            found.append(min(near, key=lambda cut: abs(cut.y - number * height) / height + OF_A_LINE * len(cut.lines)))
    return found


def _gaps(drawing: Drawing) -> list[float]:
    """Return heights at which there is nothing but upright lines, with some room above and below."""
    taken = [(box.y, box.bottom) for box in drawing.boxes.values()]
    taken += [(line.label.y, line.label.bottom) for line in drawing.lines.values() if line.label]
    taken += [
        (a[1], a[1])
        for line in drawing.lines.values()
        for a, b in zip(line.points, line.points[1:], strict=False)
        if a[1] == b[1]
    ]
    gaps, bottom = [], 0.0
    for top, end in sorted(taken):
        if bottom and top - bottom >= 2:
            gaps.append((top + bottom) / 2)
        bottom = max(bottom, end)
    return gaps


def _cut(drawing: Drawing, y: float) -> _Cut:
    crossed = [
        (a[0], name, number)
        for name, line in drawing.lines.items()
        for number, (a, b) in enumerate(zip(line.points, line.points[1:], strict=False))
        if min(a[1], b[1]) < y < max(a[1], b[1])
    ]
    return _Cut(y, [(name, number) for _, name, number in sorted(crossed)])


def _span(drawing: Drawing, top: float, bottom: float) -> tuple[float, float]:
    """Return the left and the right end of what is between two heights."""
    boxes = [*drawing.boxes.values(), *(line.label for line in drawing.lines.values() if line.label)]
    inside = [box for box in boxes if top <= box.y < bottom]
    xs = [x for box in inside for x in (box.x, box.right)]
    for line in drawing.lines.values():
        for a, b in zip(line.points, line.points[1:], strict=False):
            if min(a[1], b[1]) < bottom and max(a[1], b[1]) > top:
                xs += [a[0], b[0]]
    return min(xs), max(xs)


def _trimmed(boxes: Mapping[str, Box], lines: Mapping[str, Line]) -> Drawing:
    """Return the drawing with the margin around it that all drawings have."""
    shapes = [*boxes.values(), *(line.label for line in lines.values() if line.label)]
    points = [point for line in lines.values() for point in line.points]
    points += [corner for box in shapes for corner in ((box.x, box.y), (box.right, box.bottom))]
    dx, dy = MARGIN - min(x for x, _ in points), MARGIN - min(y for _, y in points)

    def moved(box: Box) -> Box:
        return attrs.evolve(box, x=round(box.x + dx, 2), y=round(box.y + dy, 2))

    return Drawing(
        max(x for x, _ in points) + dx + MARGIN,
        max(y for _, y in points) + dy + MARGIN,
        {name: moved(box) for name, box in boxes.items()},
        {
            name: Line(
                simplified([(round(x + dx, 2), round(y + dy, 2)) for x, y in line.points]),
                moved(line.label) if line.label else None,
            )
            for name, line in lines.items()
        },
    )
