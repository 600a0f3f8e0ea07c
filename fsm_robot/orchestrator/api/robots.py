"""The calls of robots but for the robot's own."""

from __future__ import annotations

from fsm_robot.orchestrator.api.asked import Asked
from fsm_robot.orchestrator.protocol import Answer
from fsm_robot.orchestrator.published import robot_row
from fsm_robot.orchestrator.rows import SILENT_AFTER_S


def read(asked: Asked) -> Answer:
    """Show a robot, or all. Their numbers are numbers here, as the vendor's rows of robots have them."""
    now = asked.store.clock()
    if not asked.reference:
        return Answer(200, [robot_row(robot, now) for robot in asked.store.robots()])
    return Answer(200, robot_row(asked.store.credentials.find(asked.reference), now))


def get_status(asked: Asked) -> Answer:
    """Show whether a robot is there and at work."""
    robot = asked.store.credentials.find(asked.reference)
    return Answer(200, {"Status": robot.status_number(asked.store.clock(), SILENT_AFTER_S)})
