"""A process as BPMN sees it: what flows from where to where; then the file, given where everything is on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from fsm_robot.analyst.drawing.shapes import Box, Point
from fsm_robot.analyst.extension import NAMESPACE
from fsm_robot.analyst.markup import element, escaped

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMNDI = "http://www.omg.org/spec/BPMN/20100524/DI"
DC = "http://www.omg.org/spec/DD/20100524/DC"
DI = "http://www.omg.org/spec/DD/20100524/DI"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
TARGET = "urn:fsm-robot:process"
ROBOT_POOL, OTHER_POOL = "Pool_Robot", "Pool_Orchestrator"


@attrs.frozen
class Item:
    """A flow node.

    Attributes:
        id: Unique in the file; made of names, so that it is the same in the next export.
        kind: The element of BPMN: `task`, `serviceTask`, `userTask`, `exclusiveGateway`, `startEvent`, …
        name: What is written at it or in it.
        about: Documentation, empty for none.
        trigger: For an event: `message`, `signal`, `error`, `timer`, or empty.
        host: For a boundary event: the task that it is attached to.
        interrupts: Whether a boundary event ends its task.
        own: Attributes of our namespace.
        lasts_s: For a timer: after how many seconds it comes; None where a setting says it that is not known here.
    """

    id: str
    kind: str
    name: str = ""
    about: str = ""
    trigger: str = ""
    host: str = ""
    interrupts: bool = True
    own: Mapping[str, str] = attrs.field(factory=dict)
    lasts_s: float | None = None


@attrs.frozen
class Flow:
    """A sequence flow. `condition` is the expression under which it is taken, or empty."""

    id: str
    source: str
    target: str
    name: str = ""
    about: str = ""
    condition: str = ""
    own: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Message:
    """A message between the task `task` and the other pool; `asks` is the call, otherwise it is the answer."""

    id: str
    task: str
    name: str
    asks: bool

    @property
    def ends(self) -> tuple[str, str]:
        """The elements that it leads from and to."""
        return (self.task, OTHER_POOL) if self.asks else (OTHER_POOL, self.task)


@attrs.frozen
class Note:
    """A text annotation that is tied to an item."""

    id: str
    item: str
    text: str

    @property
    def tie(self) -> str:
        """The id of the line that ties it."""
        return f"{self.id}_tie"


@attrs.frozen
class Process:
    """Everything in one file.

    Attributes:
        name: The machine.
        about: Documentation of the process.
        items: The nodes, tasks before their boundary events.
        flows: The sequence flows.
        messages: What goes to and from the other pool.
        pools: Titles of the pool of the process and of the other one, if there is one; none for a process that is
            executable.
        extension: Markup of our namespace for the whole process.
        notes: Text annotations.
    """

    name: str
    about: str
    items: tuple[Item, ...]
    flows: tuple[Flow, ...]
    messages: tuple[Message, ...] = ()
    pools: tuple[str, ...] = ()
    extension: str = ""
    notes: tuple[Note, ...] = ()


@attrs.frozen
class Plan:
    """Where everything goes: shapes and labels by the id of their element, lines by the id of their flow."""

    shapes: Mapping[str, Box]
    lines: Mapping[str, tuple[Point, ...]]
    labels: Mapping[str, Box]


def document(process: Process, plan: Plan) -> str:
    """Return the BPMN file."""
    namespaces = {
        "xmlns": BPMN,
        "xmlns:bpmndi": BPMNDI,
        "xmlns:dc": DC,
        "xmlns:di": DI,
        "xmlns:xsi": XSI,
        **({"xmlns:fsm": NAMESPACE} if process.extension else {}),
        "id": "Definitions_1",
        "targetNamespace": TARGET,
        "exporter": "fsm-robot",
    }
    plane = "Collaboration_1" if process.pools else "Process_1"
    parts = [*_collaboration(process), _process(process), _diagram(process, plan, plane)]
    body = "".join(f"\n{part}" for part in parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element("definitions", namespaces, body, chr(10))}\n'


def _collaboration(process: Process) -> Iterator[str]:
    if not process.pools:
        return
    robot, *others = process.pools
    parts = [element("participant", {"id": ROBOT_POOL, "name": robot, "processRef": "Process_1"})]
    parts += [element("participant", {"id": OTHER_POOL, "name": other}) for other in others]
    for message in process.messages:
        source, target = message.ends
        attributes = {"id": message.id, "name": message.name, "sourceRef": source, "targetRef": target}
        parts.append(element("messageFlow", attributes))
    yield element("collaboration", {"id": "Collaboration_1"}, *(f"\n  {part}" for part in parts), "\n")


def _process(process: Process) -> str:
    executable = "false" if process.pools else "true"
    # OMG's schema is a sequence: documentation, our extension, nodes and flows, and only then notes and their ties.
    parts = [element("documentation", {}, escaped(process.about))] if process.about else []
    if process.extension:
        parts.append(element("extensionElements", {}, process.extension))
    parts += [_item(process, item) for item in process.items]
    parts += [_flow(flow) for flow in process.flows]
    for note in process.notes:
        parts.append(element("textAnnotation", {"id": note.id}, element("text", {}, escaped(note.text))))
        parts.append(element("association", {"id": note.tie, "sourceRef": note.item, "targetRef": note.id}))
    content = "".join(f"\n  {part}" for part in parts)
    return element("process", {"id": "Process_1", "name": process.name, "isExecutable": executable}, content, "\n")


def _item(process: Process, item: Item) -> str:
    attributes = {
        "id": item.id,
        "name": item.name or None,
        "attachedToRef": item.host or None,
        "cancelActivity": None if item.interrupts else "false",
        **item.own,
    }
    content = [element("documentation", {}, escaped(item.about))] if item.about else []
    # A flow names its ends as well, but bpmnlint takes a node that lists no flows for one that is not connected. The
    # schema has them in this order, before what triggers an event.
    content += [element("incoming", {}, flow.id) for flow in process.flows if flow.target == item.id]
    content += [element("outgoing", {}, flow.id) for flow in process.flows if flow.source == item.id]
    if item.trigger:
        content.append(element(f"{item.trigger}EventDefinition", {"id": f"{item.id}_trigger"}, *_lasting(item)))
    return element(item.kind, attributes, *content)


def _lasting(item: Item) -> Iterator[str]:
    if item.lasts_s is not None:
        # A duration has no exponent, which `g` alone would write from a million seconds on (twelve days).
        yield element("timeDuration", {"xsi:type": "tFormalExpression"}, f"PT{item.lasts_s:.15g}S")


def _flow(flow: Flow) -> str:
    attributes = {
        "id": flow.id,
        "name": flow.name or None,
        "sourceRef": flow.source,
        "targetRef": flow.target,
        **flow.own,
    }
    content = [element("documentation", {}, escaped(flow.about))] if flow.about else []
    if flow.condition:
        content.append(element("conditionExpression", {"xsi:type": "tFormalExpression"}, escaped(flow.condition)))
    return element("sequenceFlow", attributes, *content)


def _diagram(process: Process, plan: Plan, plane: str) -> str:
    parts = []
    if process.pools:
        pools = (ROBOT_POOL, OTHER_POOL)[: len(process.pools)]
        parts += [_shape(pool, plan, {"isHorizontal": "true"}) for pool in pools]
    for item in process.items:
        # Without it an exclusive gateway is drawn as an empty diamond: by the standard its cross is hidden.
        parts.append(_shape(item.id, plan, {"isMarkerVisible": "true"} if item.kind == "exclusiveGateway" else {}))
    parts += [_shape(note.id, plan, {}) for note in process.notes]
    flows, messages = [line.id for line in process.flows], [line.id for line in process.messages]
    for ident in (*flows, *messages, *(note.tie for note in process.notes)):
        points = (element("di:waypoint", {"x": x, "y": y}) for x, y in plan.lines[ident])
        parts.append(
            element("bpmndi:BPMNEdge", {"id": f"{ident}_di", "bpmnElement": ident}, *points, *_label(ident, plan))
        )
    content = "".join(f"\n  {part}" for part in parts)
    shown = element("bpmndi:BPMNPlane", {"id": "Plane_1", "bpmnElement": plane}, content, "\n")
    return element("bpmndi:BPMNDiagram", {"id": "Diagram_1"}, shown)


def _shape(ident: str, plan: Plan, looks: Mapping[str, str]) -> str:
    attributes = {"id": f"{ident}_di", "bpmnElement": ident, **looks}
    return element("bpmndi:BPMNShape", attributes, _bounds(plan.shapes[ident]), *_label(ident, plan))


def _label(ident: str, plan: Plan) -> Iterator[str]:
    if ident in plan.labels:
        yield element("bpmndi:BPMNLabel", {}, _bounds(plan.labels[ident]))


def _bounds(box: Box) -> str:
    return element("dc:Bounds", {"x": box.x, "y": box.y, "width": box.width, "height": box.height})
