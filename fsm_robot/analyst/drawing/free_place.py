"""The nearest place where a box has room among others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count, pairwise

from fsm_robot.analyst.drawing.shapes import Box, Point

STEP = 8.0


def free_place(size: tuple[float, float], wish: Point, taken: Sequence[Box], within: Box, gap: float) -> Box:
    """Return a box of `size` as near to `wish`, its left upper corner, as the boxes `taken` allow with `gap` between.

    Pieces of lines are boxes without a width or a height. `within` must have room at its right side; where even that is
    taken, the wish stays what it is.
    """
    width, height = size
    best: tuple[float, Box] | None = None
    low, high = within.x, within.right - width
    for number in count():
        dx = STEP * ((number + 1) // 2) * (1 if number % 2 else -1)
        if best is not None and abs(dx) >= best[0]:
            return best[1]
        if abs(dx) > max(abs(wish[0] - low), abs(wish[0] - high)) + 2 * STEP:
            break
        x = min(max(wish[0], low), high) + dx
        if not low <= x <= high:
            continue
        near = (box for box in taken if box.x < x + width + gap and box.right > x - gap)
        spans = [(box.y - height - gap, box.bottom + gap) for box in near]
        y = _free(spans, wish[1], within.y, within.bottom - height)
        if y is not None:
            away = abs(x - wish[0]) + abs(y - wish[1])
            if best is None or away < best[0]:
                best = (away, Box(x, y, width, height))
    return best[1] if best else Box(*wish, width, height)


def _free(spans: Iterable[tuple[float, float]], wish: float, low: float, high: float) -> float | None:
    """Return the value nearest to `wish` from `low` to `high` that is inside of no span, or None."""
    merged: list[list[float]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    wish = min(max(wish, low), high) if low <= high else wish
    candidates = [wish, low, high, *(end for span in merged for end in span)]
    free = [y for y in candidates if low <= y <= high and not any(start < y < end for start, end in merged)]
    return min(free, key=lambda y: (abs(y - wish), y), default=None)


def pieces(lines: Iterable[Sequence[Point]]) -> list[Box]:
    """Return the pieces of axis-parallel lines as boxes without a width or a height."""
    found = []
    for line in lines:
        for (x1, y1), (x2, y2) in pairwise(line):
            found.append(Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2)))
    return found


def around(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around `boxes`, of which there is at least one."""
    found = list(boxes)
    x, y = min(box.x for box in found), min(box.y for box in found)
    return Box(x, y, max(box.right for box in found) - x, max(box.bottom for box in found) - y)
