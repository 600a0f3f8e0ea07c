"""Where the elements of a BPMN process go: our layout to the right, with events on borders and pools around it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import ceil

import attrs

from fsm_robot.analyst.bpmn.messages import message_lines
from fsm_robot.analyst.bpmn.notes import note_places
from fsm_robot.analyst.bpmn.process import OTHER_POOL, ROBOT_POOL, Flow, Item, Plan, Process
from fsm_robot.analyst.bpmn.vertices import Vertices
from fsm_robot.analyst.drawing.layout import layout
from fsm_robot.analyst.drawing.shapes import Box, Drawing, Edge, Node, Point
from fsm_robot.analyst.drawing.text_width import text_width

TASK_WIDTH, WIDEST_TASK, TASK_HEIGHT = 120.0, 200.0, 80.0
EVENT, GATEWAY = 36.0, 50.0
BORDER_GAP = 46.0
"""Between two events on one border."""
INSET = 10.0
"""How far the highest and lowest event on a border may stand out above and below its task."""
CORNER = EVENT / 2 + 6.0
"""How much of the lower border the events on both sides may need."""
LABEL_WIDTH, LABEL_SIZE, LABEL_LINE = 90.0, 12.0, 15.0
"""The tools of bpmn.io set labels in a column of this width, whatever the file says."""
LABEL_GAP = 6.0
TITLE_BAND, MARGIN, POOL_GAP = 30.0, 24.0, 110.0
OTHER_HEIGHT = 60.0
PIECES = re.compile(r"(?<=[ /_\-,.])|(?<=[a-zа-я0-9])(?=[A-ZА-Я])")
TASKS = ("task", "serviceTask", "userTask")


def plan(process: Process) -> Plan:
    """Return where everything goes."""
    made = _Planned(process, {item.id: item for item in process.items})
    drawing = layout(made.nodes(), made.edges(), start=process.items[0].id, direction="right")
    shapes, lines, labels = made.placed(drawing)
    found = Plan(shapes, lines, labels)
    return _with_pools(process, found, drawing) if process.pools else found


def broken(text: str, width: float = LABEL_WIDTH) -> list[str]:
    """Return `text` in lines that fit into a label, broken where a long word has a joint."""
    lines = [""]
    for piece in PIECES.split(text):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), LABEL_SIZE) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines if line.strip()] or [""]


def label_size(name: str) -> tuple[float, float]:
    """Return the room that a label takes, however the tool breaks its words."""
    if not name.strip():
        return 0.0, 0.0
    count, widest = 0, 0.0
    for line in name.split("\n"):
        pieces = [""]
        for word in line.split():
            longer = f"{pieces[-1]} {word}".strip()
            if pieces[-1] and text_width(longer, LABEL_SIZE) > LABEL_WIDTH:
                pieces.append(word)
            else:
                pieces[-1] = longer
        widths = [text_width(piece, LABEL_SIZE) for piece in pieces]
        count += sum(max(1, ceil(width / LABEL_WIDTH)) for width in widths)
        widest = max(widest, *widths)
    return min(LABEL_WIDTH, ceil(widest) + 2.0), count * LABEL_LINE


@attrs.frozen
class _Planned:
    process: Process
    items: Mapping[str, Item]

    def nodes(self) -> list[Node]:
        return [self._node(item) for item in self.process.items if not item.host]

    def _node(self, item: Item) -> Node:
        if item.kind in TASKS:
            width, height = self.task_size(item)
            if self.guests(item):
                # Events stand half outside of the border, so the box of the layout is wider by two halves of one.
                return Node(item.id, width + EVENT, height + 2 * INSET, BORDER_GAP)
            return Node(item.id, width, height)
        if item.kind == "exclusiveGateway":
            return Node(item.id, GATEWAY, GATEWAY)
        if item.kind == "endEvent":
            width, height = label_size(item.name)
            return Node(item.id, EVENT + LABEL_GAP + width, max(EVENT, height))
        return Node(item.id, EVENT, EVENT)

    def guests(self, item: Item) -> list[Item]:
        return [other for other in self.process.items if other.host == item.id]

    def returns(self, host: str) -> list[Flow]:
        """Return the flows that leave an event on the border of a task and lead back to that task."""
        return [flow for flow in self.process.flows if flow.target == host and self.items[flow.source].host == host]

    def pitch(self, host: str) -> float:
        """Return how far apart the events of `returns` stand."""
        return max(label_size(self._label(flow))[0] + 2 * LABEL_GAP for flow in self.returns(host)) + EVENT

    def task_size(self, item: Item) -> tuple[float, float]:
        returns = self.returns(item.id)
        guests = len(self.guests(item)) - len(returns)
        side = EVENT + 8 if guests else 16
        texts = item.name.split("\n")
        width = min(WIDEST_TASK, max(TASK_WIDTH, *(ceil(text_width(text, LABEL_SIZE)) + side for text in texts)))
        if returns:
            width = max(width, len(returns) * self.pitch(item.id) + 2 * CORNER)
        lines = [line for text in texts for line in broken(text, width - side)]
        # All lines of a side have one gap, also those that end there without an event.
        ports = guests + sum(item.id in (flow.source, flow.target) for flow in self.process.flows) - len(returns)
        return width, max(TASK_HEIGHT, 18.0 * len(lines) + 20, (ports - 1) * BORDER_GAP if guests else 0)

    def edges(self) -> list[Edge]:
        # Those that lead back stand in a row below their task: to the layout they are one loop with one wide label.
        later = {flow.id for item in self.process.items for flow in self.returns(item.id)[1:]}
        return [self._edge(flow) for flow in self.process.flows if flow.id not in later]

    def _edge(self, flow: Flow) -> Edge:
        source = self.items[flow.source]
        if source.host == flow.target:
            sizes = [label_size(self._label(other)) for other in self.returns(flow.target)]
            width, _ = self.task_size(self.items[flow.target])
            return Edge(flow.id, flow.target, flow.target, width, max(1.0, *(height for _, height in sizes)))
        return Edge(flow.id, source.host or flow.source, flow.target, *label_size(self._label(flow)))

    def _label(self, flow: Flow) -> str:
        """Return what is written at a flow: its own name, or that of an event or gateway that stands beside it."""
        name, _ = self.label_owner(flow)
        return name

    def label_owner(self, flow: Flow) -> tuple[str, str]:
        """Return text and element of the label at a flow.

        An event on a border is named at the flow that leaves it, a gateway at the one that leads to it: the layout
        keeps room beside flows, and only there.
        """
        source, target = self.items[flow.source], self.items[flow.target]
        if flow.name:
            return flow.name, flow.id
        if source.kind in ("boundaryEvent", "startEvent"):
            return source.name, source.id
        if target.kind == "exclusiveGateway" and target.name:
            return target.name, target.id
        return "", ""

    def placed(self, drawing: Drawing) -> tuple[dict[str, Box], dict[str, tuple[Point, ...]], dict[str, Box]]:
        shapes: dict[str, Box] = {}
        labels: dict[str, Box] = {}
        for item in self.process.items:
            if not item.host:
                shapes[item.id] = self._shape(item, drawing)
            if item.kind == "endEvent":
                labels[item.id] = _beside(shapes[item.id], label_size(item.name))
        lines: dict[str, tuple[Point, ...]] = {}
        for item in self.process.items:
            self._place_returns(item.id, drawing, shapes, lines, labels)
        for flow in self.process.flows:
            if flow.id in lines:
                continue
            line = drawing.lines[flow.id]
            points = list(line.points)
            if self.items[flow.source].host:
                x = _side(shapes[self.items[flow.source].host], points[0])
                shapes[flow.source] = Box(x - EVENT / 2, points[0][1] - EVENT / 2, EVENT, EVENT)
            # The layout ends lines at the sides of its own boxes. bpmn-js draws way points as they are and cuts nothing
            # off, so they have to end on the round or slanted outline itself.
            points[0] = touching(self.items[flow.source].kind, shapes[flow.source], points[0], points[1])
            points[-1] = touching(self.items[flow.target].kind, shapes[flow.target], points[-1], points[-2])
            lines[flow.id] = tuple(points)
            _, owner = self.label_owner(flow)
            if owner and line.label:
                labels[owner] = line.label
        sources, targets = ([getattr(f, end) for f in self.process.flows] for end in ("source", "target"))
        gateways = {item.id: shapes[item.id] for item in self.process.items if item.kind == "exclusiveGateway"}
        joins = {name: box for name, box in gateways.items() if targets.count(name) > 1}
        splits = {name: box for name, box in gateways.items() if sources.count(name) > 1 and name not in joins}
        vertices = Vertices(joins, splits, [*shapes.values(), *labels.values()], lines)
        moved = {flow.id: vertices.moved(flow.id, flow.source, flow.target) for flow in self.process.flows}
        return shapes, moved, labels

    def _place_returns(
        self,
        host: str,
        drawing: Drawing,
        shapes: dict[str, Box],
        lines: dict[str, tuple[Point, ...]],
        labels: dict[str, Box],
    ) -> None:
        """Put events whose flows lead back to their task on its lower border, each with its way round below it."""
        returns = self.returns(host)
        if not returns:
            return
        line, task = drawing.lines[returns[0].id], shapes[host]
        turn = max(y for _, y in line.points)
        width = (task.width - 2 * CORNER) / len(returns)
        for number, flow in enumerate(returns):
            middle = task.x + CORNER + (number + 0.5) * width
            x = middle - EVENT / 2
            shapes[flow.source] = Box(x - EVENT / 2, task.bottom - EVENT / 2, EVENT, EVENT)
            back = x + EVENT
            lines[flow.id] = ((x, task.bottom + EVENT / 2), (x, turn), (back, turn), (back, task.bottom))
            size = label_size(self._label(flow))
            _, owner = self.label_owner(flow)
            if owner and line.label:
                labels[owner] = Box(middle - size[0] / 2, line.label.y, *size)

    def _shape(self, item: Item, drawing: Drawing) -> Box:
        box = drawing.boxes[item.id]
        if item.kind in TASKS and self.guests(item):
            return Box(box.x + EVENT / 2, box.y + INSET, box.width - EVENT, box.height - 2 * INSET)
        if item.kind == "endEvent":
            into = next((flow for flow in self.process.flows if flow.target == item.id), None)
            # A part of a process may hold an end without what leads there.
            y = drawing.lines[into.id].points[-1][1] if into else box.y + box.height / 2
            top = min(max(y - EVENT / 2, box.y), box.bottom - EVENT)
            return Box(box.x, top, EVENT, EVENT)
        return box


def _side(task: Box, point: Point) -> float:
    """Return the x of the border of a task that is the nearer one to a point."""
    return task.x if abs(point[0] - task.x) < abs(point[0] - task.right) else task.right


def _beside(event: Box, size: tuple[float, float]) -> Box:
    return Box(event.right + LABEL_GAP, event.y + (EVENT - size[1]) / 2, *size)


def touching(kind: str, shape: Box, end: Point, inner: Point) -> Point:
    """Return the end of a level piece of line, moved to the border of a shape of that kind."""
    y = end[1]
    middle_x, middle_y = shape.x + shape.width / 2, shape.y + shape.height / 2
    off = min(abs(y - middle_y), shape.height / 2)
    if kind == "exclusiveGateway":
        reach = shape.width / 2 - off
    elif kind.endswith("Event"):
        reach = ((shape.width / 2) ** 2 - off**2) ** 0.5
    else:
        reach = shape.width / 2
    return (round(middle_x + (reach if inner[0] > middle_x else -reach), 2), y)


def _with_pools(process: Process, found: Plan, drawing: Drawing) -> Plan:
    left = -TITLE_BAND - MARGIN
    robot = Box(left, -MARGIN, drawing.width + MARGIN - left, drawing.height + 2 * MARGIN)
    obstacles: Sequence[Box] = [*found.shapes.values(), *found.labels.values()]
    notes, ties = note_places(
        process.notes,
        {note.item: found.shapes[note.item] for note in process.notes},
        obstacles,
        list(found.lines.values()),
        Box(0, robot.y, robot.right, robot.height),
    )
    lowest = max([robot.bottom, *(note.bottom + MARGIN for note in notes.values())])
    robot = attrs.evolve(robot, height=lowest - robot.y)
    tasks = {message.task: found.shapes[message.task] for message in process.messages}
    obstacles = [*obstacles, *notes.values()]
    sizes = {message.id: label_size(message.name) for message in process.messages}
    band = (robot.bottom, robot.bottom + max([POOL_GAP, *(height + 40 for _, height in sizes.values())]))
    others = {OTHER_POOL: Box(robot.x, band[1], robot.width, OTHER_HEIGHT)} if process.pools[1:] else {}
    lines, labels = message_lines(
        process.messages,
        tasks=tasks,
        obstacles=obstacles,
        flows=list(found.lines.values()),
        band=band,
        sizes=sizes,
    )
    return Plan(
        {**found.shapes, **notes, ROBOT_POOL: robot, **others},
        {**found.lines, **lines, **{note.tie: ties[note.id] for note in process.notes}},
        {**found.labels, **labels},
    )
