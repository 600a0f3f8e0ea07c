"""Where notes stand that are tied to tasks: as near as there is room for them and for the line that ties them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from fsm_robot.analyst.bpmn.process import Note
from fsm_robot.analyst.bpmn.vertices import hits
from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.drawing.text_width import text_width

TEXT_SIZE, TEXT_LINE, PADDING = 12.0, 16.0, 12.0
NEAREST, STEP, FARTHEST = 16.0, 6.0, 260.0


def note_size(text: str) -> tuple[float, float]:
    """Return the room that a note takes."""
    lines = text.split("\n")
    return max(text_width(line, TEXT_SIZE) for line in lines) + 2 * PADDING, len(lines) * TEXT_LINE + PADDING


def note_places(
    notes: Sequence[Note],
    tasks: Mapping[str, Box],
    obstacles: Sequence[Box],
    flows: Sequence[Sequence[Point]],
    inside: Box,
) -> tuple[dict[str, Box], dict[str, tuple[Point, ...]]]:
    """Return the boxes of the notes and the lines from their tasks; both within `inside` or, without room, below it."""
    boxes: dict[str, Box] = {}
    lines: dict[str, tuple[Point, ...]] = {}
    below = inside.bottom
    for note in notes:
        task, taken = tasks[note.item], [*obstacles, *boxes.values()]
        others = [box for box in taken if box != task]
        found = next(
            (box for box in _candidates(task, note_size(note.text)) if _free(box, task, others, flows, inside)), None
        )
        if found is None:
            width, height = note_size(note.text)
            found = Box(task.x, below + NEAREST, width, height)
            below = found.bottom
        boxes[note.id] = found
        lines[note.id] = tie(task, found)
    return boxes, lines


def tie(task: Box, note: Box) -> tuple[Point, Point]:
    """Return the line between a task and its note: upright where they stand above each other."""
    low, high = max(task.x, note.x), min(task.right, note.right)
    x = (low + high) / 2 if low < high else note.x
    start = min(max(x, task.x), task.right)
    return ((start, task.y), (x, note.bottom)) if note.y < task.y else ((start, task.bottom), (x, note.y))


def _candidates(task: Box, size: tuple[float, float]) -> Iterator[Box]:
    width, height = size
    for number in range(int(FARTHEST // STEP)):
        away = NEAREST + STEP * number
        for share in (0.0, 0.5, -0.5, 1.0):
            x = task.x + share * task.width
            yield Box(x, task.y - away - height, width, height)
            yield Box(x, task.bottom + away, width, height)


def _free(box: Box, task: Box, others: Sequence[Box], flows: Sequence[Sequence[Point]], inside: Box) -> bool:
    if not (inside.x < box.x and box.right < inside.right and inside.y < box.y and box.bottom < inside.bottom):
        return False
    if any(_near(box, other) for other in others):
        return False
    if any(hits(piece, box) for line in flows for piece in pairwise(line)):
        return False
    line = tie(task, box)
    return line[0][0] == line[1][0] and not any(hits(line, other) for other in others)


def _near(a: Box, b: Box) -> bool:
    gap = 4.0
    grown = attrs.evolve(a, x=a.x - gap, y=a.y - gap, width=a.width + 2 * gap, height=a.height + 2 * gap)
    return grown.x < b.right and b.x < grown.right and grown.y < b.bottom and b.y < grown.bottom
