"""Where flows and messages meet the elements of a process: corners of gateways, middles of tasks, ends of events."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

import attrs

from fsm_robot.analyst.bpmn.process import Item
from fsm_robot.analyst.drawing.router import HEADINGS, Dock
from fsm_robot.analyst.drawing.shapes import Box, Point

RIGHT, DOWN, LEFT, UP = HEADINGS
LEAVES = {RIGHT: 0.0, DOWN: 12.0, UP: 12.0, LEFT: 60.0}
"""How unwelcome it is that a flow leaves on this side; where it arrives it is the other way round."""
QUARTER = 25.0
"""How unwelcome it is to meet a task beside the middle of its side."""
TAKEN = 40.0
"""How unwelcome it is to meet an element where another flow meets it already."""


def docks(item: Item, shape: Box, host: Box | None, leaves: bool) -> Iterator[Dock]:
    """Yield where a flow may leave an element, or reach it.

    Args:
        item: The element.
        shape: Where it is.
        host: For an event on a border: the task.
        leaves: Whether the flow begins here.
    """
    for out in HEADINGS:
        cost = LEAVES[out if leaves else (-out[0], -out[1])]
        if host is not None:
            point = _at(shape, out, 0.5)
            if inside(host, point):
                continue
            # An event on a border has its way on where it looks out of its task.
            cost = 0.0 if inside(host, _at(shape, (-out[0], -out[1]), 0.5)) else 20.0
        yield Dock(_at(shape, out, 0.5), out, cost)
        if item.kind.endswith("ask"):
            yield Dock(_at(shape, out, 0.25), out, cost + QUARTER)
            yield Dock(_at(shape, out, 0.75), out, cost + QUARTER)


def _at(shape: Box, out: Point, share: float) -> Point:
    if out[0]:
        return (shape.right if out[0] > 0 else shape.x, round(shape.y + share * shape.height, 2))
    return (round(shape.x + share * shape.width, 2), shape.bottom if out[1] > 0 else shape.y)


def inside(box: Box, point: Point) -> bool:
    """Return whether a point is within a box."""
    return box.x < point[0] < box.right and box.y < point[1] < box.bottom


def used(dock: Dock, ends: set[Point]) -> Dock:
    """Return a dock with the price of sharing it."""
    near = any(abs(x - dock.point[0]) + abs(y - dock.point[1]) < 8 for x, y in ends)
    return attrs.evolve(dock, cost=dock.cost + TAKEN) if near else dock


def touches(kind: str, shape: Box, point: Point, tolerance: float = 2.0) -> bool:
    """Return whether a point is on the outline of an element of a kind, or as near to it as a modeller puts it."""
    across = abs(point[0] - shape.x - shape.width / 2) / (shape.width / 2 or 1)
    along = abs(point[1] - shape.y - shape.height / 2) / (shape.height / 2 or 1)
    allowed = tolerance / max(1.0, min(shape.width, shape.height) / 2)
    if kind.endswith("Gateway"):
        return abs(across + along - 1) < allowed
    if kind.endswith("Event"):
        return abs(hypot(across, along) - 1) < allowed
    return abs(max(across, along) - 1) < allowed
