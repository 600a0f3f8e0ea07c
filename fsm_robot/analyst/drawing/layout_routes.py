"""Lines of a drawing: where they leave their boxes, on which track they go sideways, how high all that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.drawing.layout_rows import LABEL_GAP, LOOP_STEP, Grid, loop_reach
from fsm_robot.analyst.drawing.shapes import Box, Drawing, Edge, Line, Point, simplified

TRACK_GAP = 11.0
"""Between two lines that run beside each other in a channel."""
CHANNEL_END = 15.0
"""Between a row and the nearest track: room for an arrow head and for round corners."""
QUIET_CHANNEL = 14.0
"""Height of a channel in which nothing goes sideways."""
MARGIN = 20.0
NEAR = 5.0
"""Vertical pieces closer than this would look like one line."""


@attrs.define
class Link:
    """A piece of a line through one channel, from `x1` above to `x2` below; `track` counts from 0 downwards."""

    x1: float
    x2: float
    track: int = -1

    @property
    def low(self) -> float:
        """The left end."""
        return min(self.x1, self.x2)

    @property
    def high(self) -> float:
        """The right end."""
        return max(self.x1, self.x2)


@attrs.define
class _Frame:
    """What the lines are drawn in."""

    made: Grid
    x: Sequence[float]
    links: Sequence[dict[tuple[int, int], Link]]
    tops: Sequence[float]
    bottoms: Sequence[float]
    boxes: dict[str, Box] = attrs.field(factory=dict)

    def box(self, item: int) -> Box:
        node, row = self.made.items[item].node, self.made.items[item].row
        assert node is not None
        top = (self.tops[row] + self.bottoms[row] - node.height) / 2
        return Box(self.x[item] - node.width / 2, top, node.width, node.height)

    def label(self, item: int, edge: Edge) -> Box:
        row = self.made.items[item].row
        top = (self.tops[row] + self.bottoms[row] - edge.label_height) / 2
        return Box(self.x[item] + LABEL_GAP, top, edge.label_width, edge.label_height)


def routed(made: Grid, x: Sequence[float]) -> Drawing:
    """Return the drawing, given where the items stand in their rows."""
    links = _links(made, x)
    tracks = [_set_tracks([link for link in channel.values() if link.x1 != link.x2]) for channel in links]
    frame = _Frame(made, x, links, *_rows(made, tracks))
    frame.boxes = {node.id: frame.box(made.box[node.id]) for node in made.nodes}
    lines = {edge.id: _line(frame, number) for number, edge in enumerate(made.edges) if edge.source != edge.target}
    for name, loops in made.loops.items():
        lines.update(_loops(made, frame.boxes[name], loops))
    return _moved(frame.boxes, {edge.id: lines[edge.id] for edge in made.edges})


def _links(made: Grid, x: Sequence[float]) -> list[dict[tuple[int, int], Link]]:
    """Return per channel: (item above, item below) -> its piece of line."""
    channels: list[dict[tuple[int, int], Link]] = []
    for row in made.rows[:-1]:
        channels.append({(a, b): Link(x[a], x[b]) for a in row for b in made.down[a]})
    for node in made.nodes:
        item = made.box[node.id]
        level = made.items[item].row
        for near, place in _ports(made, x, item, made.down[item]):
            channels[level][item, near].x1 = place
        for near, place in _ports(made, x, item, made.up[item]):
            channels[level - 1][near, item].x2 = place
    return channels


def _ports(made: Grid, x: Sequence[float], item: int, linked: Sequence[int]) -> list[tuple[int, float]]:
    """Return where the lines to `linked` leave the box: straight towards them if they can, in order, apart."""
    node = made.items[item].node
    if node is None or not linked:
        return []
    if not node.port_gap:
        return [(near, x[item]) for near in linked]
    ordered = sorted(linked, key=lambda near: (x[near], near))
    count = len(ordered)
    low, high, gap = port_room(made, item, count)
    places = [
        min(max(x[near], x[item] + low + number * gap), x[item] + high - (count - 1 - number) * gap)
        for number, near in enumerate(ordered)
    ]
    # Rounded as all points are: else a line could turn aside by less than can be drawn.
    return [(near, round(place, 2)) for near, place in zip(ordered, places, strict=True)]


def port_room(made: Grid, item: int, count: int) -> tuple[float, float, float]:
    """Return where the first and the last of so many lines may leave a box, from its middle, and how far apart."""
    node = made.items[item].node
    assert node is not None
    if not node.port_gap:
        return 0.0, 0.0, 0.0
    outer_loops = max(0, len(made.loops.get(node.id, ())) - 1)
    side = min(10.0, node.width / 4)
    low, high = side - node.width / 2, node.width / 2 - side - outer_loops * _loop_port_step(node.width, outer_loops)
    return low, high, min(node.port_gap, (high - low) / max(1, count - 1))


def _loop_port_step(width: float, loops: int) -> float:
    return min(LOOP_STEP, width / 2 / (loops + 1))


# ---- tracks


def _set_tracks(links: list[Link]) -> int:
    """Give each link that goes sideways a track, so that none covers another and few cross; return how many tracks."""
    links.sort(key=lambda link: (link.low, link.high, link.x1))
    cost: dict[tuple[int, int], int] = {}
    meets: list[list[int]] = [[] for _ in links]
    for a, first in enumerate(links):
        for b in range(a + 1, len(links)):
            second = links[b]
            # They are in the order of their left ends, so all that follow are further away still.
            if second.low > first.high + NEAR:
                break
            meets[a].append(b)
            meets[b].append(a)
            cost[a, b] = _cost(first, second)
            cost[b, a] = _cost(second, first)
    count = 0
    for number in _in_order(len(links), meets, cost):
        above = [links[other].track for other in meets[number] if links[other].track >= 0]
        links[number].track = max(above, default=-1) + 1
        count = max(count, links[number].track + 1)
    return count


def _cost(upper: Link, lower: Link) -> int:
    """Return how bad it is to let `upper` run above `lower`: a crossing is 1, pieces upon each other are 100."""
    crossed = (upper.low < lower.x1 < upper.high) + (lower.low < upper.x2 < lower.high)
    return crossed + (100 if abs(lower.x1 - upper.x2) < NEAR else 0)


def _in_order(count: int, meets: Sequence[Sequence[int]], cost: dict[tuple[int, int], int]) -> list[int]:
    """Return the links from the uppermost to the lowest; where wishes go round in a circle, the lightest gives way."""
    pull = [sum(cost[b, a] - cost[a, b] for b in meets[a]) for a in range(count)]
    held = [sum(cost[b, a] < cost[a, b] for b in meets[a]) for a in range(count)]
    rest, order = set(range(count)), []
    while rest:
        free = [a for a in rest if not held[a]]
        best = min(free) if free else max(rest, key=lambda a: (pull[a], -a))
        rest.discard(best)
        order.append(best)
        for other in meets[best]:
            pull[other] -= cost[best, other] - cost[other, best]
            held[other] -= cost[best, other] < cost[other, best]
    return order


# ---- heights, and the lines themselves


def _rows(made: Grid, tracks: Sequence[int]) -> tuple[list[float], list[float]]:
    tops, bottoms, y = [], [], 0.0
    for number, row in enumerate(made.rows):
        tops.append(y)
        y += max((made.items[item].height for item in row), default=0.0)
        bottoms.append(y)
        if number < len(tracks):
            count = tracks[number]
            y += 2 * CHANNEL_END + (count - 1) * TRACK_GAP if count else QUIET_CHANNEL
    return tops, bottoms


def _line(frame: _Frame, number: int) -> Line:
    made, edge, chain = frame.made, frame.made.edges[number], frame.made.chains[number]
    upper, lower = (edge.target, edge.source) if made.back[number] else (edge.source, edge.target)
    first = made.items[chain[0]].row
    links = [frame.links[first + step][pair] for step, pair in enumerate(pairwise(chain))]
    points: list[Point] = [(links[0].x1, frame.boxes[upper].bottom)]
    for step, link in enumerate(links):
        if link.x1 != link.x2:
            y = frame.bottoms[first + step] + CHANNEL_END + link.track * TRACK_GAP
            points += [(link.x1, y), (link.x2, y)]
    points.append((links[-1].x2, frame.boxes[lower].y))
    label = next((frame.label(item, edge) for item in chain if made.items[item].label), None)
    return Line(tuple(points[::-1] if made.back[number] else points), label)


def _loops(made: Grid, box: Box, numbers: Sequence[int]) -> dict[str, Line]:
    """Return the self-loops of a box: the first at its right side, the others around it from top to bottom."""
    loops = [made.edges[number] for number in numbers]
    node = next(node for node in made.nodes if node.id == loops[0].source)
    middle = box.y + box.height / 2
    step = _loop_port_step(box.width, len(loops) - 1)
    lines = {}
    for number, (loop, (reach, height)) in enumerate(zip(loops, loop_reach(node, loops), strict=True)):
        outside, top, bottom = box.right + reach, middle - height / 2, middle + height / 2
        points: tuple[Point, ...]
        if number:
            port = box.right - number * step
            points = ((port, box.y), (port, top), (outside, top), (outside, bottom), (port, bottom), (port, box.bottom))
        else:
            points = ((box.right, top), (outside, top), (outside, bottom), (box.right, bottom))
        label = None
        if loop.label_width:
            label = Box(outside + LABEL_GAP, middle - loop.label_height / 2, loop.label_width, loop.label_height)
        lines[loop.id] = Line(points, label)
    return lines


def _moved(boxes: dict[str, Box], lines: dict[str, Line]) -> Drawing:
    """Return the drawing with a margin around it."""
    shapes = [*boxes.values(), *(line.label for line in lines.values() if line.label)]
    xs = [value for shape in shapes for value in (shape.x, shape.right)]
    ys = [value for shape in shapes for value in (shape.y, shape.bottom)]
    xs += [x for line in lines.values() for x, _ in line.points]
    ys += [y for line in lines.values() for _, y in line.points]
    dx, dy = MARGIN - min(xs), MARGIN - min(ys)

    def moved(box: Box) -> Box:
        return attrs.evolve(box, x=box.x + dx, y=box.y + dy)

    return Drawing(
        max(xs) + dx + MARGIN,
        max(ys) + dy + MARGIN,
        {name: moved(box) for name, box in boxes.items()},
        {
            name: Line(
                simplified([(round(x + dx, 2), round(y + dy, 2)) for x, y in line.points]),
                moved(line.label) if line.label else None,
            )
            for name, line in lines.items()
        },
    )
