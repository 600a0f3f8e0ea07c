"""The places that an analyst gave to elements of an earlier export, put into a new one by the ids of the elements.

Kept is what still means the same: a shape of the same element, an event that is still on the border of its task, a line
that still joins the two elements that it joined, a label whose text still fits there. `grown.py` draws the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fsm_robot.analyst.bpmn.docks import touches
from fsm_robot.analyst.bpmn.grown import grown
from fsm_robot.analyst.bpmn.plan import plan
from fsm_robot.analyst.bpmn.process import (
    BPMNDI,
    DC,
    DI,
    OTHER_POOL,
    ROBOT_POOL,
    Item,
    Plan,
    Process,
    document,
)
from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.xml_in import Element


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
    """Return a plan that has everything where `old` has it, and what is new around that.

    Args:
        old: The places of an earlier export, as an analyst has left them.
        new: The process as it would be drawn without them.
        process: The process.
    """
    shapes = dict(_shapes(old, process))
    kinds = {item.id: item.kind for item in process.items}
    lines = {
        flow.id: old.lines[flow.id]
        for flow in process.flows
        if _joins(old.lines.get(flow.id, ()), (flow.source, flow.target), kinds, shapes)
    }
    lines |= {note.tie: old.lines[note.tie] for note in process.notes if note.id in shapes and note.tie in old.lines}
    lines |= {
        message.id: old.lines[message.id]
        for message in process.messages
        if OTHER_POOL in shapes and _joins(old.lines.get(message.id, ()), message.ends, kinds, shapes)
    }
    owners = {**shapes, **lines}
    labels = {
        name: old.labels[name]
        for name, box in new.labels.items()
        if name in owners and name in old.labels and _fits(old.labels[name], box)
    }
    return grown(process, new, Plan(shapes, lines, labels))


def _shapes(old: Plan, process: Process) -> Iterator[tuple[str, Box]]:
    for pool in process.pools and (ROBOT_POOL, OTHER_POOL)[: len(process.pools)]:
        if pool in old.shapes:
            yield pool, old.shapes[pool]
    for item in process.items:
        # An event that is not on the border of its task any more is attached anew.
        if item.id in old.shapes and (not item.host or _attached(old.shapes, item)):
            yield item.id, old.shapes[item.id]
    for note in process.notes:
        if note.id in old.shapes and note.item in old.shapes:
            yield note.id, old.shapes[note.id]


def _attached(shapes: Mapping[str, Box], item: Item) -> bool:
    box = shapes[item.id]
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    return item.host in shapes and touches("task", shapes[item.host], middle)


def _joins(line: Sequence[Point], ends: tuple[str, str], kinds: Mapping[str, str], shapes: Mapping[str, Box]) -> bool:
    """Return whether a line still runs from the one element to the other."""
    if len(line) < 2 or any(name not in shapes for name in ends):
        return False
    return all(
        touches(kinds.get(name, "pool"), shapes[name], point)
        for point, name in ((line[0], ends[0]), (line[-1], ends[1]))
    )


def _fits(place: Box, needed: Box) -> bool:
    return place.width >= needed.width - 1 and place.height >= needed.height - 1
