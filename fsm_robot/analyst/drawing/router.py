"""One more line through a drawing that is there already: round the shapes, seldom across other lines, never upon one.

The layout decides where everything is before it draws a line. Where shapes stand already (positions that an analyst
gave, a flow that must leave on another side), a line looks for its way: the shortest one with the fewest bends and
crossings on the grid that the edges of everything in the drawing make (A*). Pure.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.drawing.shapes import Box, Point, simplified

STUB = 12.0
"""How far a line goes straight out of a shape: room for its arrow head."""
CLEAR, TOO_NEAR = 10.0, 5.0
"""How far a line would like to keep from a shape, and how far it has to."""
TRACK = 10.0
"""Between two lines side by side."""
BEND, CROSSING = 30.0, 45.0
UPON, THROUGH_LABEL, THROUGH = 600.0, 3e4, 1e5
"""What it costs, in units of length, to run upon another line, through a label, through a shape."""
Segment = tuple[Point, Point]
Place = tuple[int, int, int]
"""A point of the grid by its numbers, and the heading with which it was entered."""


@attrs.frozen
class Dock:
    """Where a line may leave or reach a shape: a point of its outline, the way out from there, how unwelcome it is."""

    point: Point
    out: Point
    cost: float = 0.0

    @property
    def stub(self) -> Point:
        """The point from which a line may turn."""
        return self.point[0] + STUB * self.out[0], self.point[1] + STUB * self.out[1]


@attrs.frozen
class Surroundings:
    """What a line has to look out for.

    Attributes:
        shapes: What no line may run through.
        labels: The same, but if there is no other way a label is covered rather than a shape.
        lines: What may be crossed, and not be run upon.
        within: Where the line has to stay.
    """

    shapes: Sequence[Box]
    labels: Sequence[Box]
    lines: Sequence[Sequence[Point]]
    within: Box


def route(sources: Sequence[Dock], targets: Sequence[Dock], around: Surroundings) -> tuple[Point, ...]:
    """Return the best way from one of `sources` to one of `targets`; without a free one, the least bad one."""
    sources, targets = ([_priced(dock, around) for dock in docks] for docks in (sources, targets))
    straight = _straight(sources, targets, around)
    return straight or _Grid.of(sources, targets, around).way(sources, targets)


def _priced(dock: Dock, around: Surroundings) -> Dock:
    """Return a dock with what stands or runs right before it in its price."""
    piece = (dock.point, dock.stub)
    price = sum(THROUGH for box in around.shapes if cuts(piece, box, 0.0))
    price += sum(THROUGH_LABEL for box in around.labels if cuts(piece, box, 0.0))
    price += sum(UPON for line in around.lines for other in pairwise(line) if _parallel_near(piece, other))
    return attrs.evolve(dock, cost=dock.cost + price)


def _straight(sources: Sequence[Dock], targets: Sequence[Dock], around: Surroundings) -> tuple[Point, ...]:
    """Return the cheapest way without a bend that is quite free, if there is one; the search has room for no other."""
    for start, end in sorted(((a, b) for a in sources for b in targets), key=lambda pair: pair[0].cost + pair[1].cost):
        dx, dy = end.point[0] - start.point[0], end.point[1] - start.point[1]
        length = dx * start.out[0] + dy * start.out[1]
        across = dx * start.out[1] + dy * start.out[0]
        facing = start.out == (-end.out[0], -end.out[1])
        if across or length < TOO_NEAR or not facing or start.cost + end.cost > BEND:
            continue
        piece = (start.point, end.point)
        boxes = (*around.shapes, *around.labels)
        if not any(cuts(piece, box, 0.0) for box in boxes) and not any(
            _parallel_near(piece, other) for line in around.lines for other in pairwise(line)
        ):
            return piece
    return ()


def cuts(piece: Segment, box: Box, margin: float) -> bool:
    """Return whether an axis-parallel piece of line comes nearer to a box than `margin`."""
    (x1, y1), (x2, y2) = piece
    return (
        min(x1, x2) < box.right + margin - 0.01
        and max(x1, x2) > box.x - margin + 0.01
        and min(y1, y2) < box.bottom + margin - 0.01
        and max(y1, y2) > box.y - margin + 0.01
    )


def _parallel_near(piece: Segment, other: Segment) -> bool:
    for axis in (0, 1):
        across = 1 - axis
        if piece[0][axis] == piece[1][axis] and other[0][axis] == other[1][axis]:
            low = max(min(piece[0][across], piece[1][across]), min(other[0][across], other[1][across]))
            high = min(max(piece[0][across], piece[1][across]), max(other[0][across], other[1][across]))
            if abs(piece[0][axis] - other[0][axis]) < TOO_NEAR and high > low:
                return True
    return False


@attrs.define
class _Grid:
    """Lines that a way may follow, and what each piece of them costs beside its length.

    `level[j][i]` is the piece from (i, j) to (i + 1, j), `upright[i][j]` that from (i, j) to (i, j + 1).
    """

    xs: list[float]
    ys: list[float]
    level: list[list[float]]
    upright: list[list[float]]

    @classmethod
    def of(cls, sources: Sequence[Dock], targets: Sequence[Dock], around: Surroundings) -> _Grid:
        stubs = [dock.stub for dock in (*sources, *targets)]
        within = around.within
        xs = _coordinates((x for x, _ in stubs), _beside(around, 0), within.x, within.right)
        ys = _coordinates((y for _, y in stubs), _beside(around, 1), within.y, within.bottom)
        made = cls(xs, ys, [[0.0] * len(xs) for _ in ys], [[0.0] * len(ys) for _ in xs])
        for boxes, price in ((around.shapes, THROUGH), (around.labels, THROUGH_LABEL)):
            for box in boxes:
                made._forbid(box, price)
        for line in around.lines:
            for piece in pairwise(line):
                made._cross(piece)
        return made

    def _forbid(self, box: Box, price: float) -> None:
        xs, ys = self.xs, self.ys
        left, right = box.x - TOO_NEAR + 0.01, box.right + TOO_NEAR - 0.01
        top, bottom = box.y - TOO_NEAR + 0.01, box.bottom + TOO_NEAR - 0.01
        columns = range(bisect_left(xs, left), bisect_right(xs, right))
        rows = range(bisect_left(ys, top), bisect_right(ys, bottom))
        for j in rows:
            for i in range(max(0, columns.start - 1), min(columns.stop, len(xs) - 1)):
                self.level[j][i] = max(self.level[j][i], price)
        for i in columns:
            for j in range(max(0, rows.start - 1), min(rows.stop, len(ys) - 1)):
                self.upright[i][j] = max(self.upright[i][j], price)

    def _cross(self, piece: Segment) -> None:
        (x1, y1), (x2, y2) = piece
        if x1 == x2:
            _go_over(self.level, x1, self.xs, (y1, y2), self.ys)
            _go_along(self.upright, x1, self.xs, (y1, y2), self.ys)
        elif y1 == y2:
            _go_over(self.upright, y1, self.ys, (x1, x2), self.xs)
            _go_along(self.level, y1, self.ys, (x1, x2), self.xs)

    def way(self, sources: Sequence[Dock], targets: Sequence[Dock]) -> tuple[Point, ...]:
        """Return the cheapest way from one of `sources` to one of `targets`, by A*."""
        ends = self._ends(targets)
        search = _Search(sorted({(self.xs[i], self.ys[j]) for i, j, _ in ends}))
        first: dict[Place, Dock] = {}
        for dock in sources:
            place = (*self.place(dock.stub), HEADINGS.index(dock.out))
            if search.found(place, dock.cost, None, self.point(place)):
                first[place] = dock
        price, last = float("inf"), None
        while search.heap:
            bound, gone, place = heapq.heappop(search.heap)
            if bound >= price:
                break
            if gone > search.best[place]:
                continue
            if place in ends and gone + ends[place][0] < price:
                price, last = gone + ends[place][0], place
            for after, more in self._onward(place):
                search.found(after, gone + more, place, self.point(after))
        assert last is not None  # nothing is quite forbidden, so every place is reached
        way = search.way_to(last)
        between = [self.point(place) for place in way]
        return simplified([first[way[0]].point, *between, ends[last][1].point])

    def _ends(self, targets: Sequence[Dock]) -> dict[Place, tuple[float, Dock]]:
        """Return the places at which a way may end, each with what the rest of it costs."""
        ends: dict[Place, tuple[float, Dock]] = {}
        for dock in targets:
            for heading, way in enumerate(HEADINGS):
                if way == dock.out:
                    continue  # it would turn back upon itself
                place = (*self.place(dock.stub), heading)
                price = dock.cost + (0.0 if way == (-dock.out[0], -dock.out[1]) else BEND)
                if place not in ends or price < ends[place][0]:
                    ends[place] = (price, dock)
        return ends

    def point(self, place: Place) -> Point:
        """Return where a place of the search is."""
        return self.xs[place[0]], self.ys[place[1]]

    def place(self, point: Point) -> tuple[int, int]:
        """Return the place of a point of the grid."""
        return bisect_left(self.xs, point[0]), bisect_left(self.ys, point[1])

    def _onward(self, place: Place) -> Iterable[tuple[Place, float]]:
        i, j, heading = place
        xs, ys = self.xs, self.ys
        for after, (dx, dy) in enumerate(HEADINGS):
            if dx == -HEADINGS[heading][0] and dy == -HEADINGS[heading][1]:
                continue
            turn = 0.0 if after == heading else BEND
            if dx:
                start = i if dx > 0 else i - 1
                if 0 <= start < len(xs) - 1:
                    yield (i + int(dx), j, after), xs[start + 1] - xs[start] + self.level[j][start] + turn
            else:
                start = j if dy > 0 else j - 1
                if 0 <= start < len(ys) - 1:
                    yield (i, j + int(dy), after), ys[start + 1] - ys[start] + self.upright[i][start] + turn


@attrs.define
class _Search:
    """How each place was reached at the lowest price so far, and which one comes next."""

    goals: Sequence[Point]
    heap: list[tuple[float, float, Place]] = attrs.field(factory=list)
    best: dict[Place, float] = attrs.field(factory=dict)
    came: dict[Place, Place | None] = attrs.field(factory=dict)

    def found(self, place: Place, price: float, before: Place | None, point: Point) -> bool:
        """Take in a way to a place; return whether it is the cheapest so far."""
        if price >= self.best.get(place, float("inf")):
            return False
        self.best[place], self.came[place] = price, before
        left = min(abs(point[0] - x) + abs(point[1] - y) for x, y in self.goals)
        heapq.heappush(self.heap, (price + left, price, place))
        return True

    def way_to(self, place: Place) -> list[Place]:
        """Return the places on the way, the first one first."""
        found: list[Place] = []
        here: Place | None = place
        while here is not None:
            found.append(here)
            here = self.came[here]
        return found[::-1]


HEADINGS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))


def _coordinates(exact: Iterable[float], wished: Iterable[float], low: float, high: float) -> list[float]:
    """Return coordinates in order: all exact ones, and of those that are only wished for none upon another."""
    found = sorted(set(exact))
    for value in sorted({low, high, *(value for value in wished if low <= value <= high)}):
        place = bisect_left(found, value)
        near = found[max(0, place - 1) : place + 1]
        if all(abs(value - other) >= 2.0 for other in near):
            found.insert(place, value)
    return found


def _beside(around: Surroundings, axis: int) -> Iterable[float]:
    for box in (*around.shapes, *around.labels):
        low, high = (box.x, box.right) if axis == 0 else (box.y, box.bottom)
        yield from (low - CLEAR, high + CLEAR)
    for line in around.lines:
        for a, b in pairwise(line):
            if a[axis] == b[axis]:
                yield from (a[axis] - TRACK, a[axis] + TRACK)


def _go_over(
    pieces: list[list[float]], at: float, places: Sequence[float], span: Point, others: Sequence[float]
) -> None:
    """Let it cost something to cross a piece of line at `at` that reaches over `span`."""
    over = bisect_left(places, at) - 1
    if 0 <= over < len(places) - 1:
        for j in range(bisect_left(others, min(span)), bisect_right(others, max(span))):
            pieces[j][over] += CROSSING


def _go_along(
    pieces: list[list[float]], at: float, places: Sequence[float], span: Point, others: Sequence[float]
) -> None:
    """Let it cost much to run upon a piece of line at `at` that reaches over `span`."""
    low, high = min(span), max(span)
    for i in range(bisect_left(places, at - TOO_NEAR), bisect_right(places, at + TOO_NEAR)):
        for j in range(max(0, bisect_left(others, low) - 1), min(len(others) - 1, bisect_right(others, high))):
            if others[j + 1] > low and others[j] < high:
                pieces[i][j] += UPON
