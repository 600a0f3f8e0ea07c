"""A robot of jobs, put together from its ports: for a run, for the tests of a machine, and for the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsm_robot.engine.machine.core import RobotMachine
from fsm_robot.engine.ports import Channel
from fsm_robot.engine.runner import Runner
from fsm_robot.engine.timeouts import Timeouts
from fsm_robot.robot.callbacks import Callbacks
from fsm_robot.robot.ports import Options, Ports
from fsm_robot.robot.retries import Retries
from fsm_robot.system.late import late

if TYPE_CHECKING:
    from fsm_robot.robot.heartbeats import Heartbeats


def assemble(
    machine: RobotMachine, kind: type[Callbacks], ports: Ports, options: Options, channel: Channel | None = None
) -> Runner[Callbacks]:
    """Build a robot that is ready to run; nothing is sent and nothing is written yet.

    Args:
        machine: Decides.
        kind: The class of what acts.
        ports: Everything outside.
        options: What the settings say.
        channel: Where others ask and tell, opened when the machine first waits.
    """
    definition = machine.definition

    def heartbeats() -> Heartbeats:
        from fsm_robot.robot.heartbeats import Heartbeats

        return Heartbeats(
            ports.gateway,
            ports.inbox,
            ports.clock,
            ports.timers,
            ports.log,
            definition.callback("run_script"),
            options.interval_s,
            options.contact_lost_after_s,
            ports.fraction,
        )

    retries = Retries(ports.inbox, ports.clock, ports.log, ports.fraction)
    callbacks = kind(definition, ports, options, late(heartbeats), retries)
    timeouts = Timeouts(ports.timers, ports.inbox, options.times)
    return Runner(machine, ports.journal, callbacks, ports.inbox, ports.log, timeouts, channel=channel)
