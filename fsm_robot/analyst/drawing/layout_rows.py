"""Rows of a drawing: which box stands in which row, which points a line passes, and their order in each row."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice

import attrs

from fsm_robot.analyst.drawing.shapes import Edge, Node

LABEL_GAP = 5.0
"""Between a line and its label."""
LOOP_STEP = 9.0
"""Between two self-loops of a box, where they leave it and where they run."""
LOOP_REACH = 16.0
"""How far the first self-loop goes out."""
SWEEPS = 16
PATIENCE = 4
"""So many sweeps without fewer crossings end the search."""
HUB_LINES = 12
"""A box with more lines than that is a hub: the other ends of its lines have more room for labels."""
LANE_ROWS = 4
"""A back edge that passes at least so many rows gets a lane beside the flow."""


@attrs.define
class Item:
    """What stands in a row: a box, or the point where a line passes.

    Attributes:
        node: The box, or None for a point.
        edge: Number of the edge whose point this is, or -1.
        label: Whether the label of the edge is here.
        left: How far it reaches to the left of its position (the middle of a box, the line at a point).
        right: How far it reaches to the right: half the box and its self-loops, or the label.
        height: How high it is, self-loops included.
        row: Number of its row.
        lane: Above 0 for the point of a long back edge: the higher, the further out.
        main: Whether it is on the main way.
    """

    node: Node | None
    edge: int
    label: bool
    left: float
    right: float
    height: float
    row: int
    lane: int = 0
    main: bool = False


@attrs.define
class Grid:
    """Rows of items and the chains through them.

    Attributes:
        nodes: The boxes, in the order that they were given.
        edges: The edges, in the order that they were given.
        items: Every item; the other fields speak of their numbers here.
        rows: From top to bottom, each from left to right.
        up: Per item, the items of the row above that it is linked to.
        down: The same with the row below.
        box: Node id -> its item.
        chains: Per edge, its items from the upper box to the lower one; empty for a self-loop.
        back: Per edge, whether it goes from the lower box to the upper one.
        loops: Node id -> its self-loops, from the inside to the outside.
        loose: Links that need not be straight: there lines of a hub go sideways to the rows of its spokes.
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    items: list[Item] = attrs.field(factory=list)
    rows: list[list[int]] = attrs.field(factory=list)
    up: list[list[int]] = attrs.field(factory=list)
    down: list[list[int]] = attrs.field(factory=list)
    box: dict[str, int] = attrs.field(factory=dict)
    chains: list[list[int]] = attrs.field(factory=list)
    back: list[bool] = attrs.field(factory=list)
    loops: dict[str, list[int]] = attrs.field(factory=dict)
    loose: set[tuple[int, int]] = attrs.field(factory=set)

    def add(self, item: Item) -> int:
        """Put `item` at the right end of its row and return its number."""
        number = len(self.items)
        self.items.append(item)
        self.rows[item.row].append(number)
        self.up.append([])
        self.down.append([])
        return number

    def link(self, above: int, below: int) -> None:
        """Let a line go from one item to another in the next row."""
        self.down[above].append(below)
        self.up[below].append(above)


def grid(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    start: str,
    ranks: Mapping[str, int],
    *,
    lanes: bool = True,
    loosely: bool = False,
) -> Grid:
    """Return the rows: boxes in the even ones, labels in the odd ones, and a point wherever a line passes."""
    made = Grid(nodes, edges)
    made.rows = [[] for _ in range(2 * max(ranks.values()) + 1)]
    for number, edge in enumerate(edges):
        if edge.source == edge.target:
            made.loops.setdefault(edge.source, []).append(number)
    main = _main_way(nodes, edges, ranks, start)
    for node in nodes:
        right, height = _with_loops(node, [edges[number] for number in made.loops.get(node.id, ())])
        box = Item(node, -1, False, node.width / 2, right, height, 2 * ranks[node.id], main=node.id in main)
        made.box[node.id] = made.add(box)
    crowd = [0.0] * len(made.rows)
    label_rows = _label_rows(edges, ranks, crowd)
    for number, edge in enumerate(edges):
        made.back.append(ranks[edge.source] > ranks[edge.target])
        made.chains.append(_chain(made, number, ranks, label_rows[number], main, lanes=lanes))
    if loosely:
        _loosen(made, ranks)
    return made


