"""Ends of lines that turn once less: at the side of a box, or straight from its border.

The rows know only lines that leave a box above or below, so a line that goes aside turns twice. Where nothing stands
beside the box it may leave there, and turns once; and where others have left, a line may be straight. Nothing is moved
but the ends of lines, and none of them crosses more than before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf

import attrs

from fsm_robot.analyst.drawing.shapes import Box, Drawing, Line, Point

APART, WIDE_APART = 9.0, 14.0
"""Between two lines at one side of a box: at least, and where there is room."""
CORNER = 8.0
"""Between the corner of a box and a line."""
STUB = 16.0
"""How far a line goes straight out of a box, at least: room for its arrow head."""
CLEAR = 7.0
"""Between a line and a box or another line beside it."""
LABEL_CLEAR = 3.0
SAME = 0.01
"""Points of lines are rounded, boxes are not."""
Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@attrs.frozen
class _End:
    """An end of a line that leaves a box above or below and turns aside: its jog is the first two corners from there.

    Attributes:
        line: The line.
        points: Its points from this end on.
        turned: Whether that is the end of the line.
        label: Where its label is.
        name: The box where it ends.
        box: Where that is.
    """

    line: str
    points: tuple[Point, ...]
    turned: bool
    label: Box | None
    name: str
    box: Box

    @property
    def x(self) -> float:
        """Where the line goes on after its jog."""
        return self.points[2][0]

    @property
    def away(self) -> float:
        """How far aside that is."""
        return abs(self.x - self.box.x - self.box.width / 2)

    @property
    def down(self) -> bool:
        """Whether it goes downwards from here."""
        return self.points[1][1] > self.points[0][1]

    def at_side(self, y: float) -> tuple[Point, ...]:
        """Return the line with its end at a side of the box."""
        side = self.box.x if self.x < self.box.x else self.box.right
        return ((round(side, 2), y), (self.x, y), *self.points[3:])

    def before(self, points: Sequence[Point]) -> list[Rectangle]:
        """Return the pieces of other points for this end, up to where the line stays as it is: the end of its jog."""
        kept = len(self.points) - 3
        return _pieces([*points[: len(points) - kept], self.points[2]])

    def straight(self) -> tuple[Point, ...]:
        """Return the line without its jog."""
        return ((self.x, self.points[0][1]), *self.points[3:])


@attrs.define
class _Paper:
    """What is drawn so far.

    Attributes:
        boxes: The boxes.
        lines: The lines, which change.
        pieces: Their pieces, as rectangles without a width or a height.
        labels: Line -> its label.
        shapes: What a line has to keep out of, as rectangles: the boxes by their names, the labels.
    """

    boxes: Mapping[str, Box]
    lines: dict[str, tuple[Point, ...]]
    pieces: dict[str, list[Rectangle]]
    labels: Mapping[str, Box]
    shapes: Sequence[tuple[str, Rectangle]]

    @classmethod
    def of(cls, drawing: Drawing) -> _Paper:
        """Return what is on a drawing."""
        boxes = [(name, _with_margin(box, CLEAR)) for name, box in drawing.boxes.items()]
        labels = {name: line.label for name, line in drawing.lines.items() if line.label}
        lines = {name: line.points for name, line in drawing.lines.items()}
        pieces = {name: _pieces(line) for name, line in lines.items()}
        shapes = [*boxes, *(("", _with_margin(label, LABEL_CLEAR)) for label in labels.values())]
        return cls(drawing.boxes, lines, pieces, labels, shapes)

    def end(self, box: str, line: str, turned: bool) -> _End:
        """Return an end of a line as it is now."""
        points = self.lines[line]
        return _End(line, points[::-1] if turned else points, turned, self.labels.get(line), box, self.boxes[box])

    def draw(self, end: _End, points: Sequence[Point]) -> None:
        """Let a line have these points, from the given end on."""
        self.lines[end.line] = tuple(points[::-1] if end.turned else points)
        self.pieces[end.line] = _pieces(points)

    def free(self, end: _End, points: Sequence[Point]) -> bool:
        """Return whether an end of a line may lie so for all shapes."""
        parts = end.before(points)
        return not any(name != end.name and any(_meet(part, shape) for part in parts) for name, shape in self.shapes)

    def crossed(self, end: _End, points: Sequence[Point]) -> float:
        """Return how many lines an end of a line crosses if it lies so; infinite where it would lie upon one."""
        parts = end.before(points)
        found = 0
        for other in self._others(end, parts):
            for part in parts:
                if _upon(part, other):
                    return inf
                found += _cross(part, other)
        return found

    def now(self, end: _End) -> int:
        """Return how many lines an end of a line crosses as it is."""
        parts = _pieces(end.points[:3])
        return sum(_cross(part, other) for other in self._others(end, parts) for part in parts)

    def _others(self, end: _End, parts: Sequence[Rectangle]) -> list[Rectangle]:
        """Return the pieces of other lines that come near some of this one's."""
        left, top = min(part[0] for part in parts) - CLEAR, min(part[1] for part in parts) - CLEAR
        right, bottom = max(part[2] for part in parts) + CLEAR, max(part[3] for part in parts) + CLEAR
        return [
            piece
            for name, pieces in self.pieces.items()
            if name != end.line
            for piece in pieces
            if piece[0] <= right and piece[2] >= left and piece[1] <= bottom and piece[3] >= top
        ]


