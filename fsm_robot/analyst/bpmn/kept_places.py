"""The places that an analyst gave to elements of an earlier export, put into a new one by the ids of the elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from fsm_robot.analyst.bpmn.notes import tie
from fsm_robot.analyst.bpmn.plan import plan
from fsm_robot.analyst.bpmn.process import (
    BPMNDI,
    DC,
    DI,
    OTHER_POOL,
    ROBOT_POOL,
    Flow,
    Item,
    Message,
    Plan,
    Process,
    document,
)
from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.xml_in import Element

GAP = 50.0
"""Around elements that are new."""


def drawn(process: Process, old: Element | None = None) -> str:
    """Return the BPMN file of a process, drawn anew, or as `old` is where there is an old file."""
    new = plan(process)
    return document(process, new if old is None else kept(places(old), new, process))


def places(root: Element) -> Plan:
    """Return where a BPMN file has its elements.

    Raises:
        DefinitionError: It has no drawing, or a coordinate that is no number.
    """
    shapes: dict[str, Box] = {}
    labels: dict[str, Box] = {}
    lines: dict[str, tuple[Point, ...]] = {}
    for found in root.walk():
        if found.namespace != BPMNDI or found.name not in ("BPMNShape", "BPMNEdge"):
            continue
        ident = found.attributes.get("bpmnElement", "")
        label = found.first(BPMNDI, "BPMNLabel")
        if label and (bounds := label.first(DC, "Bounds")):
            labels[ident] = _box(bounds)
        if found.name == "BPMNEdge":
            lines[ident] = tuple((_number(point, "x"), _number(point, "y")) for point in found.all(DI, "waypoint"))
        elif bounds := found.first(DC, "Bounds"):
            shapes[ident] = _box(bounds)
    if not shapes:
        raise root.wrong("has no drawing whose positions could be kept")
    return Plan(shapes, lines, labels)


def _box(bounds: Element) -> Box:
    return Box(*(_number(bounds, key) for key in ("x", "y", "width", "height")))


def _number(found: Element, key: str) -> float:
    text = found.attributes.get(key, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    # Not turned into `>=`, which would let through what is no number: nothing is larger or smaller than nan.
    if not abs(value) < 1e7:
        raise found.wrong(f"{key} must be a coordinate, not {text[:40]!r}")
    return value


def kept(old: Plan, new: Plan, process: Process) -> Plan:
    """Return `new` with everything that `old` knows at its old place and all else to the right of that."""
    shapes = _shapes(old, new, process)
    lines = {flow.id: _line(flow, old, shapes) for flow in process.flows}
    lines.update((message.id, _message(message, old, shapes)) for message in process.messages)
    for note in process.notes:
        both = {note.id, note.item} <= set(old.shapes) and len(old.lines.get(note.tie, ())) > 1
        lines[note.tie] = old.lines[note.tie] if both else tie(shapes[note.item], shapes[note.id])
    found = Plan(shapes, lines, {})
    labels = {name: old.labels.get(name) or _beside(name, box, new, found) for name, box in new.labels.items()}
    return attrs.evolve(found, labels=labels)


def _shapes(old: Plan, new: Plan, process: Process) -> dict[str, Box]:
    shapes = {name: old.shapes[name] for name in new.shapes if name in old.shapes}
    free = [item for item in process.items if item.id not in shapes and not item.host]
    robot = old.shapes.get(ROBOT_POOL) or new.shapes.get(ROBOT_POOL) or _around(list(shapes.values()))
    right = max((box.right for name, box in shapes.items() if name not in (ROBOT_POOL, OTHER_POOL)), default=robot.x)
    x, y, column = right + 2 * GAP, robot.y + GAP, 0.0
    for item in free:
        box = new.shapes[item.id]
        # A label beside or below a new element needs room as well.
        width = box.width + (new.labels[item.id].width + GAP if item.id in new.labels else 0)
        if y + box.height > robot.bottom - GAP and y > robot.y + GAP:
            x, y, column = x + column + GAP, robot.y + GAP, 0.0
        shapes[item.id] = attrs.evolve(box, x=x, y=y)
        y, column = y + box.height + GAP, max(column, width)
    for item in process.items:
        if item.host and item.id not in shapes:
            shapes[item.id] = _on_border(item, old, new, shapes)
    for note in process.notes:
        if note.id not in shapes:
            before, after, box = new.shapes[note.item], shapes[note.item], new.shapes[note.id]
            shapes[note.id] = attrs.evolve(box, x=box.x + after.x - before.x, y=box.y + after.y - before.y)
    if process.pools:
        _widen(shapes, robot, new)
    return shapes


def _on_border(item: Item, old: Plan, new: Plan, shapes: Mapping[str, Box]) -> Box:
    """Return the place of a new event: as drawn where its task is new too, else at the lower border, from the left."""
    box, host = new.shapes[item.id], shapes[item.host]
    if item.host not in old.shapes:
        drawn = new.shapes[item.host]
        return attrs.evolve(box, x=box.x - drawn.x + host.x, y=box.y - drawn.y + host.y)
    y = host.bottom - box.height / 2
    taken = [other.x for other in shapes.values() if abs(other.y - y) < box.height and other.width == box.width]
    x = host.x
    while any(abs(x - other) < box.width + 4 for other in taken):
        x += 4
    return attrs.evolve(box, x=x, y=y)


def _around(boxes: Sequence[Box]) -> Box:
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    return Box(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)


def _widen(shapes: dict[str, Box], robot: Box, new: Plan) -> None:
    inside = _around([robot, *(box for name, box in shapes.items() if name not in (ROBOT_POOL, OTHER_POOL))])
    wider = inside.right + GAP if inside.right > robot.right else robot.right
    shapes[ROBOT_POOL] = Box(inside.x, inside.y, wider - inside.x, inside.height)
    if OTHER_POOL not in new.shapes:
        return  # a machine without jobs has nobody to talk to
    other = shapes.get(OTHER_POOL)
    if other is None:
        other = attrs.evolve(new.shapes[OTHER_POOL], x=inside.x, y=inside.bottom + 2 * GAP)
    shapes[OTHER_POOL] = attrs.evolve(other, width=max(other.width, wider - other.x))


def _line(flow: Flow, old: Plan, shapes: Mapping[str, Box]) -> tuple[Point, ...]:
    known = flow.id in old.lines and len(old.lines[flow.id]) > 1
    if known and flow.source in old.shapes and flow.target in old.shapes:
        return old.lines[flow.id]
    a, b = shapes[flow.source], shapes[flow.target]
    start, end = (a.right, a.y + a.height / 2), (b.x, b.y + b.height / 2)
    middle = start[0] + GAP / 2 if end[0] < start[0] else (start[0] + end[0]) / 2
    if start[1] == end[1] and end[0] > start[0]:
        return start, end
    return start, (middle, start[1]), (middle, end[1]), end


def _message(message: Message, old: Plan, shapes: Mapping[str, Box]) -> tuple[Point, ...]:
    if len(old.lines.get(message.id, ())) > 1 and message.task in old.shapes and OTHER_POOL in old.shapes:
        return old.lines[message.id]
    task, other = shapes[message.task], shapes[OTHER_POOL]
    x = task.x + task.width * (0.35 if message.asks else 0.65)
    ends = (x, task.bottom), (x, other.y)
    return ends if message.asks else ends[::-1]


def _beside(name: str, label: Box, new: Plan, found: Plan) -> Box:
    """Return the place of a label that nobody has moved: as far from its element as in the new drawing."""
    if name in found.shapes:
        before, after = new.shapes[name], found.shapes[name]
        return attrs.evolve(label, x=label.x + after.x - before.x, y=label.y + after.y - before.y)
    x, y = found.lines[name][0]
    return attrs.evolve(label, x=x + 8, y=y + 4)
