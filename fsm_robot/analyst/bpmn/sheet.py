"""The whole drawing of a process: nodes and flows, ways back led round, then notes, pools and messages."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fsm_robot.analyst.bpmn.grown import grown
from fsm_robot.analyst.bpmn.messages import message_lines
from fsm_robot.analyst.bpmn.notes import note_places
from fsm_robot.analyst.bpmn.plan import MARGIN, OTHER_HEIGHT, POOL_GAP, TITLE_BAND, label_size, plan, without_ways_back
from fsm_robot.analyst.bpmn.process import OTHER_POOL, ROBOT_POOL, Plan, Process
from fsm_robot.analyst.bpmn.straight import straightened
from fsm_robot.analyst.drawing.free_place import around, pieces
from fsm_robot.analyst.drawing.shapes import Box


def whole_plan(process: Process) -> Plan:
    """Return where everything goes."""
    return _with_pools(process, straightened(process, _led_round(process, plan(process))))


def _led_round(process: Process, found: Plan) -> Plan:
    """Return the plan with ways back that leave to the right, up or down, and arrive from the left, above or below."""
    # One to one, a task has as many ways in as transitions lead to it: they keep the places that the layout gives them.
    if process.executable:
        return found
    kept = without_ways_back(process, found)
    if len(kept.lines) == len(found.lines):
        return found
    return grown(attrs.evolve(process, pools=(), messages=(), notes=()), found, kept)


def _with_pools(process: Process, found: Plan) -> Plan:
    whole = around([*found.shapes.values(), *found.labels.values(), *pieces(found.lines.values())])
    left = whole.x - TITLE_BAND - 2 * MARGIN
    robot = Box(left, whole.y - 2 * MARGIN, whole.right + 2 * MARGIN - left, whole.height + 4 * MARGIN)
    obstacles: Sequence[Box] = [*found.shapes.values(), *found.labels.values()]
    notes, ties = note_places(
        process.notes,
        {note.item: found.shapes[note.item] for note in process.notes},
        obstacles,
        list(found.lines.values()),
        Box(whole.x, robot.y, robot.right - whole.x, robot.height),
    )
    lowest = max([robot.bottom, *(note.bottom + MARGIN for note in notes.values())])
    # A note that finds no room stands below, and may be wider than all the rest.
    widest = max([robot.right, *(note.right + MARGIN for note in notes.values())])
    robot = attrs.evolve(robot, height=lowest - robot.y, width=widest - robot.x)
    ties_of = {note.tie: ties[note.id] for note in process.notes}
    if not process.pools:
        return Plan({**found.shapes, **notes}, {**found.lines, **ties_of}, found.labels)
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
        {**found.lines, **lines, **ties_of},
        {**found.labels, **labels},
    )