def hubs(edges: Sequence[Edge]) -> set[str]:
    """Return the nodes with so many lines that the other ends cannot stand in one row."""
    lines = Counter(name for edge in edges if edge.source != edge.target for name in (edge.source, edge.target))
    return {name for name, count in lines.items() if count > HUB_LINES}


def _loosen(made: Grid, ranks: Mapping[str, int]) -> None:
    """Let long lines of hubs go sideways beside the other end, where their label is, if it is there."""
    busy = hubs(made.edges)
    for number, chain in enumerate(made.chains):
        edge = made.edges[number]
        upper, lower = sorted((edge.source, edge.target), key=lambda name: ranks[name])
        if len(chain) > 3 and (upper in busy) != (lower in busy):
            labelled = next((place for place, item in enumerate(chain) if made.items[item].label), 0)
            if upper in busy:
                place = labelled - 1 if labelled > 1 else len(chain) - 2
            else:
                place = labelled if 0 < labelled < len(chain) - 2 else 0
            made.loose.add((chain[place], chain[place + 1]))


def _main_way(nodes: Sequence[Node], edges: Sequence[Edge], ranks: Mapping[str, int], start: str) -> dict[str, int]:
    """Return the longest way of edges that go one rank down: node -> edge that leaves it, the first ones first."""
    steps: dict[str, list[int]] = defaultdict(list)
    for number, edge in enumerate(edges):
        if ranks[edge.target] == ranks[edge.source] + 1:
            steps[edge.source].append(number)
    length: dict[str, int] = {}
    best: dict[str, int] = {}
    for node in sorted(nodes, key=lambda node: -ranks[node.id]):
        length[node.id] = 1
        for number in steps[node.id]:
            if length[edges[number].target] + 1 > length[node.id]:
                length[node.id], best[node.id] = length[edges[number].target] + 1, number
    way: dict[str, int] = {}
    here = start
    while here in best:
        way[here] = best[here]
        here = edges[best[here]].target
    way[here] = -1
    return way


def loop_reach(node: Node, loops: Sequence[Edge]) -> list[tuple[float, float]]:
    """Return per self-loop, from the inside: how far right of the box it runs, and how high it is."""
    reach, height, found = LOOP_REACH, min(node.height * 0.5, 28.0), []
    for number, loop in enumerate(loops):
        if number:
            height = max(height + 2 * LOOP_STEP, node.height + 2 * LOOP_STEP)
        found.append((reach, height))
        if loop.label_height:
            # What comes next goes around this label.
            height = max(height, loop.label_height)
        reach += LOOP_STEP + (LABEL_GAP + loop.label_width if loop.label_width else 0)
    return found


def _with_loops(node: Node, loops: Sequence[Edge]) -> tuple[float, float]:
    if not loops:
        return node.width / 2, node.height
    reach, height = loop_reach(node, loops)[-1]
    last = loops[-1]
    right = node.width / 2 + reach + (LABEL_GAP + last.label_width if last.label_width else 0)
    return right, max(node.height, height, *(loop.label_height for loop in loops))


