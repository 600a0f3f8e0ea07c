"""Would a recorded run go the same way through another machine? The first step that would not, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from fsm_robot.errors import UnexpectedEventError
from fsm_robot.journal.record import Record, step_from
from fsm_robot.machine.core import RobotMachine, Step
from fsm_robot.machine.definition import Definition


@attrs.frozen
class Divergence:
    """The first step of a run that another machine would take differently: `recorded` and `now` say what differs."""

    seq: int
    event: str
    recorded: str
    now: str


def divergence(records: Sequence[Record], definition: Definition) -> Divergence | None:
    """Return the first step that `definition` would take differently, or None where the whole run would be the same."""
    machine = RobotMachine(definition)
    for recorded in (step_from(record.values) for record in records if record.kind == "step"):
        try:
            now = _taken(machine, recorded)
        except UnexpectedEventError as error:
            return Divergence(recorded.seq, recorded.event.name, _told(recorded), str(error))
        if _behaviour(now) != _behaviour(recorded):
            return Divergence(recorded.seq, recorded.event.name, _told(recorded), _told(now))
    return None


def _taken(machine: RobotMachine, recorded: Step) -> Step:
    if recorded.kind == "started":
        return machine.start()
    # Whether an event came too late was decided by the runner, who knows the job in hand.
    return machine.late(recorded.event) if recorded.kind == "late" else machine.handle(recorded.event)


def _behaviour(step: Step) -> tuple[object, ...]:
    return step.kind, step.source, step.dest, step.callback, step.exit_code


def _told(step: Step) -> str:
    if step.kind == "ignored":
        return f"ignored in {step.dest}"
    if step.kind in ("stayed", "late"):
        return f"stayed in {step.dest}"
    way = f"{step.source} → {step.dest}" if step.source else step.dest
    parts = [way, f"calls {step.callback}" if step.callback else ""]
    parts.append(f"exit {step.exit_code}" if step.exit_code is not None else "")
    return ", ".join(part for part in parts if part)
