"""The way between robot and orchestrator: it loses, delays, doubles and garbles what the scenario says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import attrs

from fsm_robot.errors import GatewayUnreachableError
from fsm_robot.gateway.failures import Answer
from fsm_robot.gateway.reading import Reading
from fsm_robot.simulator.orchestrator import Reply, SimulatedOrchestrator
from fsm_robot.simulator.scenario import Fault
from fsm_robot.simulator.schedule import Schedule

Landing = Reply | str
"""What comes back: a reply, or the kind of the failure (`no_connection`, `no_answer`)."""
SLOWEST_WAY_S = 0.1
RETRY_AFTER_S = 7
MOMENT_S = 1e-4
_NOT_ACTED: Mapping[str, int] = {"server_error": 500, "throttled": 429, "html": 200, "refused": 401, "rejected": 409}


@attrs.define(eq=False)
class Flight:
    """A request under way. The first landing counts."""

    landing: Landing | None = None
    landed: Callable[[], None] | None = None

    def land(self, landing: Landing) -> None:
        """Let the robot have it."""
        if self.landing is None:
            self.landing = landing
            if self.landed is not None:
                self.landed()

    def answer(self, path: str, reading: Reading) -> Answer:
        """Return what came back, read; raise what the network did to it."""
        if isinstance(self.landing, tuple):
            status, data = self.landing
            return reading.answer(status, data, "text/html", retry_after=str(RETRY_AFTER_S) if status == 429 else "")
        if self.landing == "no_connection":
            raise GatewayUnreachableError(path, "no_connection", "no connection to the simulated orchestrator")
        raise GatewayUnreachableError(path, "no_answer", "no complete answer; the request may have arrived")


@attrs.define
class Network:
    """Carries requests.

    Attributes:
        faults: Number of a call, from 1 -> what happens to it.
        outage_until_s: Until then there is no connection.
        page: What a proxy or a failing server says; it echoes the credential.
        struck: Kind of fault -> how often it struck.
        tell_to_leave: Tells the robot to leave.
        calls: Calls so far.
    """

    schedule: Schedule
    chance: Random
    faults: Mapping[int, Fault]
    timeout_s: float
    page: Callable[[], bytes]
    struck: Counter[str]
    tell_to_leave: Callable[[], None]
    outage_until_s: float = -1.0
    calls: int = 0

    def send(self, orchestrator: SimulatedOrchestrator, act: Callable[[], Reply], *, consumes: bool = False) -> Flight:
        """Send a request whose arrival is `act`."""
        self.calls += 1
        fault = self.faults.get(self.calls)
        flight = Flight()
        there_s, back_s = (self.chance.uniform(0.001, SLOWEST_WAY_S) for _ in range(2))
        kind = "no_connection" if self.schedule.now_s < self.outage_until_s else fault.kind if fault else ""
        if kind in ("faster", "given_again"):
            if consumes:
                act = orchestrator.lose_to_another if kind == "faster" else orchestrator.give_again
            else:
                fault, kind = None, ""
        if fault is not None:
            self.struck[fault.kind] += 1
        if kind == "leave":
            self.schedule.after(there_s, self.tell_to_leave)

        def arrive() -> None:
            if kind == "unknown":
                orchestrator.forget(MOMENT_S)
            reply = act()
            if kind == "error_after":
                reply = (502, self.page())
            elif kind == "garbage":
                reply = (200, reply[1][: len(reply[1]) // 2])
            if kind != "answer_lost":
                self.schedule.after(back_s, lambda: flight.land(reply))

        if kind == "no_connection":
            self.schedule.after(there_s, lambda: flight.land("no_connection"))
            return flight
        self.schedule.after(self.timeout_s, lambda: flight.land("no_answer"))
        if kind in _NOT_ACTED:
            status = _NOT_ACTED[kind]
            self.schedule.after(there_s + back_s, lambda: flight.land((status, self.page())))
        elif kind != "request_lost":
            self.schedule.after(fault.value if fault and kind == "delayed" else there_s, arrive)
        if fault is not None and kind == "duplicated":
            self.schedule.after(max(fault.value, there_s), lambda: _unheard(act))
        return flight


def _unheard(act: Callable[[], Reply]) -> None:
    act()