def _label_rows(edges: Sequence[Edge], ranks: Mapping[str, int], crowd: list[float]) -> list[int]:
    """Return the row of each label: near the source, or the target of what leaves a hub, unless others are emptier."""
    chosen = [-1] * len(edges)
    spans = [abs(ranks[edge.source] - ranks[edge.target]) for edge in edges]
    busy = hubs(edges)
    for number in sorted(range(len(edges)), key=lambda number: (spans[number], number)):
        edge = edges[number]
        if not spans[number] or not edge.label_width:
            continue
        near, far = ranks[edge.source], ranks[edge.target]
        if edge.source in busy and edge.target not in busy:
            near, far = far, near
        down = 1 if far > near else -1
        rows = [2 * near + down * (2 * step + 1) for step in range(min(spans[number], 3))]
        chosen[number] = min(rows, key=lambda row: (crowd[row] + 250 * rows.index(row), rows.index(row)))
        crowd[chosen[number]] += edge.label_width
    return chosen


def _chain(
    made: Grid, number: int, ranks: Mapping[str, int], label_row: int, main: Mapping[str, int], *, lanes: bool
) -> list[int]:
    edge = made.edges[number]
    if edge.source == edge.target:
        return []
    upper, lower = sorted((edge.source, edge.target), key=lambda name: ranks[name])
    rows = range(2 * ranks[upper] + 1, 2 * ranks[lower])
    lane = len(rows) if lanes and made.back[number] and len(rows) >= LANE_ROWS else 0
    chain = [made.box[upper]]
    for row in rows:
        here = row == label_row
        right, height = (LABEL_GAP + edge.label_width, edge.label_height) if here else (0.0, 0.0)
        point = Item(None, number, here, 0, right, height, row, lane, main=main.get(edge.source) == number)
        chain.append(made.add(point))
        made.link(chain[-2], chain[-1])
    made.link(chain[-1], made.box[lower])
    return [*chain, made.box[lower]]


# ---- order within the rows


def untangle(made: Grid, beginnings: int, begun: int = 0) -> int:
    """Order each row so that few lines cross, from so many orders to begin with after `begun`; return how many do."""
    fewest, best = (crossings(made), made.rows) if begun else (-1, made.rows)
    for first, down_first in islice(_beginnings(made), begun, begun + beginnings):
        if not fewest:
            break
        made.rows = [list(row) for row in first]
        found = _swept(made, down_first)
        if fewest < 0 or found < fewest:
            best, fewest = made.rows, found
    made.rows = best
    return fewest


def _beginnings(made: Grid) -> Iterator[tuple[list[list[int]], bool]]:
    """Yield rows to begin with, the most promising first, and whether to look from above first."""
    walked = _as_walked(made)
    given = _as_given(made)
    yield from ((walked, True), (given, True), (walked, False), (given, False))
    for number in count():
        mixed = [sorted(row, key=lambda item: (_lane_first(made, item), _mixed(item, number))) for row in given]
        yield mixed, number % 2 == 0


def _mixed(item: int, number: int) -> int:
    """Return where an item stands in one of the orders that look like chance, and are the same for equal drawings."""
    mixed = ((item + 1) * 2654435761 ^ (number + 1) * 2246822519) & 0xFFFFFFFF
    return (mixed ^ mixed >> 15) * 3266489917 & 0xFFFFFFFF


def _as_given(made: Grid) -> list[list[int]]:
    return [sorted(row, key=lambda item: _lane_first(made, item)) for row in made.rows]


def _as_walked(made: Grid) -> list[list[int]]:
    """Return the rows in the order of a walk into the depth: what hangs on one box stands together."""
    rows: list[list[int]] = [[] for _ in made.rows]
    seen: set[int] = set()
    for row in made.rows:
        for root in row:
            stack = [root]
            while stack:
                item = stack.pop()
                if item not in seen:
                    seen.add(item)
                    rows[made.items[item].row].append(item)
                    stack += [*reversed(made.down[item])]
    return [sorted(row, key=lambda item: _lane_first(made, item)) for row in rows]


