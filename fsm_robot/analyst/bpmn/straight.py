"""Flows between two elements that stand level: one straight line where nothing is in its way.

The layout gives each line of a side its own place, so the one to the next element leaves above or below the middle and
jogs, although the middle is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import attrs

from fsm_robot.analyst.bpmn.plan import TASKS
from fsm_robot.analyst.bpmn.process import Plan, Process
from fsm_robot.analyst.bpmn.vertices import upon
from fsm_robot.analyst.drawing.shapes import Box, Point

CLEAR = 4.0
"""Between a straight line and what it passes: an event on the border of a task may be as near as this."""
LEVEL = 0.5
"""So far apart may be two middles that are one to the eye."""


def straightened(process: Process, plan: Plan) -> Plan:
    """Return the plan with every flow straight that can be, from the middle of one side to the middle of the other."""
    hosts = {item.id: item.host for item in process.items}
    kinds = {item.id: item.kind for item in process.items}
    lines = dict(plan.lines)
    for flow in process.flows:
        if hosts[flow.source] or len(lines[flow.id]) < 3:
            continue
        source, target = plan.shapes[flow.source], plan.shapes[flow.target]
        # What ends beside the middle keeps its place, for then another flow has the middle.
        end = lines[flow.id][-1]
        y = end[1]
        level = abs(y - _middle(target)) < LEVEL and abs(y - _middle(source)) < LEVEL
        if kinds[flow.source] not in TASKS or not level or end[0] <= source.right:
            continue
        straight = ((source.right, y), end)
        if _is_free(straight, flow.id, plan, lines, {flow.source, flow.target}):
            lines[flow.id] = straight
    return attrs.evolve(plan, lines=lines)


def _middle(box: Box) -> float:
    return box.y + box.height / 2


def _is_free(
    straight: tuple[Point, Point],
    flow: str,
    plan: Plan,
    lines: Mapping[str, tuple[Point, ...]],
    ends: set[str],
) -> bool:
    boxes = [box for name, box in plan.shapes.items() if name not in ends]
    (left, y), (right, _) = straight
    if any(
        box.x - CLEAR < right and left < box.right + CLEAR and box.y - CLEAR < y < box.bottom + CLEAR
        for box in (*boxes, *plan.labels.values())
    ):
        return False
    return not any(upon(straight, piece) for name, line in lines.items() if name != flow for piece in pairwise(line))
