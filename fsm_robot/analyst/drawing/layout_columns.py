"""Where each item of a row stands: lines straight wherever they can be (after Brandes and Koepf, 2001).

Items that a straight line joins form a block. Four times, once from each corner, items are joined to the middle one of
what they are linked to and the blocks are pushed together; the middle of the four results is taken. Each result keeps
the distances within the rows, and so does their middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fsm_robot.analyst.drawing.layout_rows import Grid

GAP = 18.0
"""Between two lines."""
BOX_GAP = 30.0
"""Between a box and what stands beside it."""


def columns(made: Grid) -> list[list[float]]:
    """Return two ways to place the items (the middle of a box, the line at a point): evenly, and as narrow as found."""
    crossed = _crossing_long_lines(made) | made.loose
    results = []
    for from_below in (False, True):
        for from_right in (False, True):
            found = _one_corner(made, crossed, from_below, from_right)
            results.append([-x for x in found] if from_right else found)
    _align_results(results)
    middle = []
    for values in zip(*results, strict=True):
        ordered = sorted(values)
        middle.append(float(round((ordered[1] + ordered[2]) / 2)))
    narrowest = min(results, key=lambda found: max(found) - min(found))
    return [middle, [float(round(x)) for x in narrowest]]


def _align_results(results: list[list[float]]) -> None:
    """Shift the results so that they lie over the narrowest one, by the side that they were pushed to."""
    spans = [(min(found), max(found)) for found in results]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    for number, found in enumerate(results):
        shift = high - spans[number][1] if number % 2 else low - spans[number][0]
        found[:] = [x + shift for x in found]


def distance(made: Grid, left: int, right: int) -> float:
    """Return how far apart two neighbours of a row must stand."""
    a, b = made.items[left], made.items[right]
    gap = BOX_GAP if a.node or b.node or a.label or b.label else GAP
    return a.right + gap + b.left


def _crossing_long_lines(made: Grid) -> set[tuple[int, int]]:
    """Return the links that give way: they cross or touch the main way, or cross a long line and end at a box."""
    found: set[tuple[int, int]] = set()
    for above, below in pairwise(made.rows):
        place = {item: position for position, item in enumerate(below)}
        links = [(x, place[near], item, near) for x, item in enumerate(above) for near in made.down[item]]
        strong = [(x, y, _strength(made, a, b)) for x, y, a, b in links if _strength(made, a, b)]
        for x, y, a, b in links:
            mine = _strength(made, a, b)
            if any(
                other > mine and ((x <= other_x and y >= other_y) or (x >= other_x and y <= other_y))
                for other_x, other_y, other in strong
            ):
                found.add((a, b))
    return found


def _strength(made: Grid, above: int, below: int) -> int:
    a, b = made.items[above], made.items[below]
    if a.main and b.main:
        return 2
    return 0 if a.node or b.node else 1


def _one_corner(made: Grid, crossed: set[tuple[int, int]], from_below: bool, from_right: bool) -> list[float]:
    rows: Sequence[Sequence[int]] = made.rows[::-1] if from_below else made.rows
    if from_right:
        rows = [row[::-1] for row in rows]
    links = made.down if from_below else made.up
    root = _blocks(made, rows, links, crossed, from_below)
    return _pushed_together(made, rows, root, from_right)


def _blocks(
    made: Grid,
    rows: Sequence[Sequence[int]],
    links: Sequence[Sequence[int]],
    crossed: set[tuple[int, int]],
    below: bool,
) -> list[int]:
    """Return for each item the first item of its block."""
    root = list(range(len(made.items)))
    place = {item: position for row in rows for position, item in enumerate(row)}
    for row in rows[1:]:
        last = -1
        for item in row:
            for near in _candidates(made, item, sorted(links[item], key=lambda other: place[other])):
                link = (item, near) if below else (near, item)
                if last < place[near] and link not in crossed:
                    root[item], last = root[near], place[near]
                    break
    return root


def _candidates(made: Grid, item: int, linked: Sequence[int]) -> Sequence[int]:
    """Return what `item` may be joined to, the best first: along the main way, else the middle one or two."""
    if made.items[item].main:
        along = [near for near in linked if made.items[near].main]
        if along:
            return along
    return linked[(len(linked) - 1) // 2 : len(linked) // 2 + 1]


def _pushed_together(made: Grid, rows: Sequence[Sequence[int]], root: Sequence[int], from_right: bool) -> list[float]:
    """Return positions: every block as far left as its neighbours let it, then as far right as they pull."""
    before: dict[int, dict[int, float]] = {}
    after: dict[int, dict[int, float]] = {}
    for row in rows:
        for left, right in pairwise(row):
            apart = distance(made, right, left) if from_right else distance(made, left, right)
            a, b = root[left], root[right]
            apart = max(apart, before.setdefault(b, {}).get(a, 0.0))
            before[b][a] = apart
            after.setdefault(a, {})[b] = apart
    order = _topological(sorted(set(root)), before, after)
    x: dict[int, float] = {}
    for block in order:
        x[block] = max((x[other] + apart for other, apart in before.get(block, {}).items()), default=0.0)
    for block in reversed(order):
        pulled = min((x[other] - apart for other, apart in after.get(block, {}).items()), default=x[block])
        x[block] = max(x[block], pulled)
    return [x[root[item]] for item in range(len(made.items))]


def _topological(
    blocks: Sequence[int], before: dict[int, dict[int, float]], after: dict[int, dict[int, float]]
) -> list[int]:
    waiting = {block: len(before.get(block, ())) for block in blocks}
    ready = [block for block in blocks if not waiting[block]]
    order = []
    while ready:
        block = ready.pop()
        order.append(block)
        for other in after.get(block, ()):
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return order
