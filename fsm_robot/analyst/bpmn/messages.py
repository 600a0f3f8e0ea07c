"""How messages run between tasks and the pool below: straight down where nothing is in the way, else beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.bpmn.process import Message
from fsm_robot.analyst.bpmn.vertices import hits, upon
from fsm_robot.analyst.drawing.shapes import Box, Point

STEP = 4.0
FARTHEST = 400.0
FIRST_DROP = 12.0
LABEL_GAP = 5.0
PAIR_GAP = 12.0
"""Between a call and its answer."""


def message_lines(
    messages: Sequence[Message],
    *,
    tasks: Mapping[str, Box],
    obstacles: Sequence[Box],
    flows: Sequence[Sequence[Point]],
    band: tuple[float, float],
    sizes: Mapping[str, tuple[float, float]],
) -> tuple[dict[str, tuple[Point, ...]], dict[str, Box]]:
    """Return lines and labels of messages.

    Args:
        messages: In any order.
        tasks: Where the tasks are that send or get them.
        obstacles: Shapes and labels that no message may run through.
        flows: Lines that no message may run upon.
        band: Lower border of the upper pool and upper border of the lower one; labels stand between them.
        sizes: Width and height of the labels.
    """
    router = _Router(obstacles, flows, band)
    lines: dict[str, tuple[Point, ...]] = {}
    labels: dict[str, Box] = {}
    for message in sorted(messages, key=lambda found: (tasks[found.task].x, found.task, not found.asks)):
        width, height = sizes[message.id]
        # A call is written to the left of its line, an answer to the right, so that the two can be near each other.
        spread = (width + LABEL_GAP, PAIR_GAP / 2) if message.asks else (PAIR_GAP / 2, width + LABEL_GAP)
        points = router.way(tasks[message.task], spread)
        x = points[-1][0]
        router.taken.append((x - spread[0], x + spread[1]))
        router.used.append(points)
        top = (band[0] + band[1] - height) / 2
        left = x - LABEL_GAP - width if message.asks else x + LABEL_GAP
        labels[message.id] = Box(left, top, width, height)
        lines[message.id] = tuple(points if message.asks else points[::-1])
    return lines, labels


@attrs.define
class _Router:
    obstacles: Sequence[Box]
    flows: Sequence[Sequence[Point]]
    band: tuple[float, float]
    taken: list[tuple[float, float]] = attrs.field(factory=list)
    used: list[Sequence[Point]] = attrs.field(factory=list)

    def way(self, task: Box, spread: tuple[float, float]) -> list[Point]:
        """Return the first way down that is free; where there is none, one whose label has room."""
        others = [box for box in self.obstacles if box != task]
        bottom, below = self.band[1], task.bottom
        inside = [task.x + 14 + STEP * n for n in range(int((task.width - 28) // STEP) + 1)]
        # From the middle outwards, because a message in the middle of a task is easiest to see.
        middle_first = sorted(inside, key=lambda x: abs(x - task.x - task.width / 2))
        for x in middle_first:
            straight = [(x, below), (x, bottom)]
            if self._room(x, spread) and self._free(straight, others):
                return straight
        for x, exits in self._aside(task, inside):
            if not self._room(x, spread) or not self._free([(x, below + FIRST_DROP), (x, bottom)], others):
                continue
            for out in exits[::3]:
                for drop in (FIRST_DROP, FIRST_DROP + 8):
                    around = [(out, below), (out, below + drop), (x, below + drop), (x, bottom)]
                    if self._free(around, others):
                        return around
        return self._crossing(task, spread, middle_first)

    def _crossing(self, task: Box, spread: tuple[float, float], inside: list[float]) -> list[Point]:
        """Return a way that runs through something, because there is no other, but keeps its label off other labels."""
        below, bottom = task.bottom, self.band[1]
        for x in inside:
            if self._room(x, spread):
                return [(x, below), (x, bottom)]
        out = inside[0]
        for x, _ in self._aside(task, inside):
            if self._room(x, spread):
                return [(out, below), (out, below + FIRST_DROP), (x, below + FIRST_DROP), (x, bottom)]
        return [(out, below), (out, bottom)]

    def _aside(self, task: Box, inside: list[float]) -> Iterator[tuple[float, list[float]]]:
        """Yield places beside the task, the nearest first, each with the places where its lower border may be left."""
        for number in range(1, int(FARTHEST // STEP)):
            yield task.x - STEP * number, inside
            yield task.right + STEP * number, inside[::-1]

    def _room(self, x: float, spread: tuple[float, float]) -> bool:
        low, high = x - spread[0], x + spread[1]
        return all(high <= taken_low or low >= taken_high for taken_low, taken_high in self.taken)

    def _free(self, way: Sequence[Point], others: Sequence[Box]) -> bool:
        pieces = list(pairwise(way))
        if any(hits(piece, box) for piece in pieces for box in others):
            return False
        lines = (*self.flows, *self.used)
        return not any(upon(piece, other) for piece in pieces for line in lines for other in pairwise(line))