def _swept(made: Grid, down_first: bool) -> int:
    """Order the rows by each other, up and down; return how many lines cross at least."""
    held = [sum(made.items[item].lane > 0 for item in row) for row in made.rows]
    place = _places(made)
    best, fewest = [list(row) for row in made.rows], _crossings(made, place)
    vain = 0
    for sweep in range(SWEEPS):
        if not fewest or vain == PATIENCE:
            break
        downwards = (sweep % 2 == 0) == down_first
        # What could stand either way stands the other way in every second pair of sweeps.
        other_way = sweep % 4 > 1
        for number in range(1, len(made.rows)) if downwards else range(len(made.rows) - 2, -1, -1):
            neighbours = made.up if downwards else made.down
            _by_neighbours(made.rows[number], held[number], neighbours, place, other_way=other_way)
        if sweep % 2:  # after each way down and up: it costs as much as both
            _swap_neighbours(made, held, place, equal_too=other_way)
        found = _crossings(made, place)
        vain = 0 if found < fewest else vain + 1
        if found < fewest:
            best, fewest = [list(row) for row in made.rows], found
    made.rows = best
    return fewest


def _lane_first(made: Grid, item: int) -> tuple[int, int]:
    lane = made.items[item].lane
    return (-lane, made.items[item].edge) if lane else (1, 0)


def _by_neighbours(
    row: list[int], held: int, neighbours: Sequence[Sequence[int]], place: list[int], *, other_way: bool
) -> None:
    """Sort a row, but for the lanes held in it, by the middle of what each item is linked to in the row beside it."""
    free = row[held:]
    if other_way:
        free.reverse()
    wish: dict[int, float] = {}
    for position, item in enumerate(free, held):
        linked = neighbours[item]
        if len(linked) == 1:
            wish[item] = place[linked[0]]
        else:
            wish[item] = sum([place[near] for near in linked]) / len(linked) if linked else position
    free.sort(key=wish.__getitem__)
    row[held:] = free
    for position, item in enumerate(free, held):
        place[item] = position


def crossings(made: Grid) -> int:
    """Return how many pairs of lines cross between neighbouring rows."""
    return _crossings(made, _places(made))


def _places(made: Grid) -> list[int]:
    """Return where in its row each item stands."""
    place = [0] * len(made.items)
    for row in made.rows:
        for position, item in enumerate(row):
            place[item] = position
    return place


def _crossings(made: Grid, place: Sequence[int]) -> int:
    total = 0
    for row in made.rows:
        # Lines that leave the same item do not cross each other.
        ends = [end for item in row for end in sorted([place[near] for near in made.down[item]])]
        if ends == sorted(ends):
            continue
        seen: list[int] = []
        for number, end in enumerate(ends):
            at = bisect_right(seen, end)
            total += number - at
            seen.insert(at, end)
    return total


def _swap_neighbours(made: Grid, held: Sequence[int], place: list[int], *, equal_too: bool) -> None:
    """Exchange neighbours wherever that alone saves crossings, once also where it costs none."""
    waiting = set(range(len(made.rows)))
    for turn in range(4):
        touched: set[int] = set()
        for number in sorted(waiting):
            row = made.rows[number]
            for position in range(held[number], len(row) - 1):
                left, right = row[position], row[position + 1]
                gain = _gain(made.up, place, left, right) + _gain(made.down, place, left, right)
                if gain > 0 or (gain == 0 and equal_too and not turn):
                    row[position], row[position + 1] = right, left
                    place[left], place[right] = position + 1, position
                    if gain > 0:
                        touched.update((number - 1, number, number + 1))
        waiting = {number for number in touched if 0 <= number < len(made.rows)}
        if not waiting:
            return


def _gain(links: Sequence[Sequence[int]], place: Sequence[int], left: int, right: int) -> int:
    """Return how many crossings fewer there are on one side of a row with `left` and `right` exchanged."""
    ours, theirs = links[left], links[right]
    if len(ours) == 1 == len(theirs):
        a, b = place[ours[0]], place[theirs[0]]
        return (a > b) - (a < b)
    gain = 0
    for near in ours:
        a = place[near]
        for far in theirs:
            b = place[far]
            gain += (a > b) - (a < b)
    return gain