def with_sides(drawing: Drawing, ends: Mapping[str, tuple[str, str]]) -> Drawing:
    """Return the drawing with ends of lines at the sides of their boxes, and straight ones, where that can be.

    Args:
        drawing: The drawing.
        ends: Line -> the boxes where it starts and ends.
    """
    paper = _Paper.of(drawing)
    at: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for name, (source, target) in ends.items():
        if source != target:
            at[source].append((name, False))
            at[target].append((name, True))
    for box in drawing.boxes:
        for left in (True, False):
            _at_side(paper, [end for found in at[box] if _jogs(end := paper.end(box, *found))], left)
        for found in at[box]:
            end = paper.end(box, *found)
            if _jogs(end) and end.box.x + CORNER <= end.x <= end.box.right - CORNER:
                points = end.straight()
                if paper.free(end, points) and paper.crossed(end, points) <= paper.now(end):
                    paper.draw(end, points)
    return attrs.evolve(
        drawing, lines={name: Line(paper.lines[name], line.label) for name, line in drawing.lines.items()}
    )


def _jogs(end: _End) -> bool:
    """Whether a line leaves above or below, and turns aside and back again before it comes to its label."""
    if len(end.points) < 4:
        return False
    a, b, c, d = end.points[:4]
    upright = a[0] == b[0] and c[0] == d[0] and min(abs(a[1] - end.box.y), abs(a[1] - end.box.bottom)) < SAME
    labelled = end.label and end.label.y < max(a[1], b[1]) and end.label.bottom > min(a[1], b[1])
    return upright and (a[1] < b[1]) == (c[1] < d[1]) and not labelled


def _at_side(paper: _Paper, ends: Iterable[_End], left: bool) -> None:
    """Set as many of the ends as can be there at the left or the right side of their box."""
    beside = [
        end
        for end in ends
        if (end.x <= end.box.x - STUB if left else end.x >= end.box.right + STUB)
        and paper.free(end, end.at_side(end.box.y + end.box.height / 2))
    ]
    # The nearest of those that go up is the uppermost, the nearest of those that go down the lowest: none cross.
    beside.sort(key=lambda end: (end.down, end.away * (-1 if end.down else 1)))
    before = {end.line: paper.now(end) for end in beside}
    while beside:
        places = _places(beside[0].box, len(beside))
        if len(places) < len(beside):
            beside.remove(max(beside, key=lambda end: end.away))
            continue
        ways = {end.line: end.at_side(y) for end, y in zip(beside, places, strict=True)}
        for end in beside:
            paper.draw(end, ways[end.line])
        more = {end.line: paper.crossed(end, ways[end.line]) - before[end.line] for end in beside}
        if all(paper.free(end, ways[end.line]) for end in beside) and sum(more.values()) <= 0:
            return
        for end in beside:
            paper.draw(end, end.points)
        beside.remove(max(beside, key=lambda end: (not paper.free(end, ways[end.line]), more[end.line])))


def _places(box: Box, count: int) -> list[float]:
    """Return heights at the side of a box, as many of `count` as have room."""
    room = box.height - 2 * CORNER
    count = min(count, 1 + int(max(0.0, room) / APART))
    step = min(WIDE_APART, room / (count - 1)) if count > 1 else 0.0
    top = box.y + box.height / 2 - step * (count - 1) / 2
    return [round(top + number * step, 2) for number in range(count)]


def _with_margin(box: Box, margin: float) -> Rectangle:
    return box.x - margin, box.y - margin, box.right + margin, box.bottom + margin


def _pieces(points: Sequence[Point]) -> list[Rectangle]:
    return [(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])) for a, b in pairwise(points)]


def _meet(piece: Rectangle, shape: Rectangle) -> bool:
    return piece[0] < shape[2] and piece[2] > shape[0] and piece[1] < shape[3] and piece[3] > shape[1]


def _upon(piece: Rectangle, other: Rectangle) -> bool:
    """Whether two pieces run beside each other too near to be told apart."""
    if piece[0] == piece[2]:
        beside = other[0] == other[2] and abs(piece[0] - other[0]) < CLEAR
        return beside and piece[1] - CLEAR < other[3] and other[1] - CLEAR < piece[3]
    beside = other[1] == other[3] and abs(piece[1] - other[1]) < CLEAR
    return beside and piece[0] - CLEAR < other[2] and other[0] - CLEAR < piece[2]


def _cross(piece: Rectangle, other: Rectangle) -> bool:
    """Whether an upright and a level piece meet."""
    return (
        (piece[0] == piece[2]) != (other[0] == other[2])
        and piece[0] <= other[2]
        and other[0] <= piece[2]
        and piece[1] <= other[3]
        and other[1] <= piece[3]
    )
